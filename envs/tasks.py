"""What our side does beside fighting: one class per kind of task, around compiled kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.spaces import Column, ContractError, unknown

from .engine.errands import judge_points, run_errand, start_errand
from .engine.judge import Judged
from .engine.objects import all_stats, entity_kind, trade_table
from .engine.observe import Views
from .engine.task_orders import Spread, give_task_orders
from .engine.task_view import mask_orders, view_errand
from .scenarios import Scenario
from .task_contract import errand_columns, verb_table

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
State: TypeAlias = tuple[Floats, Integers]
"""``units [game, field, slot]`` and ``games [game, field]``."""
Grid: TypeAlias = tuple[int, int]
Worth: TypeAlias = tuple[float, float, float, float, float]


class Task(Protocol):
    """Plays the games of a scenario; every method changes or reads the state of the batch."""

    def columns(self, fighting: tuple[Column, ...]) -> tuple[Column, ...]:
        """Return an entity's columns, given those of a battle."""
        ...

    def scalars(self) -> tuple[str, ...]:
        """Return the names of the scalars."""
        ...

    def start(self, state: State, rows: Integers) -> None:
        """Start games anew, each from the seed that its row names."""
        ...

    def order(self, state: State, actions: Integers, grid: Grid) -> None:
        """Carry out or refuse our side's actions."""
        ...

    def run(self, state: State, fight: Callable[[], None]) -> None:
        """Play the loops that are left; ``fight`` advances all units by those loops."""
        ...

    def judge(self, state: State, worth: Worth) -> Judged:
        """Score and end the games, see :func:`~perceiver_rl.envs.engine.judge.judge`."""
        ...

    def observe(self, state: State, rows: Integers, views: Views) -> None:
        """Write the observations of some games."""
        ...


class Errand:
    """Our units walk to beacons or shards; nobody fights.

    Args:
        scenario: With units of one type of ours, and one type of object.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        own, total = scenario.own_slots, scenario.slots
        things = scenario.neutral[0][0]
        self._cast = (own, total, entity_kind(scenario.own[0][0]), entity_kind(things))
        self._beacon = things == "beacon"
        self._book = (all_stats(), trade_table())
        self._spread: Spread = (own, own, total, 0)
        self._verbs = verb_table(scenario)
        self._rules = scenario.rules()

    def columns(self, fighting: tuple[Column, ...]) -> tuple[Column, ...]:
        """Return where things are and what our units do."""
        return errand_columns(self._scenario)

    def scalars(self) -> tuple[str, ...]:
        """Return the time left: all else is in the entities."""
        return ("time_left",)

    def start(self, state: State, rows: Integers) -> None:
        """Scatter our units and the objects."""
        start_errand(*state, rows, self._cast, self._book, self._beacon)

    def order(self, state: State, actions: Integers, grid: Grid) -> None:
        """Carry out or refuse our side's actions."""
        give_task_orders(*state, actions, self._spread, (self._verbs, *grid), self._rules)

    def run(self, state: State, fight: Callable[[], None]) -> None:
        """Let the units walk."""
        run_errand(*state, self._cast, self._book, self._rules, self._beacon)

    def judge(self, state: State, worth: Worth) -> Judged:
        """Score what was reached; the time ends the game, and that is a win."""
        return judge_points(state[1], self._scenario.loop_limit, worth)

    def observe(self, state: State, rows: Integers, views: Views) -> None:
        """Write entities, time and masks."""
        limit = float(self._scenario.loop_limit)
        view_errand(*state, rows, self._spread, limit, views)
        mask_orders(*state, rows, self._spread, self._verbs, views)


TASKS: Final[Mapping[str, Callable[[Scenario], Task]]] = MappingProxyType({"errand": Errand})


def make_task(scenario: Scenario) -> Task | None:
    """Build the task of a scenario; None for a battle.

    Raises:
        ContractError: If there is no such task; names the nearest one.
    """
    if not scenario.task:
        return None
    if scenario.task not in TASKS:
        raise ContractError(unknown("task", scenario.task, tuple(TASKS)))
    return TASKS[scenario.task](scenario)
