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
from .healing import tend
from .push import push_all, settle
from .strips import COLUMNS, Sorted, push_near, strip_count
from .walls import keep_off_walls

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
State: TypeAlias = tuple[Floats, Integers, NDArray[np.float64]]
Course: TypeAlias = tuple[Floats, Floats, Floats]
"""``[slot]``: goal along x and along y, and how far the unit goes in this loop."""

Room: TypeAlias = tuple[Floats, Floats, Floats, Floats, Integers]
"""``[slot]``: a :data:`Course`, the numbers of the slots, and whom each unit hits in this loop."""

ZERO = np.float32(0)
ONE = np.float32(1)
HALF = np.float32(0.5)
TINY = np.float32(1e-12)
NONE = np.int64(f.NOBODY)


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
            _decide(units, game, sides, rules, (goal_x, goal_y, pace), victim)
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
def _nearest(
    units: Floats, game: int, i: int, foes: tuple[int, int], reach: np.float32
) -> np.int64:
    """Return the foe nearest to a unit among those that it can hit within its reach, or NOBODY.

    Most of the time there is none. Counting them first, without a branch, finds that out fast.
    """
    prey = int(units[game, f.PREY, i])
    if prey == 0:
        return NONE
    x = units[game, f.X, i]
    y = units[game, f.Y, i]
    far = reach + units[game, f.BULK, i]
    within = np.int32(0)
    for j in range(np.uint64(foes[0]), np.uint64(foes[1])):
        dx = units[game, f.X, j] - x
        dy = units[game, f.Y, j] - y
        near = far + units[game, prey, j]
        hit = (dx * dx + dy * dy <= near * near) & (near > ZERO)
        within = np.int32(within + np.int32(hit))  # as wide as what it counts
    best = NONE
    if within == 0:
        return best
    least = np.float32(np.inf)
    for j in range(np.uint64(foes[0]), np.uint64(foes[1])):
        dx = units[game, f.X, j] - x
        dy = units[game, f.Y, j] - y
        near = far + units[game, prey, j]
        square = dx * dx + dy * dy
        if square < least and square <= near * near and near > ZERO:
            least = square
            best = np.int64(j)
    return best


@part
def _within(units: Floats, game: int, i: int, j: np.int64, reach: np.float32) -> bool:
    dx = units[game, f.X, j] - units[game, f.X, i]
    dy = units[game, f.Y, j] - units[game, f.Y, i]
    far = reach + units[game, f.RADIUS, i] + units[game, f.RADIUS, j]
    return dx * dx + dy * dy <= far * far


@part
def _aim(units: Floats, game: int, i: int, foes: tuple[int, int], acquires: bool) -> np.int64:
    """Return whom a unit attacks or chases; an order to attack ends with its target."""
    order = int(units[game, f.ORDER, i])
    target = np.int64(units[game, f.TARGET, i])
    if target >= 0 and units[game, f.HEALTH, target] <= ZERO:
        target = NONE
    if order == f.ATTACK:
        if target >= 0:
            return target
        units[game, f.ORDER, i] = f.IDLE
        order = f.IDLE
    if order == f.MOVE or (order == f.IDLE and not acquires):
        return NONE
    reach = units[game, f.RANGE, i] if order == f.HOLD else units[game, f.SCAN, i]
    if target >= 0 and _within(units, game, i, target, reach):
        return target
    return _nearest(units, game, i, foes, reach)


@part
def _go_on(units: Floats, game: int, i: int, course: Course) -> None:
    """Let a unit walk towards the goal of its order, which ends with the step that arrives."""
    goal_x, goal_y, pace = course
    goal_x[i] = units[game, f.GOAL_X, i]
    goal_y[i] = units[game, f.GOAL_Y, i]
    pace[i] = units[game, f.SPEED, i]
    dx = goal_x[i] - units[game, f.X, i]
    dy = goal_y[i] - units[game, f.Y, i]
    if dx * dx + dy * dy <= pace[i] * pace[i]:
        units[game, f.ORDER, i] = f.IDLE


@part
def _decide(
    units: Floats,
    game: int,
    sides: tuple[int, int],
    rules: Floats,
    course: Course,
    victim: Integers,
) -> None:
    """Set each unit's target, its goal and pace, and whom it hits in this loop."""
    own, total = sides
    goal_x, goal_y, pace = course
    for i in range(total):
        pace[i] = ZERO
        victim[i] = f.NOBODY
        if units[game, f.HEALTH, i] <= ZERO or units[game, f.HEAL, i] > ZERO:
            continue
        ours = i < own
        foes = (own, total) if ours else (0, own)
        acquires = rules[f.OWN_ACQUIRES if ours else f.ENEMY_ACQUIRES] > ZERO
        target = _aim(units, game, i, foes, acquires)
        units[game, f.TARGET, i] = np.float32(target)
        order = int(units[game, f.ORDER, i])
        if target >= 0:
            if _within(units, game, i, target, units[game, f.RANGE, i]):
                if units[game, f.COOLDOWN, i] <= ZERO:
                    units[game, f.COOLDOWN, i] += units[game, f.PERIOD, i]
                    victim[i] = target
            elif order != f.HOLD:
                goal_x[i] = units[game, f.X, target]
                goal_y[i] = units[game, f.Y, target]
                pace[i] = units[game, f.SPEED, i]
        elif order in (f.MOVE, f.ATTACK_MOVE):
            _go_on(units, game, i, course)


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
