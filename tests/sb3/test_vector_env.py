"""Gymnasium vector environments behind stable-baselines3's interface."""

from __future__ import annotations

import functools
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3 import PPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from perceiver_rl.envs import make_vec
from perceiver_rl.sb3 import EntityPolicy, GymVectorToSB3
from perceiver_rl.spaces import ContractError, EntitySpace, UnitActionSpace

SAME_STEP = AutoresetMode.SAME_STEP
BATTLE = "perceiver_rl/Battle-3m-v0"


def cart_poles(count: int, **options: Any) -> SyncVectorEnv:
    return SyncVectorEnv(
        [lambda: gym.make("CartPole-v1", max_episode_steps=12, **options)] * count,
        autoreset_mode=SAME_STEP,
    )


def test_a_stock_environment_gives_what_stable_baselines_own_wrapper_gives() -> None:
    adapted: Any = GymVectorToSB3(cart_poles(3))
    dummy: Any = DummyVecEnv([lambda: gym.make("CartPole-v1", max_episode_steps=12)] * 3)
    adapted.seed(7)
    dummy.seed(7)
    np.testing.assert_array_equal(adapted.reset(), dummy.reset())
    rng = np.random.default_rng(0)
    timed_out = fell = 0
    for _ in range(80):
        actions = rng.integers(2, size=3)
        observation, reward, done, infos = adapted.step(actions)
        expected, expected_reward, expected_done, expected_infos = dummy.step(actions)
        np.testing.assert_array_equal(observation, expected)
        np.testing.assert_array_equal(reward, expected_reward)
        assert reward.dtype == np.float32
        np.testing.assert_array_equal(done, expected_done)
        for row in np.flatnonzero(done):
            last = expected_infos[row]["terminal_observation"]
            np.testing.assert_array_equal(infos[row]["terminal_observation"], last)
            limit = expected_infos[row]["TimeLimit.truncated"]
            assert infos[row]["TimeLimit.truncated"] is limit
            timed_out, fell = timed_out + limit, fell + (not limit)
    assert timed_out
    assert fell


def test_our_vector_environment_gives_what_our_native_one_gives() -> None:
    adapted: Any = GymVectorToSB3(gym.make_vec(BATTLE, 4, autoreset_mode=SAME_STEP))
    native: Any = make_vec(BATTLE, 4, seed=3)
    adapted.seed(3)
    one, two = adapted.reset(), native.reset()
    assert adapted.reset_infos == [{"episode_seed": 3 + row} for row in range(4)]
    actions = np.random.default_rng(0).integers(0, native.action_space.nvec, size=(90, 4, 9))
    ended = 0
    for action in actions:
        for key in two:
            np.testing.assert_array_equal(one[key], two[key])
        one, reward, done, infos = adapted.step(action)
        two, expected_reward, expected_done, expected_infos = native.step(action)
        np.testing.assert_array_equal(reward, expected_reward)
        np.testing.assert_array_equal(done, expected_done)
        for info, expected in zip(infos, expected_infos, strict=True):
            expected.pop("episode", None)
            last, expected_last = (
                each.pop("terminal_observation", {}) for each in (info, expected)
            )
            assert info == expected
            assert last.keys() == expected_last.keys()
            for key in last:
                np.testing.assert_array_equal(last[key], expected_last[key])
            ended += bool(last)
    assert ended > 4


def test_the_spaces_of_a_single_game_are_kept() -> None:
    env: Any = GymVectorToSB3(gym.make_vec(BATTLE, 2, autoreset_mode=SAME_STEP))
    assert isinstance(env.observation_space["entities"], EntitySpace)
    assert isinstance(env.action_space, UnitActionSpace)


@pytest.mark.parametrize(
    ("make", "policy"),
    [
        (lambda: cart_poles(2), "MlpPolicy"),
        (lambda: gym.make_vec(BATTLE, 2, autoreset_mode=SAME_STEP), EntityPolicy),
    ],
)
def test_ppo_trains_and_gets_episode_statistics(make: Any, policy: Any) -> None:
    env = VecMonitor(GymVectorToSB3(make()))
    model = PPO(policy, env, n_steps=64, batch_size=32, n_epochs=1, seed=0, device="cpu")
    model.learn(128)
    assert model.num_timesteps == 128
    assert model.ep_info_buffer


def test_next_step_autoreset_is_refused_with_what_to_do() -> None:
    with pytest.raises(ContractError, match=r"needs .* SAME_STEP, this environment has NEXT_STEP"):
        GymVectorToSB3(gym.make_vec("CartPole-v1", 2, vectorization_mode="sync"))
    with pytest.raises(ContractError, match="AutoresetMode.SAME_STEP"):
        GymVectorToSB3(gym.make_vec(BATTLE, 2, autoreset_mode=AutoresetMode.DISABLED))


class Constant(gym.Env[Any, Any]):
    """Whatever is observed and done."""

    action_space = spaces.Discrete(2)

    def __init__(self, observation_space: spaces.Space[Any]) -> None:
        self.observation_space = observation_space

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        return self.observation_space.sample(), 0.0, False, False, {}


def test_observations_that_are_no_arrays_are_refused() -> None:
    deep = spaces.Dict({"a": spaces.Dict({"b": spaces.Box(0, 1)})})
    for space in (spaces.Tuple([spaces.Box(0, 1)]), deep):
        env = SyncVectorEnv([functools.partial(Constant, space)], autoreset_mode=SAME_STEP)
        with pytest.raises(ContractError, match="must be arrays or a dictionary of arrays"):
            GymVectorToSB3(env)


def test_an_observation_that_was_handed_out_does_not_change() -> None:
    sync = SyncVectorEnv(
        [lambda: gym.make("CartPole-v1")] * 2, copy=False, autoreset_mode=SAME_STEP
    )
    env: Any = GymVectorToSB3(sync)
    env.seed(0)
    first = env.reset()
    before = first.copy()
    second = env.step(np.array([0, 1]))[0]
    after = second.copy()
    env.step(np.array([0, 1]))
    np.testing.assert_array_equal(first, before)
    np.testing.assert_array_equal(second, after)


def test_attributes_methods_and_wrappers_of_the_games_are_reached() -> None:
    env = GymVectorToSB3(cart_poles(3, render_mode="rgb_array"))
    env.reset()
    assert env.render_mode == "rgb_array"
    assert env.get_attr("x_threshold", [0, 2]) == [2.4, 2.4]
    env.set_attr("x_threshold", 1.0)
    assert env.get_attr("x_threshold") == [1.0] * 3
    assert env.env_method("has_wrapper_attr", "gravity") == [True] * 3
    assert env.env_is_wrapped(gym.wrappers.TimeLimit) == [True] * 3
    assert env.env_is_wrapped(Monitor, 1) == [False]
    with pytest.raises(ValueError, match="some games only"):
        env.set_attr("x_threshold", 1.0, indices=[0])
    with pytest.raises(ValueError, match="some games only"):
        env.env_method("has_wrapper_attr", "gravity", indices=[0])
    assert len([frame for frame in env.get_images() if frame is not None]) == 3
    env.close()
