"""Layout of the packed state: ``units [game, field, slot]`` and ``games [game, field]``.

Everything that changes in a game lives in these two arrays, so copying their rows copies the game.
A dead unit and a slot that was never used look the same: zero, but for TARGET and the BULKs.
"""

from __future__ import annotations

from typing import Final

# Fields of units (float32).
X: Final = 0
Y: Final = 1
HEALTH: Final = 2
SHIELD: Final = 3
COOLDOWN: Final = 4  # loops until the weapon is ready
SHIELD_WAIT: Final = 5  # loops until the shield regenerates
ORDER: Final = 6
TARGET: Final = 7  # slot it attacks or chases, or NOBODY
GOAL_X: Final = 8
GOAL_Y: Final = 9
LOWEST: Final = 10  # least health + shield so far
KIND: Final = 11  # index into the table of unit types
BULK: Final = 12  # radius; far below 0 for the dead, so that they overlap nobody
GROUND_BULK: Final = 13  # the same, far below 0 for those who fly too
AIR_BULK: Final = 14  # the same, far below 0 for those who do not fly
ENERGY: Final = 15
FIRST_STAT: Final = 16
MAX_HEALTH: Final = 16
MAX_SHIELD: Final = 17
ARMOR: Final = 18
RADIUS: Final = 19
SPEED: Final = 20  # cells per loop
RANGE: Final = 21
PERIOD: Final = 22  # loops between two attacks
HITS: Final = 23
SCAN: Final = 24  # distance at which targets are acquired
SIGHT: Final = 25
HEALTH_REGEN: Final = 26  # per loop
SHIELD_REGEN: Final = 27  # per loop
FLIES: Final = 28
PREY: Final = 29  # the field of bulks in which its targets are not negative; 0 if it has none
BLAST: Final = 30  # radius of the blast that kills the unit itself; 0 for other weapons
BEAM_LENGTH: Final = 31  # across the line of fire; 0 for other weapons
BEAM_WIDTH: Final = 32  # along the line of fire
MAX_ENERGY: Final = 33
START_ENERGY: Final = 34
ENERGY_REGEN: Final = 35  # per loop
HEAL: Final = 36  # health per loop; 0 for those who do not heal
HEAL_COST: Final = 37  # energy per loop
HEALABLE: Final = 38
UNIT_FIELDS: Final = 39

# Fields of games (int64).
LOOP: Final = 0
LEFT: Final = 1  # loops still to run in this step
OVER: Final = 2
OUTCOME: Final = 3
SEED: Final = 4
STREAM: Final = 5  # state of the game's random stream
PLACE: Final = 6  # which of the scenario's places was drawn
SCORE: Final = 7
OWN_ALIVE: Final = 8
ENEMY_ALIVE: Final = 9
OWN_LOST: Final = 10
ENEMY_LOST: Final = 11
WAVES: Final = 12
OVERFLOW: Final = 13  # units that found no free slot
REFUSED: Final = 14  # unit orders refused so far
STEP_KILLS: Final = 15  # enemies that died in this step
STEP_REFUSED: Final = 16  # unit orders refused in this step
ENEMY_LIFE: Final = 17  # full health and shields of the enemy's team, where teams are drawn
OWN_HEALERS: Final = 18  # alive; a side with nobody else has lost its battle
ENEMY_HEALERS: Final = 19
GAME_FIELDS: Final = 20

# Values of ORDER; the action types after no_op have the same sequence.
IDLE: Final = 0
MOVE: Final = 1
ATTACK: Final = 2
ATTACK_MOVE: Final = 3
HOLD: Final = 4
ORDERS: Final = ("idle", "move", "attack", "attack_move", "hold")

# Values of OUTCOME.
RUNNING: Final = 0
WIN: Final = 1
LOSS: Final = 2
DRAW: Final = 3
OUTCOMES: Final = ("running", "win", "loss", "draw")

NOBODY: Final = -1

# Observed counts end here: a bound that does not grow with the battle keeps agents exchangeable.
MOST_ATTACKERS: Final = 16
NO_BULK: Final = -1e6

# Entries of the rules vector (float32); what follows them are walls: left, bottom, right, top each.
LEFT_EDGE: Final = 0
BOTTOM_EDGE: Final = 1
RIGHT_EDGE: Final = 2
TOP_EDGE: Final = 3
OWN_ACQUIRES: Final = 4  # whether idle units of our side look for targets
ENEMY_ACQUIRES: Final = 5
PUSH: Final = 6  # share of an overlap that each of the two units gives way per loop
SHIELD_DELAY: Final = 7  # loops without damage before a shield regenerates
RULES: Final = 8
