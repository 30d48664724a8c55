"""Any Gymnasium vector environment as a stable-baselines3 VecEnv."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from perceiver_rl.spaces import ContractError


class GymVectorToSB3(VecEnv):
    """A :class:`gymnasium.vector.VectorEnv` behind the interface of stable-baselines3.

    The environment must reset a finished game in the step that finishes it (autoreset mode
    ``SAME_STEP``): stable-baselines3 expects the next episode's first observation there, and would
    learn from a step that never was with ``NEXT_STEP``, Gymnasium's default.

    The spaces of a single game are handed on as they are; observations are copied, because an
    environment may write the next one into the same arrays; rewards become float32. Episode
    statistics come from stable-baselines3's ``VecMonitor`` around this, as usual.

    Args:
        env: The environment, for example of ``gym.make_vec(..., vector_kwargs=...)``.

    Raises:
        ContractError: If it has another autoreset mode, or observations that are neither arrays nor
            dictionaries of arrays.
    """

    env: Any  # vector environments have more (seeds per game, attributes) than their class says

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        _check_autoreset(env)
        _check_observations(env.single_observation_space)
        self.env = env
        self._actions: NDArray[Any] = np.zeros(0)
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> Any:
        """Start an episode in every game, from the seeds set last if there are any."""
        given = list(self._seeds)
        seed = given if any(one is not None for one in given) else None
        observation, infos = self.env.reset(seed=seed)
        self._reset_seeds()
        self._reset_options()
        self.reset_infos = [_of_game(infos, row) for row in range(self.num_envs)]
        return copy.deepcopy(observation)

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions for :meth:`step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Step every game."""
        observation, rewards, terminated, truncated, infos = self.env.step(self._actions)
        terminated, truncated = np.asarray(terminated, bool), np.asarray(truncated, bool)
        dones = terminated | truncated
        rows = [_of_game(infos, row) for row in range(self.num_envs)]
        for row in np.flatnonzero(dones):
            rows[row] = self._ended(rows[row], bool(truncated[row] and not terminated[row]))
        return copy.deepcopy(observation), np.array(rewards, np.float32), dones, rows

    def _ended(self, info: dict[str, Any], out_of_time: bool) -> dict[str, Any]:
        """Turn the info of a step with a reset in it into that of an episode's last step."""
        if "final_obs" not in info:
            raise ContractError(
                "a game ended without a final_obs in its info: the environment did not reset it in"
                " the same step, whatever its metadata says"
            )
        final = dict(info.get("final_info") or {})
        final["terminal_observation"] = info["final_obs"]
        final["TimeLimit.truncated"] = out_of_time
        return final

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """Return the pictures that the environment renders, or None for each game."""
        frames = None if self.render_mode is None else self.env.render()
        return [None] * self.num_envs if frames is None else list(frames)

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return an attribute of each game, or of the environment if its games share it."""
        rows = list(self._get_indices(indices))
        if hasattr(self.env, attr_name):
            return [getattr(self.env, attr_name) for _ in rows]
        if not hasattr(self.env, "get_attr"):
            raise AttributeError(f"{self.env} has no attribute {attr_name!r}")
        values = self.env.get_attr(attr_name)
        return [values[row] for row in rows]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute for all games.

        Raises:
            ValueError: If only some of the games are meant.
        """
        self._all_games(indices, f"set {attr_name!r}")
        if hasattr(self.env, "set_attr"):
            self.env.set_attr(attr_name, value)
        else:
            setattr(self.env, attr_name, value)

    def env_method(
        self,
        method_name: str,
        *method_args: Any,
        indices: VecEnvIndices = None,
        **method_kwargs: Any,
    ) -> list[Any]:
        """Call a method of every game, or of the environment if its games share it.

        Raises:
            ValueError: If only some of the games are meant, but each has the method.
        """
        if hasattr(self.env, method_name):
            result = getattr(self.env, method_name)(*method_args, **method_kwargs)
            return [result for _ in self._get_indices(indices)]
        self._all_games(indices, f"call {method_name!r}")
        return list(self.env.call(method_name, *method_args, **method_kwargs))

    def _all_games(self, indices: VecEnvIndices, what: str) -> None:
        if len(list(self._get_indices(indices))) != self.num_envs:
            raise ValueError(f"cannot {what} for some games only: they are one environment")

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """Return for each game whether it is wrapped; False where games are not separate."""
        games = getattr(self.env.unwrapped, "envs", None)
        if games is None:
            return [False for _ in self._get_indices(indices)]
        return [_is_wrapped(games[row], wrapper_class) for row in self._get_indices(indices)]


def _check_autoreset(env: VectorEnv[Any, Any, Any]) -> None:
    mode = env.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP)
    mode = mode if isinstance(mode, AutoresetMode) else AutoresetMode(mode)
    if mode is not AutoresetMode.SAME_STEP:
        raise ContractError(
            f"stable-baselines3 needs autoreset mode SAME_STEP, this environment has {mode.name}:"
            " make it with gym.make_vec(..., vector_kwargs={'autoreset_mode':"
            " AutoresetMode.SAME_STEP}), or autoreset_mode=... for one that brings its own vector"
            " environment"
        )


def _check_observations(space: gym.Space[Any]) -> None:
    parts = space.spaces.values() if isinstance(space, gym.spaces.Dict) else [space]
    for part in parts:
        if part.shape is None or isinstance(part, gym.spaces.Dict):
            raise ContractError(
                f"observations must be arrays or a dictionary of arrays, not {space}"
            )


def _of_game(infos: Mapping[str, Any], row: int) -> dict[str, Any]:
    """Return what the infos of a vector environment say about one game."""
    return {
        key: _value(value, row)
        for key, value in infos.items()
        if not key.startswith("_") and _says(infos.get(f"_{key}"), row)
    }


def _says(mask: Any, row: int) -> bool:
    return True if mask is None else bool(mask[row])


def _value(value: Any, row: int) -> Any:
    if isinstance(value, Mapping):
        return _of_game(value, row)
    entry = value[row]
    return entry.item() if isinstance(entry, np.generic) else entry


def _is_wrapped(env: Any, wrapper_class: type[Any]) -> bool:
    while isinstance(env, gym.Wrapper):
        if isinstance(env, wrapper_class):
            return True
        env = env.env
    return False
