"""Opponents as players of our side: their unit orders, put into one action per step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.spaces import (
    ENTITIES,
    ENTITY_MASK,
    SCALARS,
    SELECTABLE_MASK,
    EntitySpace,
    UnitActionSpace,
)

from .battle import SCALAR_NAMES
from .commands import Floats, Integers, Opponent, Point
from .contract import ALLIANCES
from .engine import fields as f
from .engine._jit import allocating_kernel, kernel
from .engine.units import stats_table
from .maneuvers import MELEE
from .memory import Memory

_READ: Final = (
    ("x", f.X),
    ("y", f.Y),
    ("health", f.HEALTH),
    ("shield", f.SHIELD),
    ("weapon_cooldown", f.COOLDOWN),
    ("unit_type", f.KIND),
)
_ORDERS: Final = ((f.MOVE, "move"), (f.ATTACK, "attack"), (f.ATTACK_MOVE, "attack_move"))
_TIME_LEFT: Final = SCALAR_NAMES.index("time_left")
MANY: Final = 6  # units up to which one order per step can follow each of them
FEW_VOTES: Final = (4, 5, 4, 2)
MANY_VOTES: Final = (1, 5, 8, 0)
"""Votes of a unit that shall step back; of one that does not fight and shall, for its target and
for joining whoever fights; of one that fights somebody else."""

_STRETCH: Final = np.float32(2)  # a goal farther off loses less direction to the grid


class Pilot:
    """Plays our side the way an opponent plays its own.

    An opponent orders every unit anew in every step; an action gives one order to one group. So the
    group goes first that holds the most units whose order differs from what they do; a unit keeps
    an order until its next one. The pilot remembers the targets it has named, which observations do
    not show, and forgets them when an episode starts.

    Args:
        entities: Of the environment.
        actions: Of the environment.
        rng: Not used; the tactics here leave nothing to chance.
        tactic: The opponent; it sees all that the observation shows.
    """

    def __init__(
        self,
        entities: EntitySpace,
        actions: UnitActionSpace,
        rng: np.random.Generator,
        tactic: Opponent,
    ) -> None:
        self.entities = entities
        self.actions = actions
        self.tactic = tactic
        self._stats = stats_table()
        self._kinds = np.zeros(len(f.ORDERS), np.int64)
        for order, name in _ORDERS:
            if name in actions.names:
                self._kinds[order] = actions.index(name)
        self._rules = np.zeros(f.RULES, np.float32)
        for low, high, name in (
            (f.LEFT_EDGE, f.RIGHT_EDGE, "x"),
            (f.BOTTOM_EDGE, f.TOP_EDGE, "y"),
        ):
            self._rules[[low, high]] = entities.columns[entities.index(name)].bounds
        middle = (self._rules[:2] + self._rules[2:4]) / np.float32(2)
        self._homes: Floats = middle[None].astype(np.float32)
        self.recall({})

    def act(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Return the order of the most pressing group, or ``no_op`` where all do as they should."""
        self._forget_episodes_past(observation)
        units = self._rebuild(observation)
        rows = self.entities.max_entities
        games = np.zeros((len(units), f.GAME_FIELDS), np.int64)
        doing = observation[ENTITIES][..., self.entities.index("order")].astype(np.int64)
        self.tactic(units, games, (0, rows, rows, 2 * rows), self._homes, self._rules)
        actions = np.zeros((len(units), self.actions.nvec.size), np.int64)
        choose_group(
            units,
            (observation[SELECTABLE_MASK].astype(np.bool_), doing, self._told),
            (self._kinds, self.actions.grid or (1, 1), self._rules),
            actions,
        )
        return actions

    def memory(self) -> dict[str, NDArray[Any]]:
        """Return the orders given so far, and the time when the last one was."""
        return {"told": self._told.copy(), "time_left": self._time_left.copy()}

    def recall(self, memory: Memory) -> None:
        """Take back what :meth:`memory` has returned; without it, forget everything."""
        self._told = np.array(memory.get("told", np.zeros((0, 2, 0))), np.float32)
        self._time_left = np.array(memory.get("time_left", np.zeros(0)), np.float32)

    def _forget_episodes_past(self, observation: Mapping[str, NDArray[Any]]) -> None:
        """Forget what was told to the units of games that have started anew."""
        time_left = observation[SCALARS][:, _TIME_LEFT]
        shape = (len(time_left), 2, self.entities.max_entities)
        if self._told.shape != shape:
            self._told = np.full(shape, f.NOBODY, np.float32)
        else:
            self._told[time_left > self._time_left] = f.NOBODY
        self._time_left = time_left.copy()

    def _rebuild(self, observation: Mapping[str, NDArray[Any]]) -> Floats:
        """Return the state as far as it can be seen: our slots first, then as many for foes."""
        entities = observation[ENTITIES]
        count, rows, _ = entities.shape
        alliance = entities[..., self.entities.index("alliance")]
        present = observation[ENTITY_MASK].astype(bool)
        units = np.zeros((count, f.UNIT_FIELDS, 2 * rows), np.float32)
        for side, name in enumerate(("own", "enemy")):
            there = present & (alliance == ALLIANCES.index(name))
            slots = slice(side * rows, (side + 1) * rows)
            kinds = entities[..., self.entities.index("unit_type")].astype(np.int64)
            kinds = np.minimum(kinds, len(self._stats) - 1)  # the rest are no units that fight
            stats = np.moveaxis(self._stats[kinds], -1, 1) * there[:, None]
            units[:, f.FIRST_STAT : f.FIRST_STAT + stats.shape[1], slots] = stats
            for column, field in _READ:
                units[:, field, slots] = entities[..., self.entities.index(column)] * there
        flies = units[:, f.FLIES] > 0
        units[:, f.BULK] = units[:, f.RADIUS]
        units[:, f.GROUND_BULK] = np.where(flies, f.NO_BULK, units[:, f.RADIUS])
        units[:, f.AIR_BULK] = np.where(flies, units[:, f.RADIUS], f.NO_BULK)
        units[:, f.SIGHT] = np.inf
        units[:, f.TARGET] = f.NOBODY
        return units


