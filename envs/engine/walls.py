"""Walls and cliffs: boxes that nobody on the ground can enter. Weapons reach over them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from ._jit import kernel

Floats: TypeAlias = NDArray[np.float32]

ZERO = np.float32(0)
SIDES = 4


@kernel
def keep_off_walls(units: Floats, game: int, total: int, rules: Floats) -> None:
    """Put every unit on the ground that reaches into a wall back to the wall's nearest side.

    A unit that walks against a wall at an angle slides along it. Nobody looks for a way around.
    """
    for i in range(total):
        bulk = units[game, f.GROUND_BULK, i]
        if bulk < ZERO:
            continue
        for wall in range(f.RULES, rules.shape[0], SIDES):
            x = units[game, f.X, i]
            y = units[game, f.Y, i]
            left = x - (rules[wall] - bulk)
            bottom = y - (rules[wall + 1] - bulk)
            right = rules[wall + 2] + bulk - x
            top = rules[wall + 3] + bulk - y
            if left <= ZERO or bottom <= ZERO or right <= ZERO or top <= ZERO:
                continue
            least = min(min(left, right), min(bottom, top))
            if least == left:
                units[game, f.X, i] = rules[wall] - bulk
            elif least == right:
                units[game, f.X, i] = rules[wall + 2] + bulk
            elif least == bottom:
                units[game, f.Y, i] = rules[wall + 1] - bulk
            else:
                units[game, f.Y, i] = rules[wall + 3] + bulk
