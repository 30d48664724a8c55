"""Batches of observations: one form for all spaces, and what is wrong with a bad one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import preprocess_obs
from torch import Tensor

from perceiver_rl.entities import UNBOUNDED, columns_of
from perceiver_rl.spaces import (
    ENTITIES,
    ENTITY_MASK,
    MINIMAP,
    SCALARS,
    ObservationError,
    check_keys,
)

_NUMBERS = (ENTITIES, SCALARS, MINIMAP)


def by_key(observations: Mapping[str, Tensor] | Tensor) -> Mapping[str, Tensor]:
    """Return a batch by key; of a plain ``[B, N, F]``, rows that are not all zero exist."""
    if isinstance(observations, Tensor):
        return {ENTITIES: observations, ENTITY_MASK: (observations != 0).any(-1)}
    return observations


def drawn_from(space: spaces.Space[Any], number: int) -> Any:
    """Return preprocessed random observations of a space; always the same ones.

    Numbers without bounds are drawn from a normal distribution, also where a Box says the largest
    float instead of infinity.
    """
    fresh = _without_huge_bounds(space)
    fresh.seed(0)
    return preprocess_obs(sampled(fresh, number), space)


def sampled(space: spaces.Space[Any], number: int) -> Any:
    """Return a batch of random observations of a space as they are, not preprocessed."""
    if isinstance(space, spaces.Dict):
        return {key: sampled(part, number) for key, part in space.spaces.items()}
    return torch.as_tensor(np.stack([space.sample() for _ in range(number)]))


def _without_huge_bounds(space: spaces.Space[Any]) -> spaces.Space[Any]:
    """Return a copy of a space whose Boxes have infinite bounds where they have huge ones."""
    if isinstance(space, spaces.Dict):
        return spaces.Dict({key: _without_huge_bounds(part) for key, part in space.items()})
    if type(space) is not spaces.Box or not np.issubdtype(space.dtype, np.floating):
        return deepcopy(space)
    low = np.where(space.low < -UNBOUNDED, -np.inf, space.low).astype(space.dtype)
    high = np.where(space.high > UNBOUNDED, np.inf, space.high).astype(space.dtype)
    return spaces.Box(low, high, dtype=space.dtype.type)


def check_finite(observations: Mapping[str, Tensor] | Tensor, space: spaces.Dict) -> None:
    """Check that a batch holds neither NaN nor infinity.

    One sum per key tells, so a batch that is in order costs next to nothing.

    Raises:
        ObservationError: Names the key, the environment's index in the batch, and the column.
    """
    batch = by_key(observations)
    keys = [key for key in _NUMBERS if key in batch and batch[key].is_floating_point()]
    if _all_finite([batch[key] for key in keys]):
        return
    for key in keys:  # the sum of large finite numbers overflows as well
        _refuse_wrong(key, batch[key], partial(_place, key, space))


def check_all_finite(observations: Mapping[str, Tensor] | Tensor) -> None:
    """Check that no part of a batch holds NaN or infinity.

    Raises:
        ObservationError: Names the key, the environment's index in the batch, and the place.
    """
    batch = observations if isinstance(observations, Mapping) else {"": observations}
    parts = {key: part for key, part in batch.items() if part.is_floating_point()}
    if _all_finite(list(parts.values())):
        return
    for key, part in parts.items():
        _refuse_wrong(key, part, _index)


def _all_finite(parts: list[Tensor]) -> bool:
    """Return whether no part holds NaN or infinity; now and then False for large finite ones."""
    sums = [part.sum() for part in parts]
    return not sums or math.isfinite(sum(sums[1:], sums[0]))


def _refuse_wrong(key: str, part: Tensor, place_of: Callable[[list[int]], str]) -> None:
    """Refuse a part of a batch that holds NaN or infinity; names the first of them."""
    wrong = (~torch.isfinite(part)).nonzero()
    if not len(wrong):
        return
    env, *place = wrong[0].tolist()
    name = f" {key!r}" if key else ""
    raise ObservationError(
        f"observation{name} of environment {env} is {float(part[tuple(wrong[0])])} at"
        f" {place_of(place)}, one of {len(wrong)} numbers that are not finite"
    )


def _index(place: list[int]) -> str:
    return f"index {place}"


def _place(key: str, space: spaces.Dict, place: list[int]) -> str:
    if key != ENTITIES:
        return _index(place)
    box = space[ENTITIES]
    assert isinstance(box, spaces.Box)  # checked by the extractor's constructor
    return f"entity {place[0]}, column {columns_of(box)[place[1]].name!r}"


def check_some_legal(legal: Tensor, key: str, what: str) -> None:
    """Check that every row ``[B, choices]`` of a mask, above a half, allows something.

    Raises:
        ObservationError: Names the key and the environment's index in the batch.
    """
    if legal.amax(-1).amin().item() > 0.5:
        return
    nothing = (~(legal > 0.5).any(-1)).nonzero()
    if len(nothing):  # NaN is above nothing, but may stand beside a choice that is legal
        env = int(nothing[0, 0])
        raise ObservationError(f"{key!r} of environment {env} forbids every {what}; allow one")


def check_shapes(observation: Any, space: spaces.Space[Any]) -> None:
    """Check the keys and shapes of an observation, batched or not.

    Raises:
        ObservationError: Names the key, the shape that was expected and the one that came.
    """
    if not isinstance(space, spaces.Dict):
        _check_shape("", observation, space)
        return
    if not isinstance(observation, Mapping):
        keys = list(space.spaces)
        raise ObservationError(f"expected a dict with the keys {keys}, got {type(observation)}")
    check_keys(observation, list(space.spaces))
    for key, part in space.spaces.items():
        if key not in observation:
            raise ObservationError(f"missing observation key {key!r}, got {list(observation)}")
        _check_shape(f" {key!r}", observation[key], part)


def _check_shape(name: str, value: Any, space: spaces.Space[Any]) -> None:
    shape, expected = np.shape(value), space.shape or ()
    if shape not in (expected, (*shape[:1], *expected)):
        raise ObservationError(
            f"observation{name}: expected shape {expected} or (batch, *{expected}), got {shape}"
        )
