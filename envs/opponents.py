"""Scripted opponents: each writes orders of its side's units straight into the state.

They see what their side sees: a unit within sight of the unit that decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.spaces import ContractError, unknown

from .engine import fields as f
from .engine._jit import kernel
from .engine.streams import below, uniform

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Force: TypeAlias = tuple[int, int, int, int]
"""First and one past the last slot of the side that is commanded, then of its foes."""

Opponent: TypeAlias = Callable[[Floats, Integers, Force, Floats, Floats], None]
"""Called once per agent step with ``(units, games, force, homes, rules)``.

``homes [place, 2]`` is where the foes started, for each place that a game can have drawn; a unit
goes there when it sees no foe.
"""


def stand_by(units: Floats, games: Integers, force: Force, homes: Floats, rules: Floats) -> None:
    """Give no orders: idle units attack what comes within their reach."""


@kernel
def _advance_home(units: Floats, game: int, slot: int, x: np.float32, y: np.float32) -> None:
    units[game, f.ORDER, slot] = f.ATTACK_MOVE
    units[game, f.TARGET, slot] = f.NOBODY
    units[game, f.GOAL_X, slot] = x
    units[game, f.GOAL_Y, slot] = y


@kernel
def _attack(units: Floats, game: int, slot: int, target: int) -> None:
    units[game, f.ORDER, slot] = f.ATTACK
    units[game, f.TARGET, slot] = target


@kernel
def _distance(units: Floats, game: int, i: int, j: int) -> np.float32:
    dx = units[game, f.X, j] - units[game, f.X, i]
    dy = units[game, f.Y, j] - units[game, f.Y, i]
    return np.float32(math.sqrt(dx * dx + dy * dy))


@kernel
def attack_nearest(
    units: Floats, games: Integers, force: Force, homes: Floats, rules: Floats
) -> None:
    """Each unit attacks the foe nearest to it; seeing none, it attack-moves to the foes' start."""
    first, last, foe_first, foe_last = force
    for game in range(units.shape[0]):
        if games[game, f.OVER]:
            continue
        place = games[game, f.PLACE]
        for slot in range(first, last):
            if units[game, f.HEALTH, slot] <= np.float32(0):
                continue
            best = f.NOBODY
            sight = units[game, f.SIGHT, slot]
            least = sight * sight
            for foe in range(foe_first, foe_last):
                dx = units[game, f.X, foe] - units[game, f.X, slot]
                dy = units[game, f.Y, foe] - units[game, f.Y, slot]
                square = dx * dx + dy * dy
                if square < least and units[game, f.HEALTH, foe] > np.float32(0):
                    least = square
                    best = foe
            if best >= 0:
                _attack(units, game, slot, best)
            else:
                _advance_home(units, game, slot, homes[place, 0], homes[place, 1])


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
                _attack(units, game, slot, best)
            else:
                _advance_home(units, game, slot, homes[place, 0], homes[place, 1])


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
        distance = _distance(units, game, slot, foe)
        seen = seen or distance <= units[game, f.SIGHT, slot]
        reach = (
            units[game, f.RANGE, slot] + units[game, f.RADIUS, slot] + units[game, f.RADIUS, foe]
        )
        walk += max(distance - reach, np.float32(0)) / units[game, f.SPEED, slot]
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
            alive = units[game, f.HEALTH, aim] > np.float32(0)
            units[game, f.ORDER, slot] = order if order != f.ATTACK or alive else f.IDLE
            units[game, f.TARGET, slot] = aim if order == f.ATTACK and alive else f.NOBODY


OPPONENTS: Final[Mapping[str, Opponent]] = MappingProxyType(
    {
        "no-op": stand_by,
        "random": act_randomly,
        "attack-nearest": attack_nearest,
        "focus-fire": focus_fire,
    }
)


def find_opponent(name: str) -> Opponent:
    """Return an opponent by name.

    Raises:
        ContractError: If there is none; names the nearest one.
    """
    if name not in OPPONENTS:
        raise ContractError(unknown("opponent", name, tuple(OPPONENTS)))
    return OPPONENTS[name]
