"""Nested values as JSON, and the arrays in them apart: both can be stored without pickle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from perceiver_rl.sb3.archive import CheckpointError

_STORABLE = "biuf"


class Packed(NamedTuple):
    """A nested value in two parts.

    Attributes:
        json: The value, with references in the places of its arrays.
        arrays: Copies of the arrays, by reference.
    """

    json: Any
    arrays: dict[str, NDArray[Any]]


def pack(value: Any) -> Packed:
    """Take a nested value apart.

    It may consist of dictionaries with names as keys, lists, tuples, arrays and tensors of numbers,
    numbers, texts, booleans and None.

    Raises:
        CheckpointError: If it holds anything else; names where.
    """
    arrays: dict[str, NDArray[Any]] = {}
    return Packed(_pack(value, "state", arrays), arrays)


def unpack(packed: Packed) -> Any:
    """Put a value together again; tensors come on the CPU.

    Raises:
        CheckpointError: If a part is missing or unknown.
    """
    try:
        return _unpack(packed.json, packed.arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"the saved state is incomplete: {error}") from None


def _pack(value: Any, at: str, arrays: dict[str, NDArray[Any]]) -> Any:
    if value is None or isinstance(value, bool | str) or type(value) in (int, float):
        return value
    if isinstance(value, torch.Tensor):
        arrays[at] = value.detach().cpu().numpy().copy()
        return {"tensor": at}
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in _STORABLE:
        arrays[at] = np.array(value)  # a copy
        return {"array": at}
    if isinstance(value, list):
        return [_pack(one, f"{at}.{index}", arrays) for index, one in enumerate(value)]
    if isinstance(value, tuple):
        return {"tuple": _pack(list(value), at, arrays)}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"mapping": {key: _pack(one, f"{at}.{key}", arrays) for key, one in value.items()}}
    raise CheckpointError(
        f"cannot save {at}, a {type(value).__name__}, without pickle; known are dictionaries with"
        " names as keys, lists, tuples, arrays, tensors, numbers, texts, booleans and None"
    )


def _unpack(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if isinstance(value, list):
        return [_unpack(one, arrays) for one in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return torch.from_numpy(arrays[content].copy())
    if kind == "array":
        return arrays[content][()]  # without axes it is a number
    if kind == "tuple":
        return tuple(_unpack(content, arrays))
    if kind == "mapping":
        return {key: _unpack(one, arrays) for key, one in content.items()}
    raise CheckpointError(f"unknown part {kind!r} in the saved state")
