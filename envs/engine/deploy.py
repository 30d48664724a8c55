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

EDGE_SHARE = np.float32(0.06)
MIDDLE_SHARE = np.float32(0.44)
NEAREST_GROUP = np.float32(0.19)
FARTHEST_GROUP = np.float32(0.38)
GROUPS = 4


@allocating_kernel
def deploy(
    units: Floats, games: Integers, rows: Integers, own: int, plan: Plan, rules: Floats
) -> None:
    """Start the games ``rows`` anew, each from the seed that its row of ``games`` names."""
    kinds = plan[0]
    for k in range(rows.shape[0]):
        game = rows[k]
        seed = games[game, f.SEED]
        for field in range(f.GAME_FIELDS):
            games[game, field] = 0
        games[game, f.SEED] = seed
        start_stream(games, game, seed)
        _clear(units, game)
        if plan[5][0].shape[0] > 0:
            _draw_battle(units, games, game, own, plan, rules)
            continue
        anchor = _draw_anchors(games, game, plan)
        for slot in range(kinds.shape[0]):
            if kinds[slot] < 0:
                continue
            side = anchor[0] if slot < own else anchor[1]
            _place(units, games, (game, slot, kinds[slot]), side, plan, rules)
            _count(units, games, game, slot, own)


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
            _place(units, games, (game, slot, kind), anchor[0], plan, rules)
            if slot < survivors:
                units[game, f.HEALTH, slot] = kept[0, slot]
                units[game, f.SHIELD, slot] = kept[1, slot]
                units[game, f.LOWEST, slot] = kept[0, slot] + kept[1, slot]
        games[game, f.OWN_ALIVE] = ours
        for slot in range(own, kinds.shape[0]):
            if kinds[slot] >= 0:
                _place(units, games, (game, slot, kinds[slot]), anchor[1], plan, rules)
                games[game, f.ENEMY_ALIVE] += 1
        games[game, f.WAVES] += 1
        unfinished += games[game, f.LEFT] > 0
    return unfinished


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
    own_x = _between(games, game, places[place, 0, 0], places[place, 0, 2])
    own_y = _between(games, game, places[place, 0, 1], places[place, 0, 3])
    enemy_x = _between(games, game, places[place, 1, 0], places[place, 1, 2])
    enemy_y = _between(games, game, places[place, 1, 1], places[place, 1, 3])
    return (own_x, own_y), (enemy_x, enemy_y)


@kernel
def _between(games: Integers, game: int, low: np.float32, high: np.float32) -> np.float32:
    return low + uniform(games, game) * (high - low)


@kernel
def _place(
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
    x = anchor[0] + offsets[slot, 0] + _between(games, game, -spread, spread)
    y = anchor[1] + offsets[slot, 1] + _between(games, game, -spread, spread)
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
def _count(units: Floats, games: Integers, game: int, slot: int, own: int) -> None:
    heals = units[game, f.HEAL, slot] > np.float32(0)
    if slot < own:
        games[game, f.OWN_ALIVE] += 1
        games[game, f.OWN_HEALERS] += heals
    else:
        games[game, f.ENEMY_ALIVE] += 1
        games[game, f.ENEMY_HEALERS] += heals


@allocating_kernel
def _draw_battle(
    units: Floats, games: Integers, game: int, own: int, plan: Plan, rules: Floats
) -> None:
    """Draw the teams and where they start.

    The enemy has our units, as far as both sides have as many; further ones are drawn. Either every
    enemy starts where the unit of ours with the same number is reflected, or we start in the middle
    with up to four groups of enemies around us on the diagonals.
    """
    total = plan[0].shape[0]
    kinds = np.empty(total, np.int64)
    _draw_team(games, game, plan[5][0], kinds[:own])
    for slot in range(own, total):
        kinds[slot] = kinds[slot - own] if slot < 2 * own else _draw_kind(games, game, plan[5][0])
    surrounded = uniform(games, game) < np.float32(plan[5][1])
    groups = 1 + below(games, game, GROUPS)
    first = below(games, game, GROUPS)
    width = rules[f.RIGHT_EDGE] - rules[f.LEFT_EDGE]
    height = rules[f.TOP_EDGE] - rules[f.BOTTOM_EDGE]
    middle = (rules[f.LEFT_EDGE] + width / 2, rules[f.BOTTOM_EDGE] + height / 2)
    away = _between(games, game, NEAREST_GROUP, FARTHEST_GROUP)
    for slot in range(total):
        _place(units, games, (game, slot, kinds[slot]), middle, plan, rules)
        _count(units, games, game, slot, own)
        if surrounded and slot >= own:
            corner = (first + (slot - own) % groups) % GROUPS
            x = middle[0] + away * width * (1 if corner in (0, 3) else -1)
            y = middle[1] + away * height * (1 if corner in (0, 1) else -1)
            offset = plan[3][own + (slot - own) // groups]
            _put(units, game, slot, (x + offset[0], y + offset[1]), rules)
        elif not surrounded and own <= slot < 2 * own:
            x = 2 * middle[0] - units[game, f.X, slot - own]
            _put(units, game, slot, (x, units[game, f.Y, slot - own]), rules)
        elif not surrounded:
            across = _between(games, game, EDGE_SHARE, MIDDLE_SHARE)
            x = rules[f.LEFT_EDGE] + width * (across if slot < own else 1 - across)
            up = _between(games, game, EDGE_SHARE, 1 - EDGE_SHARE)
            _put(units, game, slot, (x, rules[f.BOTTOM_EDGE] + height * up), rules)
        if slot >= own:
            games[game, f.ENEMY_LIFE] += int(units[game, f.LOWEST, slot])


@kernel
def _draw_team(games: Integers, game: int, tickets: Floats, kinds: Integers) -> None:
    """Draw types until one of them is among those that may be a team alone."""
    complete = False
    while not complete:
        for slot in range(kinds.shape[0]):
            kinds[slot] = _draw_kind(games, game, tickets)
            for ticket in range(tickets.shape[0]):
                if int(tickets[ticket, 0]) == kinds[slot] and tickets[ticket, 2] == 0:
                    complete = True


@kernel
def _draw_kind(games: Integers, game: int, tickets: Floats) -> int:
    chance = uniform(games, game)
    for ticket in range(tickets.shape[0] - 1):
        if chance < tickets[ticket, 1]:
            return int(tickets[ticket, 0])
    return int(tickets[tickets.shape[0] - 1, 0])


@kernel
def _put(units: Floats, game: int, slot: int, at: Point, rules: Floats) -> None:
    units[game, f.X, slot] = min(max(at[0], rules[f.LEFT_EDGE]), rules[f.RIGHT_EDGE])
    units[game, f.Y, slot] = min(max(at[1], rules[f.BOTTOM_EDGE]), rules[f.TOP_EDGE])
