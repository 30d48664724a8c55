"""Placing units: the start of an episode, and the next wave of a mini-game."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from ._jit import allocating_kernel, kernel
from .streams import below, start_stream, uniform

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Point: TypeAlias = tuple[np.float32, np.float32]
Lottery: TypeAlias = tuple[Floats, float]
"""``(tickets [type, 3], share of battles in which we are surrounded)``.

A ticket is the type, the summed chance up to this type, and whether a team of it alone is drawn
again. Without tickets nothing is drawn.
"""
Plan: TypeAlias = tuple[Integers, Floats, Floats, Floats, float, Lottery]
"""``(kinds [slot], stats [type, stat], places [place, side, 4], offsets [slot, 2], jitter,
lottery)``.

A kind of -1 leaves the slot free at the start. A place holds, per side, the box (left, bottom,
right, top) from which the anchor of that side is drawn; a unit stands at anchor + offset + jitter.
"""


@kernel
def deploy(
    units: Floats, games: Integers, rows: Integers, own: int, plan: Plan, rules: Floats
) -> None:
    """Start the games ``rows`` anew, each from the seed that its row of ``games`` names."""
    kinds = plan[0]
    for k in range(rows.shape[0]):
        game = rows[k]
        begin_episode(units, games, game)
        anchor = _draw_anchors(games, game, plan)
        for slot in range(kinds.shape[0]):
            if kinds[slot] < 0:
                continue
            side = anchor[0] if slot < own else anchor[1]
            place_unit(units, games, (game, slot, kinds[slot]), side, plan, rules)
            count_unit(units, games, game, slot, own)


@allocating_kernel
def next_wave(
    units: Floats,
    games: Integers,
    own: int,
    reinforcements: tuple[int, int],
    plan: Plan,
    rules: Floats,
) -> int:
    """Set up the next wave in every running game whose enemies are all dead and ours are not.

    Our survivors keep their life, move to the lowest slots and are joined by new units; both sides
    take their places at a newly drawn anchor, with every order forgotten.

    Args:
        units: State ``[game, field, slot]``.
        games: State ``[game, field]``.
        own: Number of our slots; units beyond it are counted in OVERFLOW.
        reinforcements: Unit type and number of the units that join.
        plan: The scenario's; the enemy starts again in full.
        rules: See ``fields.RULES``.

    Returns:
        In how many of these games there are loops left to run.
    """
    kinds = plan[0]
    kept = np.empty((3, own), np.float32)
    unfinished = 0
    for game in range(games.shape[0]):
        if games[game, f.OVER] or games[game, f.ENEMY_ALIVE] > 0 or games[game, f.OWN_ALIVE] == 0:
            continue
        survivors = 0
        for slot in range(own):
            if units[game, f.HEALTH, slot] > 0:
                kept[0, survivors] = units[game, f.HEALTH, slot]
                kept[1, survivors] = units[game, f.SHIELD, slot]
                kept[2, survivors] = units[game, f.KIND, slot]
                survivors += 1
        ours = survivors + reinforcements[1]
        games[game, f.OVERFLOW] += max(ours - own, 0)
        ours = min(ours, own)
        _clear(units, game)
        anchor = _draw_anchors(games, game, plan)
        for slot in range(ours):
            kind = int(kept[2, slot]) if slot < survivors else reinforcements[0]
            place_unit(units, games, (game, slot, kind), anchor[0], plan, rules)
            if slot < survivors:
                units[game, f.HEALTH, slot] = kept[0, slot]
                units[game, f.SHIELD, slot] = kept[1, slot]
                units[game, f.LOWEST, slot] = kept[0, slot] + kept[1, slot]
        games[game, f.OWN_ALIVE] = ours
        for slot in range(own, kinds.shape[0]):
            if kinds[slot] >= 0:
                place_unit(units, games, (game, slot, kinds[slot]), anchor[1], plan, rules)
                games[game, f.ENEMY_ALIVE] += 1
        games[game, f.WAVES] += 1
        unfinished += games[game, f.LEFT] > 0
    return unfinished


@kernel
def begin_episode(units: Floats, games: Integers, game: int) -> None:
    """Empty a game for the episode of its seed."""
    seed = games[game, f.SEED]
    for field in range(f.GAME_FIELDS):
        games[game, field] = 0
    games[game, f.SEED] = seed
    start_stream(games, game, seed)
    _clear(units, game)


@kernel
def _clear(units: Floats, game: int) -> None:
    for field in range(f.UNIT_FIELDS):
        for slot in range(units.shape[2]):
            units[game, field, slot] = 0
    for slot in range(units.shape[2]):
        units[game, f.TARGET, slot] = f.NOBODY
        units[game, f.BULK, slot] = f.NO_BULK
        units[game, f.GROUND_BULK, slot] = f.NO_BULK
        units[game, f.AIR_BULK, slot] = f.NO_BULK


@kernel
def _draw_anchors(games: Integers, game: int, plan: Plan) -> tuple[Point, Point]:
    """Draw the place, then the anchor of each side: ``((x, y), (x, y))``."""
    places = plan[2]
    place = below(games, game, places.shape[0])
    games[game, f.PLACE] = place
    own_x = draw_between(games, game, places[place, 0, 0], places[place, 0, 2])
    own_y = draw_between(games, game, places[place, 0, 1], places[place, 0, 3])
    enemy_x = draw_between(games, game, places[place, 1, 0], places[place, 1, 2])
    enemy_y = draw_between(games, game, places[place, 1, 1], places[place, 1, 3])
    return (own_x, own_y), (enemy_x, enemy_y)


@kernel
def draw_between(games: Integers, game: int, low: np.float32, high: np.float32) -> np.float32:
    """Draw a number between two bounds."""
    return low + uniform(games, game) * (high - low)


@kernel
def place_unit(
    units: Floats,
    games: Integers,
    who: tuple[int, int, int],
    anchor: Point,
    plan: Plan,
    rules: Floats,
) -> None:
    """Put a unit of full life into a slot; ``who`` is (game, slot, kind)."""
    game, slot, kind = who
    _, stats, _, offsets, jitter, _ = plan
    for stat in range(stats.shape[1]):
        units[game, f.FIRST_STAT + stat, slot] = stats[kind, stat]
    spread = np.float32(jitter)
    x = anchor[0] + offsets[slot, 0] + draw_between(games, game, -spread, spread)
    y = anchor[1] + offsets[slot, 1] + draw_between(games, game, -spread, spread)
    units[game, f.X, slot] = min(max(x, rules[f.LEFT_EDGE]), rules[f.RIGHT_EDGE])
    units[game, f.Y, slot] = min(max(y, rules[f.BOTTOM_EDGE]), rules[f.TOP_EDGE])
    units[game, f.KIND, slot] = kind
    units[game, f.HEALTH, slot] = units[game, f.MAX_HEALTH, slot]
    units[game, f.SHIELD, slot] = units[game, f.MAX_SHIELD, slot]
    units[game, f.LOWEST, slot] = units[game, f.MAX_HEALTH, slot] + units[game, f.MAX_SHIELD, slot]
    units[game, f.BULK, slot] = units[game, f.RADIUS, slot]
    layer = f.AIR_BULK if units[game, f.FLIES, slot] > 0 else f.GROUND_BULK
    units[game, layer, slot] = units[game, f.RADIUS, slot]
    units[game, f.ENERGY, slot] = units[game, f.START_ENERGY, slot]


@kernel
def count_unit(units: Floats, games: Integers, game: int, slot: int, own: int) -> None:
    """Count a unit that has been placed."""
    heals = units[game, f.HEAL, slot] > np.float32(0)
    if slot < own:
        games[game, f.OWN_ALIVE] += 1
        games[game, f.OWN_HEALERS] += heals
    else:
        games[game, f.ENEMY_ALIVE] += 1
        games[game, f.ENEMY_HEALERS] += heals
