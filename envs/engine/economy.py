"""Workers gather and build, structures train: the game loop of an economy without a fight."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from . import task_fields as t
from ._jit import kernel
from .construction import build
from .follow import follow_up
from .gathering import gather
from .place import Book, put
from .site import free_slot, leave_obstacles
from .walk import acceleration, distance_to, give_way, stay_inside, walk

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]

NEAR: Final = np.float32(0.1)
ZERO: Final = np.float32(0)
ONE: Final = np.float32(1)


@kernel
def run_economy(
    units: Floats, games: Integers, spread: tuple[int, int], book: Book, rules: Floats
) -> None:
    """Run each game for its remaining loops.

    Args:
        units: State ``[game, field, slot]``.
        games: State ``[game, field]``.
        spread: Number of our slots, and of all.
        book: Tables of kinds.
        rules: See ``fields.RULES``.
    """
    own = spread[0]
    trade = book[1]
    for game in range(units.shape[0]):
        while games[game, f.LEFT] > 0:
            games[game, f.LEFT] -= 1
            games[game, f.LOOP] += 1
            for slot in range(own):
                if units[game, f.HEALTH, slot] <= ZERO:
                    continue
                if units[game, f.SPEED, slot] <= ZERO:
                    _produce(units, games, game, slot, own, book)
                    continue
                follow_up(units, game, slot)
                order = units[game, f.ORDER, slot]
                if order == t.GATHER:
                    gather(units, games, game, slot, spread, trade)
                elif order == t.BUILD:
                    build(units, games, game, slot, spread, (book, rules))
                elif order == f.MOVE or order == f.ATTACK_MOVE:
                    _go(units, game, slot, trade)
                if order != t.BUILD:
                    leave_obstacles(units, game, slot, spread, trade)
            give_way(units, game, own)
            stay_inside(units, game, own, rules)


@kernel
def _go(units: Floats, game: int, slot: int, trade: Floats) -> None:
    goal = (units[game, f.GOAL_X, slot], units[game, f.GOAL_Y, slot])
    if walk(units, game, slot, goal, (ZERO, acceleration(units, game, slot, trade))):
        units[game, f.ORDER, slot] = f.IDLE


@kernel
def _produce(units: Floats, games: Integers, game: int, slot: int, own: int, book: Book) -> None:
    """Start or go on with the first unit in training."""
    trade = book[1]
    if units[game, t.TRAINING, slot] <= ZERO:
        return
    kind = int(trade[int(units[game, f.KIND, slot]), t.TRAINS])
    if units[game, t.TRAIN_LEFT, slot] <= ZERO:
        supply = games[game, t.SUPPLY] + int(trade[kind, t.SUPPLY_COST])
        if supply > games[game, t.SUPPLY_CAP]:
            return
        games[game, t.SUPPLY] = supply
        units[game, t.TRAIN_LEFT, slot] = trade[kind, t.LOOPS]
    units[game, t.TRAIN_LEFT, slot] = max(units[game, t.TRAIN_LEFT, slot] - ONE, ZERO)
    if units[game, t.TRAIN_LEFT, slot] > ZERO:
        return
    room = free_slot(units, game, own)
    if room < 0:
        units[game, t.TRAIN_LEFT, slot] = ONE  # it waits inside
        return
    units[game, t.TRAINING, slot] -= ONE
    games[game, f.OWN_ALIVE] += 1
    games[game, t.TRAINED] += trade[kind, t.ROLE] == t.FIGHTER
    _release(units, game, slot, room, kind, book)


@kernel
def _release(units: Floats, game: int, slot: int, room: int, kind: int, book: Book) -> None:
    """Let a new unit out at the edge of what trained it, towards the rally point."""
    x, y = units[game, f.X, slot], units[game, f.Y, slot]
    rallies = units[game, t.RALLIES, slot] > ZERO
    out = units[game, f.RADIUS, slot] + book[0][kind, f.RADIUS - f.FIRST_STAT]
    dx, dy = ZERO, -ONE
    if rallies:
        apart = distance_to(
            units, game, slot, units[game, t.RALLY_X, slot], units[game, t.RALLY_Y, slot]
        )
        if apart > NEAR:
            dx = (units[game, t.RALLY_X, slot] - x) / apart
            dy = (units[game, t.RALLY_Y, slot] - y) / apart
    put(units, (game, room), kind, (x + out * dx, y + out * dy), book)
    units[game, t.CROWDED, room] = ONE  # somebody may stand there
    if not rallies:
        return
    source = int(units[game, f.TARGET, slot])
    gathers = book[1][kind, t.ROLE] == t.WORKER and source >= 0
    units[game, f.ORDER, room] = t.GATHER if gathers else f.MOVE
    units[game, f.TARGET, room] = source if gathers else f.NOBODY
    units[game, f.GOAL_X, room] = units[game, t.RALLY_X, slot]
    units[game, f.GOAL_Y, room] = units[game, t.RALLY_Y, slot]
