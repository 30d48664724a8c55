"""Armies that fight, until one is gone or the time is over; or waves of enemies, one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from perceiver_rl.spaces import Column

from .engine import fields as f
from .engine.deploy import deploy, next_wave
from .engine.draw import deploy_drawn
from .engine.judge import Judged, judge
from .engine.observe import Views, observe
from .engine.orders import give_orders
from .engine.units import UNIT_NAMES
from .scenarios import Scenario
from .task import Grid, Harm, Integers, State, Worth

SCALAR_NAMES: Final = ("time_left", "own_life", "enemy_life", "own_units", "enemy_units")
"""Each a share in [0, 1]: of the time, of the slots' full health and shields, of the slots."""


class Battle:
    """Our units fight the enemy's.

    Args:
        scenario: With units of both sides.

    Attributes:
        limits: Game loops, and the life of either side at the start, which scale what is observed.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.rules = scenario.rules()
        self._plan = scenario.plan()
        own = scenario.own_slots
        self._sides = (own, own + scenario.enemy_slots)
        life = [unit.health + unit.shield for unit in scenario.own_units]
        life += [max(life)] * (own - len(life))
        enemy_life = sum(unit.health + unit.shield for unit in scenario.enemy_units)
        self.limits = (float(scenario.loop_limit), float(sum(life)), float(enemy_life))
        waves = scenario.waves
        points = (waves.enemy_points, waves.own_points) if waves else (0, 0)
        self._ends = (scenario.loop_limit, *points, waves is not None)
        joins = UNIT_NAMES.index(scenario.own_units[0].name)
        self._reinforcements = (joins, waves.reinforcements if waves else 0)
        self._deploy = deploy if scenario.draw is None else deploy_drawn

    def columns(self, fighting: tuple[Column, ...]) -> tuple[Column, ...]:
        """Return the columns as they are."""
        return fighting

    def scalars(self) -> tuple[str, ...]:
        """Return the time, and what is left of either side."""
        return SCALAR_NAMES

    def start(self, state: State, rows: Integers) -> None:
        """Set out both sides."""
        self._deploy(*state, rows, self._sides[0], self._plan, self.rules)

    def order(self, state: State, actions: Integers, grid: Grid) -> None:
        """Carry out or refuse our side's actions."""
        give_orders(*state, actions, self._sides, grid, self.rules)

    def run(self, state: State, fight: Callable[[], None]) -> None:
        """Fight; a wave that is beaten is followed by the next one."""
        fight()
        if self._scenario.waves is None:
            return
        own, joining = self._sides[0], self._reinforcements
        while next_wave(*state, own, joining, self._plan, self.rules):
            fight()

    def judge(self, state: State, harm: Harm, worth: Worth) -> Judged:
        """Reward what the enemy lost; the game ends with a side or with the time."""
        games = state[1]
        if self._scenario.draw is not None:  # as if the drawn team had the nominal one's life
            harm = harm * self.limits[2] / np.maximum(games[:, f.ENEMY_LIFE], 1)
        return judge(games, harm, self._ends, worth)

    def observe(self, state: State, rows: Integers, views: Views) -> None:
        """Write entities, scalars and masks."""
        observe(*state, rows, self._sides, self.limits, views)
