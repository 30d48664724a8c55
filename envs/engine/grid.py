"""A grid of cells in which a unit finds those that may overlap it."""

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
ONE = np.float32(1)
TINY = np.float32(1e-12)
NUDGE = np.float32(1e-3)
MARGIN = np.float32(1.0001)  # keeps those who overlap by rounding alone, as all pairs do
ROOMY = np.float32(2.02)  # cells as wide as the widest unit, and a little for rounding


@kernel
def cell_count(rules: Floats) -> int:
    """Return how many cells the playable area has at most."""
    columns = int(rules[f.RIGHT_EDGE] - rules[f.LEFT_EDGE]) + 1
    rows = int(rules[f.TOP_EDGE] - rules[f.BOTTOM_EDGE]) + 1
    return columns * rows


@kernel
def push_near(
    units: Floats,
    game: int,
    total: int,
    rules: Floats,
    pushes: tuple[Floats, Floats],
    lists: tuple[Integers, Integers, Integers],
) -> None:
    """Add up how far each unit is pushed by those that overlap it, looking at nearby pairs only.

    The pushes are the same bit for bit as those of all pairs: each unit's are added in the same
    order, and what is left out is zero.

    Args:
        units: State ``[game, field, slot]``.
        game: Which game.
        total: Slots of both sides; what stands in the others is pushed but pushes nobody.
        rules: See ``fields.RULES``.
        pushes: ``[slot]`` along x and along y; overwritten.
        lists: Room for the first slot of each cell ``[cell]``, for the slot that follows each slot
            in its cell and for those near a unit ``[slot]``.
    """
    width = units.shape[2]
    push_x, push_y = pushes
    widest = ZERO
    for j in range(width):
        push_x[j] = ZERO
        push_y[j] = ZERO
        widest = max(widest, units[game, f.BULK, j])
    cell = max(widest * ROOMY, ONE)
    columns = int((rules[f.RIGHT_EDGE] - rules[f.LEFT_EDGE]) / cell) + 1
    rows = int((rules[f.TOP_EDGE] - rules[f.BOTTOM_EDGE]) / cell) + 1
    size = (columns, rows, cell)
    _fill(units, game, rules, size, lists)
    for i in range(total):
        if units[game, f.BULK, i] >= ZERO:
            for at in range(_gather(units, game, i, rules, size, lists)):
                _push(units, game, i, lists[2][at], rules[f.PUSH], pushes)


@part
def _place_of(value: np.float32, low: np.float32, cell: np.float32, count: int) -> int:
    return min(max(int((value - low) / cell), 0), count - 1)


@part
def _fill(
    units: Floats,
    game: int,
    rules: Floats,
    size: tuple[int, int, np.float32],
    lists: tuple[Integers, Integers, Integers],
) -> None:
    columns, rows, cell = size
    heads, following, _ = lists
    heads[: columns * rows] = f.NOBODY
    for j in range(units.shape[2] - 1, -1, -1):
        if units[game, f.BULK, j] < ZERO:
            continue
        column = _place_of(units[game, f.X, j], rules[f.LEFT_EDGE], cell, columns)
        row = _place_of(units[game, f.Y, j], rules[f.BOTTOM_EDGE], cell, rows)
        following[j] = heads[row * columns + column]
        heads[row * columns + column] = j


@part
def _gather(
    units: Floats,
    game: int,
    i: int,
    rules: Floats,
    size: tuple[int, int, np.float32],
    lists: tuple[Integers, Integers, Integers],
) -> int:
    """List whom a unit may overlap; return how many, or 0 if it overlaps nobody for certain."""
    columns, rows, cell = size
    heads, following, found = lists
    x = units[game, f.X, i]
    y = units[game, f.Y, i]
    bulk = units[game, f.BULK, i]
    layer = f.GROUND_BULK if units[game, f.GROUND_BULK, i] >= ZERO else f.AIR_BULK
    column = _place_of(x, rules[f.LEFT_EDGE], cell, columns)
    row = _place_of(y, rules[f.BOTTOM_EDGE], cell, rows)
    touches = False
    count = 0
    for r in range(max(row - 1, 0), min(row + 2, rows)):
        for c in range(max(column - 1, 0), min(column + 2, columns)):
            j = heads[r * columns + c]
            while j >= 0:
                dx = units[game, f.X, j] - x
                dy = units[game, f.Y, j] - y
                near = bulk + units[game, layer, j]
                square = dx * dx + dy * dy
                if near > ZERO and square < near * near * MARGIN and j != i:
                    touches = touches or square < near * near
                    found[count] = j
                    count += 1
                j = following[j]
    return count if touches else 0


@part
def _push(
    units: Floats,
    game: int,
    i: int,
    j: np.int64,
    share: np.float32,
    pushes: tuple[Floats, Floats],
) -> None:
    push_x, push_y = pushes
    dx = units[game, f.X, j] - units[game, f.X, i]
    dy = units[game, f.Y, j] - units[game, f.Y, i]
    layer = f.GROUND_BULK if units[game, f.GROUND_BULK, i] >= ZERO else f.AIR_BULK
    near = units[game, f.BULK, i] + units[game, layer, j]
    dx = NUDGE * np.float32(j - i) if dx * dx + dy * dy < TINY else dx
    distance = np.float32(math.sqrt(dx * dx + dy * dy))
    gap = near - (distance if distance < near else near)
    gap = gap * share / (distance if distance > TINY else TINY)
    push_x[j] += gap * dx
    push_y[j] += gap * dy
