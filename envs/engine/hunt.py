"""FindAndDefeatZerglings: fog, a camera, and a new field of zerglings whenever one is cleared.

Distances and regions are those of the map's script. Where a zergling finds no place after many
draws, it takes the last one drawn; at 25 zerglings that practically never happens.
"""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from . import task_fields as t
from ._jit import kernel
from .follow import follow_up
from .observe import Views
from .place import Book, Box, clearance, draw_point, put, remove, wipe
from .streams import uniform
from .task_orders import Spread
from .task_view import shown_order

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Point: TypeAlias = tuple[np.float32, np.float32]
Cast: TypeAlias = tuple[int, int, int, int]
"""Number of our slots, and of all; kind of our units, and of the enemy's."""

MIDDLE: Final = (np.float32(32), np.float32(28))
AREA: Final[Box] = (10.0, 12.0, 54.0, 44.0)
INNER: Final[Box] = (11.0, 13.0, 53.0, 43.0)
STARTS: Final = np.array([(32 + math.cos(a), 28 + math.sin(a)) for a in np.radians([210, 330, 90])])
FIRST_RING: Final = (np.float32(8), np.float32(9))
SECOND_RING: Final = (np.float32(7.5), np.float32(9.5))
FREE_OF_START: Final = np.float32(10.5)
FREE_OF_MARINES: Final = np.float32(9)
FREE_OF_OTHERS: Final = np.float32(5)
DRAWS: Final = 10000
VIEW: Final = 24  # cells from one edge of the camera's view to the other
THOUSAND: Final = 1000
ORDER_COLUMN: Final = 10  # as the observations of battles have it


@kernel
def start_hunt(units: Floats, games: Integers, rows: Integers, cast: Cast, book: Book) -> None:
    """Start the games ``rows`` anew, each from the seed that its row of ``games`` names."""
    own, total, ours, theirs = cast
    for k in range(rows.shape[0]):
        game = rows[k]
        wipe(units, games, game)
        for slot in range(own):
            at = STARTS[slot % STARTS.shape[0]]
            put(units, (game, slot), ours, (np.float32(at[0]), np.float32(at[1])), book)
        for slot in range(own, total):
            if slot == own:
                place = _draw_in_ring(games, game, FIRST_RING)
            elif slot == own + 1:
                place = _draw_in_ring(games, game, SECOND_RING)
                while clearance(units, game, (own, slot), place) < FREE_OF_OTHERS:
                    place = _draw_in_ring(games, game, SECOND_RING)
            else:
                place = _draw_far(units, games, game, (own, slot), INNER, True)
            put(units, (game, slot), theirs, place, book)
        games[game, f.OWN_ALIVE] = own
        games[game, f.ENEMY_ALIVE] = total - own
        games[game, t.CAMERA_X] = np.int64(MIDDLE[0] * np.float32(THOUSAND))
        games[game, t.CAMERA_Y] = np.int64(MIDDLE[1] * np.float32(THOUSAND))
        _look(units, game, own, total)


@kernel
def _draw_in_ring(games: Integers, game: int, ring: tuple[np.float32, np.float32]) -> Point:
    """Draw a point of a ring around the middle, uniformly over its area."""
    while True:
        # Sine and cosine may differ in the last bit from machine to machine; this does not.
        dx = (np.float32(2) * uniform(games, game) - np.float32(1)) * ring[1]
        dy = (np.float32(2) * uniform(games, game) - np.float32(1)) * ring[1]
        apart = np.float32(math.sqrt(dx * dx + dy * dy))
        if ring[0] <= apart <= ring[1]:
            return MIDDLE[0] + dx, MIDDLE[1] + dy


@kernel
def _draw_far(
    units: Floats, games: Integers, game: int, others: tuple[int, int], box: Box, first: bool
) -> Point:
    """Draw a point away from the slots ``others`` and from the start, or from our units."""
    x, y = draw_point(games, game, box)
    for _ in range(DRAWS):
        if first:
            dx, dy = x - MIDDLE[0], y - MIDDLE[1]
            free = np.float32(math.sqrt(dx * dx + dy * dy)) >= FREE_OF_START
        else:
            free = clearance(units, game, (0, others[0]), (x, y)) >= FREE_OF_MARINES
        if free and clearance(units, game, others, (x, y)) >= FREE_OF_OTHERS:
            break
        x, y = draw_point(games, game, box)
    return x, y


