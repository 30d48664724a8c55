"""Healers: whom they tend, and what it costs them.

A healer tends one hurt friend at a time and no two tend the same one. It gives a fixed share of
health per loop for energy. With an order to move it tends nobody.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from ._jit import kernel

Floats: TypeAlias = NDArray[np.float32]

ZERO = np.float32(0)
NONE = np.int64(f.NOBODY)


@kernel
def tend(
    units: Floats,
    game: int,
    sides: tuple[int, int],
    rules: Floats,
    course: tuple[Floats, Floats, Floats],
) -> None:
    """Let every healer choose a patient, and heal it, go to it or follow its order."""
    own, total = sides
    goal_x, goal_y, pace = course
    for i in range(total):
        if units[game, f.HEALTH, i] <= ZERO or units[game, f.HEAL, i] == ZERO:
            continue
        ours = i < own
        acquires = rules[f.OWN_ACQUIRES if ours else f.ENEMY_ACQUIRES] > ZERO
        patient = find_patient(units, game, i, (0, own) if ours else (own, total), acquires)
        units[game, f.TARGET, i] = np.float32(patient)
        order = int(units[game, f.ORDER, i])
        to_goal = patient < 0 and order in (f.MOVE, f.ATTACK_MOVE)
        to_patient = patient >= 0 and order != f.HOLD
        goal_x[i] = units[game, f.GOAL_X if to_goal else f.X, i if to_goal else patient]
        goal_y[i] = units[game, f.GOAL_Y if to_goal else f.Y, i if to_goal else patient]
        dx = goal_x[i] - units[game, f.X, i]
        dy = goal_y[i] - units[game, f.Y, i]
        if patient >= 0:
            far = (
                units[game, f.RANGE, i] + units[game, f.RADIUS, i] + units[game, f.RADIUS, patient]
            )
            if dx * dx + dy * dy <= far * far:
                heal(units, game, i, patient)
                to_patient = False
        pace[i] = units[game, f.SPEED, i] if to_goal or to_patient else ZERO
        if to_goal and dx * dx + dy * dy <= pace[i] * pace[i]:
            units[game, f.ORDER, i] = f.IDLE


@kernel
def find_patient(
    units: Floats, game: int, i: int, friends: tuple[int, int], acquires: bool
) -> np.int64:
    """Return whom a healer tends, or NOBODY; its energy grows by what a loop brings.

    It keeps its patient while that one is hurt and within reach, else it takes the nearest. Units
    that hold, or are idle where their side does not act by itself, look no further than they heal.
    """
    energy = units[game, f.ENERGY, i] + units[game, f.ENERGY_REGEN, i]
    units[game, f.ENERGY, i] = min(energy, units[game, f.MAX_ENERGY, i])
    order = int(units[game, f.ORDER, i])
    if order == f.MOVE or units[game, f.ENERGY, i] < units[game, f.HEAL_COST, i]:
        return NONE
    stays = order == f.HOLD or (order == f.IDLE and not acquires)
    reach = units[game, f.RANGE if stays else f.SCAN, i] + units[game, f.RADIUS, i]
    kept = int(units[game, f.TARGET, i])
    best = NONE
    least = np.float32(np.inf)
    for j in range(friends[0], friends[1]):
        hurt = ZERO < units[game, f.HEALTH, j] < units[game, f.MAX_HEALTH, j]
        if j == i or not hurt or units[game, f.HEALABLE, j] == ZERO:
            continue
        dx = units[game, f.X, j] - units[game, f.X, i]
        dy = units[game, f.Y, j] - units[game, f.Y, i]
        square = dx * dx + dy * dy
        far = reach + units[game, f.RADIUS, j]
        if square > far * far or _is_tended(units, game, j, friends[0], i):
            continue
        if j == kept:
            return np.int64(j)
        if square < least:
            least = square
            best = np.int64(j)
    return best


@kernel
def _is_tended(units: Floats, game: int, patient: int, first: int, last: int) -> bool:
    """Tell whether a healer with a lower slot has chosen the patient in this loop."""
    for k in range(first, last):
        heals = units[game, f.HEAL, k] > ZERO and units[game, f.HEALTH, k] > ZERO
        if heals and int(units[game, f.TARGET, k]) == patient:
            return True
    return False


@kernel
def heal(units: Floats, game: int, i: int, patient: np.int64) -> None:
    """Give a patient one loop's share of health, or what it lacks for the same share of energy."""
    lack = units[game, f.MAX_HEALTH, patient] - units[game, f.HEALTH, patient]
    given = min(units[game, f.HEAL, i], lack)
    units[game, f.HEALTH, patient] += given
    units[game, f.ENERGY, i] -= units[game, f.HEAL_COST, i] * (given / units[game, f.HEAL, i])
