"""Structured unit actions: which order, to which of my units, aimed at what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from perceiver_rl.spaces._action_types import ActionType, UnitAction, uses
from perceiver_rl.spaces._errors import ActionError, ContractError, unknown
from perceiver_rl.spaces._keys import (
    ACTION_TYPE_MASK,
    ENTITY_MASK,
    SELECTABLE_MASK,
    TARGET_MASK,
)


class UnitActionSpace(spaces.MultiDiscrete):
    """``[action_type | selected_0 .. _{N-1} | target_unit | target_cell | queued | delay]``.

    A ``MultiDiscrete`` with ``nvec = [A, 2, ..., 2, N, G_r * G_c, 2, D]``, so every algorithm that
    can carry a MultiDiscrete can carry it. The last two components are there only when asked for.
    Arguments that an action type does not use are 0; without a grid the cell has the one value 0.

    Args:
        types: The action types.
        max_entities: N, the same as the observation's.
        grid: Rows and columns of the target grid; None if no type is aimed at a point.
        seed: Seed of :meth:`sample`.
        queued: Whether an action has a ``queued`` flag, used by the types that are ``queueable``.
        max_delay: D: an action has a ``delay`` in ``[0, D)``, used by the types that have
            ``delays`` (AlphaStar: 128); None for actions without.

    Raises:
        ContractError: If there is no type, a name appears twice, a size is less than 1, a type
            is aimed at a point and there is no grid, or no type uses an argument asked for.
    """

    def __init__(
        self,
        types: Sequence[ActionType],
        max_entities: int,
        grid: tuple[int, int] | None = None,
        seed: int | np.random.Generator | None = None,
        *,
        queued: bool = False,
        max_delay: int | None = None,
    ) -> None:
        _check_space(types, max_entities, grid)
        if queued and not any(kind.queueable for kind in types):
            raise ContractError("queued=True needs an action type with queueable=True")
        if max_delay is not None and max_delay < 1:
            raise ContractError(f"max_delay must be at least 1 or None, not {max_delay}")
        if max_delay is not None and not any(kind.delays for kind in types):
            raise ContractError(f"max_delay={max_delay} needs an action type with delays=True")
        self.types = tuple(types)
        self.max_entities = int(max_entities)
        self.grid = None if grid is None else (int(grid[0]), int(grid[1]))
        self.num_cells = 1 if self.grid is None else self.grid[0] * self.grid[1]
        self.queued = bool(queued)
        self.max_delay = None if max_delay is None else int(max_delay)
        nvec = [len(self.types), *[2] * self.max_entities]
        nvec += [self.argument_size(name) for name in self.arguments]
        super().__init__(nvec, dtype=np.int64, seed=seed)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the components after the selection, in order."""
        optional = {"queued": self.queued, "delay": self.max_delay is not None}
        return ("target_unit", "target_cell", *(name for name, there in optional.items() if there))

    def argument_size(self, name: str) -> int:
        """Return how many values an argument has."""
        sizes = {
            "target_unit": self.max_entities,
            "target_cell": self.num_cells,
            "queued": 2,
            "delay": self.max_delay or 0,
        }
        return sizes[name]

    def position(self, argument: str) -> int:
        """Return where an argument lies in an action vector.

        Raises:
            ContractError: If the space has no such argument.
        """
        if argument not in self.arguments:
            raise ContractError(unknown("argument", argument, self.arguments))
        return 1 + self.max_entities + self.arguments.index(argument)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the action types in order."""
        return tuple(kind.name for kind in self.types)

    @property
    def selection(self) -> slice:
        """Where the selection lies in an action vector."""
        return slice(1, 1 + self.max_entities)

    @property
    def uses(self) -> NDArray[np.bool_]:
        """``[A, 1 + arguments]``: whether a type uses the selection, and each argument."""
        return np.array(
            [
                (kind.selects, *(uses(kind, argument) for argument in self.arguments))
                for kind in self.types
            ]
        )

    def index(self, name: str) -> int:
        """Return the index of an action type.

        Raises:
            ContractError: If there is no such type; names the nearest one.
        """
        if name not in self.names:
            raise ContractError(unknown("action type", name, self.names))
        return self.names.index(name)

    def canonical(self, vectors: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Return a copy of ``[..., 1 + N + arguments]`` with every unused argument set to 0."""
        canonical: NDArray[np.int64] = np.array(vectors, dtype=np.int64)
        used = self.uses[canonical[..., 0]]
        canonical[..., self.selection] *= used[..., :1]
        canonical[..., self.selection.stop :] *= used[..., 1:]
        return canonical

    def decode(self, vector: NDArray[np.integer[Any]] | Sequence[int]) -> UnitAction:
        """Return the action that a vector stands for; unused arguments are ignored.

        Raises:
            ActionError: If the vector is not in this space; names the component.
        """
        vector = self._checked(np.asarray(vector))
        kind = self.types[vector[0]]
        given = {
            name: int(value)
            for name, value in zip(
                self.arguments, vector[self.selection.stop :].tolist(), strict=True
            )
            if uses(kind, name)
        }
        cell = given.get("target_cell")
        return UnitAction(
            action_type=int(vector[0]),
            selected=tuple(np.flatnonzero(vector[self.selection]).tolist()) if kind.selects else (),
            target_unit=given.get("target_unit"),
            target_cell=None if cell is None or not self.grid else divmod(cell, self.grid[1]),
            queued=bool(given.get("queued", 0)),
            delay=given.get("delay", 0),
        )

    def encode(self, action: UnitAction) -> NDArray[np.int64]:
        """Return the vector of an action: the inverse of :meth:`decode`.

        Raises:
            ActionError: If a value is out of range, or an argument is given that the type (or the
                space) does not use, or missing that it does.
        """
        if not 0 <= action.action_type < len(self.types):
            raise ActionError(f"action type {action.action_type} is not in [0, {len(self.types)})")
        kind = self.types[action.action_type]
        self._check_given(action, kind)
        vector = np.zeros(len(self.nvec), dtype=np.int64)
        vector[0] = action.action_type
        for entity in action.selected:
            if not 0 <= entity < self.max_entities:
                raise ActionError(f"selected entity {entity} is not in [0, {self.max_entities})")
            vector[1 + entity] = 1
        if action.target_unit is not None:
            vector[self.position("target_unit")] = action.target_unit
        if action.target_cell is not None:
            vector[self.position("target_cell")] = self._cell_index(action.target_cell)
        if action.queued:
            vector[self.position("queued")] = 1
        if action.delay:
            vector[self.position("delay")] = action.delay
        return self._checked(vector)

    def _check_given(self, action: UnitAction, kind: ActionType) -> None:
        """Check that an action has the arguments of its type and no others."""
        for name, target in (
            ("target_unit", action.target_unit),
            ("target_cell", action.target_cell),
        ):
            if uses(kind, name) != (target is not None):
                need = "needs" if uses(kind, name) else "has no"
                raise ActionError(f"action type {kind.name!r} {need} {name}, got {target}")
        if action.selected and not kind.selects:
            raise ActionError(f"action type {kind.name!r} selects no units, got {action.selected}")
        for name, value in (("queued", action.queued), ("delay", action.delay)):
            if value and name not in self.arguments:
                raise ActionError(f"actions of this space have no {name}, got {value}")
            if value and not uses(kind, name):
                raise ActionError(f"action type {kind.name!r} has no {name}, got {value}")

    def _cell_index(self, cell: tuple[int, int]) -> int:
        assert self.grid is not None  # guaranteed by the constructor for a type aimed at a point
        row, column = cell
        if not (0 <= row < self.grid[0] and 0 <= column < self.grid[1]):
            raise ActionError(f"target cell {cell} is outside the grid {self.grid}")
        return row * self.grid[1] + column

    def component(self, position: int) -> str:
        """Return the name of a position in an action vector, for messages."""
        if position == 0:
            return "action_type"
        if position <= self.max_entities:
            return f"selected_{position - 1}"
        return self.arguments[position - self.max_entities - 1]

    def _checked(self, vector: NDArray[Any]) -> NDArray[np.int64]:
        if vector.shape != self.nvec.shape:
            raise ActionError(f"an action has shape {self.nvec.shape}, got {vector.shape}")
        if not np.issubdtype(vector.dtype, np.integer):
            raise ActionError(f"an action holds integers, got {vector.dtype}")
        outside = np.flatnonzero((vector < 0) | (vector >= self.nvec))
        if outside.size:
            at = int(outside[0])
            raise ActionError(
                f"{self.component(at)}={vector[at]} is not in [0, {self.nvec[at]})"
                f" (component {at} of the action)"
            )
        return vector.astype(np.int64, copy=False)

    def check_legal(
        self,
        vector: NDArray[np.integer[Any]] | Sequence[int],
        observation: Mapping[str, NDArray[Any]],
    ) -> None:
        """Check a vector against the masks of one (unbatched) observation.

        A missing mask forbids nothing, except that only entities that exist can be selected or
        aimed at. A selecting type must select somebody if anybody is selectable.

        Raises:
            ActionError: If the action is not in the space, or a mask forbids it; names the mask.
        """
        action = self.decode(vector)
        kind = self.types[action.action_type]
        present = np.asarray(observation[ENTITY_MASK], dtype=bool)
        types = np.asarray(observation.get(ACTION_TYPE_MASK, np.ones(len(self.types))), dtype=bool)
        if not types[action.action_type]:
            allowed = [name for name, legal in zip(self.names, types, strict=True) if legal]
            raise ActionError(
                f"action type {kind.name!r} is masked by {ACTION_TYPE_MASK}; legal now: {allowed}"
            )
        selectable = np.asarray(observation.get(SELECTABLE_MASK, present), dtype=bool)
        masked = [entity for entity in action.selected if not selectable[entity]]
        if masked:
            raise ActionError(f"selected entities {masked} are masked by {SELECTABLE_MASK}")
        if kind.selects and not action.selected and selectable.any():
            raise ActionError(f"action type {kind.name!r} must select at least one entity")
        if action.target_unit is not None:
            targets = np.asarray(observation.get(TARGET_MASK, present), dtype=bool)
            row = targets if targets.ndim == 1 else targets[action.action_type]
            if not row[action.target_unit]:
                raise ActionError(
                    f"target unit {action.target_unit} is masked by {TARGET_MASK} for {kind.name!r}"
                )

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, UnitActionSpace)
            and self.types == other.types
            and self.max_entities == other.max_entities
            and self.grid == other.grid
            and self.queued == other.queued
            and self.max_delay == other.max_delay
        )

    __hash__ = None  # type: ignore[assignment]  # mutable, as every gymnasium space

    def __str__(self) -> str:
        # What stable-baselines3 prints where an algorithm refuses the space.
        algorithms = "PPO, A2C, TRPO, MaskablePPO and RecurrentPPO"
        return f"{self!r} (for {algorithms}, which act in a MultiDiscrete)"

    def __repr__(self) -> str:
        types = ", ".join(self.names)
        optional = ", queued" if self.queued else ""
        optional += f", max_delay={self.max_delay}" if self.max_delay is not None else ""
        size = f"max_entities={self.max_entities}, grid={self.grid}{optional}"
        return f"UnitActionSpace({types}; {size})"


def _check_space(
    types: Sequence[ActionType], max_entities: int, grid: tuple[int, int] | None
) -> None:
    names = [kind.name for kind in types]
    if not names or len(set(names)) != len(names):
        raise ContractError(f"a UnitActionSpace needs types with distinct names, not {names}")
    if max_entities < 1:
        raise ContractError(f"max_entities must be at least 1, not {max_entities}")
    if grid is None and any(kind.target == "point" for kind in types):
        raise ContractError("an action type is aimed at a point, so the space needs a grid")
    if grid is not None and (len(grid) != 2 or min(grid) < 1):
        raise ContractError(f"grid must be (rows, columns), both at least 1, not {grid}")
