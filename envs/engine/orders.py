"""Our side's actions, turned into orders of units."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from ._jit import kernel

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]


@kernel
def first_outside(actions: Integers, nvec: Integers) -> int:
    """Return the flat index of the first component outside its range, or -1 if there is none."""
    for game in range(actions.shape[0]):
        for at in range(actions.shape[1]):
            if actions[game, at] < 0 or actions[game, at] >= nvec[at]:
                return game * actions.shape[1] + at
    return -1


@kernel
def give_orders(
    units: Floats,
    games: Integers,
    actions: Integers,
    sides: tuple[int, int],
    grid: tuple[int, int],
    rules: Floats,
) -> None:
    """Carry out ``actions [game, 3 + N]``, which lie in their space.

    What the masks forbid is refused and counted per unit order: a selected entity that is not ours
    or dead, every selected one if the target is not a living enemy, and an order that selects
    nobody while somebody could be. Finished games ignore their actions. A unit that cannot hit its
    target attack-moves to it.
    """
    own, total = sides
    rows = actions.shape[1] - 3
    for game in range(actions.shape[0]):
        order = actions[game, 0] - 1
        if order < 0 or games[game, f.OVER]:
            continue
        target = actions[game, rows + 1]
        legal = order != f.ATTACK or (
            own <= target < total and units[game, f.HEALTH, target] > np.float32(0)
        )
        row = actions[game, rows + 2] // grid[1]
        column = actions[game, rows + 2] % grid[1]
        selected = 0
        for slot in range(rows):
            if actions[game, 1 + slot] == 0:
                continue
            selected += 1
            if not legal or slot >= own or units[game, f.HEALTH, slot] <= np.float32(0):
                games[game, f.REFUSED] += 1
                continue
            if order == f.ATTACK:
                attack(units, game, slot, target)
                continue
            units[game, f.ORDER, slot] = order
            units[game, f.TARGET, slot] = f.NOBODY
            if order in (f.MOVE, f.ATTACK_MOVE):
                units[game, f.GOAL_X, slot] = _middle(
                    rules[f.LEFT_EDGE], rules[f.RIGHT_EDGE], column, grid[1]
                )
                units[game, f.GOAL_Y, slot] = _middle(
                    rules[f.BOTTOM_EDGE], rules[f.TOP_EDGE], row, grid[0]
                )
        if selected == 0 and games[game, f.OWN_ALIVE] > 0:
            games[game, f.REFUSED] += 1


@kernel
def can_hit(units: Floats, game: int, slot: int, target: int) -> bool:
    """Tell whether a unit has a weapon that reaches a target's layer, and the target lives."""
    prey = int(units[game, f.PREY, slot])
    alive = units[game, f.HEALTH, target] > np.float32(0)
    return alive and prey > 0 and units[game, prey, target] >= np.float32(0)


@kernel
def attack(units: Floats, game: int, slot: int, target: int) -> None:
    """Order a unit to attack a living target; if it cannot hit it, to attack-move to its place."""
    if can_hit(units, game, slot, target):
        units[game, f.ORDER, slot] = f.ATTACK
        units[game, f.TARGET, slot] = target
    else:
        units[game, f.ORDER, slot] = f.ATTACK_MOVE
        units[game, f.TARGET, slot] = f.NOBODY
        units[game, f.GOAL_X, slot] = units[game, f.X, target]
        units[game, f.GOAL_Y, slot] = units[game, f.Y, target]


@kernel
def _middle(low: np.float32, high: np.float32, index: int, count: int) -> np.float32:
    """Return the middle of one of ``count`` equal parts of an interval."""
    return low + (high - low) * np.float32((index + 0.5) / count)
