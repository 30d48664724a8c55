"""Scripted opponents: each writes orders of its side's units straight into the state.

They see what their side sees: a unit within sight of the unit that decides.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from perceiver_rl.spaces import ContractError, unknown

from .commands import (
    Floats,
    Force,
    Integers,
    Opponent,
    advance_to,
    charge,
    distance_between,
    nearest_seen,
)
from .engine import fields as f
from .engine._jit import kernel
from .engine.orders import can_hit
from .engine.streams import below, uniform
from .engine.units import damage_table
from .tactics import command_elite, kite, retreat_and_regroup

LEG_LOOPS: Final = 160
TOUR: Final = (
    (np.float32(0.75), np.float32(0.5)),
    (np.float32(0.25), np.float32(0.5)),
    (np.float32(0.75), np.float32(0.75)),
    (np.float32(0.25), np.float32(0.25)),
    (np.float32(0.75), np.float32(0.25)),
    (np.float32(0.25), np.float32(0.75)),
)
"""Points of the open-loop tour, as shares of the playable area from our side on."""


def stand_by(units: Floats, games: Integers, force: Force, homes: Floats, rules: Floats) -> None:
    """Give no orders: idle units attack what comes within their reach."""


@kernel
def attack_nearest(
    units: Floats, games: Integers, force: Force, homes: Floats, rules: Floats
) -> None:
    """Each unit attacks the nearest foe it can hit; seeing none, it goes to the foes' start."""
    first, last, foe_first, foe_last = force
    for game in range(units.shape[0]):
        if games[game, f.OVER]:
            continue
        place = games[game, f.PLACE]
        for slot in range(first, last):
            if units[game, f.HEALTH, slot] <= np.float32(0):
                continue
            best = nearest_seen(units, game, slot, foe_first, foe_last)
            if best >= 0:
                charge(units, game, slot, best, rules)
            else:
                advance_to(units, game, slot, (homes[place, 0], homes[place, 1]), rules)


@kernel
def focus_fire(units: Floats, games: Integers, force: Force, homes: Floats, rules: Floats) -> None:
    """All units attack the one foe that they can be expected to bring down first.

    The estimate adds the mean walk until in range to the life left over the whole side's fire. A
    foe counts if anybody sees it; seeing none, the units attack-move to the foes' start.
    """
    first, last, foe_first, foe_last = force
    for game in range(units.shape[0]):
        if games[game, f.OVER]:
            continue
        best = f.NOBODY
        least = np.float32(np.inf)
        for foe in range(foe_first, foe_last):
            if units[game, f.HEALTH, foe] > np.float32(0):
                wait = _wait_to_kill(units, game, first, last, foe)
                if wait < least:
                    least = wait
                    best = foe
        place = games[game, f.PLACE]
        for slot in range(first, last):
            if units[game, f.HEALTH, slot] <= np.float32(0):
                continue
            if best >= 0:
                charge(units, game, slot, best, rules)
            else:
                advance_to(units, game, slot, (homes[place, 0], homes[place, 1]), rules)


@kernel
def _wait_to_kill(units: Floats, game: int, first: int, last: int, foe: int) -> np.float32:
    """Estimate the loops until a side kills a foe; infinite if nobody sees it.

    Fire is taken as half a hit point per unit and loop: only the order of the foes matters.
    """
    seen = False
    members = 0
    walk = np.float32(0)
    for slot in range(first, last):
        if units[game, f.HEALTH, slot] <= np.float32(0):
            continue
        members += 1
        distance = distance_between(units, game, slot, foe)
        seen = seen or distance <= units[game, f.SIGHT, slot]
        reach = (
            units[game, f.RANGE, slot] + units[game, f.RADIUS, slot] + units[game, f.RADIUS, foe]
        )
        speed = max(units[game, f.SPEED, slot], np.float32(1e-3))
        walk += max(distance - reach, np.float32(0)) / speed
    if not seen:
        return np.float32(np.inf)
    life = units[game, f.HEALTH, foe] + units[game, f.SHIELD, foe]
    return (walk + life / np.float32(0.5)) / np.float32(members)


