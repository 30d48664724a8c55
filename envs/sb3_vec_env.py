"""A batch of games as a stable-baselines3 :class:`VecEnv`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv, VecMonitor
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from perceiver_rl.spaces import UnitActionSpace

from .batched_env import BatchedEnv
from .batched_step import BatchedStep, Observation
from .gym_env import PICTURES, check_render_mode
from .snapshot import Snapshot

_NO_SEED: Final = -1


class GameBatch(Protocol):
    """Games that are played in step, without automatic reset: those of the proxy or of the game."""

    num_envs: int

    @property
    def observation_space(self) -> spaces.Dict:
        """Of a single game."""
        ...

    @property
    def action_space(self) -> UnitActionSpace:
        """Of a single game."""
        ...

    def reset(self, seeds: Sequence[Any]) -> Observation:
        """Start all games, each from its own seed."""
        ...

    def step(self, actions: NDArray[Any]) -> BatchedStep:
        """Play a step of all games."""
        ...

    def follow_up(self, row: int) -> int | None:
        """Return the seed of the episode that follows a game's current one."""
        ...

    def restart(self, rows: NDArray[np.int64]) -> None:
        """Start the next episode of some games, in the arrays of the latest observation."""
        ...


class BatchVecEnv(VecEnv):
    """Games that share every call; an ended game starts its next episode in the same step.

    Seeded with s, game i plays what a single environment seeded with s + i plays, the episodes that
    follow included. Episode statistics stand in ``info["episode"]`` as from a Monitor, so no
    wrapper is needed for them.

    Args:
        batch: The games.
        seed: Of the first reset; drawn at random if None.
    """

    def __init__(self, batch: GameBatch, seed: int | None = None) -> None:
        self.batch: Any = batch
        self.render_mode: str | None = None
        self.metadata: dict[str, Any] = {"render_modes": []}
        self.spec: Any = None
        super().__init__(batch.num_envs, batch.observation_space, batch.action_space)
        self._started = False
        self._actions: NDArray[np.int64] = np.zeros((batch.num_envs, 0), np.int64)
        self._returns = np.zeros(batch.num_envs)
        self._lengths = np.zeros(batch.num_envs, np.int64)
        self._began = time.time()
        if seed is not None:
            self.seed(seed)

    def reset(self) -> Observation:
        """Start an episode in every game: from the seeds last set, else those that follow."""
        if not self._started and self._seeds[0] is None:
            self.seed()
        seeds = [
            self.batch.follow_up(row) if seed is None else int(seed)
            for row, seed in enumerate(self._seeds)
        ]
        self._reset_seeds()
        self._reset_options()
        self._started = True
        self._returns[:] = 0
        self._lengths[:] = 0
        self.reset_infos = [{"episode_seed": seed} for seed in seeds]
        return self.batch.reset(seeds)

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Keep the actions for :meth:`step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Play 8 game loops in every game."""
        observation, reward, terminated, truncated, infos = self.batch.step(self._actions)
        self._returns += reward
        self._lengths += 1
        dones = terminated | truncated
        ended = np.flatnonzero(dones)
        for row in ended:
            infos[row]["terminal_observation"] = {
                key: value[row].copy() for key, value in observation.items()
            }
            infos[row]["TimeLimit.truncated"] = bool(truncated[row])
            infos[row]["episode"] = {
                "r": round(float(self._returns[row]), 6),
                "l": int(self._lengths[row]),
                "t": round(time.time() - self._began, 6),
            }
        if ended.size:
            self._returns[ended] = 0
            self._lengths[ended] = 0
            self.batch.restart(ended)
        return observation, reward, dones, infos

    def close(self) -> None:
        """End what the games hold open: nothing on the proxy."""

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """Return no pictures."""
        return [None] * self.num_envs

    def _owner(self, name: str) -> Any:
        return self if name in self.__dict__ or not hasattr(self.batch, name) else self.batch

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return an attribute of the batch, once per game asked for."""
        value = getattr(self._owner(attr_name), attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute for all games at once.

        Raises:
            ValueError: If only some of the games are meant: they share their attributes.
        """
        if len(list(self._get_indices(indices))) != self.num_envs:
            raise ValueError(f"cannot set {attr_name!r} for some games only: they are one batch")
        setattr(self._owner(attr_name), attr_name, value)

    def env_method(
        self,
        method_name: str,
        *method_args: Any,
        indices: VecEnvIndices = None,
        **method_kwargs: Any,
    ) -> list[Any]:
        """Call a method of the batch once; its result is returned per game asked for."""
        result = getattr(self._owner(method_name), method_name)(*method_args, **method_kwargs)
        return [result for _ in self._get_indices(indices)]

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """Return True for monitors, whose episode statistics are built in, else False."""
        monitors: Iterable[type] = (Monitor, VecMonitor)
        found = any(issubclass(wrapper_class, monitor) for monitor in monitors)
        return [found for _ in self._get_indices(indices)]


class ProxyVecEnv(BatchVecEnv):
    """Games of the proxy, which can be drawn, and kept and brought back as they are.

    Args:
        batch: The games.
        seed: Of the first reset; drawn at random if None.
        render_mode: ``rgb_array`` or None.
    """

    def __init__(
        self, batch: BatchedEnv, seed: int | None = None, render_mode: str | None = None
    ) -> None:
        check_render_mode(render_mode, PICTURES)
        super().__init__(batch, seed)
        self.render_mode = render_mode
        self.metadata = {"render_modes": list(PICTURES), "render_fps": 8}

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """Return a picture ``[height, width, 3]`` of each game, or None without a render mode."""
        if self.render_mode is None:
            return [None] * self.num_envs
        from .render import draw_game  # Pillow is needed for pictures only

        return [draw_game(self.batch, row) for row in range(self.num_envs)]

    def snapshot(self) -> Snapshot:
        """Return a copy of all games, episode statistics and seeds to come as they are."""
        seeds = np.array([_NO_SEED if seed is None else seed for seed in self._seeds], np.int64)
        return self.batch.snapshot().of_face(
            "sb3_vec_env",
            started=np.array(self._started),
            returns=self._returns.copy(),
            lengths=self._lengths.copy(),
            seeds=seeds,
        )

    def restore(self, snapshot: Snapshot) -> Observation:
        """Bring all games and counters back to a snapshot, and return the observation.

        The wall-clock times of episodes are not part of it.

        Raises:
            ContractError: If the snapshot is not of such a VecEnv of this scenario.
        """
        names = ("started", "returns", "lengths", "seeds")
        started, returns, lengths, seeds = snapshot.counters("sb3_vec_env", names)
        observation = self.batch.restore(snapshot)
        self._started = bool(started)
        self._returns[:] = returns
        self._lengths[:] = lengths
        self._seeds = [None if seed == _NO_SEED else int(seed) for seed in seeds]
        return observation
