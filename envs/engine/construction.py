"""Workers build: walk to a site, start the structure there, and work until it stands."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from . import task_fields as t
from ._jit import kernel
from .place import Book, put, remove
from .site import free_slot, site_is_free
from .walk import acceleration, walk

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]

ZERO: Final = np.float32(0)
ONE: Final = np.float32(1)
START_HEALTH: Final = np.float32(0.1)  # share with which a structure begins


@kernel
def build(
    units: Floats,
    games: Integers,
    game: int,
    slot: int,
    spread: tuple[int, int],
    land: tuple[Book, Floats],
) -> None:
    """Walk to a site, start the structure there, and work until it stands."""
    book, rules = land
    trade = book[1]
    kind = int(units[game, t.PRODUCT, slot])
    if units[game, t.PHASE, slot] == t.MINE:
        _construct(units, games, game, slot, trade)
        return
    goal = (units[game, f.GOAL_X, slot], units[game, f.GOAL_Y, slot])
    gap = trade[kind, t.HALF_WIDTH] + units[game, f.RADIUS, slot]
    if not walk(units, game, slot, goal, (gap, acceleration(units, game, slot, trade))):
        return
    target = int(units[game, f.TARGET, slot])
    site = free_slot(units, game, spread[0])
    cost = int(trade[kind, t.COST])
    paid = games[game, t.MINERALS] >= cost and site >= 0
    if not paid or not site_is_free(units, game, spread, kind, goal, (target, trade, rules)):
        games[game, f.REFUSED] += 1
        units[game, f.ORDER, slot] = f.IDLE
        units[game, f.TARGET, slot] = f.NOBODY
        return
    games[game, t.MINERALS] -= cost
    contents = ZERO if target < 0 else units[game, t.CONTENTS, target]
    if target >= 0:
        remove(units, game, target)
    put(units, (game, site), kind, goal, book)
    units[game, t.CONTENTS, site] = contents
    units[game, t.UNBUILT, site] = trade[kind, t.LOOPS]
    units[game, f.HEALTH, site] *= START_HEALTH
    units[game, t.PHASE, slot] = t.MINE
    units[game, f.TARGET, slot] = site
    games[game, f.OWN_ALIVE] += 1


@kernel
def _construct(units: Floats, games: Integers, game: int, slot: int, trade: Floats) -> None:
    """Work on a structure; a worker that has built a refinery begins to gather there."""
    site = int(units[game, f.TARGET, slot])
    kind = int(units[game, f.KIND, site])
    units[game, t.UNBUILT, site] -= ONE
    gain = units[game, f.MAX_HEALTH, site] * (ONE - START_HEALTH) / trade[kind, t.LOOPS]
    units[game, f.HEALTH, site] = min(
        units[game, f.HEALTH, site] + gain, units[game, f.MAX_HEALTH, site]
    )
    if units[game, t.UNBUILT, site] > ZERO:
        return
    units[game, t.UNBUILT, site] = ZERO
    units[game, f.HEALTH, site] = units[game, f.MAX_HEALTH, site]
    games[game, t.SUPPLY_CAP] += int(trade[kind, t.SUPPLY_GIVEN])
    refinery = trade[kind, t.ROLE] == t.REFINERY
    units[game, f.ORDER, slot] = t.GATHER if refinery else f.IDLE
    units[game, f.TARGET, slot] = site if refinery else f.NOBODY
    units[game, t.PHASE, slot] = t.RETURN if units[game, t.CARGO, slot] > ZERO else t.GO
