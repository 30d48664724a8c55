"""What a unit does when it has done its order: turn back on patrol, or go on with its queue."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from . import task_fields as t
from ._jit import kernel

Floats: TypeAlias = NDArray[np.float32]


@kernel
def follow_up(units: Floats, game: int, slot: int) -> None:
    """Give a unit of ours that has become idle its next order, if there is one."""
    if units[game, f.ORDER, slot] != f.IDLE or units[game, f.HEALTH, slot] <= np.float32(0):
        return
    if units[game, t.PATROLS, slot] > 0 and units[game, t.QUEUED, slot] == 0:
        x, y = units[game, f.GOAL_X, slot], units[game, f.GOAL_Y, slot]
        units[game, f.GOAL_X, slot] = units[game, t.FROM_X, slot]
        units[game, f.GOAL_Y, slot] = units[game, t.FROM_Y, slot]
        units[game, t.FROM_X, slot] = x
        units[game, t.FROM_Y, slot] = y
        units[game, f.ORDER, slot] = f.ATTACK_MOVE
    elif units[game, t.QUEUED, slot] > 0:
        units[game, t.PATROLS, slot] = 0
        units[game, f.TARGET, slot] = f.NOBODY
        units[game, f.ORDER, slot] = units[game, t.QUEUE, slot]
        units[game, f.GOAL_X, slot] = units[game, t.QUEUE + 1, slot]
        units[game, f.GOAL_Y, slot] = units[game, t.QUEUE + 2, slot]
        for field in range(t.QUEUE, t.QUEUE + 3 * (t.QUEUE_LENGTH - 1)):
            units[game, field, slot] = units[game, field + 3, slot]
        units[game, t.QUEUED, slot] -= 1


@kernel
def enqueue(
    units: Floats, game: int, slot: int, order: int, goal: tuple[np.float32, np.float32]
) -> bool:
    """Let a unit walk somewhere after what it does now; return False if its queue is full."""
    waiting = int(units[game, t.QUEUED, slot])
    if waiting >= t.QUEUE_LENGTH:
        return False
    units[game, t.QUEUE + 3 * waiting, slot] = order
    units[game, t.QUEUE + 3 * waiting + 1, slot] = goal[0]
    units[game, t.QUEUE + 3 * waiting + 2, slot] = goal[1]
    units[game, t.QUEUED, slot] = waiting + 1
    if units[game, f.ORDER, slot] == f.HOLD:
        units[game, f.ORDER, slot] = f.IDLE
    return True


@kernel
def forget(units: Floats, game: int, slot: int) -> None:
    """Drop what a unit was going to do next."""
    units[game, f.ORDER, slot] = f.IDLE
    units[game, f.TARGET, slot] = f.NOBODY
    units[game, t.PATROLS, slot] = 0
    units[game, t.QUEUED, slot] = 0
    units[game, t.PHASE, slot] = t.GO
    units[game, t.PRODUCT, slot] = 0
