"""Placing units and objects one by one, where a map's own script says so."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from . import task_fields as t
from ._jit import kernel
from .streams import start_stream, uniform

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
At: TypeAlias = tuple[np.float32 | float, np.float32 | float]
Box: TypeAlias = tuple[float, float, float, float]
Book: TypeAlias = tuple[Floats, Floats]
"""``(stats [kind, stat], trade [kind, column])``."""


@kernel
def wipe(units: Floats, games: Integers, game: int) -> None:
    """Forget a game but for its seed, and begin its random stream."""
    seed = games[game, f.SEED]
    for field in range(games.shape[1]):
        games[game, field] = 0
    games[game, f.SEED] = seed
    start_stream(games, game, seed)
    for slot in range(units.shape[2]):
        remove(units, game, slot)


@kernel
def remove(units: Floats, game: int, slot: int) -> None:
    """Empty a slot."""
    for field in range(units.shape[1]):
        units[game, field, slot] = 0
    units[game, f.TARGET, slot] = f.NOBODY
    units[game, f.BULK, slot] = f.NO_BULK


@kernel
def put(units: Floats, where: tuple[int, int], kind: int, at: At, book: Book) -> None:
    """Put something new and whole into a slot; ``where`` is (game, slot)."""
    game, slot = where
    stats, trade = book
    remove(units, game, slot)
    for stat in range(stats.shape[1]):
        units[game, f.FIRST_STAT + stat, slot] = stats[kind, stat]
    units[game, f.KIND, slot] = kind
    units[game, f.X, slot] = at[0]
    units[game, f.Y, slot] = at[1]
    units[game, f.HEALTH, slot] = units[game, f.MAX_HEALTH, slot]
    units[game, f.SHIELD, slot] = units[game, f.MAX_SHIELD, slot]
    units[game, f.LOWEST, slot] = units[game, f.MAX_HEALTH, slot] + units[game, f.MAX_SHIELD, slot]
    units[game, f.BULK, slot] = units[game, f.RADIUS, slot]
    units[game, t.CONTENTS, slot] = trade[kind, t.START_CONTENTS]


@kernel
def draw_point(games: Integers, game: int, box: Box) -> tuple[np.float32, np.float32]:
    """Draw a point of a box, uniformly."""
    x = np.float32(box[0]) + uniform(games, game) * np.float32(box[2] - box[0])
    y = np.float32(box[1]) + uniform(games, game) * np.float32(box[3] - box[1])
    return x, y


@kernel
def clearance(
    units: Floats, game: int, slots: tuple[int, int], at: tuple[np.float32, np.float32]
) -> np.float32:
    """Return the distance from a point to the nearest living unit of a range of slots."""
    least = np.float32(np.inf)
    for slot in range(slots[0], slots[1]):
        if units[game, f.HEALTH, slot] > np.float32(0):
            dx = units[game, f.X, slot] - at[0]
            dy = units[game, f.Y, slot] - at[1]
            least = min(least, np.float32(math.sqrt(dx * dx + dy * dy)))
    return least
