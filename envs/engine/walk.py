"""How units walk where nobody fights: they speed up, brake, go around obstacles, give way."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from . import task_fields as t
from ._jit import kernel

Floats: TypeAlias = NDArray[np.float32]

TINY = np.float32(1e-6)
HALF = np.float32(0.5)


@kernel
def distance_to(units: Floats, game: int, slot: int, x: np.float32, y: np.float32) -> np.float32:
    """Return the cells from a unit's middle to a point."""
    dx = x - units[game, f.X, slot]
    dy = y - units[game, f.Y, slot]
    return np.float32(math.sqrt(dx * dx + dy * dy))


@kernel
def gap_between(units: Floats, game: int, one: int, two: int) -> np.float32:
    """Return the cells between the edges of two units; negative if they overlap."""
    apart = distance_to(units, game, one, units[game, f.X, two], units[game, f.Y, two])
    return apart - units[game, f.RADIUS, one] - units[game, f.RADIUS, two]


@kernel
def acceleration(units: Floats, game: int, slot: int, trade: Floats) -> np.float32:
    """Return how fast a unit speeds up and brakes, of the table of kinds."""
    return trade[int(units[game, f.KIND, slot]), t.ACCELERATION]


@kernel
def walk(
    units: Floats,
    game: int,
    slot: int,
    goal: tuple[np.float32, np.float32],
    way: tuple[np.float32, np.float32],
) -> bool:
    """Walk for one loop towards a goal; return whether the way is done.

    Args:
        units: State ``[game, field, slot]``.
        game: Which game.
        slot: Which unit.
        goal: Where to.
        way: How far from the goal the way ends, and the acceleration (0: full speed at once).
    """
    dx = goal[0] - units[game, f.X, slot]
    dy = goal[1] - units[game, f.Y, slot]
    apart = np.float32(math.sqrt(dx * dx + dy * dy))
    left = apart - way[0]
    if left <= TINY:
        units[game, t.PACE, slot] = 0
        return True
    pace = units[game, f.SPEED, slot]
    if way[1] > 0:
        brake = np.float32(math.sqrt(np.float32(2) * way[1] * left))
        pace = max(min(pace, units[game, t.PACE, slot] + way[1], brake), way[1])
    pace = min(pace, left)
    units[game, t.PACE, slot] = pace
    units[game, f.X, slot] += pace / apart * dx
    units[game, f.Y, slot] += pace / apart * dy
    done = left - pace <= TINY
    if done:
        units[game, t.PACE, slot] = 0
    return done


@kernel
def give_way(units: Floats, game: int, own: int) -> None:
    """Push apart those of our mobile units that overlap, unless they are on a gathering trip."""
    for i in range(own):
        loose = units[game, t.PACE, i] > 0 or units[game, t.CROWDED, i] > 0
        units[game, t.CROWDED, i] = 0
        if not loose or not _collides(units, game, i):
            continue
        for j in range(own):
            if j == i or not _collides(units, game, j):
                continue
            overlap = -gap_between(units, game, i, j)
            if overlap <= TINY:
                continue
            units[game, t.CROWDED, i] = 1
            units[game, t.CROWDED, j] = 1
            dx = units[game, f.X, i] - units[game, f.X, j]
            dy = units[game, f.Y, i] - units[game, f.Y, j]
            apart = np.float32(math.sqrt(dx * dx + dy * dy))
            if apart < TINY:  # at the very same point: part along x, the lower slot to the left
                dx = np.float32(-1 if i < j else 1)
                apart = np.float32(1)
            units[game, f.X, i] += HALF * overlap * dx / apart
            units[game, f.Y, i] += HALF * overlap * dy / apart
            units[game, f.X, j] -= HALF * overlap * dx / apart
            units[game, f.Y, j] -= HALF * overlap * dy / apart


@kernel
def _collides(units: Floats, game: int, slot: int) -> bool:
    alive = units[game, f.HEALTH, slot] > 0 and units[game, f.SPEED, slot] > 0
    return (
        alive and units[game, f.ORDER, slot] != t.GATHER and units[game, f.ORDER, slot] != t.BUILD
    )


@kernel
def stay_inside(units: Floats, game: int, own: int, rules: Floats) -> None:
    """Keep our units inside the playable area."""
    for slot in range(own):
        if units[game, f.HEALTH, slot] > 0:
            x, y = units[game, f.X, slot], units[game, f.Y, slot]
            units[game, f.X, slot] = min(max(x, rules[f.LEFT_EDGE]), rules[f.RIGHT_EDGE])
            units[game, f.Y, slot] = min(max(y, rules[f.BOTTOM_EDGE]), rules[f.TOP_EDGE])
