"""What observations of an economy add: cargo, contents, work in progress, money and supply."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from . import task_fields as t
from ._jit import kernel
from .economy_orders import can_train, is_source, is_worker
from .observe import Views
from .site import free_slot
from .task_orders import Spread

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]

FULL_PURSE: Final = 1000
MOST_SUPPLY: Final = 200
FIRST_COLUMN: Final = 8


@kernel
def view_economy(
    units: Floats,
    games: Integers,
    rows: Integers,
    spread: Spread,
    trade: Floats,
    views: Views,
) -> None:
    """Add to observations that :func:`~.task_view.view_errand` has written."""
    entities, entity_mask, scalars, _, _, _ = views
    for k in range(rows.shape[0]):
        game = rows[k]
        idle = 0
        workers = 0
        for slot in range(spread[2]):
            if entity_mask[game, slot] == 0:
                continue
            kind = int(units[game, f.KIND, slot])
            if slot < spread[0] and trade[kind, t.ROLE] == t.WORKER:
                workers += 1
                idle += units[game, f.ORDER, slot] == f.IDLE
            row = entities[game, slot]
            if units[game, t.CARGO, slot] > np.float32(0):
                row[FIRST_COLUMN] = 1 + units[game, t.CARGO_GAS, slot]
            row[FIRST_COLUMN + 1] = units[game, t.CONTENTS, slot]
            if units[game, t.UNBUILT, slot] > np.float32(0):
                row[FIRST_COLUMN + 2] = units[game, t.UNBUILT, slot] / trade[kind, t.LOOPS]
            row[FIRST_COLUMN + 3] = units[game, t.TRAINING, slot]
            if units[game, t.TRAIN_LEFT, slot] > np.float32(0):
                loops = trade[int(trade[kind, t.TRAINS]), t.LOOPS]
                row[FIRST_COLUMN + 4] = units[game, t.TRAIN_LEFT, slot] / loops
        scalars[game, 1] = min(games[game, t.MINERALS] / FULL_PURSE, 1.0)
        scalars[game, 2] = min(games[game, t.GAS] / FULL_PURSE, 1.0)
        scalars[game, 3] = min(games[game, t.SUPPLY] / MOST_SUPPLY, 1.0)
        scalars[game, 4] = min(games[game, t.SUPPLY_CAP] / MOST_SUPPLY, 1.0)
        scalars[game, 5] = idle / max(workers, 1)


@kernel
def mask_economy(
    units: Floats,
    games: Integers,
    rows: Integers,
    spread: Spread,
    tables: tuple[Integers, Floats],
    views: Views,
) -> None:
    """Narrow the masks of orders that need workers, sources, money, supply or room."""
    verbs, trade = tables
    for k in range(rows.shape[0]):
        game = rows[k]
        for kind in range(verbs.shape[0]):
            if verbs[kind, t.VERB] >= t.GATHER and games[game, f.OVER] == 0:
                _mask_one(units, games, (game, kind), spread, (verbs, trade), views)


@kernel
def _mask_one(
    units: Floats,
    games: Integers,
    where: tuple[int, int],
    spread: Spread,
    tables: tuple[Integers, Floats],
    views: Views,
) -> None:
    """Write the masks of one order; ``where`` is (game, action type)."""
    game, kind = where
    verbs, trade = tables
    _, _, _, action_type_mask, _, target_mask = views
    verb = verbs[kind, t.VERB]
    product = int(verbs[kind, t.VERB_PRODUCT])
    doers = False
    for slot in range(spread[0]):
        if units[game, f.HEALTH, slot] <= np.float32(0):
            continue
        trains = int(trade[int(units[game, f.KIND, slot]), t.TRAINS])
        if verb == t.TRAIN:
            doers = doers or (trains == product and can_train(units, games, game, slot, trade))
        elif verb == t.RALLY:
            doers = doers or trains >= 0
        else:
            doers = doers or is_worker(units, game, slot, trade)
    if product >= 0:
        doers = doers and games[game, t.MINERALS] >= trade[product, t.COST]
    if verb == t.BUILD:
        doers = doers and free_slot(units, game, spread[0]) >= 0
    if verbs[kind, t.VERB_TARGET] == 1:
        aims = False
        for slot in range(spread[2]):
            if verb == t.GATHER:
                fits = is_source(units, game, slot, spread, trade)
            else:
                role = trade[int(units[game, f.KIND, slot]), t.ROLE]
                fits = units[game, f.HEALTH, slot] > np.float32(0) and role == t.GEYSER
            target_mask[game, kind, slot] = doers and fits
            aims = aims or fits
        doers = doers and aims
    action_type_mask[game, kind] = doers
