"""What our side does beside fighting: one class per kind of task, around compiled kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from perceiver_rl.spaces import Column, ContractError, unknown

from .battle import Battle
from .engine import fields as f
from .engine import task_fields as t
from .engine.economy import run_economy
from .engine.economy_orders import give_economy_orders
from .engine.economy_start import GEYSERS, LEFT_FIELDS, RIGHT_FIELDS, start_economy
from .engine.economy_view import mask_economy, view_economy
from .engine.errands import judge_points, run_errand, start_errand
from .engine.hunt import after_loop, start_hunt, veil
from .engine.judge import Judged, judge
from .engine.objects import all_stats, entity_kind, trade_table
from .engine.observe import Views, observe
from .engine.task_orders import Spread, give_task_orders
from .engine.task_view import mask_orders, view_errand
from .scenarios import Scenario
from .task import Grid, Harm, Integers, State, Task, Worth
from .task_contract import economy_columns, errand_columns, hunt_columns, verb_table


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
        self.rules = scenario.rules()

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
        give_task_orders(*state, actions, self._spread, (self._verbs, *grid), self.rules)

    def run(self, state: State, fight: Callable[[], None]) -> None:
        """Let the units walk."""
        run_errand(*state, self._cast, self._book, self.rules, self._beacon)

    def judge(self, state: State, harm: Harm, worth: Worth) -> Judged:
        """Score what was reached; the time ends the game, and that is a win."""
        return judge_points(state[1], self._scenario.loop_limit, worth)

    def observe(self, state: State, rows: Integers, views: Views) -> None:
        """Write entities, time and masks."""
        limit = float(self._scenario.loop_limit)
        view_errand(*state, rows, self._spread, limit, views)
        mask_orders(*state, rows, self._spread, self._verbs, views)


class Hunt:
    """Three marines look for zerglings in the fog.

    An enemy that none of our units sees is neither observed nor a legal target, and an attack order
    ends when its target goes out of sight. As in the game's raw interface the camera limits no
    order: it shows in ``on_screen`` and in two scalars where it looks, and moves by an order.

    Args:
        scenario: With units of one type on each side.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        own, total = scenario.own_slots, scenario.slots
        ours, theirs = entity_kind(scenario.own[0][0]), entity_kind(scenario.enemy[0][0])
        self._cast = (own, total, ours, theirs)
        self._book = (all_stats(), trade_table())
        self._spread: Spread = (own, total, total, 1)
        self._verbs = verb_table(scenario)
        self.rules = scenario.rules()
        life = [
            float(sum(unit.health + unit.shield for unit in team))
            for team in (scenario.own_units, scenario.enemy_units)
        ]
        self._limits = (float(scenario.loop_limit), life[0], life[1])

    def columns(self, fighting: tuple[Column, ...]) -> tuple[Column, ...]:
        """Return the columns of a battle, the queue and whether the camera shows it."""
        return hunt_columns(fighting)

    def scalars(self) -> tuple[str, ...]:
        """Return what our side knows, and where the camera looks."""
        return ("time_left", "own_life", "own_units", "camera_x", "camera_y")

    def start(self, state: State, rows: Integers) -> None:
        """Set out marines and zerglings."""
        start_hunt(*state, rows, self._cast, self._book)

    def order(self, state: State, actions: Integers, grid: Grid) -> None:
        """Carry out or refuse our side's actions."""
        give_task_orders(*state, actions, self._spread, (self._verbs, *grid), self.rules)

    def run(self, state: State, fight: Callable[[], None]) -> None:
        """Fight one loop after the other."""
        games = state[1]
        loops = games[:, f.LEFT].copy()
        for loop in range(int(loops.max(initial=0))):
            running = (loops > loop) & (games[:, f.OWN_ALIVE] > 0)
            games[:, f.LEFT] = running
            fight()
            after_loop(*state, running, self._cast, self._book)

    def judge(self, state: State, harm: Harm, worth: Worth) -> Judged:
        """Score 1 per zergling and -1 per marine; the last marine's death ends the game."""
        games = state[1]
        rules = (self._scenario.loop_limit, 1, -1, True)
        return judge(games, np.zeros(len(games)), rules, worth)

    def observe(self, state: State, rows: Integers, views: Views) -> None:
        """Write what our side sees."""
        observe(*state, rows, self._spread[:2], self._limits, views)
        veil(*state, rows, self._spread, self.rules, views)
        mask_orders(*state, rows, self._spread, self._verbs, views)


