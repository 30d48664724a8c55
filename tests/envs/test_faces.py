"""The three faces of a batch: Gymnasium Env and VectorEnv, stable-baselines3 VecEnv."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as check_sb3_env
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

import perceiver_rl
from perceiver_rl._register import ENVIRONMENTS, register_environments
from perceiver_rl.envs import make_vec
from perceiver_rl.envs.scenarios import SCENARIOS, env_id
from perceiver_rl.spaces import ContractError

MINI_GAMES = [name for name in SCENARIOS if not name.startswith("Battle-")]
IDS = [env_id(name) for name in (*MINI_GAMES, "Battle-8m", "Battle-MMM", "Battle-zerg_10_vs_11")]


def some_actions(space: Any, games: int, steps: int) -> Any:
    """Draw actions, legal or not, for every step and game."""
    rng = np.random.default_rng(0)
    return rng.integers(0, space.nvec, size=(steps, games, space.nvec.size))


def same(one: dict[str, Any], two: dict[str, Any]) -> bool:
    return one.keys() == two.keys() and all(np.array_equal(one[key], two[key]) for key in one)


def test_every_scenario_is_registered_once() -> None:
    assert set(ENVIRONMENTS) == set(SCENARIOS)
    before = {name: gym.registry[name] for name in IDS}
    register_environments()
    assert {name: gym.registry[name] for name in IDS} == before


@pytest.mark.parametrize("name", IDS)
def test_gymnasium_finds_nothing_to_say_about_an_environment(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")  # it tries every way to render
    env = gym.make(f"perceiver_rl:{name}", render_mode="rgb_array")
    check_env(env.unwrapped, skip_render_check=True)  # that would open a window


@pytest.mark.parametrize("name", IDS)
def test_stable_baselines_only_remarks_on_the_two_dimensional_entities(name: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_sb3_env(gym.make(name))
    assert ["entities has an unconventional shape" in str(one.message) for one in caught] == [True]


@pytest.mark.parametrize("name", IDS)
def test_one_seed_gives_the_same_episodes_in_every_face(name: str) -> None:
    singles = [gym.make(name, opponent="random") for _ in range(3)]
    vector = gym.make_vec(name, 3, opponent="random", autoreset_mode="SameStep")
    sb3 = make_vec(name, 3, seed=40, opponent="random")
    steps = some_actions(singles[0].action_space, 3, 130)
    observations = [env.reset(seed=40 + row)[0] for row, env in enumerate(singles)]
    of_vector, _ = vector.reset(seed=40)
    of_sb3: Any = sb3.reset()
    for actions in steps:
        rewards, dones = np.zeros(3), np.zeros(3, bool)
        for row, env in enumerate(singles):
            assert same(observations[row], {key: value[row] for key, value in of_vector.items()})
            assert same(observations[row], {key: value[row] for key, value in of_sb3.items()})
            result = env.step(actions[row])
            observations[row], rewards[row] = result[0], result[1]
            dones[row] = result[2] or result[3]
            if dones[row]:
                observations[row], _ = env.reset()
        of_vector, reward, terminated, truncated, _ = vector.step(actions)
        of_sb3, sb3_reward, sb3_dones, _ = sb3.step(actions)
        np.testing.assert_array_equal(rewards, reward)
        np.testing.assert_array_equal(rewards.astype(np.float32), sb3_reward)
        np.testing.assert_array_equal(dones, terminated | truncated)
        np.testing.assert_array_equal(dones, sb3_dones)


def test_next_step_mode_agrees_with_gymnasiums_own_vector_environment() -> None:
    native = gym.make_vec("perceiver_rl/Battle-3m-v0", 4)
    assert native.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    synchronous = gym.make_vec("perceiver_rl/Battle-3m-v0", 4, vectorization_mode="sync")
    one, two = native.reset(seed=3)[0], synchronous.reset(seed=3)[0]
    ended = 0
    for actions in some_actions(native.single_action_space, 4, 150):
        assert same(one, two)
        one, *result, infos = native.step(actions)
        two, *expected, expected_infos = synchronous.step(actions)
        for value, other in zip(result, expected, strict=True):
            np.testing.assert_array_equal(value, other)
        ended += int((result[1] | result[2]).sum())
        for key in ("outcome", "game_loops", "refused_orders"):
            if f"_{key}" in expected_infos:
                shown = expected_infos[f"_{key}"]
                np.testing.assert_array_equal(infos[f"_{key}"], shown)
                np.testing.assert_array_equal(infos[key][shown], expected_infos[key][shown])
    assert ended > 4


def test_same_step_mode_hands_over_the_final_observation() -> None:
    vector = gym.make_vec("perceiver_rl/Battle-3m-v0", 2, autoreset_mode=AutoresetMode.SAME_STEP)
    single = gym.make("perceiver_rl/Battle-3m-v0")
    vector.reset(seed=8)
    single.reset(seed=8)
    for actions in some_actions(vector.single_action_space, 2, 60):
        expected, *_, expected_info = single.step(actions[0])
        _, _, terminated, truncated, infos = vector.step(actions)
        if terminated[0] or truncated[0]:
            assert same(infos["final_obs"][0], expected)
            assert infos["final_info"]["outcome"][0] == expected_info["outcome"]
            return
    raise AssertionError("no game ended")


def test_without_autoreset_games_are_reset_by_a_mask() -> None:
    vector: Any = gym.make_vec("perceiver_rl/Battle-3m-v0", 3, autoreset_mode="Disabled")
    first, _ = vector.reset(seed=[5, 6, 7])
    vector.step(some_actions(vector.single_action_space, 3, 1)[0])
    mask = np.array([False, True, False])
    again, info = vector.reset(seed=[0, 6, 0], options={"reset_mask": mask})
    assert np.array_equal(again["entities"][1], first["entities"][1])
    assert not np.array_equal(again["entities"][0], first["entities"][0])
    assert info["episode_seed"].tolist() == [5, 6, 7]
    with pytest.raises(ContractError, match="reset_mask must be bool"):
        vector.reset(options={"reset_mask": np.array([1, 0, 0])})
    with pytest.raises(ContractError, match="3 games need as many seeds, got 2"):
        vector.reset(seed=[1, 2])


def test_stable_baselines_gets_terminal_observation_time_limit_and_episode() -> None:
    env: Any = make_vec("perceiver_rl/Battle-3m-v0", 2, seed=1, opponent="no-op")
    env.reset()
    still = np.zeros((2, 9), dtype=np.int64)
    for _ in range(59):
        observation, _, dones, infos = env.step(still)
        assert not dones.any()
        assert infos == [{}, {}]
    last = copy.deepcopy(observation)
    observation, _, dones, infos = env.step(still)
    assert dones.all()
    for row, info in enumerate(infos):
        assert info["TimeLimit.truncated"] is True
        assert info["outcome"] == "draw"
        assert (info["episode"]["r"], info["episode"]["l"]) == (0.0, 60)
        terminal = info["terminal_observation"]
        assert np.array_equal(terminal["entities"], last["entities"][row])
        assert terminal["scalars"][0] == 0
    assert observation["scalars"][:, 0].tolist() == [1, 1]


def test_returns_are_those_of_a_monitor() -> None:
    own = make_vec("perceiver_rl/Battle-3m-v0", 8, seed=1)
    with pytest.warns(UserWarning, match="already wrapped with a `Monitor`"):
        wrapped = VecMonitor(make_vec("perceiver_rl/Battle-3m-v0", 8, seed=1))
    own.reset()
    wrapped.reset()
    seen = 0
    for actions in some_actions(own.action_space, 8, 80):
        infos, expected = own.step(actions)[3], wrapped.step(actions)[3]
        for one, two in zip(infos, expected, strict=True):
            assert ("episode" in one) == ("episode" in two)
            if "episode" in one:
                assert one["episode"]["r"] == pytest.approx(two["episode"]["r"], abs=1e-4)
                assert one["episode"]["l"] == two["episode"]["l"]
                seen += 1
    assert seen > 8


def test_seed_of_a_vec_env_sets_the_next_reset_only() -> None:
    env: Any = make_vec("perceiver_rl/Battle-3m-v0", 2, seed=5)
    first = env.reset()["entities"]
    second = env.reset()["entities"]
    env.seed(5)
    assert np.array_equal(env.reset()["entities"], first)
    assert np.array_equal(env.reset()["entities"], second)
    assert not np.array_equal(first, second)


def test_a_vec_env_answers_for_its_games() -> None:
    env = make_vec("perceiver_rl/Battle-3m-v0", 3, seed=0)
    assert env.get_attr("opponent") == ["attack-nearest"] * 3
    assert env.get_attr("render_mode", [0, 2]) == [None, None]
    assert env.env_is_wrapped(Monitor) == [True] * 3
    assert env.env_is_wrapped(gym.wrappers.TimeLimit, [1]) == [False]
    env.set_attr("illegal", "error")
    assert env.get_attr("illegal", 1) == ["error"]
    with pytest.raises(ValueError, match="some games only"):
        env.set_attr("illegal", "refuse", indices=[0])
    with pytest.raises(AttributeError):
        env.get_attr("no_such_thing")
    assert env.env_method("follow_up", 0, indices=[0]) == [env.get_attr("batch")[0].follow_up(0)]


def test_evaluate_policy_of_stable_baselines_runs_on_the_native_vec_env() -> None:
    class Still:
        def predict(self, observation: Any, *_: Any, **__: Any) -> tuple[Any, None]:
            return np.zeros((len(observation["entities"]), 9), dtype=np.int64), None

    env = make_vec("perceiver_rl/Battle-3m-v0", 4, seed=0)
    mean, spread = evaluate_policy(Still(), env, n_eval_episodes=8)
    assert (mean, spread) == (0.0, 0.0)


def test_make_vec_env_of_stable_baselines_makes_single_environments() -> None:
    env = make_vec_env("perceiver_rl/Battle-3m-v0", n_envs=2, seed=3)
    assert isinstance(env, DummyVecEnv)
    observation: Any = env.reset()
    native: Any = make_vec("perceiver_rl/Battle-3m-v0", 2, seed=3)
    assert same(observation, native.reset())


def test_a_single_environment_must_be_reset_first_and_after_its_end() -> None:
    env = gym.make("perceiver_rl/Battle-3m-v0", disable_env_checker=True).unwrapped
    still = np.zeros(9, dtype=np.int64)
    with pytest.raises(ResetNeeded):
        env.step(still)
    env.reset(seed=0)
    while not any(env.step(still)[2:4]):
        pass
    with pytest.raises(ResetNeeded):
        env.step(still)


def test_a_single_environment_gives_fresh_arrays_and_tells_its_seed() -> None:
    env = gym.make("perceiver_rl/Battle-3m-v0")
    first, info = env.reset(seed=9)
    kept = copy.deepcopy(first)
    assert info == {"episode_seed": 9}
    for actions in some_actions(env.action_space, 1, 10):
        env.step(actions[0])
    assert same(first, kept)
    _, info = env.reset()
    second, _ = env.reset(seed=info["episode_seed"])
    assert not same(second, kept)


def test_unknown_options_of_gym_make_are_errors() -> None:
    with pytest.raises(ContractError, match="did you mean 'focus-fire'"):
        gym.make("perceiver_rl/Battle-3m-v0", opponent="focusfire")
    with pytest.raises(ContractError, match="unknown autoreset_mode 'Samestep'"):
        gym.make_vec("perceiver_rl/Battle-3m-v0", 2, autoreset_mode="Samestep")
    with pytest.raises(ContractError, match="unknown render_mode 'human'.*gym.make_vec open"):
        make_vec("perceiver_rl/Battle-3m-v0", 2, render_mode="human")
    with pytest.raises(TypeError, match="oponent"):
        make_vec("perceiver_rl/Battle-3m-v0", 2, oponent="random")


def test_specs_and_environments_survive_pickling() -> None:
    env = gym.make("perceiver_rl/Battle-3m-v0", opponent="random", max_entities=10)
    spec = pickle.loads(pickle.dumps(env.spec))
    again = gym.make(spec)
    assert again.observation_space == env.observation_space
    assert again.action_space == env.action_space
    assert same(again.reset(seed=2)[0], env.reset(seed=2)[0])
    twin = pickle.loads(pickle.dumps(env.unwrapped))
    action = some_actions(env.action_space, 1, 1)[0, 0]
    assert same(twin.step(action)[0], env.step(action)[0])


def test_importing_the_environments_needs_no_torch_and_registering_no_numba() -> None:
    assert perceiver_rl.__doc__
    code = (
        "import sys, perceiver_rl\n"
        "assert not {'numba', 'torch'} & set(sys.modules)\n"
        "import perceiver_rl.envs\n"
        "assert not {'torch', 'stable_baselines3', 'PIL'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
