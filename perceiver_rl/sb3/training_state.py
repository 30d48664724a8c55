"""What a run is doing between two rollouts, besides its weights: enough to go on exactly."""

from __future__ import annotations

import random
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from safetensors.numpy import load as arrays_from_bytes
from safetensors.numpy import save as bytes_from_arrays
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import TensorBoardOutputFormat

from perceiver_rl.sb3.archive import (
    CheckpointError,
    has_member,
    json_bytes,
    read_json,
    read_member,
)
from perceiver_rl.sb3.env_state import EnvState, capture_env, restore_env, snapshot_bytes
from perceiver_rl.sb3.tree import Packed, pack, unpack

STATE = "training.json"
ARRAYS = "training.safetensors"


class TrainingState:
    """A copy of generators, environment and observations at the beginning of a rollout.

    Weights do not change until the rollout ends, so this and the weights can be written at any
    moment of the rollout, which is then collected anew.

    Args:
        model: The algorithm, inside or after ``learn``.
        exact: Whether to copy the environment's state.

    Raises:
        CheckpointError: If the environment does not know its state; says what it lacks.
    """

    def __init__(self, model: BaseAlgorithm, exact: bool = True) -> None:
        env = model.get_env()
        if env is None:
            raise CheckpointError("a model without an environment is not training")
        self.num_timesteps = model.num_timesteps
        state = capture_env(env) if exact else EnvState({}, [])
        self._snapshots = state.snapshots
        self._packed = pack(
            {
                "generators": _generators(model.device),
                "games": _games(model),
                "log_run": _log_run(model),
                "env": state.values or None,
                "snapshots": len(state.snapshots),
            }
        )

    def members(self) -> dict[str, bytes]:
        """Return the files that :func:`restore_training` reads, for a checkpoint's archive."""
        return {
            STATE: json_bytes({"state": self._packed.json}),
            ARRAYS: bytes_from_arrays(self._packed.arrays),
            **{_member(at): snapshot_bytes(one) for at, one in enumerate(self._snapshots)},
        }


def has_training_state(path: str | Path) -> bool:
    """Return whether a checkpoint can be resumed from."""
    return has_member(path, STATE)


def restore_training(model: BaseAlgorithm, path: str | Path) -> str | None:
    """Bring a model that was loaded from a checkpoint back to what it was doing there.

    Where the checkpoint lacks the environment's state, new episodes begin.

    Returns:
        Name of the run in the logs, None if there were none.

    Raises:
        CheckpointError: If the checkpoint holds no such state, or the environment is another one.
    """
    state = _read(path)
    env = model.get_env()
    if env is None:
        raise CheckpointError(f"cannot resume {path} without an environment")
    try:
        games = state["games"]
        if state["env"] is not None:
            members = [read_member(path, _member(at)) for at in range(state["snapshots"])]
            restore_env(env, state["env"], members)
            _restore_games(model, games)
        for name in ("ep_info_buffer", "ep_success_buffer"):
            setattr(model, name, deque(games[name], maxlen=model._stats_window_size))
        _set_generators(state["generators"])
        return state["log_run"]
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        message = f"{path}: the saved state is incomplete: {type(error).__name__} {error}"
        raise CheckpointError(message) from None


def _read(path: str | Path) -> Any:
    json = read_json(path, STATE).get("state")
    try:
        arrays = arrays_from_bytes(read_member(path, ARRAYS))
    except (safetensors.SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path}: {ARRAYS} is damaged: {error}") from None
    return unpack(Packed(json, arrays))


def _member(at: int) -> str:
    return f"env_{at}.npz"


def _generators(device: torch.device) -> dict[str, Any]:
    kind, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 - the one libraries use
    return {
        "python": random.getstate(),
        "numpy": (kind, keys, *rest),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if device.type == "cuda" else None,
    }


def _set_generators(state: dict[str, Any]) -> None:
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])  # noqa: NPY002 - as above
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])


def _games(model: Any) -> dict[str, Any]:
    """Return what the algorithm remembers of its games."""
    return {
        "last_obs": model._last_obs,
        "last_original_obs": model._last_original_obs,
        "last_episode_starts": model._last_episode_starts,
        "lstm": getattr(model, "_last_lstm_states", None),
        "ep_info_buffer": list(model.ep_info_buffer or ()),
        "ep_success_buffer": list(model.ep_success_buffer or ()),
    }


def _restore_games(model: Any, games: dict[str, Any]) -> None:
    for name in ("last_obs", "last_original_obs", "last_episode_starts"):
        setattr(model, f"_{name}", games[name])
    if games["lstm"] is not None:
        pairs = (tuple(one.to(model.device) for one in pair) for pair in games["lstm"])
        model._last_lstm_states = type(model._last_lstm_states)(*pairs)


def _log_run(model: Any) -> str | None:
    formats = model.logger.output_formats if hasattr(model, "_logger") else []
    if any(isinstance(one, TensorBoardOutputFormat) for one in formats):
        return Path(model.logger.dir).name
    return None
