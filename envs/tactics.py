"""The upper rungs of the ladder: opponents that move between their shots.

An order lasts 8 loops, so a unit that steps back while its weapon cools down loses no fire as long
as at most a few loops of the step remain in which it could have shot.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .commands import (
    Floats,
    Force,
    Integers,
    Point,
    advance_to,
    alive,
    charge,
    distance_between,
    gap_to_range,
    nearest_seen,
)
from .engine import fields as f
from .engine._jit import allocating_kernel, kernel
from .maneuvers import (
    MARGIN,
    MELEE,
    STEP,
    crowded,
    in_danger,
    is_hurt,
    step_apart,
    step_away,
)

CHASE: Final = np.float32(10)  # a foe that outruns a melee unit counts as this much farther
GATHERED: Final = np.float32(5)  # cells from the middle within which a unit stands with its group
TOGETHER: Final = np.float32(0.8)  # share of a group that has to stand together to engage


@kernel
def kite(units: Floats, games: Integers, force: Force, homes: Floats, rules: Floats) -> None:
    """Each unit attacks the foe nearest to it; ranged units step back from melee in between.

    A ranged unit moves away from melee foes that could reach it while its weapon cools down, and
    shoots when it is ready. Seeing no foe, a unit attack-moves to the foes' start.
    """
    first, last, foe_first, foe_last = force
    for game in range(units.shape[0]):
        if games[game, f.OVER]:
            continue
        place = games[game, f.PLACE]
        home = (homes[place, 0], homes[place, 1])
        middle = _middle(units, game, first, last)
        for slot in range(first, last):
            if not alive(units, game, slot):
                continue
            if in_danger(units, game, slot, foe_first, foe_last):
                step_away(units, game, slot, (foe_first, foe_last), rules)
                continue
            best = nearest_seen(units, game, slot, foe_first, foe_last)
            if best >= 0:
                charge(units, game, slot, best, rules)
            else:
                advance_to(units, game, slot, _ahead(units, game, slot, home, middle), rules)


@kernel
def retreat_and_regroup(
    units: Floats, games: Integers, force: Force, homes: Floats, rules: Floats
) -> None:
    """Weak units fall back out of reach; the group engages together, the nearest foe first.

    While no foe has come within reach, units wait for those that lag behind: they attack-move to
    the middle of the group until most stand together. A unit with little life left steps away from
    foes that reach it while its weapon cools down, and returns when it is ready.
    """
    first, last, foe_first, foe_last = force
    for game in range(units.shape[0]):
        if games[game, f.OVER]:
            continue
        place = games[game, f.PLACE]
        home = (homes[place, 0], homes[place, 1])
        middle = _middle(units, game, first, last)
        gather = not _in_contact(units, game, force) and not _together(
            units, game, first, last, middle
        )
        for slot in range(first, last):
            if not alive(units, game, slot):
                continue
            if is_hurt(units, game, slot, foe_first, foe_last):
                step_away(units, game, slot, (foe_first, foe_last), rules)
                continue
            best = nearest_seen(units, game, slot, foe_first, foe_last)
            if gather:
                advance_to(units, game, slot, middle, rules)
            elif best >= 0:
                charge(units, game, slot, best, rules)
            else:
                advance_to(units, game, slot, _ahead(units, game, slot, home, middle), rules)


@allocating_kernel
def command_elite(
    units: Floats, games: Integers, force: Force, homes: Floats, rules: Floats, damage: Floats
) -> None:
    """See :func:`~perceiver_rl.envs.opponents.elite`; ``damage [attacker, victim]`` is per hit."""
    first, last, foe_first, foe_last = force
    pending = np.zeros(units.shape[2], np.float32)
    seen = np.zeros(units.shape[2], np.bool_)
    for game in range(units.shape[0]):
        if games[game, f.OVER]:
            continue
        place = games[game, f.PLACE]
        home = (homes[place, 0], homes[place, 1])
        middle = _middle(units, game, first, last)
        members = _look(units, game, force, seen)
        pending[:] = 0
        for slot in range(first, last):
            if not alive(units, game, slot):
                continue
            if crowded(units, game, slot, force):
                step_apart(units, game, slot, force, rules)
                continue
            if in_danger(units, game, slot, foe_first, foe_last) or is_hurt(
                units, game, slot, foe_first, foe_last
            ):
                step_away(units, game, slot, (foe_first, foe_last), rules)
                continue
            best = _best_target(units, game, slot, (members, pending, seen), force, damage)
            if best < 0:
                best = nearest_seen(units, game, slot, foe_first, foe_last)
            if best < 0:
                advance_to(units, game, slot, _ahead(units, game, slot, home, middle), rules)
                continue
            charge(units, game, slot, best, rules)
            if (
                gap_to_range(units, game, slot, best) <= np.float32(0)
                and units[game, f.COOLDOWN, slot] <= STEP
            ):
                pending[best] += hit(units, game, slot, best, damage)


@kernel
def hit(units: Floats, game: int, i: int, j: int, damage: Floats) -> np.float32:
    """Return what one attack of unit i takes from unit j: armor counts once the shield is gone."""
    force = damage[int(units[game, f.KIND, i]), int(units[game, f.KIND, j])]
    if force > np.float32(0) and units[game, f.SHIELD, j] <= np.float32(0):
        force = max(force - units[game, f.ARMOR, j], np.float32(0.5))
    return force * units[game, f.HITS, i]


@kernel
def _look(units: Floats, game: int, force: Force, seen: NDArray[np.bool_]) -> np.float32:
    """Mark the foes that anybody of a side sees; return how many units it has."""
    first, last, foe_first, foe_last = force
    members = np.float32(0)
    seen[:] = False
    for slot in range(first, last):
        if alive(units, game, slot):
            members += np.float32(1)
            for foe in range(foe_first, foe_last):
                near = distance_between(units, game, slot, foe) <= units[game, f.SIGHT, slot]
                seen[foe] = seen[foe] or near
    return members


@kernel
def _best_target(
    units: Floats,
    game: int,
    slot: int,
    plan: tuple[np.float32, Floats, NDArray[np.bool_]],
    force: Force,
    damage: Floats,
) -> int:
    """Return the foe that the side can bring down soonest from where this unit stands, or NOBODY.

    ``plan`` is ``(members, pending, seen)``. A foe that the shots already ordered kill is left out.
    The estimate is the walk into range plus the side's loops of fire for the life that is left.
    """
    members, pending, seen = plan
    best = f.NOBODY
    least = np.float32(np.inf)
    for foe in range(force[2], force[3]):
        if not seen[foe] or not alive(units, game, foe):
            continue
        life = units[game, f.HEALTH, foe] + units[game, f.SHIELD, foe] - pending[foe]
        blow = hit(units, game, slot, foe, damage)
        if life <= np.float32(0) or blow <= np.float32(0):
            continue
        gap = max(gap_to_range(units, game, slot, foe), np.float32(0))
        walk = gap / max(units[game, f.SPEED, slot], np.float32(1e-3))
        if units[game, f.RANGE, slot] < MELEE and (
            units[game, f.SPEED, foe] > units[game, f.SPEED, slot]
        ):
            walk *= CHASE
        shots = np.float32(math.ceil(life / blow))
        fire = shots * units[game, f.PERIOD, slot] / members
        wait = walk + fire
        if wait < least:
            least = wait
            best = foe
    return best


@kernel
def _ahead(units: Floats, game: int, slot: int, home: Point, middle: Point) -> Point:
    """Return where a unit goes that sees no foe: on to the foes' start, unarmed to its group."""
    return middle if units[game, f.PREY, slot] == np.float32(0) else home


