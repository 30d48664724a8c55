"""Our side's actions in the games of a task: which orders there are is the scenario's choice."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from . import task_fields as t
from ._jit import kernel
from .follow import enqueue, forget

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Spread: TypeAlias = tuple[int, int, int, int]
"""Number of our slots, of those of both sides, and of all; 1 where fog hides enemies."""

THOUSAND = np.float32(1000)


@kernel
def give_task_orders(
    units: Floats,
    games: Integers,
    actions: Integers,
    spread: Spread,
    board: tuple[Integers, int, int],
    rules: Floats,
) -> None:
    """Carry out ``actions [game, 3 + N]``, which lie in their space.

    What the masks forbid is refused and counted per unit order, as in a battle. Finished games
    ignore their actions.

    Args:
        units: State ``[game, field, slot]``.
        games: State ``[game, field]``.
        actions: One per game.
        spread: See :data:`Spread`.
        board: Verbs ``[action type, column]``; rows and columns of the target grid.
        rules: See ``fields.RULES``.
    """
    own = spread[0]
    verbs, grid_rows, grid_columns = board
    slots = actions.shape[1] - 3
    for game in range(actions.shape[0]):
        verb = verbs[actions[game, 0]]
        if verb[t.VERB] < 0 or games[game, f.OVER]:
            continue
        row, column = divmod(actions[game, slots + 2], grid_columns)
        goal = (
            middle(rules[f.LEFT_EDGE], rules[f.RIGHT_EDGE], column, grid_columns),
            middle(rules[f.BOTTOM_EDGE], rules[f.TOP_EDGE], row, grid_rows),
        )
        if verb[t.VERB] == t.CAMERA:
            games[game, t.CAMERA_X] = np.int64(goal[0] * THOUSAND)
            games[game, t.CAMERA_Y] = np.int64(goal[1] * THOUSAND)
            continue
        target = actions[game, slots + 1]
        selected = 0
        for slot in range(slots):
            if actions[game, 1 + slot] == 0:
                continue
            selected += 1
            mine = slot < own and units[game, f.HEALTH, slot] > np.float32(0)
            if not mine or not order_unit(units, (game, slot), verb, target, goal, spread):
                games[game, f.REFUSED] += 1
        if selected == 0 and games[game, f.OWN_ALIVE] > 0:
            games[game, f.REFUSED] += 1


@kernel
def order_unit(
    units: Floats,
    who: tuple[int, int],
    verb: Integers,
    target: int,
    goal: tuple[np.float32, np.float32],
    spread: Spread,
) -> bool:
    """Give one of our living units an order; return False if it is refused."""
    game, slot = who
    order = verb[t.VERB]
    if order == f.ATTACK:
        if not can_attack(units, game, target, spread):
            return False
        forget(units, game, slot)
        units[game, f.TARGET, slot] = target
    elif verb[t.VERB_QUEUED]:
        return enqueue(units, game, slot, order, goal)
    else:
        forget(units, game, slot)
        units[game, f.GOAL_X, slot] = goal[0]
        units[game, f.GOAL_Y, slot] = goal[1]
    if order == t.PATROL:
        units[game, t.PATROLS, slot] = 1
        units[game, t.FROM_X, slot] = units[game, f.X, slot]
        units[game, t.FROM_Y, slot] = units[game, f.Y, slot]
        order = f.ATTACK_MOVE
    units[game, f.ORDER, slot] = order
    return True


@kernel
def can_attack(units: Floats, game: int, target: int, spread: Spread) -> bool:
    """Return whether a slot holds a living enemy that our side sees."""
    own, fighters, _, fog = spread
    if target < own or target >= fighters or units[game, f.HEALTH, target] <= np.float32(0):
        return False
    return fog == 0 or units[game, t.SEEN, target] > np.float32(0)


@kernel
def middle(low: np.float32, high: np.float32, index: int, count: int) -> np.float32:
    """Return the middle of one of ``count`` equal parts of an interval."""
    return low + (high - low) * np.float32((index + 0.5) / count)
