"""A trained agent moves to another number of entities."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

from perceiver_rl.envs import make_vec
from perceiver_rl.sb3 import EntityPolicy, load_resized
from perceiver_rl.spaces import ContractError, ObservationError, UnitActionSpace


@pytest.fixture
def saved(muster: Any, tmp_path: Path) -> Path:
    env = make_vec_env(muster, n_envs=2, seed=0, env_kwargs={"max_entities": 5})
    model = PPO(EntityPolicy, env, n_steps=16, batch_size=32, n_epochs=1, device="cpu", seed=0)
    model.learn(32)
    model.save(tmp_path / "small.zip")
    return tmp_path / "small.zip"


@pytest.mark.parametrize("size", [3, 5, 12])
def test_it_acts_and_learns_with_more_or_fewer_entities(
    muster: Any, saved: Path, size: int
) -> None:
    env = make_vec_env(muster, n_envs=2, seed=0, env_kwargs={"max_entities": size})
    model: Any = load_resized(saved, env, device="cpu")
    actions, _ = model.predict(env.reset())
    assert actions.shape == (2, 3 + size)
    model.learn(32)


def test_padding_rows_change_nothing_of_what_it_does(muster: Any, saved: Path) -> None:
    small, large = muster(max_entities=5), muster(max_entities=9)
    observation, _ = small.reset(seed=4)
    padded = {
        key: np.zeros(space.shape, space.dtype) for key, space in large.observation_space.items()
    }
    for key, value in observation.items():
        padded[key][tuple(slice(0, n) for n in value.shape)] = value
    before, _ = PPO.load(saved, device="cpu").predict(observation, deterministic=True)
    resized: Any = load_resized(saved, large, device="cpu")
    after, _ = resized.predict(padded, deterministic=True)
    assert after[:6].tolist() == before[:6].tolist()
    assert after[-2:].tolist() == before[-2:].tolist()


def test_an_environment_that_differs_in_more_than_size_is_refused(muster: Any, saved: Path) -> None:
    other = muster()
    keys = other.observation_space.spaces
    other.observation_space = spaces.Dict({k: v for k, v in keys.items() if k != "scalars"})
    with pytest.raises(ObservationError, match="trained with the keys .*'scalars'"):
        load_resized(saved, other, device="cpu")

    other = muster()
    plain = spaces.Box(-1, 1, (5, 3), np.float32)
    other.observation_space = spaces.Dict({**keys, "entities": plain})
    with pytest.raises(ObservationError, match=r"differ in name.*'friend', 'marked', 'x'"):
        load_resized(saved, other, device="cpu")

    other = muster()
    other.action_space = UnitActionSpace(other.action_space.types, 5, grid=(3, 3))
    with pytest.raises(ContractError, match=r"grid \(2, 2\), the environment has \(3, 3\)"):
        load_resized(saved, other, device="cpu")

    other = muster()
    other.action_space = UnitActionSpace(other.action_space.types[:2], 5, grid=(2, 2))
    with pytest.raises(ContractError, match="action types .*'go'"):
        load_resized(saved, other, device="cpu")


def test_an_agent_of_a_small_battle_acts_in_a_large_one(tmp_path: Path) -> None:
    small = make_vec("perceiver_rl/Battle-3m-v0", num_envs=2, seed=0)
    PPO(EntityPolicy, small, n_steps=4, batch_size=8, device="cpu").save(tmp_path / "3m.zip")
    large = make_vec("perceiver_rl/Battle-25m-v0", num_envs=2, seed=0)
    model: Any = load_resized(tmp_path / "3m.zip", large, device="cpu")
    actions, _ = model.predict(large.reset())
    assert actions.shape == (2, 3 + 50)
