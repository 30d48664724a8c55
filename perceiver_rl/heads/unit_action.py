"""The joint distribution of a unit action: each part sees the choices before it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from perceiver_rl.heads import categorical
from perceiver_rl.heads.arguments import ArgumentHead
from perceiver_rl.heads.build import build_selection, build_target_cell, build_type_head
from perceiver_rl.heads.conditionals import SELECTION, ActionParts, Conditionals
from perceiver_rl.heads.config import HeadConfig
from perceiver_rl.heads.inputs import PARTS, HeadInputs, InputSizes
from perceiver_rl.heads.selection import Candidates
from perceiver_rl.heads.targets import TargetUnit
from perceiver_rl.nn import Module, constant, linear, weighted_sum
from perceiver_rl.spaces import UnitActionSpace


class UnitActionHead(Module):
    """Samples and scores actions of a :class:`UnitActionSpace`.

    The order is AlphaStar's: action type, delay, queued, selection, target. Where no action type is
    legal, type 0 is taken with probability 1; where a type needs a target unit and has none,
    entity 0. No parameter depends on the number of entities.

    Args:
        space: The action space.
        sizes: Of what the head decides from.
        selection: ``independent`` or ``pointer``.
        config: Sizes of the head.

    Raises:
        ValueError: If the selection head is unknown, or the decoder of target cells needs a minimap
            that is not there.
    """

    uses: Tensor
    uses_argument: Tensor

    def __init__(
        self, space: UnitActionSpace, sizes: InputSizes, selection: str, config: HeadConfig
    ) -> None:
        super().__init__()
        self.num_entities = space.max_entities
        self.arguments = {name: space.argument_size(name) for name in space.arguments}
        self._position = {"action_type": 0} | {
            name: space.position(name) for name in space.arguments
        }
        self.parts = tuple(part for part in PARTS if part == SELECTION or part in self._position)
        at = self.parts.index(SELECTION)
        self._selection_part = slice(at, at + 1)
        used = dict(zip((SELECTION, *space.arguments), space.uses.T, strict=True))
        columns = [torch.from_numpy(used[part]) for part in self.parts[1:]]
        always = torch.ones(len(space.types), dtype=torch.bool)
        self.register_buffer("uses", torch.stack([always, *columns], dim=-1), persistent=False)
        asked = [torch.from_numpy(used[name]) for name in space.arguments]
        self.register_buffer("uses_argument", torch.stack(asked, dim=-1).long(), persistent=False)
        self.action_type = build_type_head(len(space.types), sizes, config)
        self.timing = nn.ModuleDict(
            {
                part: ArgumentHead(self.arguments[part], config)
                for part in self.parts
                if part in ("delay", "queued")
            }
        )
        self.selection = build_selection(selection, sizes.entity, config)
        self.from_selection = linear(sizes.entity, config.embedding_width)
        self.target_unit = TargetUnit(sizes.entity, config)
        self.target_cell = build_target_cell(space.grid, sizes, config)

    def sample(self, inputs: HeadInputs, deterministic: bool = False) -> ActionParts:
        """Draw one action per row, or take the greedy one (greedy in each part, in order)."""
        return self._scored(self._decide(inputs, None, deterministic), drawn=True)

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
        decided = self._decide(inputs, actions, False, smoothing)
        return self._scored(decided, drawn=False, smoothing=smoothing)

    def agreement(
        self, inputs: HeadInputs, actions: Int[Tensor, "batch component"]
    ) -> Bool[Tensor, "batch part"]:
        """Return which greedy choices are the given actions' (``parts``), given the parts before.

        A selection agrees if it is the same set; a part that the action does not use agrees.
        """
        decided = self.conditionals(inputs, actions)
        greedy = self.selection.sample(decided.candidates, True).selected
        agrees = [
            (greedy == decided.chosen.selected).all(-1)
            if part == SELECTION
            else decided.log_probs[part].argmax(-1) == decided.choices[part]
            for part in self.parts
        ]
        return torch.stack(agrees, dim=-1) | ~decided.used

    def conditionals(
        self, inputs: HeadInputs, actions: Int[Tensor, "batch component"]
    ) -> Conditionals:
        """Return the distribution of every part along given actions."""
        return self._decide(inputs, actions, False)

    def _decide(
        self,
        inputs: HeadInputs,
        given: Int[Tensor, "batch component"] | None,
        deterministic: bool,
        smoothing: float = 0.0,
    ) -> Conditionals:
        """Make, or follow, one choice after the other."""
        choices = _Choices(self._position, given, deterministic, inputs.temperature, {}, {})
        action_type = choices.make("action_type", self.action_type.logits(inputs), inputs.types)
        used = self.uses.index_select(0, action_type)
        context = self.action_type.embed(inputs, action_type)
        timing = {"delay": inputs.delays, "queued": inputs.queued}
        for part, head in self.timing.items():
            assert isinstance(head, ArgumentHead)  # nn.ModuleDict forgets its type
            value = choices.make(part, head(context), timing[part])
            context = head.extend(context, value, used[:, self.parts.index(part)])
        candidates = Candidates(context, inputs.per_entity, inputs.selectable, inputs.temperature)
        uses = used[:, self._selection_part]
        if given is None:
            chosen = self.selection.sample(candidates, deterministic)
        else:
            selected = given[:, 1 : 1 + self.num_entities].bool() & uses
            chosen = self.selection.evaluate(candidates, selected, smoothing)
        members = chosen.selected & uses
        context = self._extend(context, inputs.per_entity, members)
        legal = _of_type(inputs.targets, action_type)
        units, cells = self.target_cell.beside(self.target_unit, context, inputs)
        choices.make("target_unit", units, legal)
        choices.make("target_cell", cells, inputs.cells)
        return Conditionals(
            self.parts, choices.made, choices.log_probs, candidates, chosen, members, used
        )

    def _extend(
        self,
        context: Float[Tensor, "batch embedding"],
        per_entity: Float[Tensor, "batch entity width"],
        selected: Bool[Tensor, "batch entity"],
    ) -> Float[Tensor, "batch embedding"]:
        """Extend the embedding by the mean of the selected entities."""
        members = selected.to(context.dtype)
        total = weighted_sum(members, per_entity)
        mean = total / members.sum(-1, keepdim=True).clamp(min=1.0)
        return (context + self.from_selection(mean)).relu()

    def _scored(self, decided: Conditionals, drawn: bool, smoothing: float = 0.0) -> ActionParts:
        """Put the parts together into canonical actions."""
        action_type = decided.choices["action_type"]
        used = self.uses_argument.index_select(0, action_type)
        arguments = torch.stack([decided.choices[name] for name in self.arguments], dim=-1) * used
        actions = torch.cat([action_type.unsqueeze(-1), decided.members, arguments], dim=-1)
        return decided.scored(actions, drawn, smoothing)


class _Choices(NamedTuple):
    """The choices of the parts so far, and how the next is made.

    Attributes:
        position: Of each part in an action.
        given: Actions to follow; None to choose.
        deterministic: Whether to choose the most probable instead of drawing.
        temperature: Of the distributions.
        made: What was chosen, by part.
        log_probs: What it was chosen from, by part.
    """

    position: dict[str, int]
    given: Int[Tensor, "batch component"] | None
    deterministic: bool
    temperature: float
    made: dict[str, Tensor]
    log_probs: dict[str, Tensor]

    def make(
        self,
        part: str,
        logits: Float[Tensor, "batch choice"],
        legal: Bool[Tensor, "batch choice"] | None,
    ) -> Int[Tensor, " batch"]:
        """Choose a part, or follow what was given, and keep both choice and distribution."""
        log_probs = categorical.masked_log_softmax(logits, legal, self.temperature)
        if self.given is None:
            choice = categorical.sample(log_probs, self.deterministic)
        else:
            choice = self.given[:, self.position[part]]
        self.log_probs[part] = log_probs
        self.made[part] = choice
        return choice


def _of_type(
    targets: Bool[Tensor, "batch type entity"], action_type: Int[Tensor, " batch"]
) -> Bool[Tensor, "batch entity"]:
    """Return the targets of one action type per row."""
    batch, types, _ = targets.shape
    first = constant(_first_rows, targets, batch, types)
    return targets.flatten(0, 1).index_select(0, first + action_type)


def _first_rows(
    dtype: torch.dtype, device: torch.device, batch: int, types: int
) -> Int[Tensor, " batch"]:
    return torch.arange(0, batch * types, types, device=device)
