"""Our actions as the game's raw commands; what is stale or forbidden is refused and counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.spaces import (
    ACTION_TYPE_MASK,
    SELECTABLE_MASK,
    TARGET_MASK,
    UnitAction,
    UnitActionSpace,
)

from ..engine import fields as f
from ..engine import task_fields as t
from ..engine.economy_orders import can_train, is_worker
from ..engine.objects import entity_kind
from ..engine.site import snap
from ..sc2api import catalog
from ..task_contract import Order, order_named
from . import ids
from .state import GameState

_GAME: Final = 0
_ECONOMY: Final = (t.GATHER, t.BUILD, t.TRAIN, t.RALLY)

Goal = tuple[float, float]


class Command(NamedTuple):
    """One raw command.

    Args:
        ability: The game's number; None moves the camera to the goal.
        tags: Of the units that it goes to.
        target: Tag that it is aimed at, or None.
        goal: Point that it is aimed at, in cells, or None.
        queued: Whether it waits until the present order is done.
    """

    ability: int | None
    tags: tuple[int, ...] = ()
    target: int | None = None
    goal: Goal | None = None
    queued: bool = False

    def message(self) -> Any:
        """Return the protocol's ``Action``."""
        from ..sc2api.protocol import api

        action = api.Action()
        if self.ability is None:
            assert self.goal is not None  # a camera looks somewhere
            centre = action.action_raw.camera_move.center_world_space
            centre.x, centre.y = self.goal
            return action
        command = action.action_raw.unit_command
        command.ability_id = self.ability
        command.unit_tags.extend(self.tags)
        command.queue_command = self.queued
        if self.target is not None:
            command.target_unit_tag = self.target
        elif self.goal is not None:
            command.target_world_space_pos.x, command.target_world_space_pos.y = self.goal
        return action


class Given(NamedTuple):
    """What became of an action.

    Args:
        commands: To send, in this order.
        refused: Unit orders that are not sent.
    """

    commands: tuple[Command, ...]
    refused: int


NOTHING: Final = Given((), 0)


def give(
    action: UnitAction,
    space: UnitActionSpace,
    state: GameState,
    observation: Mapping[str, NDArray[Any]],
) -> Given:
    """Turn an action into commands.

    As on the proxy, a selected row that holds no unit of ours is refused, all selected ones are if
    the target is none, and an order that nobody can carry out counts once.

    Args:
        action: Decoded.
        space: The action space.
        state: The game as it is.
        observation: Made of this state: its masks say what is legal.
    """
    order = order_named(space.types[action.action_type].name)
    if order.verb < 0 or state.games[_GAME, f.OVER]:
        return NOTHING
    goal = None if action.target_cell is None else cell_middle(action.target_cell, space, state)
    if order.verb == t.CAMERA:
        return Given((Command(None, goal=goal),), 0)
    mine = [row for row in action.selected if observation[SELECTABLE_MASK][row]]
    strangers = len(action.selected) - len(mine)
    legal = bool(observation[ACTION_TYPE_MASK][action.action_type])
    if action.target_unit is not None:
        legal = legal and bool(observation[TARGET_MASK][action.action_type, action.target_unit])
    if order.verb in _ECONOMY:
        commands = _economic(order, mine, action.target_unit, goal, state) if legal else ()
        return Given(commands, strangers + (not commands))
    if not legal:
        return Given((), max(len(action.selected), 1))
    if not mine:
        somebody = bool(state.games[_GAME, f.OWN_ALIVE])
        return Given((), strangers or somebody)
    target = None if action.target_unit is None else state.tags.tag(action.target_unit)
    command = Command(
        ids.ABILITY_OF_VERB[order.verb], _tags(mine, state), target, goal, order.queued
    )
    return Given((command,), strangers)


def cell_middle(cell: tuple[int, int], space: UnitActionSpace, state: GameState) -> Goal:
    """Return the middle of a cell of the target grid ``(row, column)``, in cells of the map."""
    rows, columns = space.grid or (1, 1)
    left, bottom, right, top = (np.float32(edge) for edge in state.scenario.playable)
    x = left + (right - left) * np.float32((cell[1] + 0.5) / columns)
    y = bottom + (top - bottom) * np.float32((cell[0] + 0.5) / rows)
    return float(x), float(y)


def _tags(rows: list[int], state: GameState) -> tuple[int, ...]:
    return tuple(tag for row in rows if (tag := state.tags.tag(row)) is not None)


def _economic(
    order: Order, rows: list[int], target: int | None, goal: Goal | None, state: GameState
) -> tuple[Command, ...]:
    """Return commands for those of the selected who can carry the order out."""
    if order.verb == t.RALLY:
        return _rally(rows, goal, state)
    if order.verb == t.TRAIN:
        return _train(order, rows, state)
    workers = [row for row in rows if is_worker(state.units, _GAME, row, state.trade)]
    if not workers:
        return ()
    aimed = None if target is None else state.tags.tag(target)
    if order.verb == t.GATHER:
        return (Command(ids.GATHER, _tags(workers, state), aimed),)
    if target is not None:
        site = (float(state.units[0, f.X, target]), float(state.units[0, f.Y, target]))
    else:
        assert goal is not None  # a structure has a site
        half = state.trade[entity_kind(order.product), t.HALF_WIDTH]
        x, y = snap((np.float32(goal[0]), np.float32(goal[1])), half)
        site = (float(x), float(y))
    units = state.units[0]
    away = [np.hypot(units[f.X, row] - site[0], units[f.Y, row] - site[1]) for row in workers]
    builder = workers[int(np.argmin(away))]
    ability = catalog.BUILD_ABILITY[order.product]
    place = None if aimed is not None else site
    return (Command(ability, _tags([builder], state), aimed, place),)


def _train(order: Order, rows: list[int], state: GameState) -> tuple[Command, ...]:
    """Let the least busy of the selected structures train."""
    kind = entity_kind(order.product)
    able = [
        row
        for row in rows
        if state.trade[int(state.units[0, f.KIND, row]), t.TRAINS] == kind
        and can_train(state.units, state.games, _GAME, row, state.trade)
    ]
    if not able:
        return ()
    least = min(able, key=lambda row: float(state.units[0, t.TRAINING, row]))
    return (Command(catalog.TRAIN_ABILITY[order.product], _tags([least], state)),)


def _rally(rows: list[int], goal: Goal | None, state: GameState) -> tuple[Command, ...]:
    """Set rally points; the game has one ability for workers and one for all others."""
    halls: list[int] = []
    others: list[int] = []
    for row in rows:
        kind = int(state.units[0, f.KIND, row])
        if state.trade[kind, t.TRAINS] >= 0:
            (halls if state.trade[kind, t.ROLE] == t.TOWN_HALL else others).append(row)
    pairs = ((ids.RALLY_WORKERS, halls), (ids.RALLY_UNITS, others))
    return tuple(
        Command(ability, _tags(group, state), goal=goal) for ability, group in pairs if group
    )
