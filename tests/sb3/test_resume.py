"""A run that was killed and resumed ends with the weights of one that was not, bit for bit."""

from __future__ import annotations

import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import (
    SubprocVecEnv,
    VecEnv,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
)

from perceiver_rl.envs import make_vec
from perceiver_rl.sb3 import (
    CheckpointError,
    EntityPolicy,
    MaskableEntityPolicy,
    RecurrentEntityPolicy,
    ResumableCheckpoint,
    resume,
    safe_save,
)
from perceiver_rl.sb3.env_state import capture_env
from perceiver_rl.sb3.tree import pack, unpack
from perceiver_rl.spaces import ContractError

BATTLE = "perceiver_rl/Battle-3m-v0"
ROLLOUT, GAMES = 16, 4
STEPS = ROLLOUT * GAMES
SIZES: dict[str, Any] = {
    "batch_size": 32,
    "n_epochs": 2,
    "learning_rate": LinearSchedule(1e-3, 0, 1),
}
LEARNERS: dict[Any, tuple[Any, dict[str, Any]]] = {
    PPO: (EntityPolicy, SIZES),
    A2C: (EntityPolicy, {}),
    MaskablePPO: (MaskableEntityPolicy, SIZES),
    RecurrentPPO: (RecurrentEntityPolicy, SIZES),
}


class KilledError(Exception):
    """What ends the run in the middle of a rollout."""


class KillAt(BaseCallback):
    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def _on_step(self) -> bool:
        if self.num_timesteps >= self.steps:
            raise KilledError
        return True


def native() -> VecEnv:
    return make_vec(BATTLE, num_envs=GAMES, seed=3, opponent="kite")


def normalized() -> VecEnv:
    return VecNormalize(native(), norm_obs_keys=["scalars"])


def single() -> VecEnv:
    return make_vec_env(BATTLE, GAMES, seed=3)


def build(algorithm: Any, env: VecEnv, **kwargs: Any) -> Any:
    policy, sizes = LEARNERS[algorithm]
    return algorithm(policy, env, seed=5, device="cpu", n_steps=ROLLOUT, **{**sizes, **kwargs})


def learn(model: Any, total: int, *callbacks: BaseCallback) -> Any:
    masked = {"use_masking": False} if isinstance(model, MaskablePPO) else {}
    left = total - model.num_timesteps
    return model.learn(left, list(callbacks), reset_num_timesteps=False, **masked)


def disturb_generators() -> None:
    random.seed(99)
    np.random.seed(99)  # noqa: NPY002 - stable-baselines3 draws minibatches with it
    torch.manual_seed(99)


def differing(one: Any, other: Any) -> list[str]:
    theirs = other.policy.state_dict()
    return [name for name, x in one.policy.state_dict().items() if not torch.equal(x, theirs[name])]


def killed_and_resumed(
    algorithm: Any, make: Callable[[], VecEnv], folder: Path, exact: bool = True
) -> Any:
    checkpoints = ResumableCheckpoint(folder, STEPS, exact=exact)
    with pytest.raises(KilledError):
        learn(build(algorithm, make()), 4 * STEPS, checkpoints, KillAt(2 * STEPS + 20))
    disturb_generators()
    model = resume(folder, make(), device="cpu")
    assert model.num_timesteps == 2 * STEPS
    return learn(model, 4 * STEPS)


@pytest.mark.parametrize("algorithm", LEARNERS)
@pytest.mark.parametrize("make", [native, normalized, single])
def test_two_rollouts_a_kill_and_two_more_are_four_rollouts(
    algorithm: Any, make: Callable[[], VecEnv], tmp_path: Path
) -> None:
    straight = learn(build(algorithm, make()), 4 * STEPS)
    resumed = killed_and_resumed(algorithm, make, tmp_path)
    assert differing(straight, resumed) == []
    assert resumed.num_timesteps == straight.num_timesteps
    assert [e["r"] for e in resumed.ep_info_buffer] == [e["r"] for e in straight.ep_info_buffer]


def test_without_the_environment_new_games_begin(tmp_path: Path) -> None:
    straight = learn(build(PPO, native()), 4 * STEPS)
    assert differing(straight, killed_and_resumed(PPO, native, tmp_path, exact=False))


@pytest.mark.slow
def test_environments_in_processes_of_their_own_go_on_too(tmp_path: Path) -> None:
    def make() -> VecEnv:
        env = make_vec_env(f"perceiver_rl:{BATTLE}", GAMES, seed=3, vec_env_cls=SubprocVecEnv)
        made.append(env)
        return env

    made: list[VecEnv] = []
    straight = learn(build(PPO, make()), 4 * STEPS)
    assert differing(straight, killed_and_resumed(PPO, make, tmp_path)) == []
    for env in made:
        env.close()


@pytest.fixture
def stateful(muster: Any) -> Any:
    class Stateful(muster):  # type: ignore[misc]
        """Knows its state, but for the generator."""

        def get_state(self) -> dict[str, Any]:
            return {"target": self.target, "wanted": self.wanted, "friends": self.friends}

        def set_state(self, state: dict[str, Any]) -> None:
            self.target = state["target"]
            self.wanted, self.friends = state["wanted"], state["friends"]

    return Stateful


def test_any_environment_that_knows_its_state_goes_on(stateful: Any, tmp_path: Path) -> None:
    def make() -> VecEnv:
        limited: Any = gym.wrappers.TimeLimit
        limit = {"max_episode_steps": 3}
        return make_vec_env(stateful, GAMES, seed=3, wrapper_class=limited, wrapper_kwargs=limit)

    straight = learn(build(PPO, make()), 4 * STEPS)
    assert differing(straight, killed_and_resumed(PPO, make, tmp_path)) == []


