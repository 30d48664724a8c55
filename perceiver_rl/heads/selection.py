"""Selection of a set of entities: independent entity-query logits, or an ordered pointer.

Both give every set exactly one probability. At least one entity is selected whenever any is
selectable; if none is, the empty set has probability 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from perceiver_rl.heads import categorical
from perceiver_rl.heads.config import HeadConfig
from perceiver_rl.nn import learned_array, linear
from perceiver_rl.spaces import unknown

SelectionName = Literal["independent", "pointer"]

SELECTIONS: tuple[SelectionName, ...] = ("independent", "pointer")

# Beyond this a probability is 1 within float32, and 1 - p would be lost.
_LOGIT_LIMIT = 30.0


class Scored(NamedTuple):
    """A set of selected entities with its log-probability and an estimate of the entropy.

    Attributes:
        selected: ``[B, N]``, True for the members of the set.
        log_prob: ``[B]``, exact.
        entropy: ``[B]``, in nats; its expectation over the sampled set is the exact entropy.
    """

    selected: Bool[Tensor, "batch entity"]
    log_prob: Float[Tensor, " batch"]
    entropy: Float[Tensor, " batch"]


class SelectionHead(nn.Module, ABC):
    """Chooses a set of entities from their embeddings and an autoregressive embedding."""

    @abstractmethod
    def sample(
        self,
        context: Float[Tensor, "batch embedding"],
        per_entity: Float[Tensor, "batch entity width"],
        selectable: Bool[Tensor, "batch entity"],
        deterministic: bool,
    ) -> Scored:
        """Draw a set per row (or take the greedy one)."""

    @abstractmethod
    def evaluate(
        self,
        context: Float[Tensor, "batch embedding"],
        per_entity: Float[Tensor, "batch entity width"],
        selectable: Bool[Tensor, "batch entity"],
        selected: Bool[Tensor, "batch entity"],
        smoothing: float = 0.0,
    ) -> Scored:
        """Score given sets; a set that could not have been drawn has log-probability -inf.

        With ``smoothing``, log-probabilities are those of the smoothed labels of imitation: each of
        the decisions that make up the set is replaced by a uniform one that often.
        """


class IndependentSelection(SelectionHead):
    """One logit per entity, from the entity's own decoded query: one step, no loop.

    A set's probability is that of independent coins, given that they do not all show "no".
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
        hidden = self.from_entity(per_entity) + self.from_context(context).unsqueeze(1)
        return self.logit(hidden.relu()).squeeze(-1).clamp(-_LOGIT_LIMIT, _LOGIT_LIMIT)

    def sample(
        self,
        context: Float[Tensor, "batch embedding"],
        per_entity: Float[Tensor, "batch entity width"],
        selectable: Bool[Tensor, "batch entity"],
        deterministic: bool,
    ) -> Scored:
        """Draw exactly from the conditioned coins: the first member, then the later ones.

        The greedy set holds every entity whose odds are above 1, or the single likeliest one.
        """
        logits = self.logits(context, per_entity)
        odds = logits.masked_fill(~selectable, -torch.inf)
        if deterministic:
            likeliest = functional.one_hot(odds.argmax(-1), odds.shape[-1]).bool()
            above = odds > 0
            chosen = torch.where(above.any(-1, keepdim=True), above, likeliest)
        else:
            log_no = _log_no(logits, selectable)
            none_before = log_no.cumsum(-1) - log_no
            first_log_prob = functional.logsigmoid(logits) + none_before
            first = categorical.sample(
                categorical.masked_log_softmax(first_log_prob, selectable), False
            ).unsqueeze(-1)
            index = torch.arange(odds.shape[-1], device=odds.device)
            coins = torch.rand_like(logits) < logits.sigmoid()
            chosen = (coins & (index > first)) | (index == first)
        return self._score(logits, selectable, chosen & selectable)

    def evaluate(
        self,
        context: Float[Tensor, "batch embedding"],
        per_entity: Float[Tensor, "batch entity width"],
        selectable: Bool[Tensor, "batch entity"],
        selected: Bool[Tensor, "batch entity"],
        smoothing: float = 0.0,
    ) -> Scored:
        """Score given sets in one pass; the entropy is exact."""
        return self._score(self.logits(context, per_entity), selectable, selected, smoothing)

    def _score(
        self,
        logits: Float[Tensor, "batch entity"],
        selectable: Bool[Tensor, "batch entity"],
        selected: Bool[Tensor, "batch entity"],
        smoothing: float = 0.0,
    ) -> Scored:
        log_no = _log_no(logits, selectable)
        empty_allowed = ~selectable.any(-1)
        log_some = _log1mexp(log_no.sum(-1), empty_allowed)
        # log yes = log no + logit, so both sums share log_no.
        label: Tensor = selected
        if smoothing:
            label = (1.0 - smoothing) * selected.to(logits) + 0.5 * smoothing * selectable
        log_prob = (logits * label + log_no).sum(-1) - log_some
        impossible = (selected & ~selectable).any(-1) | (~selected.any(-1) & ~empty_allowed)
        # Membership given that the set is not empty: p / P(some).
        member = (logits + log_no - log_some.unsqueeze(-1)).exp() * selectable
        entropy = log_some - (logits * member + log_no).sum(-1)
        return Scored(selected, log_prob.masked_fill(impossible, -torch.inf), entropy)