@kernel
def _middle(units: Floats, game: int, first: int, last: int) -> Point:
    x, y, members = np.float32(0), np.float32(0), np.float32(0)
    for slot in range(first, last):
        if alive(units, game, slot):
            x += units[game, f.X, slot]
            y += units[game, f.Y, slot]
            members += np.float32(1)
    members = max(members, np.float32(1))
    return x / members, y / members


@kernel
def _in_contact(units: Floats, game: int, force: Force) -> bool:
    """Return whether any foe has a unit in range or is in the range of one."""
    first, last, foe_first, foe_last = force
    for slot in range(first, last):
        if not alive(units, game, slot):
            continue
        for foe in range(foe_first, foe_last):
            if alive(units, game, foe) and (
                gap_to_range(units, game, slot, foe) <= MARGIN
                or gap_to_range(units, game, foe, slot) <= MARGIN
            ):
                return True
    return False


@kernel
def _together(units: Floats, game: int, first: int, last: int, middle: Point) -> bool:
    members, near = 0, 0
    for slot in range(first, last):
        if alive(units, game, slot):
            members += 1
            dx = units[game, f.X, slot] - middle[0]
            dy = units[game, f.Y, slot] - middle[1]
            near += dx * dx + dy * dy <= GATHERED * GATHERED
    return bool(near >= TOGETHER * np.float32(members))