@kernel
def after_loop(
    units: Floats, games: Integers, running: NDArray[np.bool_], cast: Cast, book: Book
) -> None:
    """Follow up orders, set out new zerglings where all are dead, and look around."""
    own, total, _, theirs = cast
    for game in range(units.shape[0]):
        if not running[game]:
            continue
        if games[game, f.ENEMY_ALIVE] == 0 and games[game, f.OWN_ALIVE] > 0:
            for slot in range(own, total):
                remove(units, game, slot)
            for slot in range(own, total):
                at = _draw_far(units, games, game, (own, slot), AREA, False)
                put(units, (game, slot), theirs, at, book)
            games[game, f.ENEMY_ALIVE] = total - own
            games[game, f.WAVES] += 1
        _look(units, game, own, total)
        for slot in range(own):
            target = int(units[game, f.TARGET, slot])
            chases = units[game, f.ORDER, slot] == f.ATTACK and target >= 0
            if chases and units[game, t.SEEN, target] == np.float32(0):
                units[game, f.ORDER, slot] = f.IDLE
                units[game, f.TARGET, slot] = f.NOBODY
            follow_up(units, game, slot)


@kernel
def _look(units: Floats, game: int, own: int, total: int) -> None:
    """Note which enemies are within the sight of any of our units."""
    for enemy in range(own, total):
        seen = False
        for slot in range(own):
            dx = units[game, f.X, slot] - units[game, f.X, enemy]
            dy = units[game, f.Y, slot] - units[game, f.Y, enemy]
            sight = units[game, f.SIGHT, slot]
            if units[game, f.HEALTH, slot] > np.float32(0) and dx * dx + dy * dy <= sight * sight:
                seen = True
        units[game, t.SEEN, enemy] = seen and units[game, f.HEALTH, enemy] > np.float32(0)


@kernel
def veil(
    units: Floats,
    games: Integers,
    rows: Integers,
    spread: Spread,
    rules: Floats,
    views: Views,
) -> None:
    """Hide what our side does not see from observations written as if it saw everything.

    Args:
        units: State ``[game, field, slot]``.
        games: State ``[game, field]``.
        rows: Games to change.
        spread: See ``task_orders.Spread``.
        rules: See ``fields.RULES``.
        views: The observations; their last two columns are queued_orders and on_screen, their
            scalars become time, own life, own units, and where the camera looks.
    """
    entities, entity_mask, scalars, _, _, _ = views
    own, total, _, _ = spread
    queue = entities.shape[2] - 2
    for k in range(rows.shape[0]):
        game = rows[k]
        camera_x = np.float32(games[game, t.CAMERA_X] / THOUSAND)
        camera_y = np.float32(games[game, t.CAMERA_Y] / THOUSAND)
        for slot in range(total):
            if slot >= own and units[game, t.SEEN, slot] == np.float32(0):
                entities[game, slot] = 0
                entity_mask[game, slot] = 0
            if entity_mask[game, slot] == 0:
                continue
            dx = units[game, f.X, slot] - camera_x
            dy = units[game, f.Y, slot] - camera_y
            entities[game, slot, ORDER_COLUMN] = shown_order(units, game, slot)
            entities[game, slot, queue] = units[game, t.QUEUED, slot]
            entities[game, slot, queue + 1] = max(abs(dx), abs(dy)) <= np.float32(VIEW / 2)
        scalars[game, 2] = scalars[game, 3]
        width = rules[f.RIGHT_EDGE] - rules[f.LEFT_EDGE]
        scalars[game, 3] = (camera_x - rules[f.LEFT_EDGE]) / width
        height = rules[f.TOP_EDGE] - rules[f.BOTTOM_EDGE]
        scalars[game, 4] = (camera_y - rules[f.BOTTOM_EDGE]) / height
