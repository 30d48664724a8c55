"""Saving and loading whole models without pickle: reading such a file runs no code from it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.type_aliases import GymEnv
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor, nn

from perceiver_rl.sb3.archive import (
    CheckpointError,
    first_difference,
    json_bytes,
    read_json,
    read_tensors,
    tensor_bytes,
    write_members,
)
from perceiver_rl.sb3.recipe import read_recipe, write_recipe
from perceiver_rl.sb3.space_json import space_from_json, space_to_json
from perceiver_rl.sb3.transfer import check_same_but_size, check_same_but_size_of_actions
from perceiver_rl.versions import versions

DESCRIPTION = "perceiver_rl.json"
POLICY = "policy.safetensors"
OPTIMIZER = "optimizer.safetensors"
FORMAT = 1


def safe_save(
    model: BaseAlgorithm,
    path: str | Path,
    about: Mapping[str, Any] | None = None,
    members: Mapping[str, bytes] | None = None,
) -> None:
    """Write a model as stable-baselines3 does, and beside it JSON and safetensors in the same zip.

    stable-baselines3's own ``load`` opens the former and unpickles; :func:`safe_load` opens the
    latter: the policy's weights, the optimizer's state, the spaces, the arguments of policy and
    algorithm, and the counters of steps and updates. To go on with training bit for bit, use
    :class:`ResumableCheckpoint`.

    Args:
        model: PPO, A2C, MaskablePPO or RecurrentPPO with its entity policy.
        path: The file; it is the old one or the new one, never a part.
        about: Whatever else to say about the model, in JSON; :func:`describe_checkpoint` shows it.
        members: Further files to put into the archive, by name.

    Raises:
        CheckpointError: If something about the model cannot be written without pickle, for example
            a learning rate that is a function of one's own; names it.
        OSError: If the folder cannot be written to or the disk is full.
    """
    state = distinct_tensors(model.policy)
    optimizer = model.policy.optimizer.state_dict()
    moments, rest = _split_optimizer(optimizer["state"])
    description = {
        "format": FORMAT,
        "versions": versions(),
        **write_recipe(model),
        "observation_space": space_to_json(model.observation_space),
        "action_space": space_to_json(model.action_space),
        "optimizer": {
            "groups": optimizer["param_groups"],
            "tensors": list(moments),
            "values": rest,
        },
        "about": dict(about or {}),
    }
    write_members(
        path,
        model,
        {
            DESCRIPTION: json_bytes(description),
            POLICY: tensor_bytes(state),
            OPTIMIZER: tensor_bytes(moments),
            **(members or {}),
        },
    )


def safe_load(
    path: str | Path,
    env: GymEnv | None = None,
    *,
    device: torch.device | str = "auto",
    verbose: int = 0,
    tensorboard_log: str | None = None,
) -> Any:
    """Return the model that :func:`safe_save` wrote; nothing in the file is executed.

    Args:
        path: The file.
        env: An environment to go on learning in; it may hold another number of entities.
        device: As in stable-baselines3.
        verbose: As in stable-baselines3.
        tensorboard_log: As in stable-baselines3.

    Returns:
        PPO, A2C, MaskablePPO or RecurrentPPO, as saved.

    Raises:
        CheckpointError: If the file is missing, damaged, of a newer version, or not what it says;
            names the part or the tensor.
        ContractError: If the environment differs in more than the number of entities.
    """
    description = describe_checkpoint(path)
    with _reading(path):
        model: Any = read_recipe(
            description, device=device, verbose=verbose, tensorboard_log=tensorboard_log
        )
        model.observation_space, model.action_space = saved_spaces(description)
    if env is not None:
        _attach(model, env)
    with _reading(path):
        model._setup_model()
        model.seed = description["seed"]
    load_into(model, path)
    return model


@contextlib.contextmanager
def _reading(path: str | Path) -> Iterator[None]:
    """Say which file it was whose description makes no model."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, AssertionError) as error:
        message = f"{path}: {DESCRIPTION} is incomplete or changed: {type(error).__name__} {error}"
        raise CheckpointError(message) from None


def describe_checkpoint(path: str | Path) -> dict[str, Any]:
    """Return what a saved model says about itself.

    Raises:
        CheckpointError: If the file is missing, damaged, or written by a newer version.
    """
    description = read_json(path, DESCRIPTION)
    found = description.get("format")
    if not isinstance(found, int):
        raise CheckpointError(f"{path}: cannot read {DESCRIPTION}: its format is {found!r}")
    if found > FORMAT:
        raise CheckpointError(
            f"{path} has format {found}, this version reads up to {FORMAT}:"
            " it was written by a newer perceiver-rl"
        )
    return description


