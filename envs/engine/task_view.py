"""Observations of the games of a task."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from . import task_fields as t
from ._jit import kernel
from .observe import Views
from .task_orders import Spread, can_attack

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]


@kernel
def shown_order(units: Floats, game: int, slot: int) -> np.float32:
    """Return a unit's order as an index into ``task_fields.ORDERS``."""
    patrols = units[game, t.PATROLS, slot] > 0 and units[game, f.ORDER, slot] == f.ATTACK_MOVE
    return np.float32(t.PATROL) if patrols else units[game, f.ORDER, slot]


@kernel
def view_errand(
    units: Floats,
    games: Integers,
    rows: Integers,
    spread: Spread,
    loop_limit: float,
    views: Views,
) -> None:
    """Write the observations of the games ``rows`` into arrays that hold all games."""
    entities, entity_mask, scalars, _, _, _ = views
    own, fighters, total, _ = spread
    for k in range(rows.shape[0]):
        game = rows[k]
        entities[game] = 0
        for slot in range(entities.shape[1]):
            present = slot < total and units[game, f.HEALTH, slot] > np.float32(0)
            entity_mask[game, slot] = present
            if not present:
                continue
            entities[game, slot, 0] = 0 if slot < own else (1 if slot < fighters else 2)
            entities[game, slot, 1] = units[game, f.KIND, slot]
            entities[game, slot, 2] = units[game, f.X, slot]
            entities[game, slot, 3] = units[game, f.Y, slot]
            entities[game, slot, 4] = units[game, f.HEALTH, slot]
            entities[game, slot, 5] = units[game, f.HEALTH, slot] / units[game, f.MAX_HEALTH, slot]
            entities[game, slot, 6] = shown_order(units, game, slot)
            entities[game, slot, 7] = units[game, t.QUEUED, slot]
        scalars[game] = 0
        scalars[game, 0] = 1.0 - games[game, f.LOOP] / loop_limit


@kernel
def mask_orders(
    units: Floats,
    games: Integers,
    rows: Integers,
    spread: Spread,
    verbs: Integers,
    views: Views,
) -> None:
    """Write which action types, selections and targets are legal; all but economic orders."""
    _, _, _, action_type_mask, selectable_mask, target_mask = views
    own = spread[0]
    for k in range(rows.shape[0]):
        game = rows[k]
        playing = games[game, f.OVER] == 0 and games[game, f.OWN_ALIVE] > 0
        target_mask[game] = 0
        for slot in range(selectable_mask.shape[1]):
            alive = slot < own and units[game, f.HEALTH, slot] > np.float32(0)
            selectable_mask[game, slot] = playing and alive
        for kind in range(verbs.shape[0]):
            legal = playing or verbs[kind, t.VERB] < 0
            if verbs[kind, t.VERB] == f.ATTACK:
                legal = False
                for slot in range(own, spread[1]):
                    seen = playing and can_attack(units, game, slot, spread)
                    target_mask[game, kind, slot] = seen
                    legal = legal or seen
            action_type_mask[game, kind] = legal
