"""What both selection heads have in common: a set of entities with exactly one probability."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from perceiver_rl.nn import Module


class Candidates(NamedTuple):
    """What a set is selected from.

    Attributes:
        context: ``[B, E]``, the autoregressive embedding.
        per_entity: ``[B, N, W]``, the encoder's embedding of each entity.
        selectable: ``[B, N]``, True where an entity may be selected.
        temperature: Divides the logits; 0 leaves the greedy set alone.
    """

    context: Float[Tensor, "batch embedding"]
    per_entity: Float[Tensor, "batch entity width"]
    selectable: Bool[Tensor, "batch entity"]
    temperature: float = 1.0

    def rows(self, at: Int[Tensor, " row"]) -> Candidates:
        """Return some rows of the batch."""
        context, per_entity, selectable, temperature = self
        return Candidates(context[at], per_entity[at], selectable[at], temperature)


@dataclass(frozen=True, slots=True)
class ScoredSet(ABC):
    """A set of selected entities with its log-probability and an estimate of the entropy.

    Attributes:
        selected: ``[B, N]``, True for the members of the set.
        log_prob: ``[B]``, exact.
    """

    selected: Bool[Tensor, "batch entity"]
    log_prob: Float[Tensor, " batch"]

    @property
    @abstractmethod
    def entropy(self) -> Float[Tensor, " batch"]:
        """In nats; its expectation over the sampled set is the exact entropy.

        Computed when it is asked for, which in a rollout it is not.
        """

    def kl(self, other: ScoredSet) -> Float[Tensor, " batch"]:
        """Estimate the KL divergence to the distribution that gave the same sets another score.

        If the sets were drawn from this distribution, the expectation is the exact divergence.
        Between distributions of one kind the estimate is better than this ratio, which serves any
        two.
        """
        return self.log_prob - other.log_prob


def log_no_of(
    log_odds: Float[Tensor, "*batch entity"], selectable: Bool[Tensor, "*batch entity"]
) -> Float[Tensor, "*batch entity"]:
    """Return the log-probability of each coin's "no"; 0 where an entity is not selectable."""
    return functional.logsigmoid(-log_odds) * selectable


class SelectionHead(Module, ABC):
    """Chooses a set of entities from their embeddings and an autoregressive embedding.

    At least one entity is selected whenever any is selectable; if none is, the empty set has
    probability 1.

    Attributes:
        max_selected: Most entities in a set; a larger one has probability 0. None: any number.
    """

    max_selected: int | None = None

    @abstractmethod
    def sample(self, candidates: Candidates, deterministic: bool) -> ScoredSet:
        """Draw a set per row (or take the greedy one)."""

    @abstractmethod
    def evaluate(
        self,
        candidates: Candidates,
        selected: Bool[Tensor, "batch entity"],
        smoothing: float = 0.0,
    ) -> ScoredSet:
        """Score given sets; a set that could not have been drawn has log-probability -inf.

        With ``smoothing``, log-probabilities are those of the smoothed labels of imitation: each of
        the decisions that make up the set is replaced by a uniform one that often.
        """
