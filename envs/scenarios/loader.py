"""Scenarios from YAML files, read strictly: a key or value that makes no sense is an error.

The keys are the arguments of :class:`~.scenario.Scenario`. Teams are mappings of unit type to
number, a start is a point ``[x, y]`` or a box ``[left, bottom, right, top]``::

    own: {marine: 8, medivac: 1}
    enemy: {zergling: 16, baneling: 4}
    places:
      - {own: [9, 16], enemy: [23, 16]}
    step_limit: 150

The name is that of the file unless the key ``name`` gives one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Final

import yaml

from perceiver_rl.spaces import ContractError, unknown

from .scenario import Box, Draw, Scenario, Waves, point

SUFFIXES: Final = (".yaml", ".yml")
_PLACE_KEYS: Final = ("own", "enemy")


def is_scenario_file(name: str) -> bool:
    """Tell whether a scenario's name is the path of a file."""
    return Path(name).suffix in SUFFIXES


def load_scenario(path: str | Path) -> Scenario:
    """Read a scenario from a YAML file.

    Raises:
        ContractError: If the file cannot be read, is no YAML, has an unknown key, lacks one or has
            a value of the wrong kind, or if the scenario makes no sense. Names the file and key.
    """
    path = Path(path)
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ContractError(f"scenario file {path} cannot be read: {error}") from None
    try:
        return _scenario(data, path.stem)
    except ContractError as error:
        raise ContractError(f"scenario file {path}: {error}") from None


def _scenario(data: object, stem: str) -> Scenario:
    values = _mapping("the file", data, Scenario, given=("name",))
    values = {"name": stem} | {key: _value(key, value) for key, value in values.items()}
    return Scenario(**values)


def _mapping(what: str, data: object, kind: type, given: tuple[str, ...] = ()) -> dict[str, Any]:
    """Check that the keys are arguments of a dataclass, and that none is missing."""
    if not isinstance(data, dict) or not data:
        raise ContractError(f"{what} must be a mapping, not {data!r}")
    known = tuple(field.name for field in fields(kind))
    _check_keys(what, data, known)
    needed = [field.name for field in fields(kind) if field.default is MISSING]
    if missing := [name for name in needed if name not in data and name not in given]:
        raise ContractError(f"{what} lacks {missing}")
    return dict(data)


def _check_keys(what: str, data: dict[Any, Any], known: tuple[str, ...]) -> None:
    for key in data:
        if key not in known:
            raise ContractError(f"{what}: {unknown('key', str(key), known)}")


def _value(key: str, value: object) -> Any:
    if key in ("own", "enemy", "neutral"):
        return _pairs(key, value, int)
    if key == "places":
        return tuple(_place(one) for one in _list(key, value))
    if key == "walls":
        return tuple(_box(key, one) for one in _list(key, value))
    if key == "playable":
        return _box(key, value)
    if key == "map_size":
        return _numbers(key, value, 2, int)
    if key in ("own_offsets", "enemy_offsets"):
        return tuple(_numbers(key, one, 2) for one in _list(key, value))
    if key == "waves":
        waves = _mapping(key, value, Waves)
        return Waves(**{name: _plain(f"waves.{name}", one, int) for name, one in waves.items()})
    if key == "draw":
        return _draw(value)
    if key == "orders":
        return tuple(_plain(key, one, str) for one in _list(key, value))
    kinds = {"step_limit": int, "capacity": int, "jitter": float, "idle_units_fight": bool}
    return _plain(key, value, kinds.get(key, str))


def _draw(value: object) -> Draw:
    draw = _mapping("draw", value, Draw)
    draw["chances"] = _pairs("draw.chances", draw["chances"], float)
    alone = _list("draw.never_alone", draw.get("never_alone", []))
    draw["never_alone"] = tuple(_plain("draw.never_alone", one, str) for one in alone)
    if "surrounded" in draw:
        draw["surrounded"] = _plain("draw.surrounded", draw["surrounded"], float)
    return Draw(**draw)


def _place(value: object) -> tuple[Box, Box]:
    if not isinstance(value, dict) or len(value) != len(_PLACE_KEYS):
        raise ContractError(f"a place must have the keys {list(_PLACE_KEYS)}, not {value!r}")
    _check_keys("a place", value, _PLACE_KEYS)
    own, enemy = (_start(f"places.{key}", value[key]) for key in _PLACE_KEYS)
    return own, enemy


def _start(key: str, value: object) -> Box:
    if isinstance(value, list) and len(value) == 2:
        x, y = _numbers(key, value, 2)
        return point(x, y)
    return _box(key, value)


def _box(key: str, value: object) -> Box:
    left, bottom, right, top = _numbers(key, value, 4)
    return left, bottom, right, top


def _numbers(key: str, value: object, count: int, kind: type = float) -> tuple[Any, ...]:
    numbers = _list(key, value)
    if len(numbers) != count:
        raise ContractError(f"{key} needs {count} numbers, not {value!r}")
    return tuple(_plain(key, one, kind) for one in numbers)


def _pairs(key: str, value: object, kind: type) -> tuple[tuple[str, Any], ...]:
    if not isinstance(value, dict):
        raise ContractError(f"{key} must map unit types to numbers, not {value!r}")
    return tuple((str(name), _plain(f"{key}.{name}", one, kind)) for name, one in value.items())


def _list(key: str, value: object) -> list[Any]:
    if not isinstance(value, Iterable) or isinstance(value, (str, dict)):
        raise ContractError(f"{key} must be a list, not {value!r}")
    return list(value)


def _plain(key: str, value: object, kind: type) -> Any:
    """Check a number, text or flag; a whole number will do for a fractional one."""
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise ContractError(f"{key} must be a value of type {kind.__name__}, not {value!r}")
    return kind(value)