class Economy:
    """Workers gather minerals and gas, build and train.

    Args:
        scenario: Its task says what scores: ``gather`` each unit of minerals and gas that is
            brought home, ``train`` each fighter that is trained.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        own, total = scenario.own_slots, scenario.slots
        trains = scenario.task == "train"
        self._scores = t.TRAINED if trains else t.GATHERED
        kinds = [entity_kind(unit.name) for unit in scenario.own_units]
        kinds += [f.NOBODY] * (own - len(kinds))
        kinds += [entity_kind(name) for name, count in scenario.neutral for _ in range(count)]
        fields = LEFT_FIELDS if trains else (*LEFT_FIELDS, *RIGHT_FIELDS)
        places = np.array([*fields, *GEYSERS][: scenario.neutral_slots], dtype=np.float32)
        self._opening = (own, np.array(kinds, dtype=np.int64), places, trains)
        self._book = (all_stats(), trade_table())
        self._spread: Spread = (own, own, total, 0)
        self._verbs = verb_table(scenario)
        self.rules = scenario.rules()

    def columns(self, fighting: tuple[Column, ...]) -> tuple[Column, ...]:
        """Return where things are, and what is carried, left, built and trained."""
        return economy_columns(self._scenario)

    def scalars(self) -> tuple[str, ...]:
        """Return time, money (shares of 1000), supply (shares of 200) and idle workers."""
        return ("time_left", "minerals", "gas", "supply_used", "supply_cap", "idle_workers")

    def start(self, state: State, rows: Integers) -> None:
        """Set up the town hall, its workers and the resources."""
        start_economy(*state, rows, self._opening, self._book)

    def order(self, state: State, actions: Integers, grid: Grid) -> None:
        """Carry out or refuse our side's actions."""
        land = (self._book[1], self.rules)
        give_economy_orders(*state, actions, self._spread, (self._verbs, *grid), land)

    def run(self, state: State, fight: Callable[[], None]) -> None:
        """Let everybody work."""
        run_economy(*state, (self._spread[0], self._spread[2]), self._book, self.rules)
        games = state[1]
        games[:, t.POINTS] = games[:, self._scores]

    def judge(self, state: State, harm: Harm, worth: Worth) -> Judged:
        """Score what was gathered or trained; the time ends the game, and that is a win."""
        return judge_points(state[1], self._scenario.loop_limit, worth)

    def observe(self, state: State, rows: Integers, views: Views) -> None:
        """Write entities, scalars and masks."""
        limit = float(self._scenario.loop_limit)
        trade = self._book[1]
        view_errand(*state, rows, self._spread, limit, views)
        view_economy(*state, rows, self._spread, trade, views)
        mask_orders(*state, rows, self._spread, self._verbs, views)
        mask_economy(*state, rows, self._spread, (self._verbs, trade), views)


TASKS: Final[Mapping[str, Callable[[Scenario], Task]]] = MappingProxyType(
    {"errand": Errand, "hunt": Hunt, "gather": Economy, "train": Economy}
)
"""Of the scenarios that are more than a battle."""


def make_task(scenario: Scenario) -> Task:
    """Build what a scenario's games are made of.

    Raises:
        ContractError: If there is no such task; names the nearest one.
    """
    if not scenario.task:
        return Battle(scenario)
    if scenario.task not in TASKS:
        raise ContractError(unknown("task", scenario.task, tuple(TASKS)))
    return TASKS[scenario.task](scenario)
