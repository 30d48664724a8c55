"""Selection by an ordered pointer: AlphaStar's, with exactly one pick sequence per set."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from perceiver_rl.heads import categorical
from perceiver_rl.heads.config import HeadConfig
from perceiver_rl.heads.selection import Candidates, ScoredSet, SelectionHead, log_no_of
from perceiver_rl.nn import learned_array, linear

# Rows of few picks are scored apart from rows of many if that leaves out so many logits.
_WORTH_A_GROUP = 1 << 16


@dataclass(frozen=True, slots=True)
class ScoredPicks(ScoredSet):
    """Sets as sequences of picks, with the distribution of every pick.

    Attributes:
        log_probs: ``[P, N + 1]``, of each entity and of the end token, given the earlier picks; one
            set's picks after the other's.
        row: ``[P]``, ascending: the set that a pick belongs to.
    """

    log_probs: Float[Tensor, "pick choice"]
    row: Int[Tensor, " pick"]

    @property
    def entropy(self) -> Float[Tensor, " batch"]:
        """Sum of the picks' exact entropies along the sequence."""
        return self._sum(categorical.entropy(self.log_probs))

    def kl(self, other: ScoredSet) -> Float[Tensor, " batch"]:
        """Return the sum of the picks' exact divergences along the sequence.

        Pointers with different limits may need different numbers of steps for one set.
        """
        if not isinstance(other, ScoredPicks) or not torch.equal(self.row, other.row):
            return self.log_prob - other.log_prob
        return self._sum(categorical.kl(self.log_probs, other.log_probs))

    def _sum(self, per_pick: Float[Tensor, " pick"]) -> Float[Tensor, " batch"]:
        return torch.zeros_like(self.log_prob).index_add(0, self.row, per_pick)


