"""The state of a VecEnv: of its games and of the wrappers around them, to go on bit for bit."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gymnasium.wrappers import TimeLimit
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import (
    VecCheckNan,
    VecEnv,
    VecEnvWrapper,
    VecExtractDictObs,
    VecMonitor,
    VecNormalize,
    VecTransposeImage,
)

from perceiver_rl.sb3.archive import CheckpointError

_STATELESS = (VecTransposeImage, VecExtractDictObs, VecCheckNan)
# Of wrappers around a single environment, what they know about the episode under way.
_COUNTERS: tuple[tuple[type[Any], tuple[str, ...]], ...] = (
    (Monitor, ("rewards", "needs_reset", "total_steps")),
    (TimeLimit, ("_elapsed_steps",)),
)


class EnvState(NamedTuple):
    """What an environment was doing.

    Attributes:
        values: Nested plain values and arrays, see :func:`perceiver_rl.sb3.tree.pack`.
        snapshots: Objects with ``save(path)`` and ``load(path)``, of one game each or of all.
    """

    values: dict[str, Any]
    snapshots: list[Any]


def capture_env(env: VecEnv) -> EnvState:
    """Return a copy of an environment's state.

    The environment has to know its own state: the VecEnv itself by ``snapshot()`` and ``restore()``
    (as the native one does), or each of its environments by ``snapshot()`` and ``restore()``, or by
    ``get_state()`` and ``set_state(state)`` with plain nested values and arrays. The generator
    ``np_random`` of each environment, ``Monitor``, ``TimeLimit``, ``VecMonitor`` and
    ``VecNormalize`` are taken care of here.

    Raises:
        CheckpointError: If it does not, or is wrapped in something whose state is unknown.
    """
    wrappers = [
        {"kind": type(wrapper).__name__, "state": _wrapper_state(wrapper)}
        for wrapper in _wrappers(env)
    ]
    base = env.unwrapped
    values: dict[str, Any] = {"wrappers": wrappers, "num_envs": base.num_envs}
    if hasattr(type(base), "snapshot"):
        return EnvState(values, [base.snapshot()])  # type: ignore[attr-defined]
    values["games"] = [_game_counters(base, row) for row in range(base.num_envs)]
    if base.has_attr("snapshot"):
        return EnvState(values, base.env_method("snapshot"))
    if not base.has_attr("get_state") or not base.has_attr("set_state"):
        raise CheckpointError(
            f"{type(base).__name__} cannot be resumed exactly: its environments have neither"
            " snapshot() and restore() nor get_state() and set_state(state); give them these"
            " methods, or use exact=False to go on with new episodes"
        )
    values["states"] = base.env_method("get_state")
    return EnvState(values, [])


def restore_env(env: VecEnv, values: Mapping[str, Any], snapshots: list[bytes]) -> None:
    """Bring an environment back to a state, given the contents of its snapshots' files.

    Raises:
        CheckpointError: If it has other wrappers or another number of games.
        ContractError: If a snapshot does not fit.
    """
    base = env.unwrapped
    if base.num_envs != values["num_envs"]:
        raise CheckpointError(
            f"the run had {values['num_envs']} games at a time, this environment has"
            f" {base.num_envs}"
        )
    wrappers = list(_wrappers(env))
    kinds = [type(wrapper).__name__ for wrapper in wrappers]
    expected = [one["kind"] for one in values["wrappers"]]
    if kinds != expected:
        raise CheckpointError(f"the run had the wrappers {expected}, this environment has {kinds}")
    env.reset()  # wrappers refuse a step before it
    _restore_games(base, values, snapshots)
    for wrapper, one in zip(wrappers, values["wrappers"], strict=True):
        _restore_wrapper(wrapper, one["state"])


def snapshot_bytes(snapshot: Any) -> bytes:
    """Return what a snapshot writes to its file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "snapshot"
        snapshot.save(path)
        return path.read_bytes()


