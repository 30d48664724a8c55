"""Orders of an economy: who of the selected can carry them out, what they cost, where they fit.

As in the game an order goes to those of the selected units that can carry it out: to all workers
that are not building, but a structure is built by one worker, the nearest, and a unit trained by
one structure, the one with the least to do. If there is none, or money, supply or room are missing,
the order is refused and counted once. A selected entity that is not ours counts as one more.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from . import task_fields as t
from ._jit import allocating_kernel, kernel
from .follow import forget
from .site import free_slot, site_is_free, snap
from .task_orders import Spread, middle, order_unit
from .walk import distance_to

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Point: TypeAlias = tuple[np.float32, np.float32]
Aim: TypeAlias = tuple[int, Point]

MOST_IN_TRAINING: Final = 5
RALLY_REACH: Final = np.float32(1.5)  # cells from the rally point to the field it means
ZERO: Final = np.float32(0)


@allocating_kernel
def give_economy_orders(
    units: Floats,
    games: Integers,
    actions: Integers,
    spread: Spread,
    board: tuple[Integers, int, int],
    land: tuple[Floats, Floats],
) -> None:
    """Carry out ``actions [game, 3 + N]``, which lie in their space.

    Args:
        units: State ``[game, field, slot]``.
        games: State ``[game, field]``.
        actions: One per game.
        spread: See ``task_orders.Spread``.
        board: Verbs ``[action type, column]``; rows and columns of the target grid.
        land: The table of kinds, and the rules.
    """
    verbs, grid_rows, grid_columns = board
    rules = land[1]
    slots = actions.shape[1] - 3
    chosen = np.zeros(spread[0], np.bool_)
    for game in range(actions.shape[0]):
        verb = verbs[actions[game, 0]]
        if verb[t.VERB] < 0 or games[game, f.OVER]:
            continue
        for slot in range(slots):
            if slot < spread[0]:
                chosen[slot] = actions[game, 1 + slot] and units[game, f.HEALTH, slot] > ZERO
            if actions[game, 1 + slot] and (slot >= spread[0] or not chosen[slot]):
                games[game, f.REFUSED] += 1
        row, column = divmod(actions[game, slots + 2], grid_columns)
        goal = (
            middle(rules[f.LEFT_EDGE], rules[f.RIGHT_EDGE], column, grid_columns),
            middle(rules[f.BOTTOM_EDGE], rules[f.TOP_EDGE], row, grid_rows),
        )
        aim = (int(actions[game, slots + 1]), goal)
        if not carry_out(units, games, game, verb, (chosen, aim), (spread, land)):
            games[game, f.REFUSED] += 1


@kernel
def carry_out(
    units: Floats,
    games: Integers,
    game: int,
    verb: Integers,
    wish: tuple[NDArray[np.bool_], Aim],
    world: tuple[Spread, tuple[Floats, Floats]],
) -> bool:
    """Give an order to those of the chosen units that can carry it out, if there are any."""
    chosen, aim = wish
    spread, land = world
    trade = land[0]
    if verb[t.VERB] == t.BUILD:
        return _order_structure(units, games, game, verb, wish, world)
    if verb[t.VERB] == t.TRAIN:
        return _order_unit(units, games, game, chosen, trade, int(verb[t.VERB_PRODUCT]))
    obeyed = False
    for slot in range(spread[0]):
        if not chosen[slot]:
            continue
        if verb[t.VERB] == t.RALLY:
            obeyed = _rally(units, game, slot, aim[1], spread, trade) or obeyed
        elif can_act(units, game, slot):
            if verb[t.VERB] == t.GATHER:
                obeyed = _send_to_gather(units, game, slot, aim[0], spread, trade) or obeyed
            else:
                obeyed = order_unit(units, (game, slot), verb, aim[0], aim[1], spread) or obeyed
    return obeyed


@kernel
def can_act(units: Floats, game: int, slot: int) -> bool:
    """Return whether a unit is mobile and not at work on a structure."""
    at_work = units[game, f.ORDER, slot] == t.BUILD and units[game, t.PHASE, slot] == t.MINE
    return units[game, f.SPEED, slot] > ZERO and not at_work


@kernel
def is_worker(units: Floats, game: int, slot: int, trade: Floats) -> bool:
    """Return whether a slot holds a worker that can take an order."""
    role = trade[int(units[game, f.KIND, slot]), t.ROLE]
    return units[game, f.HEALTH, slot] > ZERO and role == t.WORKER and can_act(units, game, slot)


@kernel
def is_source(units: Floats, game: int, slot: int, spread: Spread, trade: Floats) -> bool:
    """Return whether workers can gather there: a field, or a finished refinery of ours."""
    if slot >= spread[2] or units[game, f.HEALTH, slot] <= ZERO:
        return False
    role = trade[int(units[game, f.KIND, slot]), t.ROLE]
    if role == t.REFINERY:
        return units[game, t.UNBUILT, slot] <= ZERO and units[game, t.CONTENTS, slot] > ZERO
    return role == t.MINERAL_FIELD


@kernel
def can_train(units: Floats, games: Integers, game: int, slot: int, trade: Floats) -> bool:
    """Return whether a slot holds a structure that could begin to train, for all but the money."""
    kind = int(trade[int(units[game, f.KIND, slot]), t.TRAINS])
    if kind < 0 or units[game, f.HEALTH, slot] <= ZERO or units[game, t.UNBUILT, slot] > ZERO:
        return False
    fits = games[game, t.SUPPLY] + int(trade[kind, t.SUPPLY_COST]) <= games[game, t.SUPPLY_CAP]
    return fits and units[game, t.TRAINING, slot] < MOST_IN_TRAINING


@kernel
def _send_to_gather(
    units: Floats, game: int, slot: int, source: int, spread: Spread, trade: Floats
) -> bool:
    """Let a worker gather; one that carries something takes it home first."""
    if not is_worker(units, game, slot, trade):
        return False
    if not is_source(units, game, source, spread, trade):
        return False
    forget(units, game, slot)
    units[game, f.ORDER, slot] = t.GATHER
    units[game, f.TARGET, slot] = source
    if units[game, t.CARGO, slot] > ZERO:
        units[game, t.PHASE, slot] = t.RETURN
    return True


@kernel
def _order_structure(
    units: Floats,
    games: Integers,
    game: int,
    verb: Integers,
    wish: tuple[NDArray[np.bool_], Aim],
    world: tuple[Spread, tuple[Floats, Floats]],
) -> bool:
    """Send the nearest of the chosen workers to build."""
    chosen, aim = wish
    spread, land = world
    trade, rules = land
    kind = int(verb[t.VERB_PRODUCT])
    over = aim[0] if verb[t.VERB_TARGET] == 1 else f.NOBODY
    if games[game, t.MINERALS] < trade[kind, t.COST] or free_slot(units, game, spread[0]) < 0:
        return False
    if over >= spread[2]:
        return False
    site = snap(aim[1], trade[kind, t.HALF_WIDTH])
    if over >= 0:
        site = (units[game, f.X, over], units[game, f.Y, over])
    if not site_is_free(units, game, (spread[0], spread[2]), kind, site, (over, trade, rules)):
        return False
    builder = f.NOBODY
    least = np.float32(np.inf)
    for slot in range(spread[0]):
        if chosen[slot] and is_worker(units, game, slot, trade):
            apart = distance_to(units, game, slot, site[0], site[1])
            if apart < least:
                builder, least = slot, apart
    if builder < 0:
        return False
    forget(units, game, builder)
    units[game, f.ORDER, builder] = t.BUILD
    units[game, f.TARGET, builder] = over
    units[game, f.GOAL_X, builder] = site[0]
    units[game, f.GOAL_Y, builder] = site[1]
    units[game, t.PRODUCT, builder] = kind
    return True


@kernel
def _order_unit(
    units: Floats,
    games: Integers,
    game: int,
    chosen: NDArray[np.bool_],
    trade: Floats,
    kind: int,
) -> bool:
    """Let the least busy of the chosen structures train a unit, and pay for it."""
    cost = int(trade[kind, t.COST])
    trainer = f.NOBODY
    for slot in range(chosen.shape[0]):
        if not chosen[slot] or trade[int(units[game, f.KIND, slot]), t.TRAINS] != kind:
            continue
        less = trainer < 0 or units[game, t.TRAINING, slot] < units[game, t.TRAINING, trainer]
        if less and can_train(units, games, game, slot, trade):
            trainer = slot
    if trainer < 0 or games[game, t.MINERALS] < cost:
        return False
    games[game, t.MINERALS] -= cost
    units[game, t.TRAINING, trainer] += np.float32(1)
    return True


@kernel
def _rally(units: Floats, game: int, slot: int, goal: Point, spread: Spread, trade: Floats) -> bool:
    """Send the units that a structure will train to a point; at a field, workers gather there."""
    if trade[int(units[game, f.KIND, slot]), t.TRAINS] < 0:
        return False
    units[game, t.RALLIES, slot] = 1
    units[game, t.RALLY_X, slot] = goal[0]
    units[game, t.RALLY_Y, slot] = goal[1]
    units[game, f.TARGET, slot] = f.NOBODY
    least = RALLY_REACH
    for source in range(spread[2]):
        apart = distance_to(units, game, source, goal[0], goal[1])
        if apart < least and is_source(units, game, source, spread, trade):
            units[game, f.TARGET, slot] = source
            least = apart
    return True
