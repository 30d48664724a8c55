"""Kinds of orders, and a single decoded action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from perceiver_rl.spaces._errors import ContractError, unknown

Target = Literal["none", "unit", "point"]


@dataclass(frozen=True, slots=True)
class ActionType:
    """One kind of order: its name, whether it selects units, and what it is aimed at.

    Args:
        name: Unique within its :class:`UnitActionSpace`.
        selects: Whether the order goes to selected units.
        target: ``none``, ``unit`` or ``point``.
        queueable: Whether the order may wait behind the units' earlier ones; counts in a space with
            ``queued`` only.
        delays: Whether the agent says when it acts next; counts in a space with ``max_delay`` only.

    Raises:
        ContractError: If the target is none of ``none``, ``unit`` and ``point``.
    """

    name: str
    selects: bool = False
    target: Target = "none"
    queueable: bool = False
    delays: bool = True

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
        queued: Whether the order waits until the units have carried out their earlier ones.
        delay: Game loops (or another unit of the environment's) until the agent wants to act next.
    """

    action_type: int
    selected: tuple[int, ...] = ()
    target_unit: int | None = None
    target_cell: tuple[int, int] | None = None
    queued: bool = False
    delay: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "selected", tuple(sorted({int(i) for i in self.selected})))


def uses(kind: ActionType, argument: str) -> bool:
    """Say whether an action type uses an argument (of a space that has it)."""
    used = {
        "target_unit": kind.target == "unit",
        "target_cell": kind.target == "point",
        "queued": kind.queueable,
        "delay": kind.delays,
    }
    return used[argument]