@allocating_kernel
def choose_group(
    units: Floats,
    now: tuple[NDArray[np.bool_], Integers, Floats],
    meaning: tuple[Integers, tuple[int, int], Floats],
    actions: Integers,
) -> None:
    """Write the order of the group with the most units that do something else.

    Units belong together that shall attack the same foe, that shall attack-move, or that shall
    move the same way. Where the goals within a group differ, it goes the mean way. Units that stand
    idle and shall attack different foes can join those that attack-move, so that all of them fight
    at once; among many units those without range always do.

    Args:
        units: The wanted orders, in a state of ``rows`` slots of ours and as many of foes.
        now: ``(selectable, order, told)``: whom we can order, what each does, and ``told [game, 2,
            row]``, the order and target that each was last given, changed in place.
        meaning: ``(kinds, grid, rules)``: action type by order, target grid, edges of the area.
        actions: ``[game, 3 + N]``, all zeros, written in place.
    """
    selectable, doing, told = now
    kinds = meaning[0]
    rows = selectable.shape[1]
    for game in range(units.shape[0]):
        votes = np.zeros(2 + rows, np.int64)
        many = np.sum(selectable[game]) > MANY
        flee = (MANY_VOTES if many else FEW_VOTES)[0]
        way_x, way_y = np.float32(0), np.float32(0)
        for slot in range(rows):
            order = int(units[game, f.ORDER, slot])
            if not selectable[game, slot] or kinds[order] == 0:
                continue
            if order == f.MOVE:
                dx, dy = _heading(units, game, slot)
                way_x += dx
                way_y += dy
            else:
                now_doing = (doing[game, slot], told[game, 0, slot], told[game, 1, slot])
                _vote(units, (game, slot), now_doing, many, votes)
        # Those who shall part cannot do so with one order, and so their votes cancel.
        votes[0] = int(np.float32(flee) * np.float32(math.hypot(way_x, way_y)))
        group = int(np.argmax(votes))
        if votes[group] > 0:
            _tell(units, (game, group, many), (way_x, way_y), now, meaning, actions)


@kernel
def _heading(units: Floats, game: int, slot: int) -> Point:
    """Return the direction in which a unit shall move, of length 1."""
    dx = units[game, f.GOAL_X, slot] - units[game, f.X, slot]
    dy = units[game, f.GOAL_Y, slot] - units[game, f.Y, slot]
    length = max(np.float32(math.sqrt(dx * dx + dy * dy)), np.float32(1e-6))
    return dx / length, dy / length


