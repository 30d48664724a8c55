"""Fields that the games of a task add to the packed state, after those that every game has.

A task is what our side does beside fighting: walk, collect, search, gather, build, train. Battles
have none of these fields, so they stay as small and as fast as before.
"""

from __future__ import annotations

from typing import Final

from . import fields as f

# Fields of units (float32).
PATROLS: Final = f.UNIT_FIELDS  # whether it turns back at its goal
FROM_X: Final = f.UNIT_FIELDS + 1  # the other end of its patrol
FROM_Y: Final = f.UNIT_FIELDS + 2
SEEN: Final = f.UNIT_FIELDS + 3  # whether our side sees it
PACE: Final = f.UNIT_FIELDS + 4  # cells per loop now
CROWDED: Final = f.UNIT_FIELDS + 5  # whether it overlapped another unit in the last loop
PHASE: Final = f.UNIT_FIELDS + 6  # of a gathering trip
TIMER: Final = f.UNIT_FIELDS + 7  # loops until the phase ends
CARGO: Final = f.UNIT_FIELDS + 8  # minerals or gas that it carries
CARGO_GAS: Final = f.UNIT_FIELDS + 9  # whether the cargo is gas
CONTENTS: Final = f.UNIT_FIELDS + 10  # minerals or gas left in it
UNBUILT: Final = f.UNIT_FIELDS + 11  # loops of building left
PRODUCT: Final = f.UNIT_FIELDS + 12  # kind of what it is going to build
TRAINING: Final = f.UNIT_FIELDS + 13  # units ordered and not finished
TRAIN_LEFT: Final = f.UNIT_FIELDS + 14  # loops left of the first of them, 0 if it has to wait
RALLIES: Final = f.UNIT_FIELDS + 15  # whether new units are sent to the rally point
RALLY_X: Final = f.UNIT_FIELDS + 16
RALLY_Y: Final = f.UNIT_FIELDS + 17
QUEUED: Final = f.UNIT_FIELDS + 18  # number of orders that wait
QUEUE: Final = f.UNIT_FIELDS + 19  # (order, x, y) of each
QUEUE_LENGTH: Final = 4
UNIT_FIELDS: Final = QUEUE + 3 * QUEUE_LENGTH

# Fields of games (int64).
POINTS: Final = f.GAME_FIELDS
MINERALS: Final = f.GAME_FIELDS + 1
GAS: Final = f.GAME_FIELDS + 2
SUPPLY: Final = f.GAME_FIELDS + 3  # used, units in training included
SUPPLY_CAP: Final = f.GAME_FIELDS + 4
CAMERA_X: Final = f.GAME_FIELDS + 5  # middle of the view in thousandths of a cell
CAMERA_Y: Final = f.GAME_FIELDS + 6
GATHERED: Final = f.GAME_FIELDS + 7  # minerals and gas brought home
TRAINED: Final = f.GAME_FIELDS + 8  # fighters
GAME_FIELDS: Final = f.GAME_FIELDS + 9

# Values of ORDER beyond those of a fight. A patrol is an attack-move that turns back.
PATROL: Final = len(f.ORDERS)
GATHER: Final = PATROL + 1
BUILD: Final = PATROL + 2
CAMERA: Final = PATROL + 3
TRAIN: Final = PATROL + 4
RALLY: Final = PATROL + 5
ORDERS: Final = (*f.ORDERS, "patrol", "gather", "build")

# Values of PHASE.
GO: Final = 0
MINE: Final = 1
RETURN: Final = 2
UNLOAD: Final = 3

# Roles of a kind.
FIGHTER: Final = 0
WORKER: Final = 1
STRUCTURE: Final = 2
TOWN_HALL: Final = 3
REFINERY: Final = 4
MINERAL_FIELD: Final = 5
GEYSER: Final = 6
BEACON: Final = 7
SHARD: Final = 8

# Columns of the table of kinds (float32).
ROLE: Final = 0
COST: Final = 1  # minerals
LOOPS: Final = 2  # to build or train it
SUPPLY_COST: Final = 3
SUPPLY_GIVEN: Final = 4
HALF_WIDTH: Final = 5  # cells, of the square that it blocks; 0 if it does not stand on the grid
ACCELERATION: Final = 6  # cells per loop and loop; 0 for at once
TRAINS: Final = 7  # kind that it trains, or NOBODY
START_CONTENTS: Final = 8
KIND_COLUMNS: Final = 9

# What an action type asks for: columns of the table of verbs (int64).
VERB: Final = 0  # value of ORDER, or NOBODY for no_op
VERB_QUEUED: Final = 1
VERB_PRODUCT: Final = 2  # kind that is built or trained, or NOBODY
VERB_TARGET: Final = 3  # 0 none, 1 unit, 2 point
VERB_COLUMNS: Final = 4
