"""Steps between two shots: away from melee, out of fire, apart from friends."""

from __future__ import annotations

from typing import Final

import numpy as np

from .commands import Floats, Force, Point, alive, distance_between, gap_to_range, go
from .engine import fields as f
from .engine._jit import kernel

STEP: Final = np.float32(8)  # loops until the next orders
COOLING: Final = np.float32(6)  # loops of cooldown from which on a step away costs no fire
LATE: Final = np.float32(16)  # loops of cooldown in which a unit steps back from shots
MELEE: Final = np.float32(2)  # cells of range below which a unit has to come close
MARGIN: Final = np.float32(1.0)  # cells beyond what a melee unit reaches within a step
WEAK: Final = np.float32(0.6)  # share of its life below which a unit falls back
DIAGONAL: Final = np.float32(0.70710678)
DIRECTIONS: Final = (
    (np.float32(1), np.float32(0)),
    (np.float32(-1), np.float32(0)),
    (np.float32(0), np.float32(1)),
    (np.float32(0), np.float32(-1)),
    (DIAGONAL, DIAGONAL),
    (DIAGONAL, -DIAGONAL),
    (-DIAGONAL, DIAGONAL),
    (-DIAGONAL, -DIAGONAL),
)


@kernel
def in_danger(units: Floats, game: int, slot: int, foe_first: int, foe_last: int) -> bool:
    """Return whether a cooling ranged unit has a melee foe that could reach it within a step."""
    if units[game, f.COOLDOWN, slot] <= COOLING or units[game, f.RANGE, slot] < MELEE:
        return False
    for foe in range(foe_first, foe_last):
        if alive(units, game, foe) and units[game, f.RANGE, foe] < MELEE:
            near = units[game, f.SPEED, foe] * STEP + MARGIN
            if gap_to_range(units, game, foe, slot) <= near:
                return True
    return False


@kernel
def is_hurt(units: Floats, game: int, slot: int, foe_first: int, foe_last: int) -> bool:
    """Return whether a weak ranged unit is cooling down in the range of a foe.

    From a foe that shoots it only steps back at the end of its cooldown: what it steps back it has
    to walk again before it can shoot.
    """
    if units[game, f.COOLDOWN, slot] <= COOLING or units[game, f.RANGE, slot] < MELEE:
        return False
    full = units[game, f.MAX_HEALTH, slot] + units[game, f.MAX_SHIELD, slot]
    if units[game, f.HEALTH, slot] + units[game, f.SHIELD, slot] >= WEAK * full:
        return False
    for foe in range(foe_first, foe_last):
        late = units[game, f.RANGE, foe] < MELEE or units[game, f.COOLDOWN, slot] < LATE
        if late and alive(units, game, foe) and gap_to_range(units, game, foe, slot) <= 0:
            return True
    return False


@kernel
def splash_reach(units: Floats, game: int, foe: int) -> np.float32:
    """Return how far a foe's attack spreads from its target; 0 for most."""
    return max(units[game, f.BLAST, foe], units[game, f.BEAM_LENGTH, foe] * np.float32(0.5))


@kernel
def crowded(units: Floats, game: int, slot: int, force: Force) -> bool:
    """Return whether one attack could soon hit a cooling ranged unit together with a friend."""
    if units[game, f.COOLDOWN, slot] <= COOLING or units[game, f.RANGE, slot] < MELEE:
        return False
    spread = np.float32(0)
    for foe in range(force[2], force[3]):
        if alive(units, game, foe) and splash_reach(units, game, foe) > np.float32(0):
            soon = units[game, f.SPEED, foe] * STEP * np.float32(3)
            if gap_to_range(units, game, foe, slot) <= soon:
                spread = max(spread, splash_reach(units, game, foe))
    for friend in range(force[0], force[1]):
        if friend != slot and alive(units, game, friend):
            apart = spread + units[game, f.RADIUS, friend]
            if spread > np.float32(0) and distance_between(units, game, slot, friend) < apart:
                return True
    return False


@kernel
def step_away(units: Floats, game: int, slot: int, foes: tuple[int, int], rules: Floats) -> None:
    """Order a unit to move where the nearest foe will be farthest."""
    _step_clear(units, game, slot, (0, 0, foes[0], foes[1]), rules)


@kernel
def step_apart(units: Floats, game: int, slot: int, force: Force, rules: Floats) -> None:
    """Order a unit to move where the nearest unit, friend or foe, will be farthest."""
    _step_clear(units, game, slot, force, rules)


@kernel
def _step_clear(units: Floats, game: int, slot: int, others: Force, rules: Floats) -> None:
    """Order a unit to move where the nearest of two ranges of slots will be farthest.

    Eight directions are tried; the playable area bounds them all, so a unit in a corner slides
    along the edge.
    """
    stride = units[game, f.SPEED, slot] * STEP * np.float32(2)
    x, y = units[game, f.X, slot], units[game, f.Y, slot]
    most = np.float32(-1)
    goal = (x, y)
    for k in range(8):
        to_x = x + DIRECTIONS[k][0] * stride
        to_y = y + DIRECTIONS[k][1] * stride
        to_x = min(max(to_x, rules[f.LEFT_EDGE]), rules[f.RIGHT_EDGE])
        to_y = min(max(to_y, rules[f.BOTTOM_EDGE]), rules[f.TOP_EDGE])
        room = min(
            _room(units, game, slot, (others[0], others[1]), (to_x, to_y)),
            _room(units, game, slot, (others[2], others[3]), (to_x, to_y)),
        )
        if room > most:
            most = room
            goal = (to_x, to_y)
    go(units, game, slot, f.MOVE, goal)


@kernel
def _room(units: Floats, game: int, slot: int, among: tuple[int, int], to: Point) -> np.float32:
    """Return the squared distance of a point to the nearest other unit in a range of slots."""
    least = np.float32(np.inf)
    for other in range(among[0], among[1]):
        if other != slot and alive(units, game, other):
            dx = units[game, f.X, other] - to[0]
            dy = units[game, f.Y, other] - to[1]
            least = min(least, dx * dx + dy * dy)
    return least
