"""Moving a trained agent to another number of entities."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.type_aliases import GymEnv

from perceiver_rl.entities import columns_of
from perceiver_rl.spaces import (
    ENTITIES,
    MINIMAP,
    SCALARS,
    ContractError,
    ObservationError,
    SelectEntity,
    UnitActionSpace,
    check_observation_space,
)

Algorithm = TypeVar("Algorithm", bound=BaseAlgorithm)


def load_resized(
    path: str | Path,
    env: GymEnv,
    algorithm: type[Algorithm] = PPO,  # type: ignore[assignment]  # a default for a variable type
    **kwargs: Any,
) -> Algorithm:
    """Load an agent for an environment with another number of entities.

    No parameter depends on the number of entities, so nothing is lost: an agent that was trained
    with 16 acts, and can go on learning, with 512.

    Like every ``load`` of stable-baselines3 this unpickles the file: use it on files you trust.

    Args:
        path: What ``algorithm.save`` wrote.
        env: The environment; columns, action types and grid must be the ones of the training.
        algorithm: The algorithm's class.
        kwargs: Further arguments of ``algorithm.load``.

    Raises:
        ContractError: If the spaces differ in more than the number of entities; names what.
    """
    trained = algorithm.load(path, device=kwargs.get("device", "auto"))
    check_same_but_size(trained.observation_space, env.observation_space)
    check_same_but_size_of_actions(trained.action_space, env.action_space)
    resized = {
        "observation_space": env.observation_space,
        "action_space": env.action_space,
        # Kept from the training run, it would be an observation of the old size.
        "_last_obs": None,
    }
    return algorithm.load(path, env=env, custom_objects=resized, **kwargs)


def check_same_but_size(trained: spaces.Space[Any], found: spaces.Space[Any]) -> None:
    """Check that two observation spaces differ in nothing but the number of entities.

    Raises:
        ObservationError: Names the key or the column.
    """
    trained, found = check_observation_space(trained), check_observation_space(found)
    if set(trained.spaces) != set(found.spaces):
        raise ObservationError(
            f"trained with the keys {sorted(trained.spaces)}, the environment has"
            f" {sorted(found.spaces)}"
        )
    rows = [space[ENTITIES] for space in (trained, found)]
    ours, theirs = (columns_of(row) for row in rows if isinstance(row, spaces.Box))
    if ours != theirs:
        names = [column.name for column in ours], [column.name for column in theirs]
        differing = [a.name for a, b in zip(ours, theirs, strict=False) if a != b]
        raise ObservationError(
            f"trained with the columns {names[0]}, the environment has {names[1]};"
            f" these differ in name, kind or bounds: {differing}"
        )
    for key in (SCALARS, MINIMAP):
        if key in trained.spaces and trained[key] != found[key]:
            raise ObservationError(
                f"trained with {key!r} {trained[key]}, the environment has {found[key]}"
            )


def check_same_but_size_of_actions(trained: spaces.Space[Any], found: spaces.Space[Any]) -> None:
    """Check that two action spaces differ in nothing but the number of entities.

    Raises:
        ContractError: Names what differs.
    """
    if isinstance(trained, SelectEntity) and isinstance(found, SelectEntity):
        return
    if not (isinstance(trained, UnitActionSpace) and isinstance(found, UnitActionSpace)):
        if trained != found:
            raise ContractError(f"trained for the actions {trained}, the environment has {found}")
        return
    if trained.types != found.types:
        raise ContractError(
            f"trained for the action types {trained.names}, the environment has {found.names}"
        )
    if (trained.arguments, trained.max_delay) != (found.arguments, found.max_delay):
        raise ContractError(f"trained for the actions {trained}, the environment has {found}")
    if trained.grid != found.grid:
        raise ContractError(
            f"trained for the grid {trained.grid}, the environment has {found.grid}"
        )