def _snapshot_like(snapshot: Any, content: bytes) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "snapshot"
        path.write_bytes(content)
        return type(snapshot).load(path)


def _wrappers(env: VecEnv) -> Iterator[VecEnvWrapper]:
    while isinstance(env, VecEnvWrapper):
        yield env
        env = env.venv


def _wrapper_state(wrapper: VecEnvWrapper) -> Any:
    if isinstance(wrapper, VecNormalize):
        obs = wrapper.obs_rms if wrapper.norm_obs else None
        moments: Any = (
            {key: _moments(one) for key, one in obs.items()}
            if isinstance(obs, dict)
            else obs and _moments(obs)
        )
        return {"obs": moments, "reward": _moments(wrapper.ret_rms), "returns": wrapper.returns}
    if isinstance(wrapper, VecMonitor):
        return {
            "returns": wrapper.episode_returns,
            "lengths": wrapper.episode_lengths,
            "count": wrapper.episode_count,
        }
    if isinstance(wrapper, _STATELESS):
        return None
    if hasattr(type(wrapper), "get_state") and hasattr(type(wrapper), "set_state"):
        return wrapper.get_state()
    raise CheckpointError(
        f"{type(wrapper).__name__} cannot be resumed exactly: it has no get_state() and"
        " set_state(state); use exact=False to go on with new episodes"
    )


def _restore_wrapper(wrapper: VecEnvWrapper, state: Any) -> None:
    if isinstance(wrapper, VecNormalize):
        for key, moments in (state["obs"] or {}).items() if _by_key(wrapper) else ():
            _set_moments(wrapper.obs_rms[key], moments)
        if state["obs"] is not None and not _by_key(wrapper):
            _set_moments(wrapper.obs_rms, state["obs"])
        _set_moments(wrapper.ret_rms, state["reward"])
        wrapper.returns = state["returns"]
    elif isinstance(wrapper, VecMonitor):
        wrapper.episode_returns = state["returns"]
        wrapper.episode_lengths = state["lengths"]
        wrapper.episode_count = state["count"]
    elif state is not None:
        wrapper.set_state(state)


def _by_key(wrapper: VecNormalize) -> bool:
    return wrapper.norm_obs and isinstance(wrapper.obs_rms, dict)


def _moments(rms: RunningMeanStd) -> dict[str, Any]:
    return {"mean": rms.mean, "var": rms.var, "count": rms.count}


def _set_moments(rms: Any, moments: Mapping[str, Any]) -> None:
    rms.mean, rms.var, rms.count = moments["mean"], moments["var"], moments["count"]


def _game_counters(base: VecEnv, row: int) -> dict[str, Any]:
    """Return what the wrappers of one game know, and the state of its generator."""
    found = {
        name: base.get_attr(name, row)[0]
        for wrapper, names in _COUNTERS
        if base.env_is_wrapped(wrapper, row)[0]
        for name in names
    }
    generator = base.get_attr("np_random", row)[0]
    return {"attributes": found, "generator": generator.bit_generator.state}


def _restore_games(base: VecEnv, values: Mapping[str, Any], snapshots: list[bytes]) -> None:
    if hasattr(type(base), "snapshot"):
        like = base.snapshot()  # type: ignore[attr-defined]
        base.restore(_snapshot_like(like, snapshots[0]))  # type: ignore[attr-defined]
        return
    if snapshots:
        like = base.env_method("snapshot", indices=0)[0]
        states: list[Any] = [_snapshot_like(like, content) for content in snapshots]
    else:
        states = values["states"]
    for row, (state, game) in enumerate(zip(states, values["games"], strict=True)):
        base.env_method("restore" if snapshots else "set_state", state, indices=row)
        for name, value in game["attributes"].items():
            base.set_attr(name, value, row)
        generator = base.get_attr("np_random", row)[0]
        generator.bit_generator.state = game["generator"]
        base.set_attr("np_random", generator, row)
