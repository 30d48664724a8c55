"""Perceiver IO over any observation: tokens of every part, one latent array, one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from gymnasium import spaces
from jaxtyping import Float
from torch import Tensor, nn

from perceiver_rl.modalities.build import build_tokenizer, masks_of, parts_of
from perceiver_rl.modalities.config import ModalityConfig
from perceiver_rl.modalities.tokenizers import Tokens, VectorTokenizer
from perceiver_rl.nn import LearnedQueries, ModalityPadding, Module, PerceiverIO, linear
from perceiver_rl.spaces import ObservationError, unknown


class ObservationEncoder(Module):
    """Any flat observation to one vector.

    Every part becomes tokens, which a learned vector per part tells apart (Perceiver IO, appendix
    on multimodal inputs); one latent array reads them all, and one query asks it. The query is
    learned; the numbers of vectors, projected, are added to it, as input features are part of the
    queries for optical flow and for entities, so that they also reach the answer directly.

    Args:
        space: A Dict of Box, Discrete, MultiDiscrete and MultiBinary, or one of these.
        features_dim: Features of the answer.
        config: Sizes.
        symbols: Grids of whole numbers: the values of each channel, by key.

    Raises:
        ObservationError: If a part cannot be turned into tokens.
    """

    def __init__(
        self,
        space: spaces.Space[Any],
        features_dim: int,
        config: ModalityConfig,
        symbols: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        super().__init__()
        parts = parts_of(space)
        symbols = symbols or {}
        for key in symbols:
            if key not in parts:
                raise ObservationError(unknown("observation key", key, list(parts)))
        self.masks = masks_of(parts)
        self.keys = [key for key in sorted(parts) if key not in self.masks.values()]
        if not self.keys:
            raise ObservationError(f"an observation needs at least one part, got {space}")
        self.tokenizers = nn.ModuleList(
            build_tokenizer(
                key, parts[key], config, tuple(symbols[key]) if key in symbols else None
            )
            for key in self.keys
        )
        # By number, for a key may hold anything, and a parameter's name no dot.
        self.pad = ModalityPadding(
            {_name(i): part.width for i, part in enumerate(self.tokenizers)},  # type: ignore[misc]
            config.modality_width,
        )
        self.query = LearnedQueries(1, features_dim)
        size = sum(part.size for part in self.tokenizers if isinstance(part, VectorTokenizer))
        self.from_numbers = linear(size, features_dim) if size else None
        self.perceiver = PerceiverIO(self.pad.width, features_dim, config.perceiver)
        for block in (self.perceiver.encoder.cross_attend, self.perceiver.decoder.cross_attend):
            block.attention.query.weight.data.mul_(config.focus)
        self.offset = nn.Parameter(torch.zeros(features_dim))

    @torch.no_grad()
    def center(self, observations: Mapping[str, Tensor] | Tensor) -> None:
        """Shift the answers so that their mean over a batch of observations is zero.

        An untrained Perceiver answers any two observations with much the same vector: what comes
        from positions, offsets and learned arrays. To networks that are to learn from the answers
        that is one large constant input, through which a target with a mean (a value of 60) kills
        their ReLUs, or saturates their tanh, before they have learned to tell observations apart.
        """
        self.offset.sub_(self(observations).mean(0))

    def forward(
        self, observations: Mapping[str, Tensor] | Tensor
    ) -> Float[Tensor, "batch feature"]:
        """Encode a batch of preprocessed observations; finite even where no token exists."""
        found = observations if isinstance(observations, Mapping) else {"": observations}
        tokens = []
        for i, (key, tokenizer) in enumerate(zip(self.keys, self.tokenizers, strict=True)):
            mask = found[self.masks[key]] if key in self.masks else None
            rows, present = tokenizer(found[key], mask)
            tokens.append(Tokens(self.pad.rows(_name(i), rows), present))
        rows, mask = _joined(tokens)
        return self.perceiver(rows, self._query(rows, found), mask).squeeze(1) + self.offset

    def _query(
        self, rows: Float[Tensor, "batch token width"], found: Mapping[str, Tensor]
    ) -> Float[Tensor, "shared 1 feature"]:
        """Return each sample's query; one for all where there are no numbers."""
        query = self.query(rows[:1])
        if self.from_numbers is None:
            return query
        numbers = [
            tokenizer.numbers(found[key])
            for key, tokenizer in zip(self.keys, self.tokenizers, strict=True)
            if isinstance(tokenizer, VectorTokenizer)
        ]
        return query + self.from_numbers(torch.cat(numbers, dim=1)).unsqueeze(1)


def _name(number: int) -> str:
    return f"{number:04d}"


def _joined(parts: Sequence[Tokens]) -> Tokens:
    """Return all tokens in a row, with a mask if any part has one."""
    if len(parts) == 1:
        return parts[0]
    rows = torch.cat([part.rows for part in parts], dim=1)
    if all(part.mask is None for part in parts):
        return Tokens(rows)
    masks = [
        torch.ones(part.rows.shape[:2], dtype=torch.bool, device=rows.device)
        if part.mask is None
        else part.mask
        for part in parts
    ]
    return Tokens(rows, torch.cat(masks, dim=1))
