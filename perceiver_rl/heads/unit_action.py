"""The joint distribution of a unit action: type -> selection -> target, each seeing the earlier."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from perceiver_rl.heads import categorical
from perceiver_rl.heads.config import HeadConfig
from perceiver_rl.heads.selection import Scored, build_selection
from perceiver_rl.heads.targets import TargetCell, TargetUnit
from perceiver_rl.nn import linear
from perceiver_rl.spaces import UnitActionSpace

PARTS = ("action_type", "selection", "target_unit", "target_cell")


class HeadInputs(NamedTuple):
    """What the head decides from.

    Attributes:
        core: ``[B, C]``, the state as one vector.
        per_entity: ``[B, N, W]``, the encoder's embedding of each entity.
        types: ``[B, A]``, True where an action type is legal.
        selectable: ``[B, N]``, True where an entity may be selected.
        targets: ``[B, A, N]``, True where an entity is a legal target of an action type.
        cells: ``[B, G_r * G_c]``, True where a cell is a legal target; None: all are.
    """

    core: Float[Tensor, "batch core"]
    per_entity: Float[Tensor, "batch entity width"]
    types: Bool[Tensor, "batch action"]
    selectable: Bool[Tensor, "batch entity"]
    targets: Bool[Tensor, "batch action entity"]
    cells: Bool[Tensor, "batch cell"] | None = None


class ActionParts(NamedTuple):
    """Actions with the log-probability and entropy of their four parts (``PARTS``).

    Attributes:
        actions: ``[B, 3 + N]``, canonical: unused arguments are 0.
        log_probs: ``[B, 4]``, 0 where the action type does not use the part.
        entropies: ``[B, 4]``, likewise; conditional on the parts before. Their sum's expectation
            over sampled actions is the entropy of the joint distribution.
    """

    actions: Int[Tensor, "batch component"]
    log_probs: Float[Tensor, "batch 4"]
    entropies: Float[Tensor, "batch 4"]

    @property
    def log_prob(self) -> Float[Tensor, " batch"]:
        """Log-probability of the whole action; -inf for one that a mask forbids."""
        return self.log_probs.sum(-1)

    @property
    def entropy(self) -> Float[Tensor, " batch"]:
        """Estimate of the joint entropy, in nats."""
        return self.entropies.sum(-1)


class _Targets(NamedTuple):
    """Log-probabilities of both kinds of target."""

    unit: Float[Tensor, "batch entity"]
    cell: Float[Tensor, "batch cell"]


class UnitActionHead(nn.Module):
    """Samples and scores actions of a :class:`UnitActionSpace`.

    Where no action type is legal, type 0 is taken with probability 1; where a type needs a target
    unit and has none, entity 0. No parameter depends on the number of entities.

    Args:
        space: The action space.
        core_width: Features of the core.
        width: Features of an entity's embedding.
        selection: ``independent`` or ``pointer``.
        config: Sizes.

    Raises:
        ValueError: If the selection head is unknown.
    """

    uses: Tensor

    def __init__(
        self,
        space: UnitActionSpace,
        core_width: int,
        width: int,
        selection: str,
        config: HeadConfig,
    ) -> None:
        super().__init__()
        self.num_entities = space.max_entities
        self.num_cells = space.num_cells
        self.register_buffer("uses", torch.from_numpy(space.uses), persistent=False)
        last = linear(config.hidden_width, len(space.types))
        # Small first logits: the untrained policy chooses nearly uniformly among legal types.
        nn.init.normal_(last.weight, std=0.01)
        self.type_logits = nn.Sequential(linear(core_width, config.hidden_width), nn.ReLU(), last)
        self.from_core = linear(core_width, config.embedding_width)
        self.from_type = nn.Embedding(len(space.types), config.embedding_width)
        self.selection = build_selection(selection, width, config)
        self.from_selection = linear(width, config.embedding_width)
        self.target_unit = TargetUnit(width, config)
        self.target_cell = TargetCell(space.grid or (1, 1), config)

    def sample(self, inputs: HeadInputs, deterministic: bool = False) -> ActionParts:
        """Draw one action per row, or take the greedy one (greedy in each part, in order)."""
        type_log_probs = self._types(inputs)
        action_type = categorical.sample(type_log_probs, deterministic)
        context = self._context(inputs, action_type)
        chosen = self.selection.sample(context, inputs.per_entity, inputs.selectable, deterministic)
        chosen = chosen._replace(selected=chosen.selected & self.uses[action_type, :1])
        targets = self._targets(inputs, action_type, context, chosen.selected)
        unit = categorical.sample(targets.unit, deterministic)
        cell = categorical.sample(targets.cell, deterministic)
        return self._joint(type_log_probs, action_type, chosen, targets, (unit, cell))

    def evaluate(
        self,
        inputs: HeadInputs,
        actions: Int[Tensor, "batch component"],
        smoothing: float = 0.0,
    ) -> ActionParts:
        """Score given actions in one pass; unused arguments are ignored.

        Args:
            inputs: What the head decides from.
            actions: The actions.
            smoothing: Label smoothing for imitation: each decision is replaced by a uniform legal
                one that often. Only with 0 are the results log-probabilities of the actions.
        """
        action_type, selected = actions[:, 0], actions[:, 1:-2].bool()
        type_log_probs = self._types(inputs)
        context = self._context(inputs, action_type)
        selected = selected & self.uses[action_type, :1]
        chosen = self.selection.evaluate(
            context, inputs.per_entity, inputs.selectable, selected, smoothing
        )
        targets = self._targets(inputs, action_type, context, selected)
        return self._joint(
            type_log_probs,
            action_type,
            chosen,
            targets,
            (actions[:, -2], actions[:, -1]),
            smoothing,
        )

    def agreement(
        self, inputs: HeadInputs, actions: Int[Tensor, "batch component"]
    ) -> Bool[Tensor, "batch 4"]:
        """Return which greedy choices are the given actions' (``PARTS``), given the parts before.

        A selection agrees if it is the same set; a part that the action does not use agrees.
        """
        action_type, selected = actions[:, 0], actions[:, 1:-2].bool()
        types = self._types(inputs)
        context = self._context(inputs, action_type)
        used = self.uses[action_type]
        selected = selected & used[:, :1]
        drawn = self.selection.sample(context, inputs.per_entity, inputs.selectable, True).selected
        targets = self._targets(inputs, action_type, context, selected)
        agrees = torch.stack(
            [
                (drawn == selected).all(-1),
                targets.unit.argmax(-1) == actions[:, -2],
                targets.cell.argmax(-1) == actions[:, -1],
            ],
            dim=-1,
        )
        return torch.cat([(types.argmax(-1) == action_type).unsqueeze(-1), agrees | ~used], dim=-1)

    def _types(self, inputs: HeadInputs) -> Float[Tensor, "batch action"]:
        return categorical.masked_log_softmax(self.type_logits(inputs.core), inputs.types)

    def _context(
        self, inputs: HeadInputs, action_type: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch embedding"]:
        """Return the autoregressive embedding after the action type."""
        return (self.from_core(inputs.core) + self.from_type(action_type)).relu()

    def _targets(
        self,
        inputs: HeadInputs,
        action_type: Int[Tensor, " batch"],
        context: Float[Tensor, "batch embedding"],
        selected: Bool[Tensor, "batch entity"],
    ) -> _Targets:
        """Extend the embedding by the selection; return both target distributions."""
        members = selected.to(context.dtype)
        mean = torch.bmm(members.unsqueeze(1), inputs.per_entity).squeeze(1)
        mean = mean / members.sum(-1, keepdim=True).clamp(min=1.0)
        context = (context + self.from_selection(mean)).relu()
        legal = inputs.targets.gather(
            1, action_type[:, None, None].expand(-1, 1, self.num_entities)
        ).squeeze(1)
        return _Targets(
            self.target_unit(context, inputs.per_entity, legal),
            self.target_cell(context, inputs.cells),
        )

    def _joint(
        self,
        type_log_probs: Float[Tensor, "batch action"],
        action_type: Int[Tensor, " batch"],
        chosen: Scored,
        targets: _Targets,
        choice: tuple[Int[Tensor, " batch"], Int[Tensor, " batch"]],
        smoothing: float = 0.0,
    ) -> ActionParts:
        unit, cell = choice
        used = self.uses[action_type]
        actions = torch.cat(
            [
                action_type.unsqueeze(-1),
                chosen.selected.long(),
                (unit * used[:, 1]).unsqueeze(-1),
                (cell * used[:, 2]).unsqueeze(-1),
            ],
            dim=-1,
        )
        log_probs = torch.stack(
            [
                categorical.strict(categorical.pick(type_log_probs, action_type, smoothing)),
                chosen.log_prob,
                categorical.strict(categorical.pick(targets.unit, unit, smoothing)),
                categorical.strict(categorical.pick(targets.cell, cell, smoothing)),
            ],
            dim=-1,
        )
        entropies = torch.stack(
            [
                categorical.entropy(type_log_probs),
                chosen.entropy,
                categorical.entropy(targets.unit),
                categorical.entropy(targets.cell),
            ],
            dim=-1,
        )
        unused = torch.cat([torch.zeros_like(used[:, :1]), ~used], dim=-1)
        return ActionParts(
            actions, log_probs.masked_fill(unused, 0.0), entropies.masked_fill(unused, 0.0)
        )