@kernel
def act_randomly(
    units: Floats, games: Integers, force: Force, homes: Floats, rules: Floats
) -> None:
    """Each unit gets a uniformly random order: stop, move, attack or attack-move somewhere."""
    first, last, foe_first, foe_last = force
    for game in range(units.shape[0]):
        if games[game, f.OVER]:
            continue
        for slot in range(first, last):
            if units[game, f.HEALTH, slot] <= np.float32(0):
                continue
            order = below(games, game, 4)
            aim = foe_first + below(games, game, foe_last - foe_first)
            width = rules[f.RIGHT_EDGE] - rules[f.LEFT_EDGE]
            height = rules[f.TOP_EDGE] - rules[f.BOTTOM_EDGE]
            units[game, f.GOAL_X, slot] = rules[f.LEFT_EDGE] + uniform(games, game) * width
            units[game, f.GOAL_Y, slot] = rules[f.BOTTOM_EDGE] + uniform(games, game) * height
            legal = order != f.ATTACK or can_hit(units, game, slot, aim)
            units[game, f.ORDER, slot] = order if legal else f.IDLE
            units[game, f.TARGET, slot] = aim if order == f.ATTACK and legal else f.NOBODY


@kernel
def open_loop(units: Floats, games: Integers, force: Force, homes: Floats, rules: Floats) -> None:
    """All units attack-move along a tour of the map that only depends on the time."""
    first, last, _, _ = force
    for game in range(units.shape[0]):
        if games[game, f.OVER]:
            continue
        leg = games[game, f.LOOP] // LEG_LOOPS % len(TOUR)
        across, up = TOUR[leg]
        if first > 0:  # the tour begins on the foes' side of the map
            across = np.float32(1) - across
        x = rules[f.LEFT_EDGE] + across * (rules[f.RIGHT_EDGE] - rules[f.LEFT_EDGE])
        y = rules[f.BOTTOM_EDGE] + up * (rules[f.TOP_EDGE] - rules[f.BOTTOM_EDGE])
        for slot in range(first, last):
            if units[game, f.HEALTH, slot] > np.float32(0):
                advance_to(units, game, slot, (x, y), rules)


@cache
def _damage() -> Floats:
    return damage_table()


def elite(units: Floats, games: Integers, force: Force, homes: Floats, rules: Floats) -> None:
    """Focus fire without overkill, aimed by damage type; kiting and falling back in between.

    Each unit attacks the foe that its side can bring down soonest, counting the bonus of its weapon
    and the foe's armor, and leaves out a foe that the shots already ordered will kill. A ranged
    unit steps back from melee, and from anybody when it is weak, while its weapon cools down; where
    one attack of a foe could hit several, units step apart.
    """
    command_elite(units, games, force, homes, rules, _damage())


OPPONENTS: Final[Mapping[str, Opponent]] = MappingProxyType(
    {
        "no-op": stand_by,
        "open-loop": open_loop,
        "random": act_randomly,
        "attack-nearest": attack_nearest,
        "focus-fire": focus_fire,
        "kite": kite,
        "retreat-and-regroup": retreat_and_regroup,
        "elite": elite,
    }
)


PLAYERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "policy": "perceiver_rl.agents.players:frozen_player",
        "control": "perceiver_rl.envs.controls:control_player",
    }
)
"""Opponents that are named ``kind:argument`` and play the enemy through the contract.

Each is made by an entry point, loaded when it is asked for, that is called with the argument, the
observation space and the action space.
"""


def find_player(name: str, observation_space: Any, action_space: Any) -> Any:
    """Return the player that a name such as ``policy:runs/x/checkpoint.zip`` asks for, or None."""
    kind, colon, argument = name.partition(":")
    if not colon or kind not in PLAYERS:
        return None
    return pkgutil.resolve_name(PLAYERS[kind])(argument, observation_space, action_space)


def find_opponent(name: str) -> Opponent:
    """Return a scripted opponent by name.

    Raises:
        ContractError: If there is none; names the nearest one.
    """
    if name not in OPPONENTS:
        raise ContractError(
            unknown("opponent", name, (*OPPONENTS, "policy:<checkpoint>", "control:<script>"))
        )
    return OPPONENTS[name]
