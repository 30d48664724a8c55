"""Battles whose teams and start positions are drawn anew for each episode."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from ._jit import allocating_kernel, kernel
from .deploy import Plan, begin_episode, count_unit, draw_between, place_unit
from .streams import below, uniform

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Point: TypeAlias = tuple[np.float32, np.float32]

EDGE_SHARE = np.float32(0.06)
MIDDLE_SHARE = np.float32(0.44)
NEAREST_GROUP = np.float32(0.19)
FARTHEST_GROUP = np.float32(0.38)
GROUPS = 4


@allocating_kernel
def deploy_drawn(
    units: Floats, games: Integers, rows: Integers, own: int, plan: Plan, rules: Floats
) -> None:
    """Start the games ``rows`` anew, each from the seed that its row of ``games`` names."""
    kinds = np.empty(plan[0].shape[0], np.int64)
    for k in range(rows.shape[0]):
        begin_episode(units, games, rows[k])
        _draw_battle((units, games), rows[k], own, plan, rules, kinds)


@kernel
def _draw_battle(
    state: tuple[Floats, Integers],
    game: int,
    own: int,
    plan: Plan,
    rules: Floats,
    kinds: Integers,
) -> None:
    """Draw the teams and where they start.

    The enemy has our units, as far as both sides have as many; further ones are drawn. Either every
    enemy starts where the unit of ours with the same number is reflected, or we start in the middle
    with up to four groups of enemies around us on the diagonals.
    """
    units, games = state
    total = plan[0].shape[0]
    _draw_team(games, game, plan[5][0], kinds[:own])
    for slot in range(own, total):
        kinds[slot] = kinds[slot - own] if slot < 2 * own else _draw_kind(games, game, plan[5][0])
    surrounded = uniform(games, game) < np.float32(plan[5][1])
    groups = 1 + below(games, game, GROUPS)
    first = below(games, game, GROUPS)
    width = rules[f.RIGHT_EDGE] - rules[f.LEFT_EDGE]
    height = rules[f.TOP_EDGE] - rules[f.BOTTOM_EDGE]
    middle = (rules[f.LEFT_EDGE] + width / 2, rules[f.BOTTOM_EDGE] + height / 2)
    away = draw_between(games, game, NEAREST_GROUP, FARTHEST_GROUP)
    for slot in range(total):
        place_unit(units, games, (game, slot, kinds[slot]), middle, plan, rules)
        count_unit(units, games, game, slot, own)
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
            across = draw_between(games, game, EDGE_SHARE, MIDDLE_SHARE)
            x = rules[f.LEFT_EDGE] + width * (across if slot < own else 1 - across)
            up = draw_between(games, game, EDGE_SHARE, 1 - EDGE_SHARE)
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
