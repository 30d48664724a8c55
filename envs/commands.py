"""Orders and measures that the scripted opponents share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .engine import fields as f
from .engine._jit import kernel
from .engine.orders import attack as attack
from .engine.orders import can_hit

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Force: TypeAlias = tuple[int, int, int, int]
"""First and one past the last slot of the side that is commanded, then of its foes."""

Point: TypeAlias = tuple[np.float32, np.float32]

Opponent: TypeAlias = Callable[[Floats, Integers, Force, Floats, Floats], None]
"""Called once per agent step with ``(units, games, force, homes, rules)``.

``homes [place, 2]`` is where the foes started, for each place that a game can have drawn; a unit
goes there when it sees no foe.
"""


@kernel
def alive(units: Floats, game: int, slot: int) -> bool:
    """Return whether a slot holds a living unit."""
    return units[game, f.HEALTH, slot] > np.float32(0)


@kernel
def go(units: Floats, game: int, slot: int, order: int, goal: Point) -> None:
    """Order a unit to a point: to move or to attack-move."""
    units[game, f.ORDER, slot] = order
    units[game, f.TARGET, slot] = f.NOBODY
    units[game, f.GOAL_X, slot] = goal[0]
    units[game, f.GOAL_Y, slot] = goal[1]


@kernel
def distance_between(units: Floats, game: int, i: int, j: int) -> np.float32:
    """Return the distance of the middles of two units."""
    dx = units[game, f.X, j] - units[game, f.X, i]
    dy = units[game, f.Y, j] - units[game, f.Y, i]
    return np.float32(math.sqrt(dx * dx + dy * dy))


@kernel
def gap_to_range(units: Floats, game: int, i: int, j: int) -> np.float32:
    """Return how far unit i is from having unit j in range; negative inside."""
    reach = units[game, f.RANGE, i] + units[game, f.RADIUS, i] + units[game, f.RADIUS, j]
    return distance_between(units, game, i, j) - reach


@kernel
def nearest_seen(units: Floats, game: int, slot: int, foe_first: int, foe_last: int) -> int:
    """Return the nearest foe within a unit's sight that it can hit, or NOBODY."""
    best = f.NOBODY
    sight = units[game, f.SIGHT, slot]
    least = sight * sight
    for foe in range(foe_first, foe_last):
        dx = units[game, f.X, foe] - units[game, f.X, slot]
        dy = units[game, f.Y, foe] - units[game, f.Y, slot]
        square = dx * dx + dy * dy
        if square < least and can_hit(units, game, slot, foe):
            least = square
            best = foe
    return best
