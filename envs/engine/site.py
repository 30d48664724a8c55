"""Where structures can stand, and how units get around what stands.

The game keeps three cells between a town hall and resources. Here it is one: on these maps the
first hall itself stands nearer than three to the assumed rows of fields, and so would its mirror
image, where a second one belongs.
"""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from . import task_fields as t
from ._jit import kernel

Floats: TypeAlias = NDArray[np.float32]
Ground: TypeAlias = tuple[int, Floats, Floats]
"""The slot that is built over, or NOBODY; the table of kinds; the rules."""

HALL_GAP: Final = np.float32(1)  # cells between a town hall and resources
TINY: Final = np.float32(1e-4)
SLIDE: Final = np.float32(0.7)  # share of the pace kept along an obstacle


@kernel
def free_slot(units: Floats, game: int, own: int) -> int:
    """Return our first empty slot, or NOBODY."""
    for slot in range(own):
        if units[game, f.HEALTH, slot] <= np.float32(0):
            return slot
    return f.NOBODY


@kernel
def snap(point: tuple[np.float32, np.float32], half: np.float32) -> tuple[np.float32, np.float32]:
    """Return the middle nearest to a point at which a square's edges lie on whole cells."""
    if int(np.float32(2) * half) % 2:
        x, y = math.floor(point[0]) + 0.5, math.floor(point[1]) + 0.5
    else:
        x, y = math.floor(point[0] + 0.5), math.floor(point[1] + 0.5)
    return np.float32(x), np.float32(y)


@kernel
def site_is_free(
    units: Floats,
    game: int,
    spread: tuple[int, int],
    kind: int,
    middle: tuple[np.float32, np.float32],
    ground: Ground,
) -> bool:
    """Return whether a structure may be built: inside the area, over nothing, away from resources.

    Over a slot (a geyser) it must be the right one and still there; nothing else is asked then.
    """
    over, trade, rules = ground
    if over >= 0:
        role = trade[int(units[game, f.KIND, over]), t.ROLE]
        return units[game, f.HEALTH, over] > np.float32(0) and role == t.GEYSER
    half = trade[kind, t.HALF_WIDTH]
    x, y = middle
    if x - half < rules[f.LEFT_EDGE] or x + half > rules[f.RIGHT_EDGE]:
        return False
    if y - half < rules[f.BOTTOM_EDGE] or y + half > rules[f.TOP_EDGE]:
        return False
    for slot in range(spread[1]):
        other = int(units[game, f.KIND, slot])
        wide = trade[other, t.HALF_WIDTH]
        if units[game, f.HEALTH, slot] <= np.float32(0) or wide <= np.float32(0):
            continue
        near = half + wide - TINY
        if trade[kind, t.ROLE] == t.TOWN_HALL and slot >= spread[0]:
            near += HALL_GAP
        if abs(units[game, f.X, slot] - x) < near and abs(units[game, f.Y, slot] - y) < near:
            return False
    return True


@kernel
def leave_obstacles(
    units: Floats, game: int, slot: int, spread: tuple[int, int], trade: Floats
) -> None:
    """Move a unit out of what it has walked into, and along its edge towards the goal.

    On a gathering trip resources, and what it gathers from or returns to, are no obstacles.
    """
    gathers = units[game, f.ORDER, slot] == t.GATHER
    for thing in range(spread[1]):
        role = trade[int(units[game, f.KIND, thing]), t.ROLE]
        if units[game, f.HEALTH, thing] <= np.float32(0) or role < t.STRUCTURE:
            continue
        if gathers and (role != t.STRUCTURE):
            continue
        reach = units[game, f.RADIUS, slot] + units[game, f.RADIUS, thing]
        dx = units[game, f.X, slot] - units[game, f.X, thing]
        dy = units[game, f.Y, slot] - units[game, f.Y, thing]
        apart = np.float32(math.sqrt(dx * dx + dy * dy))
        if apart >= reach - TINY:
            continue
        if apart < TINY:
            dx, dy, apart = np.float32(0), np.float32(-1), np.float32(1)
        dx, dy = dx / apart, dy / apart
        to_x = units[game, f.GOAL_X, slot] - units[game, f.X, slot]
        to_y = units[game, f.GOAL_Y, slot] - units[game, f.Y, slot]
        along = SLIDE * units[game, t.PACE, slot]
        along = along if to_y * dx - to_x * dy >= np.float32(0) else -along
        units[game, f.X, slot] = units[game, f.X, thing] + reach * dx - along * dy
        units[game, f.Y, slot] = units[game, f.Y, thing] + reach * dy + along * dx
