"""Two agents on a battlefield, as PettingZoo sees them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pettingzoo.test as pettingzoo_test
import pytest

from perceiver_rl.envs import make_control
from perceiver_rl.envs.parallel_env import BattleParallelEnv, parallel_env
from perceiver_rl.spaces import ActionError, ContractError


def play(env: BattleParallelEnv, blue: str, red: str, seed: int) -> dict[str, Any]:
    """Play one game; return the infos of its last step."""
    names = {"blue": blue, "red": red}
    players = {
        agent: make_control(name, env.observation_space(agent), env.action_space(agent), 0)
        for agent, name in names.items()
    }
    observations, _ = env.reset(seed)
    infos: dict[str, Any] = {}
    while env.agents:
        actions = {
            agent: players[agent].act({key: value[None] for key, value in seen.items()})[0]
            for agent, seen in observations.items()
        }
        observations, _, _, _, infos = env.step(actions)
    return infos


@pytest.mark.parametrize("scenario", ["Battle-3m", "Battle-2s3z"])
def test_pettingzoos_own_test_passes(scenario: str) -> None:
    pettingzoo_test.parallel_api_test(parallel_env(scenario), num_cycles=150)


def test_pettingzoos_seed_test_passes() -> None:
    pettingzoo_test.parallel_seed_test(lambda: parallel_env("Battle-3m"), num_cycles=20)


def test_who_fights_beats_who_stands_by_on_either_side() -> None:
    env = parallel_env("Battle-3m")
    infos = play(env, "attack-nearest", "no-op", 0)
    assert (infos["blue"]["outcome"], infos["red"]["outcome"]) == ("win", "loss")
    infos = play(env, "no-op", "attack-nearest", 0)
    assert (infos["blue"]["outcome"], infos["red"]["outcome"]) == ("loss", "win")
    assert infos["red"]["is_success"]
    assert not infos["blue"]["is_success"]


def test_agents_leave_when_the_game_ends_and_return_with_the_next() -> None:
    env = parallel_env("Battle-3m")
    _, infos = env.reset(5)
    assert infos == {"blue": {"episode_seed": 5}, "red": {"episode_seed": 5}}
    play(env, "attack-nearest", "no-op", 5)
    assert env.agents == []
    still = {agent: np.zeros(9, np.int64) for agent in env.possible_agents}
    with pytest.raises(ActionError, match=r"call reset\(\) first"):
        env.step(still)
    _, infos = env.reset()
    assert infos["red"]["episode_seed"] == env.batch.seeds[0] != 5
    env.step(still)


def test_wrong_agents_and_scenarios_are_said() -> None:
    env = parallel_env("Battle-3m")
    env.reset(0)
    still = np.zeros(9, np.int64)
    with pytest.raises(ActionError, match="an action of agent 'red' is missing"):
        env.step({"blue": still})
    with pytest.raises(ActionError, match="unknown agent 'rd'.*did you mean 'red'"):
        env.step({"blue": still, "rd": still})
    with pytest.raises(ContractError, match="has one side only"):
        parallel_env("DefeatRoaches")


def test_pictures_show_the_game() -> None:
    env = parallel_env("Battle-3m", render_mode="rgb_array")
    env.reset(0)
    picture = env.render()
    assert picture is not None
    assert picture.ndim == 3
    assert parallel_env("Battle-3m").render() is None
    env.close()
