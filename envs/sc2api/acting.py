"""The protocol's actions: raw commands, clicks on feature layers, panels."""

from __future__ import annotations

from typing import Any, Final

from ..engine import fields as f
from .commands import command
from .layout import from_minimap, from_screen, is_finite, thing_at, to_minimap
from .protocol import api
from .selecting import select
from .view import Seat
from .world import CANT_TARGET_THAT_UNIT, ERROR, NOT_SUPPORTED, SUCCESS, Point

MOST_UNITS: Final = 1024  # tags in one command
MOST_KEPT: Final = 1000  # actions, errors and messages that wait for an observation
LONGEST_CHAT: Final = 255


def act(seat: Seat, action: Any) -> int:
    """Carry out one action of a player; return the protocol's ActionResult."""
    result = SUCCESS
    for part, carry_out in _PARTS.items():
        if action.HasField(part):
            result = carry_out(seat, getattr(action, part))
    return result


def record(seat: Seat, action: Any, result: int) -> None:
    """Keep an action for the next observation, where it succeeded."""
    if result != SUCCESS or len(seat.actions) >= MOST_KEPT:
        return
    kept = api.Action()
    kept.CopyFrom(action)
    if action.action_raw.HasField("camera_move") and seat.options.HasField("feature_layer"):
        # Whoever has a screen is told where on the minimap the camera has gone.
        moved = kept.action_feature_layer.camera_move.center_minimap
        moved.x, moved.y = to_minimap(seat, seat.camera)
        kept.ClearField("action_raw")
    kept.game_loop = seat.world.loop
    seat.actions.append(kept)


def _act_raw(seat: Seat, action: Any) -> int:
    if action.HasField("unit_command"):
        return _command_raw(seat, action.unit_command)
    if action.HasField("camera_move"):
        center = action.camera_move.center_world_space
        left, bottom = seat.origin
        return seat.look_at((center.x + left, center.y + bottom))
    return NOT_SUPPORTED  # nothing here casts by itself


def _command_raw(seat: Seat, order: Any) -> int:
    mine = seat.mine()
    slots = []
    for tag in order.unit_tags[:MOST_UNITS]:
        slot = seat.roster.slots.get(tag)
        if slot is not None and mine[slot] and slot not in slots:
            slots.append(slot)
    if not slots:
        return _fail(seat, order, 0, ERROR)
    target: int | Point | None = None
    if order.HasField("target_unit_tag"):
        target = seat.roster.slots.get(order.target_unit_tag)
        if target is None or not seat.sees()[target]:
            return _fail(seat, order, slots[0], CANT_TARGET_THAT_UNIT)
    elif order.HasField("target_world_space_pos"):
        left, bottom = seat.origin
        spot = order.target_world_space_pos
        target = (spot.x + left, spot.y + bottom)
        if not is_finite(target):
            return _fail(seat, order, slots[0], ERROR)
    if seat.options.raw_affects_selection:
        seat.selection = list(slots)
    result = command(seat, slots, order.ability_id, target, order.queue_command)
    return result if result == SUCCESS else _fail(seat, order, slots[0], result)


def _fail(seat: Seat, order: Any, slot: int, result: int) -> int:
    if len(seat.errors) < MOST_KEPT:
        seat.errors.append((int(seat.roster.tags[slot]), order.ability_id, result))
    return result


def _act_spatial(seat: Seat, action: Any) -> int:
    if action.HasField("unit_command"):
        return _command_spatial(seat, action.unit_command)
    if action.HasField("camera_move"):
        return seat.look_at(from_minimap(seat, action.camera_move.center_minimap))
    return select(seat, action)


def _command_spatial(seat: Seat, order: Any) -> int:
    if not seat.selection:
        return ERROR
    target: int | Point | None = None
    if order.HasField("target_screen_coord"):
        spot = from_screen(seat, order.target_screen_coord)
        target = thing_at(seat, spot)
        target = spot if target == f.NOBODY else target
    elif order.HasField("target_minimap_coord"):
        target = from_minimap(seat, order.target_minimap_coord)
    slots = list(seat.selection)
    result = command(seat, slots, order.ability_id, target, order.queue_command)
    if result != SUCCESS and isinstance(target, int):  # a building can be placed beside a unit
        units = seat.world.units
        spot = (float(units[f.X, target]), float(units[f.Y, target]))
        result = command(seat, slots, order.ability_id, spot, order.queue_command)
    return result if result == SUCCESS else _fail(seat, order, slots[0], result)


def _chat(seat: Seat, chat: Any) -> int:
    if len(seat.chat) < MOST_KEPT:
        seat.chat.append((seat.player, chat.message[:LONGEST_CHAT]))
    return SUCCESS


def _act_panel(seat: Seat, action: Any) -> int:
    return select(seat, action)


_PARTS: Final = {
    "action_raw": _act_raw,
    "action_feature_layer": _act_spatial,
    "action_ui": _act_panel,
    "action_chat": _chat,
}
