"""What a scenario does not need can be left out of the engine without a change."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_rl.envs import BatchedEnv
from perceiver_rl.envs.engine.kernel import Features, advance
from perceiver_rl.envs.features import find_features


@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("Battle-8m", Features(None, None, None)),
        ("Battle-MMM", Features(None, None, True)),
        ("Battle-bane_vs_bane", Features(None, True, None)),
        ("Battle-3s5z", Features(None, None, None)),
        ("Battle-1c3s5z", Features(None, True, None)),
        ("Battle-corridor", Features(True, None, None)),
        ("Battle-zerg_10_vs_10", Features(None, True, None)),
        ("Battle-terran_10_vs_10", Features(None, None, True)),
    ],
)
def test_a_scenario_gets_what_its_units_and_its_map_need(name: str, features: Features) -> None:
    assert find_features(BatchedEnv(name, 1).scenario) == features


@pytest.mark.parametrize("name", ["Battle-2s3z", "Battle-MMM2", "Battle-128m"])
def test_a_game_is_the_same_with_every_part_of_the_engine(name: str) -> None:
    games = [BatchedEnv(name, 2, opponent="attack-nearest") for _ in range(2)]
    games[1]._features = Features()
    games[1]._advance = advance
    for game in games:
        game.reset([3, 4])
    rng = np.random.default_rng(0)
    for _ in range(30):
        actions = rng.integers(0, games[0].action_space.nvec, (2, games[0].action_space.nvec.size))
        for game in games:
            game.step(actions)
        np.testing.assert_array_equal(games[0].units, games[1].units)
        np.testing.assert_array_equal(games[0].games, games[1].games)
