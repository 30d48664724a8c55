"""Spaces as plain JSON and back, so that a saved model needs no pickle to say what it is for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from perceiver_rl.spaces import (
    ActionType,
    Column,
    ContractError,
    EntitySpace,
    SelectEntity,
    UnitActionSpace,
)

Json = dict[str, Any]


def space_to_json(space: spaces.Space[Any]) -> Json:
    """Return a space as what JSON can hold.

    Raises:
        ContractError: If it is of a kind that stable-baselines3 does not learn with either, or
            starts counting at another number than 0.
    """
    if type(space) not in _WRITERS:
        known = [kind.__name__ for kind in _WRITERS]
        raise ContractError(f"cannot write the space {space}; known kinds are {known}")
    return {"kind": type(space).__name__, **_WRITERS[type(space)](space)}


def space_from_json(content: Any) -> spaces.Space[Any]:
    """Return the space that :func:`space_to_json` described.

    Raises:
        ContractError: If the description is of an unknown kind, or incomplete.
    """
    try:
        return _READERS[content["kind"]](content)
    except (KeyError, TypeError, ValueError, AssertionError, OverflowError, MemoryError) as error:
        raise ContractError(f"this describes no space ({error}): {str(content)[:200]}") from None


def _write_box(space: spaces.Box) -> Json:
    return {
        "shape": list(space.shape),
        "dtype": str(space.dtype),
        "low": _write_bound(space.low),
        "high": _write_bound(space.high),
    }


def _write_bound(bound: NDArray[Any]) -> Any:
    """Return one number where all are the same, else all of them."""
    flat = bound.ravel().tolist()
    if flat and all(value == flat[0] for value in flat):
        return _write_number(flat[0])
    return [_write_number(value) for value in flat]


def _write_number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)  # JSON has no infinity


def _read_bound(content: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    if isinstance(content, list):
        return np.array([_read_number(value) for value in content]).reshape(shape)
    return np.full(shape, _read_number(content))


def _read_number(value: Any) -> float:
    return float(value) if isinstance(value, str) else value


def _read_box(content: Json) -> spaces.Box:
    shape, dtype = tuple(content["shape"]), np.dtype(content["dtype"])
    if dtype.kind not in "biuf":
        raise ContractError(f"a Box holds numbers, not {dtype}")
    low, high = (_read_bound(content[name], shape).astype(dtype) for name in ("low", "high"))
    return spaces.Box(low, high, dtype=dtype.type)


def _write_entities(space: EntitySpace) -> Json:
    names = [field.name for field in fields(Column)]
    columns = []
    for column in space.columns:
        values = {name: getattr(column, name) for name in names}
        columns.append({**values, **{k: _write_number(values[k]) for k in ("low", "high")}})
    return {"columns": columns, "max_entities": space.max_entities}


def _read_entities(content: Json) -> EntitySpace:
    columns = [
        Column(**{**one, **{name: _read_number(one[name]) for name in ("low", "high")}})
        for one in content["columns"]
    ]
    return EntitySpace(columns, content["max_entities"])


def _write_actions(space: UnitActionSpace) -> Json:
    types = [asdict(one) for one in space.types]
    grid = None if space.grid is None else list(space.grid)
    return {
        "types": types,
        "max_entities": space.max_entities,
        "grid": grid,
        "queued": space.queued,
        "max_delay": space.max_delay,
    }


def _read_actions(content: Json) -> UnitActionSpace:
    grid = content["grid"]
    types = [ActionType(**one) for one in content["types"]]
    return UnitActionSpace(
        types,
        content["max_entities"],
        None if grid is None else tuple(grid),
        queued=content.get("queued", False),
        max_delay=content.get("max_delay"),
    )


def _write_discrete(space: spaces.Discrete) -> Json:
    if space.start != 0:
        raise ContractError(f"cannot write {space}: stable-baselines3 needs a start of 0")
    return {"n": int(space.n)}


def _write_multi_discrete(space: spaces.MultiDiscrete) -> Json:
    return {"nvec": space.nvec.tolist()}


def _write_multi_binary(space: spaces.MultiBinary) -> Json:
    return {"shape": list(space.shape)}


def _read_multi_binary(content: Json) -> spaces.MultiBinary:
    shape = content["shape"]
    return spaces.MultiBinary(shape[0] if len(shape) == 1 else shape)


def _write_dict(space: spaces.Dict) -> Json:
    return {"spaces": {key: space_to_json(part) for key, part in space.spaces.items()}}


def _read_dict(content: Json) -> spaces.Dict:
    return spaces.Dict({key: space_from_json(part) for key, part in content["spaces"].items()})


_WRITERS: Mapping[type, Callable[[Any], Json]] = {
    EntitySpace: _write_entities,
    UnitActionSpace: _write_actions,
    SelectEntity: lambda space: {"max_entities": space.max_entities},
    spaces.Box: _write_box,
    spaces.Discrete: _write_discrete,
    spaces.MultiDiscrete: _write_multi_discrete,
    spaces.MultiBinary: _write_multi_binary,
    spaces.Dict: _write_dict,
}

_READERS: Mapping[str, Callable[[Json], spaces.Space[Any]]] = {
    "EntitySpace": _read_entities,
    "UnitActionSpace": _read_actions,
    "SelectEntity": lambda content: SelectEntity(content["max_entities"]),
    "Box": _read_box,
    "Discrete": lambda content: spaces.Discrete(content["n"]),
    "MultiDiscrete": lambda content: spaces.MultiDiscrete(content["nvec"]),
    "MultiBinary": _read_multi_binary,
    "Dict": _read_dict,
}
