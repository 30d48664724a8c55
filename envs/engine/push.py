"""Units that overlap push each other apart."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from ._jit import part

Floats: TypeAlias = NDArray[np.float32]

ZERO = np.float32(0)
TINY = np.float32(1e-12)
NUDGE = np.float32(1e-3)


@part
def push_all(
    units: Floats, game: int, total: int, rules: Floats, pushes: tuple[Floats, Floats, Floats]
) -> None:
    """Add up how far each unit is pushed by those that overlap it, looking at every pair.

    Those in the air and those on the ground pass each other. Pairs that do not overlap add zero:
    looking for those that do takes longer.

    Args:
        units: State ``[game, field, slot]``.
        game: Which game.
        total: Slots of both sides; what stands in the others is pushed but pushes nobody.
        rules: See ``fields.RULES``.
        pushes: ``[slot]`` along x and along y, overwritten; and the numbers of the slots, as
            floats to keep all of the inner loop in registers of one width.
    """
    push_x, push_y, ranks = pushes
    width = units.shape[2]
    share = rules[f.PUSH]
    for j in range(width):
        push_x[j] = ZERO
        push_y[j] = ZERO
    for i in range(total):
        bulk = units[game, f.BULK, i]
        if bulk < ZERO:
            continue
        x = units[game, f.X, i]
        y = units[game, f.Y, i]
        rank = ranks[i]
        layer = f.GROUND_BULK if units[game, f.GROUND_BULK, i] >= ZERO else f.AIR_BULK
        for j in range(width):
            dx = units[game, f.X, j] - x
            dy = units[game, f.Y, j] - y
            near = bulk + units[game, layer, j]
            # Units at the very same point part along x, the lower slot to the left.
            dx = NUDGE * (ranks[j] - rank) if dx * dx + dy * dy < TINY else dx
            distance = np.float32(math.sqrt(dx * dx + dy * dy))
            gap = near - (distance if distance < near else near)
            gap = gap * share / (distance if distance > TINY else TINY)
            push_x[j] += gap * dx
            push_y[j] += gap * dy


@part
def settle(units: Floats, game: int, rules: Floats, push_x: Floats, push_y: Floats) -> None:
    """Carry out the pushes; what cannot move stays, and nobody leaves the playable area."""
    left, right = rules[f.LEFT_EDGE], rules[f.RIGHT_EDGE]
    bottom, top = rules[f.BOTTOM_EDGE], rules[f.TOP_EDGE]
    for j in range(units.shape[2]):
        alive = units[game, f.BULK, j] >= ZERO
        mobile = units[game, f.SPEED, j] > ZERO
        x = units[game, f.X, j] + (push_x[j] if mobile else ZERO)
        y = units[game, f.Y, j] + (push_y[j] if mobile else ZERO)
        x = left if x < left else x
        y = bottom if y < bottom else y
        x = right if x > right else x
        y = top if y > top else y
        units[game, f.X, j] = x if alive else ZERO
        units[game, f.Y, j] = y if alive else ZERO
