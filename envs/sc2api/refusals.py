"""Why an order of an economy is refused, in the protocol's words, and where structures fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..engine import fields as f
from ..engine import task_fields as t
from ..engine.site import site_is_free, snap
from .world import (
    CANT_BUILD_THERE,
    CANT_TARGET_THAT_UNIT,
    ERROR,
    NOT_ENOUGH_FOOD,
    NOT_ENOUGH_MINERALS,
    QUEUE_IS_FULL,
    Order,
    Point,
    Purse,
)


def why_not(purse: Purse, trade: NDArray[np.float32], order: Order) -> int:
    """Return the ActionResult of an order that nobody could carry out.

    Args:
        purse: Of the player.
        trade: The engine's table of kinds.
        order: The order.
    """
    if order.verb in (t.BUILD, t.TRAIN):
        if purse.minerals < trade[order.product, t.COST]:
            return NOT_ENOUGH_MINERALS
        if order.verb == t.BUILD:
            return CANT_BUILD_THERE
        if purse.supply + trade[order.product, t.SUPPLY_COST] > purse.supply_cap:
            return NOT_ENOUGH_FOOD
        return QUEUE_IS_FULL
    return CANT_TARGET_THAT_UNIT if order.target >= 0 else ERROR


def fits(
    state: NDArray[np.float32],
    spread: tuple[int, int],
    kind: int,
    at: Point,
    land: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> bool:
    """Return whether a structure could be built at a point; a refinery where a geyser is.

    Args:
        state: ``[1, field, slot]``.
        spread: Number of the players' slots, and of all.
        kind: Of the structure.
        at: In cells.
        land: The table of kinds, and the rules.
    """
    trade, rules = land
    if trade[kind, t.ROLE] == t.REFINERY:
        roles = trade[state[0, f.KIND].astype(np.int64), t.ROLE]
        apart = np.hypot(state[0, f.X] - at[0], state[0, f.Y] - at[1])
        here = (roles == t.GEYSER) & (state[0, f.HEALTH] > 0)
        return bool((here & (apart < 1)).any())
    middle = snap((np.float32(at[0]), np.float32(at[1])), trade[kind, t.HALF_WIDTH])
    return bool(site_is_free(state, 0, spread, kind, middle, (f.NOBODY, trade, rules)))
