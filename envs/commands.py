"""Orders and measures that the scripted opponents share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .engine import fields as f
from .engine._jit import kernel
from .engine.orders import attack, can_hit
from .engine.walls import SIDES

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


CLEAR: Final = np.float32(0.05)  # cells that a way around a wall keeps from it


@kernel
def is_walled_off(rules: Floats, start: Point, goal: Point, bulk: np.float32) -> bool:
    """Return whether a straight walk of a unit of that radius meets a wall."""
    for wall in range(f.RULES, rules.shape[0], SIDES):
        enter, leave = np.float32(0), np.float32(1)
        for axis in range(2):
            low = rules[wall + axis] - bulk
            high = rules[wall + 2 + axis] + bulk
            way = goal[axis] - start[axis]
            if abs(way) < np.float32(1e-6):
                if start[axis] <= low or start[axis] >= high:
                    leave = np.float32(-1)
                continue
            one, other = (low - start[axis]) / way, (high - start[axis]) / way
            enter = max(enter, min(one, other))
            leave = min(leave, max(one, other))
        if enter < leave:
            return True
    return False


@kernel
def way_to(units: Floats, game: int, slot: int, goal: Point, rules: Floats) -> Point:
    """Return the goal, or the corner of a wall over which the way to it is shortest.

    A corner counts if the unit can walk there straight. If there is none, or the unit flies, the
    way is the goal.
    """
    start = (units[game, f.X, slot], units[game, f.Y, slot])
    bulk = units[game, f.RADIUS, slot]
    if units[game, f.FLIES, slot] > 0 or not is_walled_off(rules, start, goal, bulk):
        return goal
    best = goal
    least = np.float32(np.inf)
    aside = bulk + CLEAR
    for wall in range(f.RULES, rules.shape[0], SIDES):
        for corner in range(4):
            right, top = corner % 2, corner // 2
            x = rules[wall + 2 * right] + (aside if right else -aside)
            y = rules[wall + 1 + 2 * top] + (aside if top else -aside)
            if not (rules[f.LEFT_EDGE] <= x <= rules[f.RIGHT_EDGE]):
                continue
            if not (rules[f.BOTTOM_EDGE] <= y <= rules[f.TOP_EDGE]):
                continue
            walked = math.hypot(x - start[0], y - start[1])
            if walked < CLEAR or is_walled_off(rules, start, (x, y), bulk):
                continue
            length = np.float32(walked + math.hypot(goal[0] - x, goal[1] - y))
            if length < least:
                least = length
                best = (x, y)
    return best


@kernel
def charge(units: Floats, game: int, slot: int, target: int, rules: Floats) -> None:
    """Order a unit to attack; if a wall is between, to walk around it first."""
    attack(units, game, slot, target)
    if rules.shape[0] > f.RULES and gap_to_range(units, game, slot, target) > np.float32(0):
        goal = (units[game, f.X, target], units[game, f.Y, target])
        way = way_to(units, game, slot, goal, rules)
        if way[0] != goal[0] or way[1] != goal[1]:
            go(units, game, slot, f.MOVE, way)


@kernel
def advance_to(units: Floats, game: int, slot: int, goal: Point, rules: Floats) -> None:
    """Order a unit to attack-move to a point, around walls."""
    go(units, game, slot, f.ATTACK_MOVE, way_to(units, game, slot, goal, rules))
