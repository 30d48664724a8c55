"""What each unit does in a game loop: whom it targets, where it goes, whom it hits."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from ._jit import part

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Course: TypeAlias = tuple[Floats, Floats, Floats]
"""``[slot]``: goal along x and along y, and how far the unit goes in this loop."""

ZERO = np.float32(0)
NONE = np.int64(f.NOBODY)


@part
def _nearest(
    units: Floats, game: int, i: int, foes: tuple[int, int], reach: np.float32
) -> np.int64:
    """Return the foe nearest to a unit among those that it can hit within its reach, or NOBODY.

    Most of the time there is none. Counting them first, without a branch, finds that out fast.
    """
    prey = int(units[game, f.PREY, i])
    if prey == 0:
        return NONE
    x = units[game, f.X, i]
    y = units[game, f.Y, i]
    far = reach + units[game, f.BULK, i]
    within = np.int32(0)
    for j in range(np.uint64(foes[0]), np.uint64(foes[1])):
        dx = units[game, f.X, j] - x
        dy = units[game, f.Y, j] - y
        near = far + units[game, prey, j]
        hit = (dx * dx + dy * dy <= near * near) & (near > ZERO)
        within = np.int32(within + np.int32(hit))  # as wide as what it counts
    best = NONE
    if within == 0:
        return best
    least = np.float32(np.inf)
    for j in range(np.uint64(foes[0]), np.uint64(foes[1])):
        dx = units[game, f.X, j] - x
        dy = units[game, f.Y, j] - y
        near = far + units[game, prey, j]
        square = dx * dx + dy * dy
        if square < least and square <= near * near and near > ZERO:
            least = square
            best = np.int64(j)
    return best


@part
def _within(units: Floats, game: int, i: int, j: np.int64, reach: np.float32) -> bool:
    dx = units[game, f.X, j] - units[game, f.X, i]
    dy = units[game, f.Y, j] - units[game, f.Y, i]
    far = reach + units[game, f.RADIUS, i] + units[game, f.RADIUS, j]
    return dx * dx + dy * dy <= far * far


@part
def _aim(units: Floats, game: int, i: int, foes: tuple[int, int], acquires: bool) -> np.int64:
    """Return whom a unit attacks or chases; an order to attack ends with its target."""
    order = int(units[game, f.ORDER, i])
    target = np.int64(units[game, f.TARGET, i])
    if target >= 0 and units[game, f.HEALTH, target] <= ZERO:
        target = NONE
    if order == f.ATTACK:
        if target >= 0:
            return target
        units[game, f.ORDER, i] = f.IDLE
        order = f.IDLE
    if order == f.MOVE or (order == f.IDLE and not acquires):
        return NONE
    reach = units[game, f.RANGE, i] if order == f.HOLD else units[game, f.SCAN, i]
    if target >= 0 and _within(units, game, i, target, reach):
        return target
    return _nearest(units, game, i, foes, reach)


@part
def _go_on(units: Floats, game: int, i: int, course: Course) -> None:
    """Let a unit walk towards the goal of its order, which ends with the step that arrives."""
    goal_x, goal_y, pace = course
    goal_x[i] = units[game, f.GOAL_X, i]
    goal_y[i] = units[game, f.GOAL_Y, i]
    pace[i] = units[game, f.SPEED, i]
    dx = goal_x[i] - units[game, f.X, i]
    dy = goal_y[i] - units[game, f.Y, i]
    if dx * dx + dy * dy <= pace[i] * pace[i]:
        units[game, f.ORDER, i] = f.IDLE


@part
def decide(
    units: Floats,
    game: int,
    sides: tuple[int, int],
    rules: Floats,
    course: Course,
    victim: Integers,
) -> None:
    """Set each unit's target, its goal and pace, and whom it hits in this loop."""
    own, total = sides
    goal_x, goal_y, pace = course
    for i in range(total):
        pace[i] = ZERO
        victim[i] = f.NOBODY
        if units[game, f.HEALTH, i] <= ZERO or units[game, f.HEAL, i] > ZERO:
            continue
        ours = i < own
        foes = (own, total) if ours else (0, own)
        acquires = rules[f.OWN_ACQUIRES if ours else f.ENEMY_ACQUIRES] > ZERO
        target = _aim(units, game, i, foes, acquires)
        units[game, f.TARGET, i] = np.float32(target)
        order = int(units[game, f.ORDER, i])
        if target >= 0:
            if _within(units, game, i, target, units[game, f.RANGE, i]):
                if units[game, f.COOLDOWN, i] <= ZERO:
                    units[game, f.COOLDOWN, i] += units[game, f.PERIOD, i]
                    victim[i] = target
            elif order != f.HOLD:
                goal_x[i] = units[game, f.X, target]
                goal_y[i] = units[game, f.Y, target]
                pace[i] = units[game, f.SPEED, i]
        elif order in (f.MOVE, f.ATTACK_MOVE):
            _go_on(units, game, i, course)
