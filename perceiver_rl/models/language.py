"""Language: masked language modelling, and classification with a query per task (app. F)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from perceiver_rl.models.text import NUM_TOKENS
from perceiver_rl.nn import (
    LearnedPositions,
    LearnedQueries,
    Module,
    PerceiverConfig,
    PerceiverIO,
    TaskQueries,
    learned_array,
    linear,
)

TaskInput = Literal["queries", "tokens", "shared"]


def _language_perceiver() -> PerceiverConfig:
    return PerceiverConfig(
        num_latents=256,
        latent_width=1280,
        num_self_attends=26,
        cross_heads=8,
        qk_channels=256,
        v_channels=1280,
        decoder_qk_channels=256,
        decoder_v_channels=768,
        query_residual=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageConfig:
    """Sizes of a language model; the defaults are the paper's for UTF-8 bytes.

    Args:
        vocabulary: Different tokens.
        max_length: Most tokens of a text.
        embed_width: Features of a token, of a position and of a query.
        perceiver: Sizes of the Perceiver.
    """

    vocabulary: int = NUM_TOKENS
    max_length: int = 2048
    embed_width: int = 768
    perceiver: PerceiverConfig = field(default_factory=_language_perceiver)


class TokenInput(Module):
    """Tokens to rows: an embedding of the token plus one of its position."""

    def __init__(self, vocabulary: int, max_length: int, width: int) -> None:
        super().__init__()
        self.max_length = max_length
        self.embed = nn.Embedding(vocabulary, width)
        nn.init.trunc_normal_(self.embed.weight, std=1.0, a=-2.0, b=2.0)
        self.positions = LearnedPositions((max_length,), width)

    def forward(self, tokens: Int[Tensor, "batch token"]) -> Float[Tensor, "batch token width"]:
        """Embed tokens.

        Raises:
            ValueError: If there are more than the positions, or numbers that are no tokens.
        """
        length = tokens.shape[1]
        if length > self.max_length:
            raise ValueError(f"texts may have {self.max_length} tokens, got {list(tokens.shape)}")
        # Elsewhere than on a CPU looking at values would wait for the device.
        if tokens.device.type == "cpu" and not torch.compiler.is_compiling() and tokens.numel():
            self._check(int(tokens.min()), int(tokens.max()))
        return self.embed(tokens) + self.positions.table[:length]

    def _check(self, lowest: int, highest: int) -> None:
        last = self.embed.num_embeddings - 1
        if lowest < 0 or highest > last:
            raise ValueError(f"tokens must lie between 0 and {last}, got {lowest} to {highest}")


class MaskedLanguageModel(Module):
    """Tokens to logits of tokens, by one learned query per position: ``[B, T] -> [B, T, V]``.

    The decoder is tied: its last layer is the embedding of the input, with a bias of its own.
    """

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.config = config
        width = config.embed_width
        self.input = TokenInput(config.vocabulary, config.max_length, width)
        self.queries = LearnedQueries(config.max_length, width)
        self.perceiver = PerceiverIO(width, width, config.perceiver)
        self.bias = nn.Parameter(torch.zeros(config.vocabulary))

    def forward(
        self,
        tokens: Int[Tensor, "batch token"],
        mask: Bool[Tensor, "batch token"] | None = None,
        index: Int[Tensor, " guess"] | None = None,
    ) -> Float[Tensor, "batch guess vocabulary"]:
        """Guess tokens.

        Args:
            tokens: The text, with MASK in place of what is to be guessed.
            mask: True where there is text, False where there is padding, which is not read; its
                logits mean nothing.
            index: Places to guess, the same in all texts; None guesses all.
        """
        rows = self.input(tokens)
        if index is None:
            index = torch.arange(tokens.shape[1], device=tokens.device)
        asked = None if mask is None else mask[:, index]
        answers = self.perceiver(rows, self.queries(rows, index), mask, asked)
        return answers @ self.input.embed.weight.t() + self.bias


@dataclass(frozen=True, slots=True, kw_only=True)
class TextClassifierConfig:
    """Sizes of a classifier of texts for one or several tasks.

    Args:
        tasks: Classes of each task; 1 for a regression.
        asks: What tells the tasks apart: a query each (``queries``), an input token each and one
            query (``tokens``), or their last layers alone, behind one token and one query
            (``shared``).
        head: A task's last layers: ``linear``, or ``mlp``: two layers with a tanh between.
        language: Sizes of tokens and Perceiver.
        query_width: Features of a query.
    """

    tasks: Mapping[str, int]
    asks: TaskInput = "queries"
    head: Literal["linear", "mlp"] = "mlp"
    language: LanguageConfig = field(default_factory=LanguageConfig)
    query_width: int = 768


class TextClassifier(Module):
    """Tokens to logits of each task (multitask GLUE): ``[B, T] -> {task: [B, classes]}``."""

    def __init__(self, config: TextClassifierConfig) -> None:
        super().__init__()
        if not config.tasks:
            raise ValueError("a classifier needs at least one task")
        self.config = config
        language, width = config.language, config.query_width
        self.input = TokenInput(language.vocabulary, language.max_length, language.embed_width)
        num_tokens = {"queries": 0, "tokens": len(config.tasks), "shared": 1}[config.asks]
        self.task_tokens = learned_array(num_tokens, language.embed_width) if num_tokens else None
        self.queries = TaskQueries(
            tuple(config.tasks) if config.asks == "queries" else ("shared",), width
        )
        self.perceiver = PerceiverIO(language.embed_width, width, language.perceiver)
        self.heads = nn.ModuleDict(
            {name: _head(config.head, width, classes) for name, classes in config.tasks.items()}
        )

    def forward(
        self,
        tokens: Int[Tensor, "batch token"],
        mask: Bool[Tensor, "batch token"] | None = None,
        tasks: Sequence[str] | None = None,
    ) -> dict[str, Float[Tensor, "batch _"]]:
        """Classify texts.

        Args:
            tokens: The texts.
            mask: True where there is text.
            tasks: Which tasks to solve; None: all of them.

        Raises:
            ValueError: If a task is unknown.
        """
        names = tuple(self.config.tasks) if tasks is None else tuple(tasks)
        for name in names:
            if name not in self.heads:
                raise ValueError(f"unknown task {name!r}, expected some of {list(self.heads)}")
        rows = self.input(tokens)
        if self.config.asks == "tokens":
            return {name: self._answers(rows, mask, (name,))[name] for name in names}
        return self._answers(rows, mask, names)

    def _answers(
        self,
        rows: Float[Tensor, "batch token width"],
        mask: Bool[Tensor, "batch token"] | None,
        names: Sequence[str],
    ) -> dict[str, Float[Tensor, "batch _"]]:
        if self.task_tokens is not None:
            which = list(self.heads).index(names[0]) if self.config.asks == "tokens" else 0
            token = self.task_tokens[which].expand(rows.shape[0], 1, -1)
            rows = torch.cat([token, rows], dim=1)
            if mask is not None:
                mask = torch.cat([mask.new_ones(mask.shape[0], 1), mask], dim=1)
        one_each = self.config.asks == "queries"
        index = torch.cat([self.queries.of(name) for name in names]) if one_each else None
        answers = self.perceiver(rows, self.queries(rows, index), mask)
        return {
            name: self.heads[name](answers[:, at if one_each else 0])
            for at, name in enumerate(names)
        }


def _head(kind: str, width: int, classes: int) -> nn.Module:
    if kind == "linear":
        return linear(width, classes, "truncated")
    return nn.Sequential(linear(width, width), nn.Tanh(), linear(width, classes, "truncated"))
