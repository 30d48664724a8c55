"""Workers gather and build, structures train: the game loop of an economy without a fight.

A gathering trip is walked as in the game, with the worker's acceleration and braking; at a field
there is room for one worker at a time. The time to unload and turn around is not in the game's
data as a number: it is chosen such that two workers per close field bring in what the game's
players measure, about 58 minerals per minute and worker at the speed Faster.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from . import task_fields as t
from ._jit import kernel
from .follow import follow_up
from .place import Book, put, remove
from .site import free_slot, leave_obstacles, site_is_free
from .walk import distance_to, gap_between, give_way, stay_inside, walk

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]

MINERALS_PER_TRIP: Final = 5
GAS_PER_TRIP: Final = 4
MINERAL_LOOPS: Final = np.float32(2.786 * 16)
GAS_LOOPS: Final = np.float32(1.981 * 16)
UNLOAD_LOOPS: Final = np.float32(20)
OTHER_FIELD: Final = np.float32(10)  # how far a worker looks for a field that is free
NEAR: Final = np.float32(0.1)
ZERO: Final = np.float32(0)
ONE: Final = np.float32(1)
START_HEALTH: Final = np.float32(0.1)  # share with which a structure begins


@kernel
def run_economy(
    units: Floats, games: Integers, spread: tuple[int, int], book: Book, rules: Floats
) -> None:
    """Run each game for its remaining loops.

    Args:
        units: State ``[game, field, slot]``.
        games: State ``[game, field]``.
        spread: Number of our slots, and of all.
        book: Tables of kinds.
        rules: See ``fields.RULES``.
    """
    own = spread[0]
    trade = book[1]
    for game in range(units.shape[0]):
        while games[game, f.LEFT] > 0:
            games[game, f.LEFT] -= 1
            games[game, f.LOOP] += 1
            for slot in range(own):
                if units[game, f.HEALTH, slot] <= ZERO:
                    continue
                if units[game, f.SPEED, slot] <= ZERO:
                    _produce(units, games, game, slot, own, book)
                    continue
                follow_up(units, game, slot)
                order = units[game, f.ORDER, slot]
                if order == t.GATHER:
                    _gather(units, games, game, slot, spread, trade)
                elif order == t.BUILD:
                    _build(units, games, game, slot, spread, (book, rules))
                elif order == f.MOVE or order == f.ATTACK_MOVE:
                    _go(units, game, slot, trade)
                if order != t.BUILD:
                    leave_obstacles(units, game, slot, spread, trade)
            give_way(units, game, own)
            stay_inside(units, game, own, rules)


@kernel
def _acceleration(units: Floats, game: int, slot: int, trade: Floats) -> np.float32:
    return trade[int(units[game, f.KIND, slot]), t.ACCELERATION]


@kernel
def _go(units: Floats, game: int, slot: int, trade: Floats) -> None:
    goal = (units[game, f.GOAL_X, slot], units[game, f.GOAL_Y, slot])
    if walk(units, game, slot, goal, (ZERO, _acceleration(units, game, slot, trade))):
        units[game, f.ORDER, slot] = f.IDLE


@kernel
def _approach(units: Floats, game: int, slot: int, thing: int, trade: Floats) -> bool:
    """Walk until the edges of a unit and a thing touch; return whether they do."""
    goal = (units[game, f.X, thing], units[game, f.Y, thing])
    gap = units[game, f.RADIUS, slot] + units[game, f.RADIUS, thing]
    return walk(units, game, slot, goal, (gap, _acceleration(units, game, slot, trade)))


@kernel
def _gather(
    units: Floats, games: Integers, game: int, slot: int, spread: tuple[int, int], trade: Floats
) -> None:
    """Go on with a gathering trip by one loop."""
    source = int(units[game, f.TARGET, slot])
    phase = units[game, t.PHASE, slot]
    if phase == t.GO:
        if units[game, f.HEALTH, source] <= ZERO or units[game, t.CONTENTS, source] <= ZERO:
            _change_source(units, game, slot, spread, trade)
        elif _approach(units, game, slot, source, trade):
            if not _taken(units, game, slot, source, spread[0], True):
                units[game, t.PHASE, slot] = t.MINE
                gas = trade[int(units[game, f.KIND, source]), t.ROLE] == t.REFINERY
                units[game, t.TIMER, slot] = GAS_LOOPS if gas else MINERAL_LOOPS
            else:
                _look_elsewhere(units, game, slot, spread, trade)
    elif phase == t.MINE:
        units[game, t.TIMER, slot] -= ONE
        if units[game, t.TIMER, slot] <= ZERO:
            _load(units, game, slot, source, trade)
    elif phase == t.RETURN:
        hall = _nearest_hall(units, game, slot, spread[0], trade)
        if hall >= 0 and _approach(units, game, slot, hall, trade):
            units[game, t.PHASE, slot] = t.UNLOAD
            units[game, t.TIMER, slot] = UNLOAD_LOOPS
            _deliver(units, games, game, slot)
    else:
        units[game, t.TIMER, slot] -= ONE
        if units[game, t.TIMER, slot] <= ZERO:
            units[game, t.PHASE, slot] = t.GO


@kernel
def _load(units: Floats, game: int, slot: int, source: int, trade: Floats) -> None:
    gas = trade[int(units[game, f.KIND, source]), t.ROLE] == t.REFINERY
    most = np.float32(GAS_PER_TRIP if gas else MINERALS_PER_TRIP)
    taken = min(most, units[game, t.CONTENTS, source])
    units[game, t.CONTENTS, source] -= taken
    units[game, t.CARGO, slot] = taken
    units[game, t.CARGO_GAS, slot] = gas
    units[game, t.PHASE, slot] = t.RETURN
    if units[game, t.CONTENTS, source] <= ZERO and not gas:
        remove(units, game, source)


@kernel
def _deliver(units: Floats, games: Integers, game: int, slot: int) -> None:
    cargo = int(units[game, t.CARGO, slot])
    games[game, t.GAS if units[game, t.CARGO_GAS, slot] > ZERO else t.MINERALS] += cargo
    games[game, t.GATHERED] += cargo
    units[game, t.CARGO, slot] = 0
    units[game, t.CARGO_GAS, slot] = 0


@kernel
def _taken(units: Floats, game: int, slot: int, source: int, own: int, mining: bool) -> bool:
    """Return whether another worker mines a source, or (not mining) has it as its target."""
    for other in range(own):
        if other == slot or units[game, f.ORDER, other] != t.GATHER:
            continue
        uses = not mining or units[game, t.PHASE, other] == t.MINE
        if uses and units[game, f.TARGET, other] == source and units[game, f.HEALTH, other] > ZERO:
            return True
    return False


@kernel
def _find_field(
    units: Floats, game: int, slot: int, spread: tuple[int, int], only_free: bool, trade: Floats
) -> tuple[int, np.float32]:
    """Return the nearest mineral field, or the nearest that nobody uses, and its distance."""
    best = f.NOBODY
    least = np.float32(np.inf)
    for field in range(spread[0], spread[1]):
        role = trade[int(units[game, f.KIND, field]), t.ROLE]
        if units[game, f.HEALTH, field] <= ZERO or role != t.MINERAL_FIELD:
            continue
        if only_free and _taken(units, game, slot, field, spread[0], False):
            continue
        apart = distance_to(units, game, slot, units[game, f.X, field], units[game, f.Y, field])
        if apart < least:
            best, least = field, apart
    return best, least


@kernel
def _look_elsewhere(
    units: Floats, game: int, slot: int, spread: tuple[int, int], trade: Floats
) -> None:
    """Turn to a field nearby that nobody uses; if there is none, wait."""
    source = int(units[game, f.TARGET, slot])
    if trade[int(units[game, f.KIND, source]), t.ROLE] != t.MINERAL_FIELD:
        return
    field, apart = _find_field(units, game, slot, spread, True, trade)
    if field >= 0 and apart <= OTHER_FIELD:
        units[game, f.TARGET, slot] = field


@kernel
def _change_source(
    units: Floats, game: int, slot: int, spread: tuple[int, int], trade: Floats
) -> None:
    """Turn from an exhausted source to the nearest field; with none left, become idle."""
    field, _ = _find_field(units, game, slot, spread, False, trade)
    if field >= 0:
        units[game, f.TARGET, slot] = field
    else:
        units[game, f.ORDER, slot] = f.IDLE
        units[game, f.TARGET, slot] = f.NOBODY


@kernel
def _nearest_hall(units: Floats, game: int, slot: int, own: int, trade: Floats) -> int:
    best = f.NOBODY
    least = np.float32(np.inf)
    for hall in range(own):
        role = trade[int(units[game, f.KIND, hall]), t.ROLE]
        done = units[game, f.HEALTH, hall] > ZERO and units[game, t.UNBUILT, hall] <= ZERO
        if role == t.TOWN_HALL and done:
            apart = gap_between(units, game, slot, hall)
            if apart < least:
                best, least = hall, apart
    return best


@kernel
def _build(
    units: Floats,
    games: Integers,
    game: int,
    slot: int,
    spread: tuple[int, int],
    land: tuple[Book, Floats],
) -> None:
    """Walk to a site, start the structure there, and work until it stands."""
    book, rules = land
    trade = book[1]
    kind = int(units[game, t.PRODUCT, slot])
    if units[game, t.PHASE, slot] == t.MINE:
        _construct(units, games, game, slot, trade)
        return
    goal = (units[game, f.GOAL_X, slot], units[game, f.GOAL_Y, slot])
    gap = trade[kind, t.HALF_WIDTH] + units[game, f.RADIUS, slot]
    if not walk(units, game, slot, goal, (gap, _acceleration(units, game, slot, trade))):
        return
    target = int(units[game, f.TARGET, slot])
    site = free_slot(units, game, spread[0])
    cost = int(trade[kind, t.COST])
    paid = games[game, t.MINERALS] >= cost and site >= 0
    if not paid or not site_is_free(units, game, spread, kind, goal, (target, trade, rules)):
        games[game, f.REFUSED] += 1
        units[game, f.ORDER, slot] = f.IDLE
        units[game, f.TARGET, slot] = f.NOBODY
        return
    games[game, t.MINERALS] -= cost
    contents = ZERO if target < 0 else units[game, t.CONTENTS, target]
    if target >= 0:
        remove(units, game, target)
    put(units, (game, site), kind, goal, book)
    units[game, t.CONTENTS, site] = contents
    units[game, t.UNBUILT, site] = trade[kind, t.LOOPS]
    units[game, f.HEALTH, site] *= START_HEALTH
    units[game, t.PHASE, slot] = t.MINE
    units[game, f.TARGET, slot] = site
    games[game, f.OWN_ALIVE] += 1


@kernel
def _construct(units: Floats, games: Integers, game: int, slot: int, trade: Floats) -> None:
    """Work on a structure; a worker that has built a refinery begins to gather there."""
    site = int(units[game, f.TARGET, slot])
    kind = int(units[game, f.KIND, site])
    units[game, t.UNBUILT, site] -= ONE
    gain = units[game, f.MAX_HEALTH, site] * (ONE - START_HEALTH) / trade[kind, t.LOOPS]
    units[game, f.HEALTH, site] = min(
        units[game, f.HEALTH, site] + gain, units[game, f.MAX_HEALTH, site]
    )
    if units[game, t.UNBUILT, site] > ZERO:
        return
    units[game, t.UNBUILT, site] = ZERO
    units[game, f.HEALTH, site] = units[game, f.MAX_HEALTH, site]
    games[game, t.SUPPLY_CAP] += int(trade[kind, t.SUPPLY_GIVEN])
    refinery = trade[kind, t.ROLE] == t.REFINERY
    units[game, f.ORDER, slot] = t.GATHER if refinery else f.IDLE
    units[game, f.TARGET, slot] = site if refinery else f.NOBODY
    units[game, t.PHASE, slot] = t.RETURN if units[game, t.CARGO, slot] > ZERO else t.GO


@kernel
def _produce(units: Floats, games: Integers, game: int, slot: int, own: int, book: Book) -> None:
    """Start or go on with the first unit in training."""
    trade = book[1]
    if units[game, t.TRAINING, slot] <= ZERO:
        return
    kind = int(trade[int(units[game, f.KIND, slot]), t.TRAINS])
    if units[game, t.TRAIN_LEFT, slot] <= ZERO:
        supply = games[game, t.SUPPLY] + int(trade[kind, t.SUPPLY_COST])
        if supply > games[game, t.SUPPLY_CAP]:
            return
        games[game, t.SUPPLY] = supply
        units[game, t.TRAIN_LEFT, slot] = trade[kind, t.LOOPS]
    units[game, t.TRAIN_LEFT, slot] = max(units[game, t.TRAIN_LEFT, slot] - ONE, ZERO)
    if units[game, t.TRAIN_LEFT, slot] > ZERO:
        return
    room = free_slot(units, game, own)
    if room < 0:
        units[game, t.TRAIN_LEFT, slot] = ONE  # it waits inside
        return
    units[game, t.TRAINING, slot] -= ONE
    games[game, f.OWN_ALIVE] += 1
    games[game, t.TRAINED] += trade[kind, t.ROLE] == t.FIGHTER
    _release(units, game, slot, room, kind, book)


@kernel
def _release(units: Floats, game: int, slot: int, room: int, kind: int, book: Book) -> None:
    """Let a new unit out at the edge of what trained it, towards the rally point."""
    x, y = units[game, f.X, slot], units[game, f.Y, slot]
    rallies = units[game, t.RALLIES, slot] > ZERO
    out = units[game, f.RADIUS, slot] + book[0][kind, f.RADIUS - f.FIRST_STAT]
    dx, dy = ZERO, -ONE
    if rallies:
        apart = distance_to(
            units, game, slot, units[game, t.RALLY_X, slot], units[game, t.RALLY_Y, slot]
        )
        if apart > NEAR:
            dx = (units[game, t.RALLY_X, slot] - x) / apart
            dy = (units[game, t.RALLY_Y, slot] - y) / apart
    put(units, (game, room), kind, (x + out * dx, y + out * dy), book)
    units[game, t.CROWDED, room] = ONE  # somebody may stand there
    if not rallies:
        return
    source = int(units[game, f.TARGET, slot])
    gathers = book[1][kind, t.ROLE] == t.WORKER and source >= 0
    units[game, f.ORDER, room] = t.GATHER if gathers else f.MOVE
    units[game, f.TARGET, room] = source if gathers else f.NOBODY
    units[game, f.GOAL_X, room] = units[game, t.RALLY_X, slot]
    units[game, f.GOAL_Y, room] = units[game, t.RALLY_Y, slot]
