"""Structured unit actions: which order, to which of my units, aimed at what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from perceiver_rl.spaces._errors import ActionError, ContractError, unknown
from perceiver_rl.spaces._keys import (
    ACTION_TYPE_MASK,
    ENTITY_MASK,
    SELECTABLE_MASK,
    TARGET_MASK,
)

Target = Literal["none", "unit", "point"]


@dataclass(frozen=True, slots=True)
class ActionType:
    """One kind of order: its name, whether it selects units, and what it is aimed at.

    Raises:
        ContractError: If the target is none of ``none``, ``unit`` and ``point``.
    """

    name: str
    selects: bool = False
    target: Target = "none"

    def __post_init__(self) -> None:
        if self.target not in ("none", "unit", "point"):
            known = ("none", "unit", "point")
            raise ContractError(
                f"action type {self.name!r}: {unknown('target', self.target, known)}"
            )


@dataclass(frozen=True, slots=True)
class UnitAction:
    """A decoded action.

    Args:
        action_type: Index into :attr:`UnitActionSpace.types`.
        selected: Entity indices that receive the order; kept sorted and distinct.
        target_unit: Entity index, or None if the type is not aimed at a unit.
        target_cell: ``(row, column)`` of the grid, or None if the type is not aimed at a point.
    """

    action_type: int
    selected: tuple[int, ...] = ()
    target_unit: int | None = None
    target_cell: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "selected", tuple(sorted({int(i) for i in self.selected})))


class UnitActionSpace(spaces.MultiDiscrete):
    """``[action_type | selected_0 .. selected_{N-1} | target_unit | target_cell]``.

    A ``MultiDiscrete`` with ``nvec = [A, 2, ..., 2, N, G_r * G_c]``, so every algorithm that can
    carry a MultiDiscrete can carry it. Arguments that an action type does not use are 0; without a
    grid the last component has the one value 0.

    Args:
        types: The action types.
        max_entities: N, the same as the observation's.
        grid: Rows and columns of the target grid; None if no type is aimed at a point.
        seed: Seed of :meth:`sample`.

    Raises:
        ContractError: If there is no type, a name appears twice, a size is less than 1, or a type
            is aimed at a point and there is no grid.
    """

    def __init__(
        self,
        types: Sequence[ActionType],
        max_entities: int,
        grid: tuple[int, int] | None = None,
        seed: int | np.random.Generator | None = None,
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
        self.types = tuple(types)
        self.max_entities = int(max_entities)
        self.grid = None if grid is None else (int(grid[0]), int(grid[1]))
        self.num_cells = 1 if self.grid is None else self.grid[0] * self.grid[1]
        nvec = [len(self.types), *[2] * self.max_entities, self.max_entities, self.num_cells]
        super().__init__(nvec, dtype=np.int64, seed=seed)

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
        """``[A, 3]``: whether each type uses a selection, a target unit, a target cell."""
        return np.array(
            [(kind.selects, kind.target == "unit", kind.target == "point") for kind in self.types]
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
        """Return a copy of ``[..., 3 + N]`` vectors with every unused argument set to 0."""
        canonical: NDArray[np.int64] = np.array(vectors, dtype=np.int64)
        selects, at_unit, at_point = np.moveaxis(self.uses[canonical[..., 0]], -1, 0)
        canonical[..., self.selection] *= selects[..., None]
        canonical[..., -2] *= at_unit
        canonical[..., -1] *= at_point
        return canonical

    def decode(self, vector: NDArray[np.integer[Any]] | Sequence[int]) -> UnitAction:
        """Return the action that a vector ``[3 + N]`` stands for; unused arguments are ignored.

        Raises:
            ActionError: If the vector is not in this space; names the component.
        """
        vector = self._checked(np.asarray(vector))
        kind = self.types[vector[0]]
        cell = divmod(int(vector[-1]), self.grid[1]) if self.grid else None
        return UnitAction(
            action_type=int(vector[0]),
            selected=tuple(np.flatnonzero(vector[self.selection]).tolist()) if kind.selects else (),
            target_unit=int(vector[-2]) if kind.target == "unit" else None,
            target_cell=cell if kind.target == "point" else None,
        )

    def encode(self, action: UnitAction) -> NDArray[np.int64]:
        """Return the vector ``[3 + N]`` of an action: the inverse of :meth:`decode`.

        Raises:
            ActionError: If a value is out of range, or an argument is given that the type does not
                use, or missing that it does.
        """
        if not 0 <= action.action_type < len(self.types):
            raise ActionError(f"action type {action.action_type} is not in [0, {len(self.types)})")
        kind = self.types[action.action_type]
        for name, value, used in (
            ("target_unit", action.target_unit, kind.target == "unit"),
            ("target_cell", action.target_cell, kind.target == "point"),
        ):
            if used != (value is not None):
                need = "needs" if used else "has no"
                raise ActionError(f"action type {kind.name!r} {need} {name}, got {value}")
        if action.selected and not kind.selects:
            raise ActionError(f"action type {kind.name!r} selects no units, got {action.selected}")
        vector = np.zeros(3 + self.max_entities, dtype=np.int64)
        vector[0] = action.action_type
        for entity in action.selected:
            if not 0 <= entity < self.max_entities:
                raise ActionError(f"selected entity {entity} is not in [0, {self.max_entities})")
            vector[1 + entity] = 1
        if action.target_unit is not None:
            vector[-2] = action.target_unit
        if action.target_cell is not None:
            vector[-1] = self._cell_index(action.target_cell)
        return self._checked(vector)

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
        return "target_unit" if position == self.max_entities + 1 else "target_cell"

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
        """Check a vector ``[3 + N]`` against the masks of one (unbatched) observation.

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
        )

    __hash__ = None  # type: ignore[assignment]  # mutable, as every gymnasium space

    def __str__(self) -> str:
        # What stable-baselines3 prints where an algorithm refuses the space.
        return (
            f"{self!r} (for PPO, A2C, MaskablePPO and RecurrentPPO, which act in a MultiDiscrete)"
        )

    def __repr__(self) -> str:
        types = ", ".join(self.names)
        return f"UnitActionSpace({types}; max_entities={self.max_entities}, grid={self.grid})"