def _log_no(
    logits: Float[Tensor, "batch entity"], selectable: Bool[Tensor, "batch entity"]
) -> Float[Tensor, "batch entity"]:
    return functional.logsigmoid(-logits) * selectable


def _log1mexp(
    x: Float[Tensor, " batch"], undefined: Bool[Tensor, " batch"]
) -> Float[Tensor, " batch"]:
    """Return ``log(1 - exp(x))`` for x < 0, and 0 (with no gradient) where it is undefined."""
    x = x.masked_fill(undefined, -1.0)
    small = x > -0.6931
    near = torch.log(-torch.expm1(x.masked_fill(~small, -0.5)))
    far = torch.log1p(-torch.exp(x.masked_fill(small, -1.0)))
    return torch.where(small, near, far).masked_fill(undefined, 0.0)


class PointerSelection(SelectionHead):
    """AlphaStar's pointer: an LSTM query picks entity after entity, then an end token.

    Picks come in increasing index and each step masks what is at or below the last pick, so a set
    has exactly one pick sequence and teacher forcing gives its exact log-probability in one pass.
    (AlphaStar picks in any order, which leaves the probability of a set unknown.) The end token is
    illegal at the first step if any entity is selectable.
    """

    def __init__(self, width: int, config: HeadConfig) -> None:
        super().__init__()
        self.key = linear(width, config.key_width)
        self.end = learned_array(config.key_width)
        self.from_context = linear(config.embedding_width, config.hidden_width)
        self.from_picks = linear(config.key_width, config.hidden_width)
        self.query = linear(config.hidden_width, config.key_width)
        self.lstm = nn.LSTM(config.key_width, config.key_width, batch_first=True)
        self.scale = config.key_width**-0.5

    def evaluate(
        self,
        context: Float[Tensor, "batch embedding"],
        per_entity: Float[Tensor, "batch entity width"],
        selectable: Bool[Tensor, "batch entity"],
        selected: Bool[Tensor, "batch entity"],
        smoothing: float = 0.0,
    ) -> Scored:
        """Score given sets by teacher forcing, all steps at once."""
        keys = self.key(per_entity)
        count = selected.sum(-1)
        steps = int(count.max()) if len(count) else 0
        picks = torch.argsort((~selected).int(), dim=-1, stable=True)[:, :steps]
        picked_keys = keys.gather(1, picks.unsqueeze(-1).expand(-1, -1, keys.shape[-1]))
        sums = functional.pad(picked_keys.cumsum(1), (0, 0, 1, 0))
        taken = torch.arange(steps + 1, device=keys.device)
        queries, _ = self.lstm(self._inputs(context, sums, taken))
        last = functional.pad(picks, (1, 0), value=-1)
        legal = self._legal(selectable.unsqueeze(1), last, taken > 0)
        log_probs = categorical.masked_log_softmax(self._logits(queries, keys), legal)
        end = keys.shape[1]
        target = functional.pad(picks, (0, 1), value=end)
        target = torch.where(taken < count.unsqueeze(-1), target, end)
        used = taken <= count.unsqueeze(-1)
        log_prob = (categorical.pick(log_probs, target, smoothing) * used).sum(-1)
        entropy = (categorical.entropy(log_probs) * used).sum(-1)
        return Scored(selected, categorical.strict(log_prob), entropy)

    def sample(
        self,
        context: Float[Tensor, "batch embedding"],
        per_entity: Float[Tensor, "batch entity width"],
        selectable: Bool[Tensor, "batch entity"],
        deterministic: bool,
    ) -> Scored:
        """Pick step by step; stops at the longest selection of the batch."""
        keys = self.key(per_entity)
        batch, end = selectable.shape
        rows = torch.arange(batch, device=keys.device)
        # One more column, for the end token, which falls away.
        selected = torch.zeros(batch, end + 1, dtype=torch.bool, device=keys.device)
        with_end = functional.pad(keys, (0, 0, 0, 1))
        last = torch.full((batch,), -1, device=keys.device)
        sums = torch.zeros_like(keys[:, 0])
        log_prob, entropy = keys.new_zeros(batch), keys.new_zeros(batch)
        state: tuple[Tensor, Tensor] | None = None
        alive = torch.ones(batch, dtype=torch.bool, device=keys.device)
        for step in range(end + 1):
            taken = torch.tensor([step], device=keys.device)
            query, state = self.lstm(self._inputs(context, sums.unsqueeze(1), taken), state)
            legal = self._legal(selectable.unsqueeze(1), last.unsqueeze(-1), taken > 0)
            log_probs = categorical.masked_log_softmax(self._logits(query, keys), legal).squeeze(1)
            choice = categorical.sample(log_probs, deterministic)
            log_prob = log_prob + categorical.pick(log_probs, choice) * alive
            entropy = entropy + categorical.entropy(log_probs) * alive
            alive = alive & (choice != end)
            if not bool(alive.any()):
                break
            last = torch.where(alive, choice, end)
            selected[rows, last] = True
            sums = sums + with_end[rows, last]
        return Scored(selected[:, :end], log_prob, entropy)

    def _inputs(
        self,
        context: Float[Tensor, "batch embedding"],
        sums: Float[Tensor, "batch step key"],
        taken: Tensor,
    ) -> Float[Tensor, "batch step key"]:
        """Return the LSTM's inputs: the context plus the mean of the keys picked so far."""
        mean = sums / taken.clamp(min=1).unsqueeze(-1)
        hidden = self.from_context(context).unsqueeze(1) + self.from_picks(mean)
        return self.query(hidden.relu())

    def _logits(
        self, queries: Float[Tensor, "batch step key"], keys: Float[Tensor, "batch entity key"]
    ) -> Float[Tensor, "batch step choice"]:
        entities = queries @ keys.transpose(1, 2)
        return torch.cat([entities, (queries @ self.end).unsqueeze(-1)], dim=-1) * self.scale

    @staticmethod
    def _legal(
        selectable: Bool[Tensor, "batch 1 entity"], last: Tensor, may_end: Tensor
    ) -> Bool[Tensor, "batch step choice"]:
        """Choices legal after ``last`` ``[B, T]`` (-1: no pick yet); the end token comes last."""
        index = torch.arange(selectable.shape[-1], device=selectable.device)
        entities = selectable & (index > last.unsqueeze(-1))
        end = may_end.unsqueeze(-1) | ~selectable.any(-1, keepdim=True)
        return torch.cat([entities, end.expand(*entities.shape[:2], 1)], dim=-1)


def build_selection(name: str, width: int, config: HeadConfig) -> SelectionHead:
    """Build a selection head by name.

    Raises:
        ValueError: If there is none of that name.
    """
    if name == "independent":
        return IndependentSelection(width, config)
    if name == "pointer":
        return PointerSelection(width, config)
    raise ValueError(unknown("selection", name, SELECTIONS))