def saved_spaces(description: Mapping[str, Any]) -> tuple[spaces.Space[Any], spaces.Space[Any]]:
    """Return the observation and the action space that a model was saved with.

    Raises:
        CheckpointError: If they are described incompletely.
    """
    try:
        observations = space_from_json(description["observation_space"])
        return observations, space_from_json(description["action_space"])
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"cannot read the spaces: {error}") from None


def load_into(model: BaseAlgorithm, path: str | Path) -> None:
    """Bring a model of the same architecture to a file's weights, optimizer state and step count.

    Raises:
        CheckpointError: If the file is damaged or the architectures differ; names the first tensor
            that does.
    """
    description = describe_checkpoint(path)
    load_weights(model.policy, path)
    _load_optimizer(model.policy.optimizer, path, description)
    for name, value in description["counters"].items():
        setattr(model, name, value)


def load_weights(policy: nn.Module, path: str | Path) -> None:
    """Load a file's weights into a policy of the same architecture.

    Raises:
        CheckpointError: If the file is damaged or the architectures differ; names the first tensor
            that does.
    """
    state, expected = read_tensors(path, POLICY), distinct_tensors(policy)
    difference = first_difference(expected, state)
    if difference:
        raise CheckpointError(f"{path} holds another architecture: {difference}")
    with torch.no_grad():
        for name, tensor in expected.items():
            tensor.copy_(state[name])


def distinct_tensors(policy: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a policy, each once: actor and critic may share theirs."""
    seen: set[int] = set()
    distinct = {}
    for name, tensor in policy.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            distinct[name] = tensor
    return distinct


def _attach(model: Any, env: GymEnv) -> None:
    env = cast(VecEnv, model._wrap_env(env, model.verbose))
    check_same_but_size(model.observation_space, env.observation_space)
    check_same_but_size_of_actions(model.action_space, env.action_space)
    model.env, model.n_envs = env, env.num_envs
    model.observation_space, model.action_space = env.observation_space, env.action_space


def _split_optimizer(
    state: Mapping[int, Mapping[str, Any]],
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return an optimizer's state as tensors and plain values, named ``<parameter>.<part>``."""
    tensors: dict[str, Tensor] = {}
    values: dict[str, Any] = {}
    for parameter, parts in state.items():
        for part, value in parts.items():
            if isinstance(value, Tensor):
                tensors[f"{parameter}.{part}"] = value
            else:
                values[f"{parameter}.{part}"] = value
    return tensors, values


def _load_optimizer(
    optimizer: torch.optim.Optimizer, path: str | Path, description: Mapping[str, Any]
) -> None:
    tensors = read_tensors(path, OPTIMIZER)
    fresh = optimizer.state_dict()["param_groups"]
    try:
        saved = description["optimizer"]
        groups = _groups(saved["groups"], fresh)
        for name in set(saved["tensors"]) ^ set(tensors):
            found = "found" if name in tensors else "lacks"
            raise CheckpointError(f"{OPTIMIZER} {found} tensor {name!r}, against {DESCRIPTION}")
        ordered = {name: tensors[name] for name in saved["tensors"]}
        state = _joined(optimizer, {**ordered, **saved["values"]})
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path}: cannot read the optimizer's state: {error}") from None


def _groups(found: list[dict[str, Any]], fresh: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the parameter groups of a file, with tuples where the optimizer has tuples."""
    if len(found) != len(fresh):
        raise CheckpointError(f"the optimizer has {len(fresh)} groups, the file {len(found)}")
    groups = []
    for theirs, ours in zip(found, fresh, strict=True):
        if theirs.keys() != ours.keys() or theirs["params"] != ours["params"]:
            raise CheckpointError(
                f"another optimizer: expected the settings {sorted(ours)} of"
                f" {len(ours['params'])} parameters, found {sorted(theirs)} of"
                f" {len(theirs['params'])}"
            )
        groups.append(
            {
                name: tuple(value) if isinstance(ours[name], tuple) else value
                for name, value in theirs.items()
            }
        )
    return groups


def _joined(
    optimizer: torch.optim.Optimizer, parts: Mapping[str, Any]
) -> dict[int, dict[str, Any]]:
    """Undo :func:`_split_optimizer`, and check each tensor against its parameter."""
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for name, value in parts.items():
        number, _, part = name.partition(".")
        parameter = parameters[int(number)] if int(number) < len(parameters) else None
        if parameter is None or (
            isinstance(value, Tensor) and value.dim() and value.shape != parameter.shape
        ):
            shape = "no parameter" if parameter is None else f"shape {tuple(parameter.shape)}"
            found = tuple(value.shape) if isinstance(value, Tensor) else value
            raise CheckpointError(f"optimizer tensor {name!r}: expected {shape}, found {found}")
        state.setdefault(int(number), {})[part] = value
    return state
