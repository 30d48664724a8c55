"""The example of an environment of one's own keeps the contract, and PPO beats its rule."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

ROOT = Path(__file__).parents[2]


@pytest.fixture
def repair(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT / "examples")
    return importlib.import_module("storm_repair")


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT / "examples")
    return importlib.import_module("train_storm_repair")


def a_legal_action(env: Any, observation: dict[str, Any], rng: np.random.Generator) -> Any:
    action = np.zeros(env.action_space.nvec.size, np.int64)
    action[0] = rng.choice(np.flatnonzero(observation["action_type_mask"]))
    if action[0] == 1:
        free = np.flatnonzero(observation["selectable_mask"])
        action[1 + rng.permutation(free)[: int(rng.integers(1, len(free) + 1))]] = 1
        action[-2] = rng.choice(np.flatnonzero(observation["target_mask"][1]))
    return action


def test_gymnasium_accepts_the_environment(repair: Any) -> None:
    # The checker acts at random, which masks forbid; it gets legal actions instead.
    class Guided(repair.StormRepair):  # type: ignore[misc]
        def step(self, action: Any) -> Any:
            rng = np.random.default_rng(int(np.sum(action)))
            return super().step(a_legal_action(self, self.observe(), rng))

    check_env(Guided(), skip_render_check=True)


@pytest.mark.parametrize("seed", range(5))
def test_any_legal_play_ends_with_power_for_all_and_the_reward_counts_what_was_lost(
    repair: Any, seed: int
) -> None:
    env, rng = repair.StormRepair(), np.random.default_rng(seed)
    observation, _ = env.reset(seed=seed)
    assert env.observation_space.contains(observation)
    total, finished, hours = 0.0, False, 0.0
    while not finished:
        action = a_legal_action(env, observation, rng)
        env.action_space.check_legal(action, observation)
        observation, reward, finished, truncated, info = env.step(action)
        assert not truncated
        assert env.hours >= hours
        hours = env.hours
        assert env.observation_space.contains(observation)
        total += reward
    assert not env.is_open.any()
    assert total * -10 == pytest.approx(info["lost"])


def test_the_work_of_crews_who_arrive_one_after_the_other_adds_up(repair: Any) -> None:
    env = repair.StormRepair()
    env.reset(seed=0)
    env.crew_at[:] = 0.0
    env.fault_at[:] = 0.0
    env.crew_at[1, 0] = repair.SPEED  # an hour away
    env.households[:] = 0.5
    env.work[:] = 0.0
    env.work[3] = 2.0
    env.job[:2] = 3
    env.arrival[:2] = [0.0, 1.0]
    # One crew does half in the first hour; two do the rest at 2 ** 0.6.
    end = 1 + 1 / 2**repair.CROWDING
    assert env.repaired_at(3) == pytest.approx(end)
    assert env.done_until(3, end) == pytest.approx(2.0)
    env.run_to_next_repair()
    assert env.lost == pytest.approx(0.5 * end)
    assert env.is_free.all()
    np.testing.assert_allclose(env.crew_at[1], 0.0, atol=1e-9)


def test_a_crew_that_is_still_on_its_way_when_others_finish_is_free_on_the_road(
    repair: Any,
) -> None:
    env = repair.StormRepair()
    env.reset(seed=0)
    env.crew_at[:] = 0.0
    env.fault_at[:] = 0.0
    env.crew_at[1, 0] = 2 * repair.SPEED  # two hours away
    env.work[:] = 0.0
    env.work[3] = 1.0
    env.job[:2] = 3
    env.arrival[:2] = [0.0, 2.0]
    env.run_to_next_repair()
    assert env.hours == pytest.approx(1.0)
    assert env.crew_at[1, 0] == pytest.approx(repair.SPEED)


def test_the_rules_play_legally(repair: Any) -> None:
    env = repair.StormRepair()
    for rule in (repair.greedy, lambda one: repair.greedy(one, 3), repair.careful):
        observation, _ = env.reset(seed=1)
        finished = False
        while not finished:
            action = rule(env)
            env.action_space.check_legal(action, observation)
            observation, _, finished, _, _ = env.step(action)


@pytest.mark.slow
def test_ppo_beats_the_greedy_rule_within_a_minute(training: Any) -> None:
    model = training.train(80_000, seed=0)
    storms = 300
    mine = training.lost_household_hours(training.agent(model), storms)
    rule = training.lost_household_hours(lambda env, _: training.greedy(env), storms)
    gain = rule - mine
    assert gain.mean() > 1.96 * gain.std(ddof=1) / storms**0.5
