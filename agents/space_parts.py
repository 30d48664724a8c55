"""The parts of observation and action spaces that a policy depends on, as readable lines.

The number of entities is no part: a policy reads any number of them.
"""

from __future__ import annotations

from typing import Any

from gymnasium import spaces

from perceiver_rl.spaces import (
    ENTITIES,
    MINIMAP,
    SCALARS,
    Column,
    EntitySpace,
    UnitActionSpace,
)


def describe_spaces(
    observation_space: spaces.Space[Any], action_space: spaces.Space[Any]
) -> dict[str, str]:
    """Return what a policy depends on, one line per part; two equal results fit each other."""
    return {**_observation_parts(observation_space), **_action_parts(action_space)}


def _observation_parts(space: spaces.Space[Any]) -> dict[str, str]:
    if not isinstance(space, spaces.Dict):
        return {"observation space": repr(space)}
    parts = {"observation keys": ", ".join(sorted(space.spaces))}
    for key, part in space.spaces.items():
        if isinstance(part, EntitySpace):
            lines = [_column(column) for column in part.columns]
            parts |= {f"{key} column {at}": line for at, line in enumerate(lines)}
        elif key == ENTITIES and part.shape is not None:
            parts["entities"] = f"rows of {part.shape[-1]} numbers"
        elif key in (SCALARS, MINIMAP):
            parts[key] = f"shape {part.shape}"
    return parts


def _column(column: Column) -> str:
    low, high = column.bounds
    if column.kind == "scalar":
        return f"{column.name} (scalar from {low:g} to {high:g} {column.unit})".replace(" )", ")")
    size = f" of {column.size}" if column.size else ""
    return f"{column.name} ({column.kind}{size})"


def _action_parts(space: spaces.Space[Any]) -> dict[str, str]:
    if not isinstance(space, UnitActionSpace):
        return {"action space": repr(space)}
    parts = {"target grid": "absent" if space.grid is None else f"{space.grid[0]}x{space.grid[1]}"}
    for at, kind in enumerate(space.types):
        selects = "selects units" if kind.selects else "selects nothing"
        parts[f"action type {at}"] = f"{kind.name} ({selects}, target {kind.target})"
        parts |= _timing(space, at)
    return parts


def _timing(space: UnitActionSpace, at: int) -> dict[str, str]:
    """Return which optional arguments an action type uses; nothing in a space without any."""
    used = dict(zip(space.arguments, space.uses[at, 1:], strict=True))
    return {
        f"{name} of action type {at}": f"{space.argument_size(name)} values" if use else "unused"
        for name, use in used.items()
        if name in ("queued", "delay")
    }
