"""What an algorithm was made with, as plain JSON: enough to make it again."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import DictRolloutBuffer
from stable_baselines3.common.utils import ConstantSchedule, FloatSchedule, LinearSchedule

from perceiver_rl.sb3.archive import CheckpointError
from perceiver_rl.sb3.buffer import TorchDictRolloutBuffer
from perceiver_rl.sb3.mixin import EntityPolicyMixin
from perceiver_rl.spaces import unknown

Json = dict[str, Any]

# Which module knows an algorithm, and which policy it is saved with; loaded when one is asked for.
ALGORITHMS: Mapping[str, tuple[str, str]] = {
    "PPO": ("stable_baselines3", "EntityPolicy"),
    "A2C": ("stable_baselines3", "EntityPolicy"),
    "MaskablePPO": ("sb3_contrib", "MaskableEntityPolicy"),
    "RecurrentPPO": ("sb3_contrib", "RecurrentEntityPolicy"),
}

COUNTERS = (
    "num_timesteps",
    "_total_timesteps",
    "_num_timesteps_at_start",
    "_episode_num",
    "_n_updates",
    "_current_progress_remaining",
)

# Arguments that say where and for whom to run rather than what to learn, or that are kept apart.
_APART = (
    *("self", "policy", "env", "policy_kwargs", "verbose", "tensorboard_log", "device", "seed"),
    *("_init_setup_model", "rollout_buffer_class", "rollout_buffer_kwargs"),
    # Both are in the optimizer that the policy was made with.
    *("use_rms_prop", "rms_prop_eps"),
)
_ATTRIBUTES = {"stats_window_size": "_stats_window_size"}
_OWN_BUFFER = TorchDictRolloutBuffer.__name__


def write_recipe(model: BaseAlgorithm) -> Json:
    """Return what ``model`` was made with.

    Raises:
        CheckpointError: If something in it cannot be written as JSON; names it.
    """
    name = type(model).__name__
    if name not in ALGORITHMS or type(model) is not _algorithm(name):
        raise CheckpointError(unknown("algorithm", name, list(ALGORITHMS)))
    policy = model.policy
    if not isinstance(policy, EntityPolicyMixin) or type(policy) is not _policy(name):
        raise CheckpointError(
            f"{name} is saved with the policy {ALGORITHMS[name][1]},"
            f" not with {type(policy).__name__}; use the algorithm's own save"
        )
    return {
        "algorithm": name,
        "policy_kwargs": _write_policy(policy),
        "hyperparameters": {
            argument: _write_value(argument, getattr(model, _ATTRIBUTES.get(argument, argument)))
            for argument in _arguments(type(model))
        },
        "rollout_buffer": _write_buffer(model),
        "seed": model.seed,
        "n_envs": model.n_envs,
        "counters": {name: getattr(model, name) for name in COUNTERS},
    }


def read_recipe(content: Mapping[str, Any], **where: Any) -> BaseAlgorithm:
    """Return the algorithm that a recipe describes, without environment and policy.

    Args:
        content: What :func:`write_recipe` returned.
        where: ``device``, ``verbose`` and ``tensorboard_log`` of the algorithm.

    Raises:
        CheckpointError: If the recipe names something that this version does not know.
    """
    name = content["algorithm"]
    if name not in ALGORITHMS:
        raise CheckpointError(unknown("algorithm", str(name), list(ALGORITHMS)))
    algorithm = _algorithm(name)
    values = content["hyperparameters"]
    known = _arguments(algorithm)
    for argument in values:
        if argument not in known:
            raise CheckpointError(unknown(f"argument of {name}", argument, known))
    buffer = content["rollout_buffer"]
    if buffer is not None:
        if buffer != _OWN_BUFFER:
            raise CheckpointError(unknown("rollout buffer", str(buffer), [_OWN_BUFFER]))
        where["rollout_buffer_class"] = TorchDictRolloutBuffer
    model = algorithm(
        policy=_policy(name),
        env=None,
        policy_kwargs=_read_policy(content["policy_kwargs"]),
        _init_setup_model=False,
        **{argument: _read_value(value) for argument, value in values.items()},
        **where,
    )
    for counter in COUNTERS:
        setattr(model, counter, content["counters"][counter])
    model.n_envs = content["n_envs"]
    return model


def _algorithm(name: str) -> Callable[..., BaseAlgorithm]:
    module = ALGORITHMS[name][0]
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise ImportError(f"{name} needs sb3-contrib: pip install 'perceiver-rl[contrib]'") from (
            error
        )


def _policy(algorithm: str) -> type[EntityPolicyMixin]:
    return getattr(importlib.import_module("perceiver_rl.sb3"), ALGORITHMS[algorithm][1])


def _arguments(algorithm: Callable[..., BaseAlgorithm]) -> list[str]:
    return [name for name in inspect.signature(algorithm).parameters if name not in _APART]


def _write_policy(policy: EntityPolicyMixin) -> Json:
    optimizer = policy.optimizer_class
    if getattr(torch.optim, optimizer.__name__, None) is not optimizer:
        raise CheckpointError(f"optimizer_class must be one of torch.optim, not {optimizer}")
    # The algorithm brings these itself.
    apart = ("observation_space", "action_space", "lr_schedule", "use_sde", "optimizer_class")
    values = {
        name: _write_value(name, value)
        for name, value in policy._get_constructor_parameters().items()
        if name not in apart
    }
    return {**values, "optimizer_class": optimizer.__name__}


def _read_policy(content: Mapping[str, Any]) -> Json:
    arguments = {name: _read_value(value) for name, value in content.items()}
    name = arguments["optimizer_class"]
    found = getattr(torch.optim, name, None)
    if not (isinstance(found, type) and issubclass(found, torch.optim.Optimizer)):
        raise CheckpointError(f"torch.optim has no optimizer {name!r}")
    return {**arguments, "optimizer_class": found}


def _write_buffer(model: Any) -> str | None:
    """Return the name of the rollout buffer, None for the algorithm's own."""
    found = getattr(model, "rollout_buffer_class", None)
    if found is TorchDictRolloutBuffer:
        return _OWN_BUFFER
    if found in (None, DictRolloutBuffer) or found.__module__.startswith("sb3_contrib."):
        return None
    raise CheckpointError(f"cannot save a model with rollout_buffer_class {found}")


def _write_value(name: str, value: Any) -> Any:
    """Return an argument as JSON: a plain value, or a tagged tuple or schedule."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, FloatSchedule):
        return _write_value(name, value.value_schedule)
    if isinstance(value, ConstantSchedule):
        return float(value.val)
    if isinstance(value, LinearSchedule):
        return {"linear": [float(value.start), float(value.end), float(value.end_fraction)]}
    if isinstance(value, tuple):
        return {"tuple": [_write_value(name, one) for one in value]}
    if isinstance(value, list):
        return [_write_value(name, one) for one in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"mapping": {key: _write_value(name, one) for key, one in value.items()}}
    hint = (
        "; a schedule that can be saved is a number or a LinearSchedule of"
        " stable_baselines3.common.utils"
        if callable(value)
        else ""
    )
    raise CheckpointError(f"cannot save {name}={value!r} without pickle{hint}")


def _read_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_read_value(one) for one in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "linear":
        start, end, end_fraction = content
        return LinearSchedule(start, end, end_fraction)
    if kind == "tuple":
        return tuple(_read_value(one) for one in content)
    if kind == "mapping":
        return {key: _read_value(one) for key, one in content.items()}
    raise CheckpointError(unknown("kind of value", kind, ["linear", "tuple", "mapping"]))
