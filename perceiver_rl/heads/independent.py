"""Selection by independent coins: one logit per entity, one step, no loop."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from perceiver_rl.heads import categorical
from perceiver_rl.heads.config import HeadConfig
from perceiver_rl.heads.selection import Candidates, ScoredSet, SelectionHead, log_no_of
from perceiver_rl.nn import constant, linear
from perceiver_rl.nn.kernels import add

# Beyond this a probability is 1 within float32, and 1 - p would be lost.
_LOGIT_LIMIT = 30.0


@dataclass(frozen=True, slots=True)
class ScoredCoins(ScoredSet):
    """Sets drawn by coins, with the coins.

    Attributes:
        logits: ``[B, N]``, log-odds of each entity's coin.
        log_no: ``[B, N]``, log-probability of "no"; 0 where an entity is not selectable.
        log_some: ``[B]``, log-probability that not all coins show "no"; 0 if none is selectable.
        selectable: ``[B, N]``, True where an entity may be selected.
    """

    logits: Float[Tensor, "batch entity"]
    log_no: Float[Tensor, "batch entity"]
    log_some: Float[Tensor, " batch"]
    selectable: Bool[Tensor, "batch entity"]

    @property
    def membership(self) -> Float[Tensor, "batch entity"]:
        """Probability of each entity to be in the set."""
        # Given that the set is not empty: p / P(some).
        log_member = self.logits + self.log_no - self.log_some.unsqueeze(-1)
        return log_member.exp() * self.selectable

    @property
    def entropy(self) -> Float[Tensor, " batch"]:
        """Exact, whatever the set."""
        return self.log_some - (self.logits * self.membership + self.log_no).sum(-1)

    def kl(self, other: ScoredSet) -> Float[Tensor, " batch"]:
        """Return the KL divergence: exact, whatever the sets, between two of this kind."""
        if not isinstance(other, ScoredCoins):
            return self.log_prob - other.log_prob
        difference = (self.logits - other.logits) * self.membership + self.log_no - other.log_no
        divergence = difference.sum(-1) - (self.log_some - other.log_some)
        somebody = self.selectable.any(-1)
        forbidden = (self.selectable & ~other.selectable).any(-1)
        forbidden |= ~somebody & other.selectable.any(-1)
        return divergence.masked_fill(forbidden, torch.inf)


class IndependentSelection(SelectionHead):
    """One logit per entity, from the entity's own decoded query: one step, no loop.

    A set's probability is that of independent coins, given that they do not all show "no". A set
    may have any size.
    """

    def __init__(self, width: int, config: HeadConfig) -> None:
        super().__init__()
        self.from_entity = linear(width, config.key_width)
        self.from_context = linear(config.embedding_width, config.key_width)
        self.logit = linear(config.key_width, 1)

    def logits(
        self,
        context: Float[Tensor, "batch embedding"],
        per_entity: Float[Tensor, "batch entity width"],
    ) -> Float[Tensor, "batch entity"]:
        """Return the log-odds of each entity's membership."""
        # Both biases join the context, which has fewer rows.
        added = self.from_context(context) + self.from_entity.bias
        hidden = functional.linear(per_entity, self.from_entity.weight)
        return self.logit(add(added.unsqueeze(1), hidden).relu_()).squeeze(-1)

    def _tempered(self, candidates: Candidates) -> Float[Tensor, "batch entity"]:
        logits = self.logits(candidates.context, candidates.per_entity)
        if candidates.temperature == 0:
            greedy = _greedy(logits, candidates.selectable)
            return torch.where(greedy, _LOGIT_LIMIT, -_LOGIT_LIMIT).to(logits.dtype)
        if candidates.temperature != 1:
            logits = logits / candidates.temperature
        return logits.clamp(-_LOGIT_LIMIT, _LOGIT_LIMIT)

    def sample(self, candidates: Candidates, deterministic: bool) -> ScoredSet:
        """Draw exactly from the conditioned coins: the first member, then the later ones.

        The greedy set holds every entity whose odds are above 1, or the single likeliest one.
        """
        logits, selectable = self._tempered(candidates), candidates.selectable
        log_no = log_no_of(logits, selectable)
        if deterministic:
            selected = _greedy(logits, selectable) & selectable
            return _scored(logits, log_no, log_no.sum(-1), selectable, selected, selected)
        none_so_far = log_no.cumsum(-1)
        last = logits.shape[-1] - 1
        # Beyond the last where no entity is selectable.
        first = categorical.draw(-none_so_far.expm1(), selectable).clamp_(max=last).unsqueeze(-1)
        # The first member's coin shows "yes", as a number below every probability does.
        numbers = torch.rand_like(logits).scatter_(1, first, -1.0)
        from_first = constant(_numbers, logits, last + 1) >= first
        selected = (numbers < logits.sigmoid()) & from_first & selectable
        return _scored(logits, log_no, none_so_far[:, last], selectable, selected, selected)

    def evaluate(
        self,
        candidates: Candidates,
        selected: Bool[Tensor, "batch entity"],
        smoothing: float = 0.0,
    ) -> ScoredSet:
        """Score given sets in one pass; the entropy is exact."""
        logits, selectable = self._tempered(candidates), candidates.selectable
        label: Tensor = selected
        if smoothing:
            label = (1.0 - smoothing) * selected.to(logits) + 0.5 * smoothing * selectable
        log_no = log_no_of(logits, selectable)
        scored = _scored(logits, log_no, log_no.sum(-1), selectable, selected, label)
        impossible = (selected & ~selectable).any(-1) | (~selected.any(-1) & selectable.any(-1))
        if candidates.temperature == 0:
            impossible |= scored.log_prob < -_LOGIT_LIMIT / 2
        return replace(scored, log_prob=scored.log_prob.masked_fill(impossible, -torch.inf))


def _numbers(dtype: torch.dtype, device: torch.device, count: int) -> Int[Tensor, " count"]:
    return torch.arange(count, device=device)


def _scored(
    logits: Float[Tensor, "batch entity"],
    log_no: Float[Tensor, "batch entity"],
    log_none: Float[Tensor, " batch"],
    selectable: Bool[Tensor, "batch entity"],
    selected: Bool[Tensor, "batch entity"],
    label: Tensor,
) -> ScoredCoins:
    """Score sets that the coins can show, or the labels that stand for them."""
    # 0 where there is no coin: "none" is certain there, and not ruled out.
    log_some = (-log_none.expm1()).masked_fill(log_none == 0, 1.0).log()
    # log yes = log no + logit, so both share log_no.
    log_prob = (logits * label).sum(-1) + log_none - log_some
    return ScoredCoins(selected, log_prob, logits, log_no, log_some, selectable)


def _greedy(
    logits: Float[Tensor, "batch entity"], selectable: Bool[Tensor, "batch entity"]
) -> Bool[Tensor, "batch entity"]:
    odds = logits.masked_fill(~selectable, -torch.inf)
    likeliest = functional.one_hot(odds.argmax(-1), odds.shape[-1]).bool()
    above = odds > 0
    return torch.where(above.any(-1, keepdim=True), above, likeliest)
