"""The panels at the bottom of a player's screen: control groups, selection, abilities."""

from __future__ import annotations

from typing import Any

from ..engine import fields as f
from ..engine import task_fields as t
from ..engine.objects import ENTITY_NAMES, TRADES
from .catalog import KIND_IDS, NO_TARGET, SMART, TRAIN_ABILITY
from .commands import abilities_of
from .view import Seat

SELF = 1


def show_panels(seat: Seat, data: Any) -> None:
    """Fill an ``ObservationUI``."""
    types = seat.world.types
    for number, slots in sorted(seat.groups.items()):
        if slots:
            leader = int(types[slots[0]])
            data.groups.add(control_group_index=number, leader_unit_type=leader, count=len(slots))
    if len(seat.selection) > 1:
        for slot in seat.selection:
            _show_unit(seat, slot, data.multi.units.add())
    elif seat.selection:
        slot = seat.selection[0]
        training = seat.world.has_tasks and seat.world.units[t.TRAINING, slot] > 0
        if training:
            _show_unit(seat, slot, data.production.unit)
            _show_queue(seat, slot, data.production)
        else:
            _show_unit(seat, slot, data.single.unit)


def _show_unit(seat: Seat, slot: int, shown: Any) -> None:
    units = seat.world.units
    shown.unit_type = int(seat.world.types[slot])
    shown.player_relative = SELF
    shown.health = int(units[f.HEALTH, slot])
    shown.shields = int(units[f.SHIELD, slot])
    shown.energy = int(units[f.ENERGY, slot])
    shown.max_health = int(units[f.MAX_HEALTH, slot])
    shown.max_shields = int(units[f.MAX_SHIELD, slot])
    shown.max_energy = int(units[f.MAX_ENERGY, slot])
    shown.build_progress = 0.0
    if seat.world.has_tasks and units[t.UNBUILT, slot] > 0:
        trade = TRADES[ENTITY_NAMES[int(units[f.KIND, slot])]]
        shown.build_progress = 1.0 - float(units[t.UNBUILT, slot]) / trade.loops


def _show_queue(seat: Seat, slot: int, panel: Any) -> None:
    units = seat.world.units
    product = TRADES[ENTITY_NAMES[int(units[f.KIND, slot])]].trains
    unit_type = KIND_IDS[ENTITY_NAMES.index(product)]
    for waiting in range(int(units[t.TRAINING, slot])):
        progress = 0.0
        if waiting == 0 and units[t.TRAIN_LEFT, slot] > 0:
            progress = 1.0 - float(units[t.TRAIN_LEFT, slot]) / TRADES[product].loops
        item = {"unit_type": unit_type, "player_relative": SELF, "build_progress": progress}
        panel.build_queue.add(**item)
        panel.production_queue.add(ability_id=TRAIN_ABILITY[product], build_progress=progress)


def show_abilities(seat: Seat, observation: Any) -> None:
    """List what the selected units can do, once or twice where a target is optional."""
    for ability in abilities_of(seat, seat.selection):
        pointed = ability.target != NO_TARGET or ability.verb == SMART
        observation.abilities.add(ability_id=ability.id, requires_point=pointed)
