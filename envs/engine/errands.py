"""MoveToBeacon and CollectMineralShards: our units walk, and score by where they are.

Distances and regions are those of the maps' scripts; how near a marine must come to a shard is not
in them: here it is when their edges touch.
"""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from . import task_fields as t
from ._jit import allocating_kernel, kernel
from .follow import follow_up
from .judge import Judged
from .place import Book, clearance, draw_point, put, remove, wipe
from .walk import gap_between, give_way, stay_inside, walk

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Cast: TypeAlias = tuple[int, int, int, int]
"""Number of our slots, and of all; kind of our units, and of the objects to walk to."""

BEACON_BOX: Final = (23.5, 21.5, 42.5, 34.5)
BEACON_HOLE: Final = (33.0, 28.0, 4.0)
BEACON_DISTANCE: Final = np.float32(5)
BEACON_RADIUS: Final = np.float32(1.25)
SHARD_BOX: Final = (23.0, 21.0, 43.0, 35.0)
SHARD_DISTANCE: Final = np.float32(2)
START_BOX: Final = (22.0, 20.0, 44.0, 36.0)


@kernel
def start_errand(
    units: Floats, games: Integers, rows: Integers, cast: Cast, book: Book, beacon: bool
) -> None:
    """Start the games ``rows`` anew, each from the seed that its row of ``games`` names."""
    own, _, ours, things = cast
    for k in range(rows.shape[0]):
        game = rows[k]
        wipe(units, games, game)
        for slot in range(own):
            put(units, (game, slot), ours, draw_point(games, game, START_BOX), book)
        games[game, f.OWN_ALIVE] = own
        if beacon:
            put(units, (game, own), things, (0.0, 0.0), book)
            _move_beacon(units, games, game, own)
        else:
            _scatter_shards(units, games, game, cast, book)


@kernel
def run_errand(
    units: Floats, games: Integers, cast: Cast, book: Book, rules: Floats, beacon: bool
) -> None:
    """Run each game for its remaining loops."""
    own = cast[0]
    for game in range(units.shape[0]):
        while games[game, f.LEFT] > 0:
            games[game, f.LEFT] -= 1
            games[game, f.LOOP] += 1
            for slot in range(own):
                follow_up(units, game, slot)
                order = units[game, f.ORDER, slot]
                if order == f.MOVE or order == f.ATTACK_MOVE:
                    goal = (units[game, f.GOAL_X, slot], units[game, f.GOAL_Y, slot])
                    if walk(units, game, slot, goal, (np.float32(0), np.float32(0))):
                        units[game, f.ORDER, slot] = f.IDLE
            give_way(units, game, own)
            stay_inside(units, game, own, rules)
            if beacon:
                _reach_beacon(units, games, game, own)
            else:
                _collect_shards(units, games, game, cast, book)


@allocating_kernel
def judge_points(
    games: Integers, loop_limit: int, worth: tuple[float, float, float, float, float]
) -> Judged:
    """Reward the points of the step, and end the games whose time is out: each is a win."""
    count = games.shape[0]
    reward = np.zeros(count, np.float32)
    terminated = np.zeros(count, np.bool_)
    truncated = np.zeros(count, np.bool_)
    eventful = False
    for game in range(count):
        if games[game, f.OVER]:
            continue
        games[game, f.STEP_REFUSED] += games[game, f.REFUSED]
        reward[game] = worth[2] * (games[game, t.POINTS] - games[game, f.SCORE])
        games[game, f.SCORE] = games[game, t.POINTS]
        if games[game, f.LOOP] >= loop_limit:
            truncated[game] = True
            games[game, f.OUTCOME] = f.WIN
            games[game, f.OVER] = 1
            games[game, f.LEFT] = 0
        eventful = eventful or truncated[game] or games[game, f.STEP_REFUSED] > 0
    return reward, terminated, truncated, eventful


@kernel
def _move_beacon(units: Floats, games: Integers, game: int, own: int) -> None:
    """Draw the beacon's place: outside the hole in the middle, away from the marine."""
    while True:
        x, y = draw_point(games, game, BEACON_BOX)
        dx, dy = x - np.float32(BEACON_HOLE[0]), y - np.float32(BEACON_HOLE[1])
        if np.float32(math.sqrt(dx * dx + dy * dy)) < np.float32(BEACON_HOLE[2]):
            continue
        if clearance(units, game, (0, own), (x, y)) >= BEACON_DISTANCE:
            units[game, f.X, own] = x
            units[game, f.Y, own] = y
            return


@kernel
def _reach_beacon(units: Floats, games: Integers, game: int, own: int) -> None:
    at = (units[game, f.X, own], units[game, f.Y, own])
    if clearance(units, game, (0, own), at) <= BEACON_RADIUS:
        games[game, t.POINTS] += 1
        _move_beacon(units, games, game, own)


@kernel
def _scatter_shards(units: Floats, games: Integers, game: int, cast: Cast, book: Book) -> None:
    """Draw a new set of shards, each away from the marines."""
    own, total, _, shard = cast
    for slot in range(own, total):
        at = draw_point(games, game, SHARD_BOX)
        while clearance(units, game, (0, own), at) < SHARD_DISTANCE:
            at = draw_point(games, game, SHARD_BOX)
        put(units, (game, slot), shard, at, book)


@kernel
def _collect_shards(units: Floats, games: Integers, game: int, cast: Cast, book: Book) -> None:
    """Take the shards that a marine touches; scatter new ones when the last is taken."""
    own, total, _, _ = cast
    left = 0
    for slot in range(own, total):
        if units[game, f.HEALTH, slot] <= np.float32(0):
            continue
        nearest = np.float32(np.inf)
        for marine in range(own):
            nearest = min(nearest, gap_between(units, game, marine, slot))
        if nearest <= np.float32(0):
            games[game, t.POINTS] += 1
            remove(units, game, slot)
        else:
            left += 1
    if left == 0:
        _scatter_shards(units, games, game, cast, book)
