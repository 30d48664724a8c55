"""How the maps of CollectMineralsAndGas and BuildMarines begin.

The town hall, the workers' columns and the geysers stand where the maps' scripts put them. Of the
mineral fields only their number and, on the left, their columns x = 23 to 25 are known: their rows
are assumed, and the right-hand fields are the mirror image between the geysers.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from . import task_fields as t
from ._jit import kernel
from .place import Book, put, wipe
from .streams import uniform

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Set: TypeAlias = tuple[int, Integers, Floats, bool]
"""Number of our slots; kind of each slot at the start (-1: free); places of the neutral slots;
whether the workers mine at once and new ones join them."""

HALL: Final = (29.83, 28.01)
FIELD_ROWS: Final = (24.5, 25.5, 26.5, 27.5, 28.5, 29.5, 30.5, 31.5)
FIELD_COLUMNS: Final = (25.0, 24.0, 23.0, 24.0, 24.0, 23.0, 24.0, 25.0)
LEFT_FIELDS: Final = tuple(zip(FIELD_COLUMNS, FIELD_ROWS, strict=True))
RIGHT_FIELDS: Final = tuple((66.0 - x, y) for x, y in LEFT_FIELDS)
GEYSERS: Final = ((26.5, 20.5), (26.5, 34.5), (39.5, 20.5), (39.5, 34.5))
WORKER_COLUMNS: Final = (np.float32(3.5), np.float32(4.5))
TOP_ROW: Final = np.float32(2.5)
HALF: Final = np.float32(0.5)


@kernel
def start_economy(units: Floats, games: Integers, rows: Integers, opening: Set, book: Book) -> None:
    """Start the games ``rows`` anew, each from the seed that its row of ``games`` names."""
    own, kinds, places, mines = opening
    trade = book[1]
    for k in range(rows.shape[0]):
        game = rows[k]
        wipe(units, games, game)
        side = np.float32(1) if uniform(games, game) < HALF else np.float32(-1)
        workers = 0
        for slot in range(kinds.shape[0]):
            kind = kinds[slot]
            if kind < 0:
                continue
            if slot >= own:
                at = (places[slot - own, 0], places[slot - own, 1])
            elif trade[kind, t.ROLE] == t.WORKER:
                column = WORKER_COLUMNS[workers % 2]
                x = np.float32(HALL[0]) + side * column
                at = (x, np.float32(HALL[1]) + TOP_ROW - np.float32(workers // 2))
                workers += 1
            else:
                at = (np.float32(HALL[0]), np.float32(HALL[1]))
            put(units, (game, slot), kind, at, book)
            if slot < own:
                games[game, f.OWN_ALIVE] += 1
                games[game, t.SUPPLY] += int(trade[kind, t.SUPPLY_COST])
                games[game, t.SUPPLY_CAP] += int(trade[kind, t.SUPPLY_GIVEN])
        games[game, t.MINERALS] = 50
        if mines:
            _send_to_fields(units, game, own, kinds.shape[0], trade)


@kernel
def _send_to_fields(units: Floats, game: int, own: int, total: int, trade: Floats) -> None:
    """Spread the workers over the fields, and let new workers rally at the first."""
    sent = 0
    for slot in range(own):
        if units[game, f.HEALTH, slot] <= np.float32(0):
            continue
        kind = int(units[game, f.KIND, slot])
        if trade[kind, t.ROLE] == t.WORKER:
            units[game, f.ORDER, slot] = t.GATHER
            units[game, f.TARGET, slot] = own + sent % (total - own)
            sent += 1
        elif trade[kind, t.ROLE] == t.TOWN_HALL:
            units[game, t.RALLIES, slot] = 1
            units[game, t.RALLY_X, slot] = units[game, f.X, own]
            units[game, t.RALLY_Y, slot] = units[game, f.Y, own]
            units[game, f.TARGET, slot] = own
