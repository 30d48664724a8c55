"""Actions with the distribution of each of their parts, given the parts before."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from perceiver_rl.heads import categorical
from perceiver_rl.heads.selection import Candidates, ScoredSet

SELECTION = "selection"


@dataclass(frozen=True)
class ActionParts:
    """Actions with the log-probability and entropy of their P parts.

    Attributes:
        actions: ``[B, 1 + N + arguments]``, canonical: unused arguments are 0.
        log_probs: ``[B, P]``, 0 where the action type does not use the part.
        conditionals: The distribution of every part.
    """

    actions: Int[Tensor, "batch component"]
    log_probs: Float[Tensor, "batch part"]
    conditionals: Conditionals

    @property
    def used(self) -> Bool[Tensor, "batch part"]:
        """``[B, P]``, True where the action type uses the part."""
        return self.conditionals.used

    @cached_property
    def entropies(self) -> Float[Tensor, "batch part"]:
        """``[B, P]``, 0 where the part is not used; conditional on the parts before.

        Their sum's expectation over sampled actions is the entropy of the joint distribution.
        """
        return self.conditionals.entropies()

    @property
    def log_prob(self) -> Float[Tensor, " batch"]:
        """Log-probability of the whole action; -inf for one that a mask forbids."""
        return self.log_probs.sum(-1)

    @property
    def entropy(self) -> Float[Tensor, " batch"]:
        """Estimate of the joint entropy, in nats."""
        return self.entropies.sum(-1)


class Conditionals(NamedTuple):
    """The distribution of every part along one action per row.

    Attributes:
        parts: Names of the P parts, in the order in which they are chosen.
        choices: Of each part but the selection: what was chosen, ``[B]``.
        log_probs: Of each part but the selection: its log-probabilities, ``[B, K]``.
        candidates: What the selection was made from.
        chosen: The selection, scored.
        members: ``[B, N]``, True for what is selected where the action type uses a selection.
        used: ``[B, P]``, True where the action type uses the part.
    """

    parts: tuple[str, ...]
    choices: dict[str, Int[Tensor, " batch"]]
    log_probs: dict[str, Float[Tensor, "batch choice"]]
    candidates: Candidates
    chosen: ScoredSet
    members: Bool[Tensor, "batch entity"]
    used: Bool[Tensor, "batch part"]

    def scored(
        self, actions: Int[Tensor, "batch component"], drawn: bool, smoothing: float = 0.0
    ) -> ActionParts:
        """Return the actions with the log-probability (of smoothed labels) of each part.

        Those that were drawn are known to be legal.
        """
        log_probs = [
            self.chosen.log_prob
            if part == SELECTION
            else categorical.pick(self.log_probs[part], self.choices[part], smoothing)
            for part in self.parts
        ]
        stacked = torch.stack(log_probs, dim=-1)
        strict = stacked if drawn else categorical.strict(stacked)
        return ActionParts(actions, strict.masked_fill(~self.used, 0.0), self)

    def entropies(self) -> Float[Tensor, "batch part"]:
        """Return the entropy of each part given the earlier ones; 0 where it is not used."""
        entropies = [
            self.chosen.entropy if part == SELECTION else categorical.entropy(self.log_probs[part])
            for part in self.parts
        ]
        return torch.stack(entropies, dim=-1).masked_fill(~self.used, 0.0)

    def kl(self, other: Conditionals) -> Float[Tensor, "batch part"]:
        """Return the KL divergence of each part from another distribution along the same actions.

        Exact given the earlier parts, but for a selection by different kinds of heads. The sum over
        the parts has the joint divergence as its expectation, if the actions were drawn from this
        distribution.

        Raises:
            ValueError: If the two have different parts or numbers of choices.
        """
        ours, theirs = self._sizes(), other._sizes()
        if ours != theirs:
            raise ValueError(f"no divergence between actions of the parts {ours} and {theirs}")
        divergences = [
            self.chosen.kl(other.chosen)
            if part == SELECTION
            else categorical.kl(self.log_probs[part], other.log_probs[part])
            for part in self.parts
        ]
        return torch.stack(divergences, dim=-1).masked_fill(~self.used, 0.0)

    def _sizes(self) -> dict[str, int]:
        sizes = {part: tensor.shape[-1] for part, tensor in self.log_probs.items()}
        return {**sizes, SELECTION: self.chosen.selected.shape[-1]}
