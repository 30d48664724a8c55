"""Attacks that hit more than their target: blasts and beams. They spare friends and the air."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from ._jit import kernel, part

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]

ZERO = np.float32(0)
HALF = np.float32(0.5)
TINY = np.float32(1e-12)


@part
def hit(units: Floats, game: int, i: int, j: int, damage: Floats, delay: np.float32) -> None:
    """Let one attack of unit i fall on unit j: on the shield first, then less armor on health."""
    force = damage[int(units[game, f.KIND, i]), int(units[game, f.KIND, j])]
    for _ in range(int(units[game, f.HITS, i])):
        absorbed = min(units[game, f.SHIELD, j], force)
        units[game, f.SHIELD, j] -= absorbed
        if force > absorbed:
            units[game, f.HEALTH, j] -= max(force - absorbed - units[game, f.ARMOR, j], HALF)
    units[game, f.SHIELD_WAIT, j] = delay


@kernel
def detonate(
    units: Floats, game: int, sides: tuple[int, int], damage: Floats, delay: np.float32
) -> None:
    """Let every unit that carries a blast and has died in this loop go off, one after the other.

    A blast that kills another such unit sets that one off too. A foe is hit if its edge is within
    the radius around the middle of the blast.
    """
    own, total = sides
    going_off = True
    while going_off:
        going_off = False
        for i in range(total):
            radius = units[game, f.BLAST, i]
            if radius == ZERO or units[game, f.HEALTH, i] > ZERO:
                continue
            units[game, f.BLAST, i] = ZERO
            going_off = True
            first, last = (own, total) if i < own else (0, own)
            for j in range(first, last):
                dx = units[game, f.X, j] - units[game, f.X, i]
                dy = units[game, f.Y, j] - units[game, f.Y, i]
                far = radius + units[game, f.GROUND_BULK, j]
                if far > ZERO and dx * dx + dy * dy <= far * far:
                    hit(units, game, i, j, damage, delay)


@kernel
def sweep(
    units: Floats,
    game: int,
    pair: tuple[int, int],
    sides: tuple[int, int],
    damage: Floats,
    delay: np.float32,
) -> None:
    """Hit every foe whose edge reaches into the bar across the line of fire, around the target.

    ``pair`` is (attacker, target); where both are at the same point, the line of fire is along x.
    """
    i, target = pair
    own, total = sides
    along_x = units[game, f.X, target] - units[game, f.X, i]
    along_y = units[game, f.Y, target] - units[game, f.Y, i]
    distance = np.float32(math.sqrt(along_x * along_x + along_y * along_y))
    if distance * distance < TINY:
        along_x, along_y, distance = np.float32(1), ZERO, np.float32(1)
    along_x /= distance
    along_y /= distance
    length = units[game, f.BEAM_LENGTH, i] * HALF
    width = units[game, f.BEAM_WIDTH, i] * HALF
    first, last = (own, total) if i < own else (0, own)
    for j in range(first, last):
        bulk = units[game, f.GROUND_BULK, j]
        dx = units[game, f.X, j] - units[game, f.X, target]
        dy = units[game, f.Y, j] - units[game, f.Y, target]
        across = abs(dy * along_x - dx * along_y)
        along = abs(dx * along_x + dy * along_y)
        if bulk >= ZERO and across <= length + bulk and along <= width + bulk:
            hit(units, game, i, j, damage, delay)


@kernel
def strike_widely(
    units: Floats,
    game: int,
    sides: tuple[int, int],
    damage: Floats,
    rules: Floats,
    victim: Integers,
) -> None:
    """Let every attack of a loop fall, where some hit more than their target.

    If any has, everybody is put down as a victim.
    """
    widely = False
    explosive = False
    for i in range(sides[1]):
        j = victim[i]
        if j < 0:
            continue
        if units[game, f.BLAST, i] > ZERO:
            units[game, f.SHIELD, i] = ZERO
            units[game, f.HEALTH, i] = ZERO
            explosive = True
            continue
        if units[game, f.BEAM_LENGTH, i] > ZERO:
            sweep(units, game, (i, j), sides, damage, rules[f.SHIELD_DELAY])
            widely = True
            continue
        hit(units, game, i, j, damage, rules[f.SHIELD_DELAY])
        explosive |= units[game, f.BLAST, j] > ZERO
    if explosive or widely:
        detonate(units, game, sides, damage, rules[f.SHIELD_DELAY])
        for i in range(sides[1]):
            victim[i] = i
