"""Looking at nearby pairs only changes nothing, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perceiver_rl.envs import BatchedEnv, Scenario
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.engine.push import push_all
from perceiver_rl.envs.engine.strips import COLUMNS, push_near, strip_count
from perceiver_rl.envs.scenarios import point

TEAM = (("marine", 30), ("medivac", 6), ("zealot", 10), ("colossus", 3), ("spine_crawler", 2))


def crowd(extent: float, seed: int) -> BatchedEnv:
    """Make a game whose units stand anywhere in a square, some in the same place, some dead."""
    places = ((point(9, 16), point(23, 16)),)
    env = BatchedEnv(Scenario(name="crowd", own=TEAM, enemy=TEAM, places=places, step_limit=9), 1)
    env.reset([seed])
    rng = np.random.default_rng(seed)
    total = env.scenario.slots
    env.units[0, f.X : f.Y + 1, :total] = rng.uniform(-0.5, extent, (2, total))
    env.units[0, f.X : f.Y + 1, 3] = env.units[0, f.X : f.Y + 1, 4]
    dead = rng.choice(total, 9, replace=False)
    env.units[0, :, dead] = 0
    env.units[0, f.BULK : f.AIR_BULK + 1, dead[:, None].T[0]] = f.NO_BULK
    return env


@pytest.mark.parametrize("extent", [3.0, 12.0, 32.5])
@pytest.mark.parametrize("seed", range(5))
def test_nearby_pairs_push_as_all_pairs_do(extent: float, seed: int) -> None:
    env = crowd(extent, seed)
    rules, width = env.scenario.rules(), env.units.shape[2]
    every: Any = [np.ones(width, np.float32) for _ in range(2)]
    near: Any = [np.full(width, 7, np.float32) for _ in range(2)]
    total = env.scenario.slots - 4  # the last ones only give way
    push_all(env.units, 0, total, rules, (*every, np.arange(width, dtype=np.float32)))
    order: Any = (
        np.full((COLUMNS, width), 7, np.float32),
        np.empty(width, np.int64),
        np.empty(strip_count(rules) + 1, np.int64),
    )
    push_near(env.units, 0, total, rules, tuple(near), order)
    assert np.count_nonzero(every[0]) > (5 if extent > 20 else 50)
    for one, two in zip(every, near, strict=True):
        np.testing.assert_array_equal(one, two)
