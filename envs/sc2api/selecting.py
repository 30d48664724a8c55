"""Selection: by clicks, by rectangles, by panels and control groups."""

from __future__ import annotations

from typing import Any, Final

from ..engine import fields as f
from ..engine import task_fields as t
from ..engine.objects import ENTITY_NAMES, TRADES
from .layout import from_screen, thing_at
from .view import Seat
from .world import ERROR, NOT_SUPPORTED, SUCCESS

SELECT: Final = 1  # types of a click on a unit
TOGGLE: Final = 2
ALL_OF_TYPE: Final = 3
ADD_ALL_OF_TYPE: Final = 4
RECALL: Final = 1  # actions on a control group
SET: Final = 2
APPEND: Final = 3
SET_AND_STEAL: Final = 4
APPEND_AND_STEAL: Final = 5
WORKERS_SET: Final = 1  # types of the button for idle workers
WORKERS_ADD: Final = 2
WORKERS_ALL: Final = 3
SINGLE: Final = 1  # types of a click on the panel of the selected
DESELECT: Final = 2
KEEP_TYPE: Final = 3


def select(seat: Seat, action: Any) -> int:
    """Carry out an action on the screen or a panel that selects; return its ActionResult."""
    seat.forget_dead()
    for part, carry_out in _PARTS.items():
        if part in action.DESCRIPTOR.fields_by_name and action.HasField(part):
            return carry_out(seat, getattr(action, part))
    return NOT_SUPPORTED


def _choose(seat: Seat, slots: list[int], add: bool) -> int:
    kept = list(seat.selection) if add else []
    seat.selection = kept + [slot for slot in slots if slot not in kept]
    return SUCCESS


def _point(seat: Seat, click: Any) -> int:
    slot = thing_at(seat, from_screen(seat, click.selection_screen_coord))
    mine = seat.mine()
    if slot == f.NOBODY or not mine[slot]:
        return ERROR
    if click.type == TOGGLE:
        if slot in seat.selection:
            seat.selection.remove(slot)
            return SUCCESS
        return _choose(seat, [slot], True)
    if click.type in (ALL_OF_TYPE, ADD_ALL_OF_TYPE):
        kinds = seat.world.units[f.KIND]
        alike = mine & seat.on_screen() & (kinds == kinds[slot])
        return _choose(seat, alike.nonzero()[0].tolist(), click.type == ADD_ALL_OF_TYPE)
    return _choose(seat, [slot], False)


def _rectangle(seat: Seat, box: Any) -> int:
    units, chosen = seat.world.units, set()
    for rectangle in box.selection_screen_coord:
        x0, y0 = from_screen(seat, rectangle.p0)
        x1, y1 = from_screen(seat, rectangle.p1)
        reach = units[f.RADIUS]
        inside = (units[f.X] + reach >= min(x0, x1)) & (units[f.X] - reach <= max(x0, x1))
        inside &= (units[f.Y] + reach >= min(y0, y1)) & (units[f.Y] - reach <= max(y0, y1))
        chosen |= set((inside & seat.mine()).nonzero()[0].tolist())
    mobile = {slot for slot in chosen if units[f.SPEED, slot] > 0}
    slots = sorted(mobile or chosen)  # the game prefers units to structures
    if not slots:
        return SUCCESS  # the selection stays as it is
    return _choose(seat, slots, box.selection_add)


def _army(seat: Seat, button: Any) -> int:
    slots = [slot for slot in seat.mine().nonzero()[0].tolist() if _role(seat, slot) == t.FIGHTER]
    return _choose(seat, slots, button.selection_add) if slots else ERROR


def _role(seat: Seat, slot: int) -> int:
    name = ENTITY_NAMES[int(seat.world.units[f.KIND, slot])]
    return TRADES[name].role if name in TRADES else t.FIGHTER


def _idle_worker(seat: Seat, button: Any) -> int:
    idle = [
        slot
        for slot in seat.mine().nonzero()[0].tolist()
        if _role(seat, slot) == t.WORKER and seat.world.units[f.ORDER, slot] == f.IDLE
    ]
    if not idle:
        return ERROR
    chosen = idle[:1] if button.type in (WORKERS_SET, WORKERS_ADD) else idle
    return _choose(seat, chosen, button.type not in (WORKERS_SET, WORKERS_ALL))


def _group(seat: Seat, button: Any) -> int:
    number, verb = button.control_group_index, button.action
    if number > 9:
        return ERROR
    if verb == RECALL:
        if not seat.groups.get(number):
            return ERROR
        return _choose(seat, seat.groups[number], False)
    if verb in (SET_AND_STEAL, APPEND_AND_STEAL):
        for other, slots in seat.groups.items():
            seat.groups[other] = [slot for slot in slots if slot not in seat.selection]
    kept = seat.groups.get(number, []) if verb in (APPEND, APPEND_AND_STEAL) else []
    seat.groups[number] = kept + [slot for slot in seat.selection if slot not in kept]
    return SUCCESS


def _panel(seat: Seat, click: Any) -> int:
    if not 0 <= click.unit_index < len(seat.selection):
        return ERROR
    chosen = seat.selection[click.unit_index]
    kinds = seat.world.units[f.KIND]
    if click.type in (SINGLE, DESELECT):
        single = click.type == SINGLE
        seat.selection = [slot for slot in seat.selection if (slot == chosen) == single]
    else:
        keep = click.type == KEEP_TYPE
        seat.selection = [s for s in seat.selection if (kinds[s] == kinds[chosen]) == keep]
    return SUCCESS


_PARTS: Final = {
    "unit_selection_point": _point,
    "unit_selection_rect": _rectangle,
    "select_army": _army,
    "select_idle_worker": _idle_worker,
    "control_group": _group,
    "multi_panel": _panel,
}