def test_an_environment_that_does_not_know_its_state_is_refused_at_once(
    muster: Any, tmp_path: Path
) -> None:
    env = make_vec_env(muster, GAMES, seed=0)
    with pytest.raises(CheckpointError, match=r"neither snapshot\(\).*exact=False"):
        learn(build(PPO, env), 4 * STEPS, ResumableCheckpoint(tmp_path, STEPS))
    learn(build(PPO, env), STEPS, ResumableCheckpoint(tmp_path, STEPS, exact=False))
    assert resume(tmp_path, env, device="cpu").num_timesteps == STEPS


def test_a_wrapper_of_unknown_state_is_refused(tmp_path: Path) -> None:
    env = VecFrameStack(make_vec_env("CartPole-v1", GAMES), 2)
    with pytest.raises(CheckpointError, match="VecFrameStack cannot be resumed exactly"):
        capture_env(env)


def test_the_last_files_stay(tmp_path: Path) -> None:
    learn(build(PPO, native()), 5 * STEPS, ResumableCheckpoint(tmp_path, 2 * STEPS, keep=2))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"steps_{4 * STEPS}.zip",
        f"steps_{5 * STEPS}.zip",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_drops_the_rollout_and_the_rest_is_the_same(tmp_path: Path) -> None:
    class Press(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps == STEPS + 5 * GAMES:
                signal.raise_signal(signal.SIGINT)
            return True

    with ResumableCheckpoint(tmp_path, 100 * STEPS) as checkpoints:
        model = learn(build(PPO, native()), 4 * STEPS, Press(), checkpoints)
    assert model.num_timesteps == STEPS
    resumed = learn(resume(tmp_path, native(), device="cpu"), 4 * STEPS)
    assert differing(learn(build(PPO, native()), 4 * STEPS), resumed) == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_logs_go_on_in_the_same_run(tmp_path: Path) -> None:
    logs = str(tmp_path / "logs")
    learn(
        build(PPO, native(), tensorboard_log=logs),
        2 * STEPS,
        ResumableCheckpoint(tmp_path / "run", STEPS),
    )
    first = build(PPO, native(), tensorboard_log=logs)
    first.learn(STEPS)  # a later run of somebody else
    model = resume(tmp_path / "run", native(), device="cpu", tensorboard_log=logs)
    assert Path(model.logger.dir) == tmp_path / "logs" / "PPO_0"
    model.logger.close()


def test_a_folder_of_a_longer_run_is_not_written_to(tmp_path: Path) -> None:
    learn(build(PPO, native()), 2 * STEPS, ResumableCheckpoint(tmp_path, STEPS))
    with pytest.raises(CheckpointError, match=rf"steps_{2 * STEPS}\.zip is ahead of this run"):
        learn(build(PPO, native()), STEPS, ResumableCheckpoint(tmp_path, STEPS))


def test_another_environment_is_refused_by_name(tmp_path: Path) -> None:
    learn(build(PPO, native()), STEPS, ResumableCheckpoint(tmp_path, STEPS))
    with pytest.raises(CheckpointError, match="had 4 games at a time, this environment has 2"):
        resume(tmp_path, make_vec(BATTLE, num_envs=2), device="cpu")
    with pytest.raises(CheckpointError, match=r"had the wrappers \[\], .* has \['VecNormalize'\]"):
        resume(tmp_path, normalized(), device="cpu")
    with pytest.raises(ContractError, match="is of scenario"):
        resume(tmp_path, make_vec("perceiver_rl/Battle-8m-v0", num_envs=GAMES), device="cpu")


def test_without_a_state_to_resume_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        resume(tmp_path, native())
    safe_save(build(PPO, native()), tmp_path / "model.zip")
    with pytest.raises(CheckpointError, match=r"it has no training\.json"):
        resume(tmp_path / "model.zip", native(), device="cpu")


@pytest.mark.parametrize("arguments", [{"every_steps": 0}, {"every_steps": 1, "keep": 0}])
def test_numbers_below_one_are_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be at least 1, not 0"):
        ResumableCheckpoint("somewhere", **arguments)  # type: ignore[arg-type]


def test_nested_values_come_back_with_their_types() -> None:
    value = {
        "a": [1, 2.5, None, True, "text", 2**130, float("inf")],
        "b": (np.arange(3), {"c": torch.ones(2, dtype=torch.int64)}),
        "d": np.float32(0.1),
    }
    again = unpack(pack(value))
    assert again["a"] == value["a"]
    assert isinstance(again["b"], tuple)
    np.testing.assert_array_equal(again["b"][0], np.arange(3))
    assert torch.equal(again["b"][1]["c"], torch.ones(2, dtype=torch.int64))
    assert again["d"] == np.float32(0.1)
    assert again["d"].dtype == np.float32


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {3}}, np.array(["text"]), lambda: 0])
def test_what_cannot_be_stored_is_named(value: Any) -> None:
    with pytest.raises(CheckpointError, match=r"cannot save state"):
        pack(value)


def test_monitors_go_on_counting(tmp_path: Path) -> None:
    def make() -> VecEnv:
        with pytest.warns(UserWarning, match="already wrapped"):
            return VecMonitor(single())

    straight = learn(build(PPO, make()), 4 * STEPS)
    resumed = killed_and_resumed(PPO, make, tmp_path)
    assert [e["l"] for e in resumed.ep_info_buffer] == [e["l"] for e in straight.ep_info_buffer]