@kernel
def _vote(
    units: Floats,
    who: tuple[int, int],
    now: tuple[int, np.float32, np.float32],
    many: bool,
    votes: Integers,
) -> None:
    game, slot = who
    doing, told, aim = now
    _, rise, join, change = MANY_VOTES if many else FEW_VOTES
    order = int(units[game, f.ORDER, slot])
    group = _group(units, game, slot, len(votes) - 2, many)
    if doing in (f.IDLE, f.MOVE, f.HOLD):
        votes[group] += rise
        if order == f.ATTACK:
            votes[1] += join
    elif doing != order or told != order or aim != units[game, f.TARGET, slot]:
        votes[group] += change


@kernel
def _group(units: Floats, game: int, slot: int, rows: int, many: bool) -> int:
    """Return 0 for those who move, 1 for those who attack-move, 2 + row for attackers of a row."""
    order = int(units[game, f.ORDER, slot])
    if order == f.ATTACK and not (many and units[game, f.RANGE, slot] < MELEE):
        return 2 + int(units[game, f.TARGET, slot]) - rows
    return 0 if order == f.MOVE else 1


@kernel
def _belongs(
    units: Floats, game: int, slot: int, what: tuple[int, int, bool], way: Point, doing: int
) -> bool:
    """Return whether a unit follows the order of a group."""
    rows, group, many = what
    order = int(units[game, f.ORDER, slot])
    if _group(units, game, slot, rows, many) != group:
        idle = doing != f.ATTACK and doing != f.ATTACK_MOVE
        return group == 1 and order == f.ATTACK and idle
    if group > 0:
        return True
    dx, dy = _heading(units, game, slot)
    return bool(dx * way[0] + dy * way[1] > np.float32(0))


@kernel
def _tell(
    units: Floats,
    what: tuple[int, int, bool],
    way: Point,
    now: tuple[NDArray[np.bool_], Integers, Floats],
    meaning: tuple[Integers, tuple[int, int], Floats],
    actions: Integers,
) -> None:
    game, group, many = what
    selectable, doing, told = now
    kinds, grid, rules = meaning
    rows = selectable.shape[1]
    x, y = np.float32(0), np.float32(0)
    way_x, way_y = np.float32(0), np.float32(0)
    members = 0
    for slot in range(rows):
        order = int(units[game, f.ORDER, slot])
        if not selectable[game, slot] or kinds[order] == 0:
            continue
        if not _belongs(units, game, slot, (rows, group, many), way, doing[game, slot]):
            continue
        joins = group == 1 and order == f.ATTACK
        actions[game, 1 + slot] = 1
        told[game, 0, slot] = f.ATTACK_MOVE if joins else order
        told[game, 1, slot] = f.NOBODY if joins else units[game, f.TARGET, slot]
        members += 1
        x += units[game, f.X, slot]
        y += units[game, f.Y, slot]
        target = int(units[game, f.TARGET, slot])
        goal_x = units[game, f.X, target] if joins else units[game, f.GOAL_X, slot]
        goal_y = units[game, f.Y, target] if joins else units[game, f.GOAL_Y, slot]
        way_x += goal_x - units[game, f.X, slot]
        way_y += goal_y - units[game, f.Y, slot]
    actions[game, 0] = kinds[f.MOVE if group == 0 else (f.ATTACK_MOVE if group == 1 else f.ATTACK)]
    if group >= 2:
        actions[game, rows + 1] = group - 2
        return
    stretch = _STRETCH if group == 0 else np.float32(1)
    count = np.float32(members)
    x = (x + stretch * way_x) / count
    y = (y + stretch * way_y) / count
    column = _cell(x, rules[f.LEFT_EDGE], rules[f.RIGHT_EDGE], grid[1])
    row = _cell(y, rules[f.BOTTOM_EDGE], rules[f.TOP_EDGE], grid[0])
    actions[game, rows + 2] = row * grid[1] + column


@kernel
def _cell(value: np.float32, low: np.float32, high: np.float32, count: int) -> int:
    """Return in which of ``count`` equal parts of an interval a value lies, the ends included."""
    return min(max(int((value - low) / (high - low) * count), 0), count - 1)
