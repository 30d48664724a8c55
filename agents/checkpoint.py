"""Checkpoints of runs: the plugin's safe files, with the run's settings in them.

Reading one runs no code from it. ``perceiver_rl.sb3.safe_load`` opens it as an algorithm.
"""

from __future__ import annotations

import contextlib
import pickle
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from gymnasium import spaces

from perceiver_rl.sb3 import archive, safe
from perceiver_rl.sb3.training_state import TrainingState, has_training_state, restore_training

from .backends import backend_of
from .config import TrainConfig
from .errors import CheckpointError, ConfigError
from .space_parts import describe_spaces
from .strict_yaml import from_mapping, to_mapping

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a checkpoint says about itself.

    Args:
        backend: Where the agent was trained; scores of different backends are not comparable.
        num_timesteps: Environment steps learned from.
        config: The run's settings: environment, policy, algorithm, seed.
        spaces: The observation and action space, one line per part.
        versions: Packages that wrote the file.
    """

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


def save(
    model: BaseAlgorithm,
    path: Path,
    config: TrainConfig,
    state: TrainingState | None = None,
    backend: str | None = None,
) -> None:
    """Write a checkpoint; the file is the old one or the new one, never a part.

    Args:
        model: The algorithm.
        path: The file.
        config: The run's settings.
        state: What the run is doing; without it new games begin when the run is resumed.
        backend: Where the games were played; None: where the model's environment plays them.

    Raises:
        OSError: If the folder cannot be written to or the disk is full.
    """
    about = {"backend": backend or backend_of(model.get_env()), "config": to_mapping(config)}
    safe.safe_save(model, path, about, state.members() if state else None)


def describe(path: Path) -> Description:
    """Return what a checkpoint says about itself; nothing in it is executed.

    Raises:
        CheckpointError: If the file is missing or is no checkpoint of this project.
    """
    with _as_user_error():
        content = safe.describe_checkpoint(path)
        parts = describe_spaces(*safe.saved_spaces(content))
    if not {"backend", "config"} <= set(content["about"]):
        raise CheckpointError(
            f"{path} was saved by safe_save, not by a run, so it does not say what it plays;"
            " perceiver_rl.sb3.safe_load opens it"
        )
    try:
        description = Description(
            backend=content["about"]["backend"],
            num_timesteps=content["counters"]["num_timesteps"],
            config=content["about"]["config"],
            spaces=parts,
            versions=content["versions"],
        )
        description.settings  # noqa: B018  # settings that cannot be read make it unusable
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(
            f"{path}: cannot read {safe.DESCRIPTION}: {type(error).__name__} {error}"
            " (is it the checkpoint of a run?)"
        ) from None
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from None
    return description


@contextlib.contextmanager
def _as_user_error() -> Iterator[None]:
    """Turn the plugin's error into the one that commands print as a line."""
    try:
        yield
    except archive.CheckpointError as error:
        raise CheckpointError(str(error)) from None


def load_weights(policy: torch.nn.Module, path: Path) -> None:
    """Load a checkpoint's weights into a policy of the same architecture.

    Raises:
        CheckpointError: If the file is damaged or the architectures differ; names the first tensor
            that does.
    """
    with _as_user_error():
        safe.load_weights(policy, path)


def read_tensors(path: Path) -> dict[str, Any]:
    """Return the state dict that a file of ``torch.save`` holds; only tensors and plain values.

    Raises:
        CheckpointError: If the file is missing, damaged, or holds anything else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the error says what is wrong with the file
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (FileNotFoundError, IsADirectoryError):
        raise CheckpointError(f"there is no file {path}") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: it is damaged or holds no tensors: {first}") from None
    if not isinstance(state, dict):
        raise CheckpointError(f"{path}: it holds a {type(state).__name__}, not a state dict")
    return state


def restore(model: BaseAlgorithm, path: Path) -> None:
    """Bring a new model to a checkpoint's weights, optimizer state and step count.

    Raises:
        CheckpointError: If the checkpoint is for another policy or other spaces.
    """
    check_spaces(describe(path), model.observation_space, model.action_space, path)
    with _as_user_error():
        safe.load_into(model, path)


def restore_games(model: BaseAlgorithm, path: Path) -> bool:
    """Go on with a checkpoint's games, bit for bit, and return whether it holds them.

    Raises:
        CheckpointError: If they are damaged or the environment is another one.
    """
    if not has_training_state(path):
        return False
    with _as_user_error():
        restore_training(model, path)
    return True


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
