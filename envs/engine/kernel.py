"""The game loop: recover, decide, move, separate, strike, bury.

All units act at once: each phase reads what the phase before left, and damage of one loop falls
after every attack of that loop is decided, so two units can kill each other.

Slots ``[0, own)`` are ours, ``[own, total)`` the enemy's; ``sides`` is ``(own, total)``. Inner
loops run over all slots without a branch, which lets the compiler vectorize them.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from ._jit import allocating_kernel, kernel, part
from .area import hit, strike_widely
from .decide import Course, decide
from .healing import tend
from .push import push_all, settle
from .strips import COLUMNS, Sorted, push_near, strip_count
from .walls import keep_off_walls

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
State: TypeAlias = tuple[Floats, Integers, NDArray[np.float64]]
Room: TypeAlias = tuple[Floats, Floats, Floats, Floats, Integers]
"""``[slot]``: a :data:`Course`, the numbers of the slots, and whom each unit hits in this loop."""

ZERO = np.float32(0)
ONE = np.float32(1)
TINY = np.float32(1e-12)


class Features(NamedTuple):
    """What the games of a scenario can need: what is None is not even compiled.

    Args:
        walls: Walls follow the rules.
        splash: Some unit hits more than its target.
        healing: Some unit heals.
    """

    walls: bool | None = True
    splash: bool | None = True
    healing: bool | None = True


@allocating_kernel
def advance(  # noqa: PLR0913 - the features have to be arguments of their own to be left out
    units: Floats,
    games: Integers,
    harm: NDArray[np.float64],
    sides: tuple[int, int],
    tables: tuple[Floats, Floats],
    walls: bool | None,
    splash: bool | None,
    healing: bool | None,
) -> None:
    """Run each game for its remaining loops, or until one side has nobody left but healers.

    Args:
        units: State ``[game, field, slot]``, changed in place.
        games: State ``[game, field]``, changed in place.
        harm: ``[game]``; the health and shield that enemy units lost below their lowest point so
            far is added to it.
        sides: Number of our slots, and of all slots.
        tables: Damage of a hit by unit type ``[attacker, victim]``, and the rules, see
            ``fields.RULES``.
        walls: See :class:`Features`, as for those that follow.
        splash: Not None if some unit hits more than its target.
        healing: Not None if some unit heals.
    """
    room = _make_room(units.shape[2])
    _play((units, games, harm), sides, tables, room, None, walls, splash, healing)


@allocating_kernel
def advance_many(  # noqa: PLR0913 - as above
    units: Floats,
    games: Integers,
    harm: NDArray[np.float64],
    sides: tuple[int, int],
    tables: tuple[Floats, Floats],
    walls: bool | None,
    splash: bool | None,
    healing: bool | None,
) -> None:
    """Do the same as :func:`advance`, faster where there are many slots."""
    width = units.shape[2]
    order = (
        np.zeros((COLUMNS, width), np.float32),
        np.empty(width, np.int64),
        np.empty(strip_count(tables[1]) + 1, np.int64),
    )
    room = _make_room(width)
    _play((units, games, harm), sides, tables, room, order, walls, splash, healing)


@part
def _make_room(width: int) -> Room:
    return (
        np.zeros(width, np.float32),
        np.zeros(width, np.float32),
        np.zeros(width, np.float32),
        np.arange(width).astype(np.float32),
        np.empty(width, np.int64),
    )


@kernel
def _play(  # noqa: PLR0913 - as above
    state: State,
    sides: tuple[int, int],
    tables: tuple[Floats, Floats],
    room: Room,
    order: Sorted | None,
    walls: bool | None,
    splash: bool | None,
    healing: bool | None,
) -> None:
    units, games, harm = state
    damage, rules = tables
    goal_x, goal_y, pace, ranks, victim = room
    for game in range(units.shape[0]):
        while games[game, f.LEFT] > 0:
            games[game, f.LEFT] -= 1
            games[game, f.LOOP] += 1
            _recover(units, game)
            decide(units, game, sides, rules, (goal_x, goal_y, pace), victim)
            if healing is not None:
                tend(units, game, sides, rules, (goal_x, goal_y, pace))
            _move(units, game, (goal_x, goal_y, pace))
            if order is not None:
                push_near(units, game, sides[1], rules, (goal_x, goal_y), order)
            else:
                push_all(units, game, sides[1], rules, (goal_x, goal_y, ranks))
            settle(units, game, rules, goal_x, goal_y)
            if walls is not None:
                keep_off_walls(units, game, sides[1], rules)
            if splash is not None:
                strike_widely(units, game, sides, damage, rules, victim)
            else:
                _strike(units, game, sides, damage, rules, victim)
            _bury(units, games, game, sides, victim, harm)
            if (
                games[game, f.OWN_ALIVE] == games[game, f.OWN_HEALERS]
                or games[game, f.ENEMY_ALIVE] == games[game, f.ENEMY_HEALERS]
            ):
                break


@part
def _recover(units: Floats, game: int) -> None:
    for j in range(units.shape[2]):
        cooldown = units[game, f.COOLDOWN, j]
        # What is left below 0 counts towards the next attack, but only in the loop it arises.
        units[game, f.COOLDOWN, j] = cooldown - ONE if cooldown > ZERO else ZERO
        wait = units[game, f.SHIELD_WAIT, j]
        wait = wait - ONE if wait > ZERO else ZERO
        units[game, f.SHIELD_WAIT, j] = wait
        shield = units[game, f.SHIELD, j] + (
            ZERO if wait > ZERO else units[game, f.SHIELD_REGEN, j]
        )
        most = units[game, f.MAX_SHIELD, j]
        units[game, f.SHIELD, j] = shield if shield < most else most
        health = units[game, f.HEALTH, j] + units[game, f.HEALTH_REGEN, j]
        most = units[game, f.MAX_HEALTH, j]
        units[game, f.HEALTH, j] = health if health < most else most


@part
def _move(units: Floats, game: int, course: Course) -> None:
    goal_x, goal_y, pace = course
    for j in range(units.shape[2]):
        dx = goal_x[j] - units[game, f.X, j]
        dy = goal_y[j] - units[game, f.Y, j]
        distance = np.float32(math.sqrt(dx * dx + dy * dy))
        share = pace[j] / (distance if distance > TINY else TINY)
        share = share if share < ONE else ONE
        units[game, f.X, j] += share * dx
        units[game, f.Y, j] += share * dy


@part
def _strike(
    units: Floats,
    game: int,
    sides: tuple[int, int],
    damage: Floats,
    rules: Floats,
    victim: Integers,
) -> None:
    """Let every attack of this loop fall, each on its target alone."""
    for i in range(sides[1]):
        j = victim[i]
        if j >= 0:
            hit(units, game, i, j, damage, rules[f.SHIELD_DELAY])


@part
def _bury(
    units: Floats,
    games: Integers,
    game: int,
    sides: tuple[int, int],
    victim: Integers,
    harm: NDArray[np.float64],
) -> None:
    """Account for the damage done and clear the slots of the dead."""
    for i in range(sides[1]):
        j = victim[i]
        if j < 0 or units[game, f.MAX_HEALTH, j] == ZERO:
            continue
        left = max(units[game, f.HEALTH, j], ZERO) + units[game, f.SHIELD, j]
        if units[game, f.HEALTH, j] <= ZERO:
            left = ZERO
        if left < units[game, f.LOWEST, j]:
            if j >= sides[0]:
                harm[game] += np.float64(units[game, f.LOWEST, j] - left)
            units[game, f.LOWEST, j] = left
        if left == ZERO:
            heals = units[game, f.HEAL, j] > ZERO
            for field in range(f.UNIT_FIELDS):
                units[game, field, j] = ZERO
            units[game, f.TARGET, j] = np.float32(f.NOBODY)
            units[game, f.BULK, j] = np.float32(f.NO_BULK)
            units[game, f.GROUND_BULK, j] = np.float32(f.NO_BULK)
            units[game, f.AIR_BULK, j] = np.float32(f.NO_BULK)
            if j < sides[0]:
                games[game, f.OWN_ALIVE] -= 1
                games[game, f.OWN_LOST] += 1
                games[game, f.OWN_HEALERS] -= heals
            else:
                games[game, f.ENEMY_ALIVE] -= 1
                games[game, f.ENEMY_LOST] += 1
                games[game, f.ENEMY_HEALERS] -= heals
