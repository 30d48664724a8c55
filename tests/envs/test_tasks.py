"""What holds in the games of every task."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from perceiver_rl.envs import BatchedEnv, make_control
from perceiver_rl.envs.controls import CONTROLS, suitable_controls
from perceiver_rl.envs.scenarios import SCENARIOS
from perceiver_rl.spaces import ContractError

TASKS = [name for name, scenario in SCENARIOS.items() if scenario.task]
SCRIPTS = {
    "MoveToBeacon": "walk-to-nearest",
    "CollectMineralShards": "walk-to-nearest",
    "FindAndDefeatZerglings": "search",
    "CollectMineralsAndGas": "economist",
    "BuildMarines": "economist",
}


def scores(name: str, control: str, games: int = 4) -> Any:
    env = BatchedEnv(name, games)
    script = make_control(control, env.observation_space, env.action_space, seed=0)
    observation = env.reset(range(games))
    total = np.zeros(games)
    while not env.finished.all():
        step = env.step(script.act(observation))
        observation = step.observation
        total += step.reward
    return total


@pytest.mark.parametrize("name", TASKS)
def test_observations_of_random_play_lie_in_the_space_and_controls_play_legally(name: str) -> None:
    env = BatchedEnv(name, 3, max_entities=SCENARIOS[name].slots + 2)
    for control in suitable_controls(env.action_space):
        script = make_control(control, env.observation_space, env.action_space, seed=1)
        observation = env.reset([0, 1, 2])
        for _ in range(60):
            action = script.act(observation)
            for row in range(3):
                one: Any = {key: value[row] for key, value in observation.items()}
                assert env.observation_space.contains(one)
                env.action_space.check_legal(action[row], one)
            observation = env.step(action).observation


@pytest.mark.parametrize("name", TASKS)
def test_a_game_of_a_task_is_the_same_in_any_batch_and_at_any_position(name: str) -> None:
    def course(seeds: list[int], row: int) -> list[bytes]:
        env = BatchedEnv(name, len(seeds))
        env.reset(seeds)
        rng = np.random.default_rng(7)
        found: list[bytes] = []
        for _ in range(40):
            action = rng.integers(0, env.action_space.nvec)
            step = env.step(np.tile(action, (len(seeds), 1)))
            found += [value[row].tobytes() for value in step.observation.values()]
            found.append(step.reward[row].tobytes())
        env.restart(np.array([row]))
        found.append(env.units[row].tobytes())
        return found

    alone = course([42], 0)
    assert course([7, 42, 9], 1) == alone
    assert course([43], 0) != alone


GOLDEN = {
    "MoveToBeacon": "8079ec7526ca3669",
    "CollectMineralShards": "a580658b2ad7e36d",
    "FindAndDefeatZerglings": "389323a063f24792",
    "CollectMineralsAndGas": "34adbe2a7d7f0317",
    "BuildMarines": "5b8343459b68b706",
}


@pytest.mark.parametrize("name", TASKS)
def test_the_course_of_a_task_is_the_same_on_every_machine(name: str) -> None:
    digest = hashlib.sha256()
    env = BatchedEnv(name, 2)
    rng = np.random.default_rng(3)
    observation = env.reset([1, 2])
    script = make_control(SCRIPTS[name], env.observation_space, env.action_space, seed=0)
    for step in range(100):
        action = rng.integers(0, env.action_space.nvec, size=(2, env.action_space.nvec.size))
        result = env.step(script.act(observation) if step % 2 else action)
        observation = result.observation
        # The numbers of unit types depend on how many there are.
        kind = env.entity_space.index("unit_type")
        digest.update(np.delete(observation["entities"], kind, axis=2).tobytes())
        digest.update(observation["action_type_mask"].tobytes() + result.reward.tobytes())
    assert digest.hexdigest()[:16] == GOLDEN[name]


@pytest.mark.parametrize("name", TASKS)
def test_the_script_of_a_task_beats_random_play_clearly(name: str) -> None:
    random, script = scores(name, "random"), scores(name, SCRIPTS[name])
    assert script.mean() > random.mean() + 3 * np.hypot(random.std(), script.std()) / 2


def test_a_control_whose_orders_are_not_offered_is_an_error() -> None:
    env = BatchedEnv("MoveToBeacon", 1)
    assert set(suitable_controls(env.action_space)) == {"no-op", "random", "walk-to-nearest"}
    with pytest.raises(ContractError, match="'focus-fire' gives the orders.*only offers"):
        make_control("focus-fire", env.observation_space, env.action_space, 0)
    battle = BatchedEnv("Battle-3m", 1)
    assert "focus-fire" in suitable_controls(battle.action_space)
    assert set(suitable_controls(battle.action_space)) < set(CONTROLS)
