"""Units sorted by strips of the map, in which a unit finds those that may overlap it."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from ._jit import kernel, part

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Sorted: TypeAlias = tuple[Floats, Integers, Integers]
"""Columns ``[field, place]`` of the units in order of their strips; the slot in each place; the
first place of each strip ``[strip + 1]``."""

ZERO = np.float32(0)
TINY = np.float32(1e-12)
NUDGE = np.float32(1e-3)
MARGIN = np.float32(1.0001)  # more than the rounding of the positions
PER_CELL = np.float32(2)
LANES = 8  # places are gone through in groups that fill a register

X, Y, GROUND_BULK, AIR_BULK, RANK, PUSH_X, PUSH_Y = range(7)
COLUMNS = 7


@kernel
def strip_count(rules: Floats) -> int:
    """Return how many strips the playable area has."""
    return int((rules[f.RIGHT_EDGE] - rules[f.LEFT_EDGE]) * PER_CELL) + 1


@kernel
def push_near(
    units: Floats,
    game: int,
    total: int,
    rules: Floats,
    pushes: tuple[Floats, Floats],
    order: Sorted,
) -> None:
    """Add up how far each unit is pushed by those that overlap it, looking at nearby strips only.

    The pushes are the same bit for bit as those of all pairs: each unit's are added in the same
    order, and what is left out is zero.

    Args:
        units: State ``[game, field, slot]``.
        game: Which game.
        total: Slots of both sides; what stands in the others is pushed but pushes nobody.
        rules: See ``fields.RULES``.
        pushes: ``[slot]`` along x and along y; overwritten.
        order: Room to sort the units, overwritten.
    """
    push_x, push_y = pushes
    columns, slots, firsts = order
    standing = _sort(units, game, rules, order)
    widest = ZERO
    for j in range(units.shape[2]):
        push_x[j] = ZERO
        push_y[j] = ZERO
        widest = max(widest, units[game, f.BULK, j])
    count = firsts.shape[0] - 1
    left = rules[f.LEFT_EDGE]
    for i in range(total):
        bulk = units[game, f.BULK, i]
        if bulk < ZERO:
            continue
        x = units[game, f.X, i]
        reach = (bulk + widest) * MARGIN
        first = firsts[_strip(x - reach, left, count)] // LANES * LANES
        last = firsts[_strip(x + reach, left, count) + 1]
        last = min((last + LANES - 1) // LANES * LANES, units.shape[2])
        _push(units, (game, i), (first, last), rules[f.PUSH], columns)
    for place in range(standing):
        push_x[slots[place]] = columns[PUSH_X, place]
        push_y[slots[place]] = columns[PUSH_Y, place]


@part
def _strip(x: np.float32, left: np.float32, count: int) -> int:
    return min(max(int((x - left) * PER_CELL), 0), count - 1)


@part
def _sort(units: Floats, game: int, rules: Floats, order: Sorted) -> int:
    """Sort the living by their strip, and within one by their slot; return how many there are."""
    columns, slots, firsts = order
    count = firsts.shape[0] - 1
    width = units.shape[2]
    firsts[:] = 0
    standing = 0
    for j in range(width):
        columns[GROUND_BULK, j] = np.float32(f.NO_BULK)
        columns[AIR_BULK, j] = np.float32(f.NO_BULK)
        columns[PUSH_X, j] = ZERO
        columns[PUSH_Y, j] = ZERO
        if units[game, f.BULK, j] >= ZERO:
            standing += 1
            firsts[_strip(units[game, f.X, j], rules[f.LEFT_EDGE], count)] += 1
    end = 0
    for strip in range(count + 1):
        end += firsts[strip]
        firsts[strip] = end
    for j in range(width - 1, -1, -1):
        if units[game, f.BULK, j] < ZERO:
            continue
        strip = _strip(units[game, f.X, j], rules[f.LEFT_EDGE], count)
        place = firsts[strip] - 1
        firsts[strip] = place
        slots[place] = j
        columns[X, place] = units[game, f.X, j]
        columns[Y, place] = units[game, f.Y, j]
        columns[GROUND_BULK, place] = units[game, f.GROUND_BULK, j]
        columns[AIR_BULK, place] = units[game, f.AIR_BULK, j]
        columns[RANK, place] = np.float32(j)
    return standing


@part
def _push(
    units: Floats,
    who: tuple[int, int],
    places: tuple[int, int],
    share: np.float32,
    columns: Floats,
) -> None:
    game, i = who
    x = units[game, f.X, i]
    y = units[game, f.Y, i]
    bulk = units[game, f.BULK, i]
    rank = np.float32(i)
    layer = GROUND_BULK if units[game, f.GROUND_BULK, i] >= ZERO else AIR_BULK
    for k in range(np.uint64(places[0]), np.uint64(places[1])):
        dx = columns[X, k] - x
        dy = columns[Y, k] - y
        near = bulk + columns[layer, k]
        dx = NUDGE * (columns[RANK, k] - rank) if dx * dx + dy * dy < TINY else dx
        distance = np.float32(math.sqrt(dx * dx + dy * dy))
        gap = near - (distance if distance < near else near)
        gap = gap * share / (distance if distance > TINY else TINY)
        columns[PUSH_X, k] += gap * dx
        columns[PUSH_Y, k] += gap * dy