class PointerSelection(SelectionHead):
    """AlphaStar's pointer: an LSTM query picks entity after entity, then an end token.

    Picks come in increasing index and each step masks what is at or below the last pick, so a set
    has exactly one pick sequence and teacher forcing gives its exact log-probability in one pass.
    (AlphaStar picks in any order, which leaves the probability of a set unknown.) The end token is
    illegal at the first step if any entity is selectable. After ``max_selected`` picks the sequence
    is over without one.

    A step goes through the entities that are left in their order and takes the first whose coin
    shows "yes", with the entity's score above the end token's as log-odds; if none does, it is the
    end. A softmax over them, as AlphaStar has, would not do in a fixed order: an encoder does not
    tell rows apart, so "all of n" would have to guess every next row and get at most 1 / n!.
    """

    max_selected: int

    def __init__(self, width: int, config: HeadConfig) -> None:
        super().__init__()
        self.max_selected = config.max_selected
        self.key = linear(width, config.key_width)
        self.end = learned_array(config.key_width)
        self.from_context = linear(config.embedding_width, config.hidden_width)
        self.from_picks = linear(config.key_width, config.hidden_width)
        self.query = linear(config.hidden_width, config.key_width)
        self.lstm = nn.LSTM(config.key_width, config.key_width, batch_first=True)
        self.scale = config.key_width**-0.5

    def evaluate(
        self,
        candidates: Candidates,
        selected: Bool[Tensor, "batch entity"],
        smoothing: float = 0.0,
    ) -> ScoredSet:
        """Score given sets by teacher forcing, all steps at once."""
        count = selected.sum(-1).clamp(max=self.max_selected)
        groups = _of_like_length(count, selected.shape[1])
        if not groups:
            return self._evaluate(candidates, selected, smoothing)
        scored = [self._evaluate(candidates.rows(at), selected[at], smoothing) for at in groups]
        log_prob = torch.cat([part.log_prob for part in scored])[torch.cat(groups).argsort()]
        row = torch.cat([at[part.row] for at, part in zip(groups, scored, strict=True)])
        row, order = row.sort(stable=True)
        log_probs = torch.cat([part.log_probs for part in scored])[order]
        return ScoredPicks(selected, log_prob, log_probs, row)

    def _evaluate(
        self, candidates: Candidates, selected: Bool[Tensor, "batch entity"], smoothing: float
    ) -> ScoredPicks:
        keys = self.key(candidates.per_entity)
        count = selected.sum(-1)
        longest = min(int(count.max()) if len(count) else 0, self.max_selected)
        steps = min(longest + 1, self.max_selected)  # one more for the end token, if it is needed
        picks = torch.argsort((~selected).int(), dim=-1, stable=True)[:, :longest]
        picked_keys = keys.gather(1, picks.unsqueeze(-1).expand(-1, -1, keys.shape[-1]))
        sums = functional.pad(picked_keys.cumsum(1), (0, 0, 1, 0))[:, :steps]
        taken = torch.arange(steps, device=keys.device)
        queries, _ = self.lstm(self._inputs(candidates.context, sums, taken))
        last = functional.pad(picks, (1, 0), value=-1)[:, :steps]
        legal = self._legal(candidates.selectable.unsqueeze(1), last, taken > 0)
        log_probs = categorical.masked_log_softmax(
            self._logits(queries, keys, legal), legal, candidates.temperature
        )
        end = keys.shape[1]
        target = functional.pad(picks, (0, 1), value=end)[:, :steps]
        target = torch.where(taken < count.unsqueeze(-1), target, end)
        used = taken <= count.unsqueeze(-1)
        picked = categorical.pick(log_probs, target, smoothing)
        log_prob = categorical.strict((picked * used).sum(-1))
        log_prob = log_prob.masked_fill(count > self.max_selected, -torch.inf)
        row, step = used.nonzero(as_tuple=True)
        return ScoredPicks(selected, log_prob, log_probs[row, step], row)

    def sample(self, candidates: Candidates, deterministic: bool) -> ScoredSet:
        """Pick step by step; stops at the longest selection of the batch."""
        keys, selectable = self.key(candidates.per_entity), candidates.selectable
        batch, end = selectable.shape
        rows = torch.arange(batch, device=keys.device)
        # One more column, for the end token, which falls away.
        selected = torch.zeros(batch, end + 1, dtype=torch.bool, device=keys.device)
        with_end = functional.pad(keys, (0, 0, 0, 1))
        last = torch.full((batch,), -1, device=keys.device)
        sums = torch.zeros_like(keys[:, 0])
        log_prob = keys.new_zeros(batch)
        steps: list[Tensor] = []
        row: list[Tensor] = []
        state: tuple[Tensor, Tensor] | None = None
        alive = torch.ones(batch, dtype=torch.bool, device=keys.device)
        for step in range(min(end + 1, self.max_selected)):
            taken = torch.tensor([step], device=keys.device)
            inputs = self._inputs(candidates.context, sums.unsqueeze(1), taken)
            query, state = self.lstm(inputs, state)
            legal = self._legal(selectable.unsqueeze(1), last.unsqueeze(-1), taken > 0)
            log_probs = categorical.masked_log_softmax(
                self._logits(query, keys, legal), legal, candidates.temperature
            ).squeeze(1)
            choice = categorical.sample(log_probs, deterministic)
            log_prob = log_prob + categorical.pick(log_probs, choice) * alive
            # A graph that is exported has no entropy, and no shapes that depend on values.
            at = rows if torch.compiler.is_exporting() else rows[alive]
            steps.append(log_probs[at])
            row.append(at)
            alive = alive & (choice != end)
            if not bool(alive.any()):
                break
            last = torch.where(alive, choice, end)
            selected[rows, last] = True
            sums = sums + with_end[rows, last]
        ascending, order = torch.cat(row).sort(stable=True)
        return ScoredPicks(selected[:, :end], log_prob, torch.cat(steps)[order], ascending)

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
        self,
        queries: Float[Tensor, "batch step key"],
        keys: Float[Tensor, "batch entity key"],
        legal: Bool[Tensor, "batch step choice"],
    ) -> Float[Tensor, "batch step choice"]:
        """Return log-probabilities of the first "yes", before the rule of at least one."""
        threshold = queries @ self.end
        odds = (queries @ keys.transpose(1, 2) - threshold.unsqueeze(-1)) * self.scale
        none_so_far = log_no_of(odds, legal[..., :-1]).cumsum(-1)
        # log yes = log no + log-odds
        return torch.cat([odds + none_so_far, none_so_far[..., -1:]], dim=-1)

    @staticmethod
    def _legal(
        selectable: Bool[Tensor, "batch 1 entity"], last: Tensor, may_end: Tensor
    ) -> Bool[Tensor, "batch step choice"]:
        """Choices legal after ``last`` ``[B, T]`` (-1: no pick yet); the end token comes last."""
        index = torch.arange(selectable.shape[-1], device=selectable.device)
        entities = selectable & (index > last.unsqueeze(-1))
        end = may_end.unsqueeze(-1) | ~selectable.any(-1, keepdim=True)
        return torch.cat([entities, end.expand(*entities.shape[:2], 1)], dim=-1)


def _of_like_length(count: Int[Tensor, " batch"], entities: int) -> list[Tensor]:
    """Return the rows in groups of like numbers of picks; one or none if that is no less work.

    One set of many entities would else cost every row as many steps.
    """
    all_steps = len(count) * (int(count.max()) + 1) if len(count) else 0
    if all_steps * entities < _WORTH_A_GROUP:
        return []
    kind = torch.log2(count + 1.0).div(2, rounding_mode="floor")  # up to 2, 14, 62, 254, ...
    groups = [(kind == each).nonzero().squeeze(1) for each in kind.unique()]
    steps = sum(len(at) * (int(count[at].max()) + 1) for at in groups)
    return groups if (all_steps - steps) * entities > _WORTH_A_GROUP else []
