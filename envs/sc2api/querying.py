"""Queries: how far a way is, what units can do, where structures fit."""

from __future__ import annotations

import heapq
import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..engine import fields as f
from ..engine.objects import TRADES, entity_kind
from .catalog import ABILITY_OF_ID, NO_TARGET
from .commands import abilities_of
from .describing import walkable
from .errors import RequestError
from .layout import is_finite
from .protocol import query
from .view import Seat
from .world import CANT_BUILD_THERE, NOT_SUPPORTED, SUCCESS, Place, Point

MOST: Final = 1000  # questions of a kind in one request
STEPS: Final = [(dx, dy, math.hypot(dx, dy)) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy]


def answer(seat: Seat, request: Any) -> Any:
    """Return a ``ResponseQuery``.

    Raises:
        RequestError: If it asks too much at once.
    """
    response = query.ResponseQuery()
    for questions in (request.pathing, request.abilities, request.placements):
        if len(questions) > MOST:
            raise RequestError(f"{len(questions)} queries, at most {MOST} of a kind at once")
    for question in request.pathing:
        response.pathing.add(distance=_distance(seat, question))
    for question in request.abilities:
        _abilities(seat, question, request.ignore_resource_requirements, response.abilities.add())
    for question in request.placements:
        response.placements.add(result=_placement(seat, question))
    return response


def _distance(seat: Seat, question: Any) -> float:
    left, bottom = seat.origin
    goal = (question.end_pos.x + left, question.end_pos.y + bottom)
    if not is_finite(goal):
        return 0.0
    if not question.HasField("unit_tag"):
        start = (question.start_pos.x + left, question.start_pos.y + bottom)
        return walk(seat.world.place, start, goal) if is_finite(start) else 0.0
    slot = seat.roster.slots.get(question.unit_tag)
    if slot is None:
        return 0.0
    units = seat.world.units
    start = (float(units[f.X, slot]), float(units[f.Y, slot]))
    return math.dist(start, goal) if units[f.FLIES, slot] else walk(seat.world.place, start, goal)


def walk(place: Place, start: Point, goal: Point) -> float:
    """Return the length of the way between two points, from cell to cell around walls.

    It is 0 where there is none.
    """
    free = walkable(place)
    begin, end = _cell(start), _cell(goal)
    if not (_is_free(free, begin) and _is_free(free, end)):
        return 0.0
    if not place.walls:
        return math.dist(start, goal)
    best = {begin: 0.0}
    queue = [(0.0, begin)]
    while queue:
        length, cell = heapq.heappop(queue)
        if cell == end:
            return length
        if length > best[cell]:
            continue
        for dx, dy, step in STEPS:
            after = (cell[0] + dx, cell[1] + dy)
            if _is_free(free, after) and length + step < best.get(after, math.inf):
                best[after] = length + step
                heapq.heappush(queue, (length + step, after))
    return 0.0


def _cell(at: Point) -> tuple[int, int]:
    return math.floor(at[0]), math.floor(at[1])


def _is_free(free: NDArray[np.bool_], cell: tuple[int, int]) -> bool:
    x, y = cell
    return 0 <= y < free.shape[0] and 0 <= x < free.shape[1] and bool(free[y, x])


def _abilities(seat: Seat, question: Any, for_free: bool, shown: Any) -> None:
    shown.unit_tag = question.unit_tag
    slot = seat.roster.slots.get(question.unit_tag)
    if slot is None or not seat.mine()[slot]:
        return
    shown.unit_type_id = int(seat.world.types[slot])
    minerals = seat.world.purse(seat.player).minerals
    for ability in abilities_of(seat, [slot]):
        cost = TRADES[ability.product].cost if ability.product else 0
        if for_free or cost <= minerals:
            pointed = ability.target != NO_TARGET
            shown.abilities.add(ability_id=ability.id, requires_point=pointed)


def _placement(seat: Seat, question: Any) -> int:
    ability = ABILITY_OF_ID.get(question.ability_id)
    if ability is None or not ability.product:
        return NOT_SUPPORTED
    left, bottom = seat.origin
    spot = (question.target_pos.x + left, question.target_pos.y + bottom)
    fits = is_finite(spot) and seat.world.fits(entity_kind(ability.product), spot)
    return SUCCESS if fits else CANT_BUILD_THERE
