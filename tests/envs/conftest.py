"""A small battlefield on which a test places units and runs single game loops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from perceiver_rl.envs import BatchedEnv, Scenario
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.engine.kernel import Features, advance
from perceiver_rl.envs.engine.units import damage_table
from perceiver_rl.envs.scenarios import point


class Arena:
    """One game in which nobody has orders but those that the test gives.

    Slots count our units first, then the enemy's; both teams start at the given points.
    """

    def __init__(self, own: tuple[str, ...], enemy: tuple[str, ...], gap: float) -> None:
        self.env = BatchedEnv(
            Scenario(
                name="arena",
                own=tuple((name, 1) for name in own),
                enemy=tuple((name, 1) for name in enemy),
                places=((point(10, 16), point(10 + gap, 16)),),
                step_limit=1000,
                opponent="no-op",
            ),
            1,
        )
        self.env.reset([0])
        self.rules = self.env.scenario.rules()
        self.rules[f.ENEMY_ACQUIRES] = 0
        self.harm = np.zeros(1)

    def run(self, loops: int = 1) -> None:
        """Run game loops; stops early when a side is gone."""
        self.env.games[0, f.LEFT] = loops
        sides = (self.env.scenario.own_slots, self.env.scenario.slots)
        tables = (damage_table(), self.rules)
        advance(self.env.units, self.env.games, self.harm, sides, tables, *Features())

    def order(
        self,
        slot: int,
        order: int,
        target: int = f.NOBODY,
        goal: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Give a unit an order."""
        self.env.units[0, f.ORDER, slot] = order
        self.env.units[0, f.TARGET, slot] = target
        self.env.units[0, [f.GOAL_X, f.GOAL_Y], slot] = goal

    def get(self, slot: int, field: int) -> float:
        """Read a field of a unit."""
        return float(self.env.units[0, field, slot])

    def put(self, slot: int, field: int, value: float) -> None:
        """Write a field of a unit."""
        self.env.units[0, field, slot] = value

    @property
    def loop(self) -> int:
        """Loops run so far."""
        return int(self.env.games[0, f.LOOP])


@pytest.fixture
def arena() -> Callable[..., Arena]:
    def build(own: tuple[str, ...], enemy: tuple[str, ...], gap: float = 4.0) -> Arena:
        return Arena(own, enemy, gap)

    return build
