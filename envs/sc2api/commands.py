"""Abilities that units are told to use, turned into orders of the engine."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..engine import fields as f
from ..engine import task_fields as t
from ..engine.objects import ENTITY_NAMES, TRADES, entity_kind, entity_type
from .catalog import (
    ABILITIES,
    ABILITY_OF_ID,
    NO_TARGET,
    POINT,
    RETURN,
    SMART,
    UNIT,
    Ability,
)
from .view import Seat
from .world import (
    CANT_QUEUE_THAT,
    CANT_TARGET_THAT_UNIT,
    ERROR,
    NOT_SUPPORTED,
    SUCCESS,
    Order,
    Point,
)

INSIDE: Final = (t.TRAIN, t.RALLY)
_SOURCES: Final = (t.MINERAL_FIELD, t.REFINERY)
_ROLES: Final = tuple(TRADES[name].role if name in TRADES else t.FIGHTER for name in ENTITY_NAMES)


def can_use(seat: Seat, slot: int, ability: Ability) -> bool:
    """Return whether the unit of a slot has an ability."""
    units = seat.world.units
    kind = int(units[f.KIND, slot])
    if ability.doer == "mobile":
        return bool(units[f.SPEED, slot] > 0) or ability.verb == SMART
    if ability.doer == "armed":
        return entity_type(ENTITY_NAMES[kind]).prey > 0
    if ability.doer == "worker":
        return _ROLES[kind] == t.WORKER
    return ENTITY_NAMES[kind] == ability.doer and units_done(seat, slot)


def units_done(seat: Seat, slot: int) -> bool:
    """Return whether a structure stands, as far as it is one."""
    return not seat.world.has_tasks or bool(seat.world.units[t.UNBUILT, slot] <= 0)


def abilities_of(seat: Seat, slots: list[int]) -> list[Ability]:
    """Return the abilities that some of the units have, the general ones left out."""
    return [
        ability
        for ability in ABILITIES
        if not _is_general(ability)
        and seat.world.offers(ability.verb, ability.product)
        and any(can_use(seat, slot, ability) for slot in slots)
    ]


def _is_general(ability: Ability) -> bool:
    return ability.id >= 3665


def command(
    seat: Seat, slots: list[int], ability_id: int, target: int | Point | None, queued: bool
) -> int:
    """Tell units of a player to use an ability.

    Args:
        seat: The player's.
        slots: Living units of the player.
        ability_id: The game's number.
        target: A slot, a point in cells, or nothing.
        queued: Whether it waits for what they do now.

    Returns:
        The protocol's ActionResult.
    """
    ability = ABILITY_OF_ID.get(ability_id)
    if ability is None or not seat.world.offers(ability.verb, ability.product):
        return NOT_SUPPORTED
    able = [slot for slot in slots if can_use(seat, slot, ability)]
    if not able:
        return ERROR
    if not _suits(ability, target):
        return ERROR
    if ability.verb == SMART:
        return _smart(seat, able, target, queued)
    if ability.verb == RETURN:
        return _bring_home(seat, able)
    product = entity_kind(ability.product) if ability.product else f.NOBODY
    return _tell(seat, able, _order(ability.verb, target, queued, product))


def _tell(seat: Seat, slots: list[int], order: Order) -> int:
    """Give an order; one that cannot wait is for those who have nothing to do."""
    verb = order.verb
    if verb == f.ATTACK and order.target < 0:
        verb = f.ATTACK_MOVE
    if order.queued and verb in INSIDE:
        order = order._replace(queued=False)  # a structure has a queue of its own
    elif order.queued and verb not in seat.world.queues:
        orders = seat.world.units[f.ORDER]
        slots = [slot for slot in slots if orders[slot] == f.IDLE]
        order = order._replace(queued=False)
    if not slots:
        return CANT_QUEUE_THAT
    return seat.world.order(seat.player, slots, order)


def _suits(ability: Ability, target: int | Point | None) -> bool:
    if ability.target == NO_TARGET:
        return target is None
    if target is None:
        return False
    if ability.target == POINT:
        return not isinstance(target, int)
    return isinstance(target, int) or ability.target != UNIT


def _order(verb: int, target: int | Point | None, queued: bool, product: int = f.NOBODY) -> Order:
    if isinstance(target, int):
        return Order(verb, target=target, queued=queued, product=product)
    return Order(verb, goal=target, queued=queued, product=product)


def _smart(seat: Seat, slots: list[int], target: int | Point | None, queued: bool) -> int:
    """Do what a right click does; structures and units understand it each in its own way."""
    units = seat.world.units
    mobile = [slot for slot in slots if units[f.SPEED, slot] > 0]
    trainers = [slot for slot in slots if units[f.SPEED, slot] <= 0]
    results = []
    if trainers and seat.world.offers(t.RALLY, ""):
        results.append(_tell(seat, trainers, _order(t.RALLY, target, False)))
    if mobile:
        verb = _right_click(seat, mobile, target)
        if verb == RETURN:
            results.append(_bring_home(seat, mobile))
        else:
            results.append(_tell(seat, mobile, _order(verb, target, queued)))
    return SUCCESS if SUCCESS in results else (results[0] if results else ERROR)


def _right_click(seat: Seat, slots: list[int], target: int | Point | None) -> int:
    if not isinstance(target, int):
        return f.MOVE
    world = seat.world
    role = _ROLES[int(world.units[f.KIND, target])]
    workers = any(_ROLES[int(world.units[f.KIND, slot])] == t.WORKER for slot in slots)
    if workers and role in _SOURCES and units_done(seat, target):
        return t.GATHER
    if workers and role == t.TOWN_HALL and world.owners[target] == seat.player:
        loaded = world.has_tasks and any(world.units[t.CARGO, slot] > 0 for slot in slots)
        return RETURN if loaded else f.MOVE
    hostile = world.owners[target] not in (seat.player, 16)
    return f.ATTACK if hostile else f.MOVE


def _bring_home(seat: Seat, slots: list[int]) -> int:
    """Let workers bring home what they carry, and go on where they were or at the nearest field."""
    units = seat.world.units
    results = [CANT_TARGET_THAT_UNIT]
    for slot in slots:
        if units[t.CARGO, slot] <= 0:
            continue
        source = int(units[f.TARGET, slot]) if units[f.ORDER, slot] == t.GATHER else f.NOBODY
        if source < 0:
            source = nearest_field(seat, slot)
        if source >= 0:
            order = Order(t.GATHER, target=source)
            results.append(seat.world.order(seat.player, [slot], order))
    return SUCCESS if SUCCESS in results else results[-1]


def nearest_field(seat: Seat, slot: int) -> int:
    """Return the nearest mineral field, or NOBODY."""
    units = seat.world.units
    roles = np.array([_ROLES[int(kind)] for kind in units[f.KIND]])
    fields = (seat.world.alive & (roles == t.MINERAL_FIELD)).nonzero()[0]
    if not len(fields):
        return f.NOBODY
    dx, dy = units[f.X, fields] - units[f.X, slot], units[f.Y, fields] - units[f.Y, slot]
    return int(fields[np.argmin(dx * dx + dy * dy)])
