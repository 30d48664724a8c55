"""Checkpoints: stable-baselines3's own zip file, and a description that needs no pickle to read.

``PPO.load`` opens such a file, but it unpickles. The functions here never do: they read the
description, build the network anew, and take tensors only.
"""

from __future__ import annotations

import io
import json
import pickle
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from gymnasium import spaces
from torch import Tensor

from .config import TrainConfig
from .errors import CheckpointError, ConfigError
from .files import replacing
from .machine import versions
from .space_parts import describe_spaces
from .strict_yaml import from_mapping, to_mapping

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

MEMBER = "perceiver_rl.json"
FORMAT = 1
BACKEND = "proxy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a checkpoint says about itself.

    Args:
        format: Version of this description.
        backend: Where the agent was trained; scores of different backends are not comparable.
        num_timesteps: Environment steps learned from.
        config: The run's settings: environment, policy, algorithm, seed.
        spaces: The observation and action space, one line per part.
        versions: Packages that wrote the file.
    """

    format: int
    backend: str
    num_timesteps: int
    config: Mapping[str, Any]
    spaces: Mapping[str, str]
    versions: Mapping[str, str]

    @property
    def settings(self) -> TrainConfig:
        """The run's settings.

        Raises:
            ConfigError: If they hold a key that this version does not know.
        """
        return from_mapping(TrainConfig, self.config)


def save(model: BaseAlgorithm, path: Path, config: TrainConfig) -> None:
    """Write a checkpoint; the file is the old one or the new one, never a part.

    Raises:
        OSError: If the folder cannot be written to or the disk is full.
    """
    description = Description(
        format=FORMAT,
        backend=BACKEND,
        num_timesteps=int(model.num_timesteps),
        config=to_mapping(config),
        spaces=describe_spaces(model.observation_space, model.action_space),
        versions=versions(),
    )
    with replacing(path) as file:
        model.save(file)
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(MEMBER, json.dumps(asdict(description), indent=2))


def describe(path: Path) -> Description:
    """Return what a checkpoint says about itself; nothing is unpickled.

    Raises:
        CheckpointError: If the file is missing or is no checkpoint of this project.
    """
    try:
        content = json.loads(_member(path, MEMBER))
        if content["format"] > FORMAT:
            raise CheckpointError(
                f"{path} has format {content['format']}, this version reads up to {FORMAT}:"
                " it was written by a newer perceiver-rl"
            )
        description = Description(**content)
        description.settings  # noqa: B018  # settings that cannot be read make it unusable
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path}: cannot read {MEMBER}: {error}") from None
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from None
    return description


def _member(path: Path, name: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(name)
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {path}") from None
    except IsADirectoryError:
        raise CheckpointError(f"{path} is a folder, expected a checkpoint file") from None
    except (zipfile.BadZipFile, zlib.error):
        raise CheckpointError(f"{path} is not a checkpoint: it is no whole zip file") from None
    except KeyError:
        raise CheckpointError(
            f"{path} is not a checkpoint of perceiver-rl: it has no {name}"
            " (models of stable-baselines3 alone are opened by its own load)"
        ) from None


def load_tensors(path: Path, member: str) -> dict[str, Any]:
    """Return one state dict of a checkpoint; only tensors and plain values are read.

    Raises:
        CheckpointError: If the file or the member is missing, or the member holds anything else.
    """
    return _tensors(_member(path, member), path, member)


def read_tensors(path: Path) -> dict[str, Any]:
    """Return the state dict that a file of ``torch.save`` holds; only tensors and plain values.

    Raises:
        CheckpointError: If the file is missing, damaged, or holds anything else.
    """
    try:
        content = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise CheckpointError(f"there is no file {path}") from None
    return _tensors(content, path, "it")


def _tensors(content: bytes, path: Path, member: str) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the error says what is wrong with the file
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: {member} is damaged or holds no tensors: {first}") from None
    if not isinstance(state, dict):
        raise CheckpointError(f"{path}: {member} holds a {type(state).__name__}, not a state dict")
    return state


def load_weights(policy: torch.nn.Module, path: Path) -> None:
    """Load a checkpoint's weights into a policy of the same architecture.

    Raises:
        CheckpointError: If the architectures differ; names the first tensor that does.
    """
    state = load_tensors(path, "policy.pth")
    difference = first_difference(policy.state_dict(), state)
    if difference:
        raise CheckpointError(f"{path} holds another architecture: {difference}")
    policy.load_state_dict(state)


def first_difference(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """Return what first differs between two state dicts, or "" if they have the same shapes."""
    for name, tensor in expected.items():
        if name not in found:
            return f"expected tensor {name!r} {tuple(tensor.shape)}, found none"
        if tensor.shape != found[name].shape:
            shapes = f"{tuple(tensor.shape)}, found {tuple(found[name].shape)}"
            return f"expected tensor {name!r} of shape {shapes}"
    extra = [name for name in found if name not in expected]
    return f"found tensor {extra[0]!r}, expected none" if extra else ""


def restore(model: BaseAlgorithm, path: Path) -> None:
    """Bring a new model to a checkpoint's weights, optimizer state and step count.

    Raises:
        CheckpointError: If the checkpoint is for another policy or other spaces.
    """
    description = describe(path)
    check_spaces(description, model.observation_space, model.action_space, path)
    load_weights(model.policy, path)
    model.policy.optimizer.load_state_dict(load_tensors(path, "policy.optimizer.pth"))
    model.num_timesteps = description.num_timesteps


def start_from(model: BaseAlgorithm, path: Path, config: TrainConfig) -> None:
    """Give a new model the weights of a checkpoint; optimizer and step count stay new.

    Raises:
        CheckpointError: If the checkpoint is for another policy or other spaces.
    """
    description = describe(path)
    check_policy(description, config, path)
    check_spaces(description, model.observation_space, model.action_space, path)
    load_weights(model.policy, path)


def check_policy(description: Description, config: TrainConfig, path: Path) -> None:
    """Check that a checkpoint holds the policy that a run is configured for.

    Raises:
        CheckpointError: Names the setting that differs, expected and found.
    """
    found, expected = to_mapping(description.settings.policy), to_mapping(config.policy)
    for name, value in expected.items():
        if found[name] != value:
            raise CheckpointError(
                f"{path} holds another architecture: expected {name} {value!r},"
                f" found {found[name]!r}"
            )


def check_spaces(
    description: Description,
    observation_space: spaces.Space[Any],
    action_space: spaces.Space[Any],
    path: Path,
) -> None:
    """Check that a checkpoint was made for these spaces; the number of entities may differ.

    Raises:
        CheckpointError: Names the first part that differs.
    """
    here = describe_spaces(observation_space, action_space)
    for part in [*description.spaces, *here]:
        theirs = description.spaces.get(part, "absent")
        ours = here.get(part, "absent")
        if theirs != ours:
            raise CheckpointError(
                f"{path} was made for other spaces: {part} is {theirs} in the checkpoint,"
                f" {ours} in the environment"
            )
