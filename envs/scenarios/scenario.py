"""What a scenario is: plain data, from which the engine's tables follow."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.spaces import ContractError

from ..engine import fields as f
from ..engine.deploy import Plan
from ..engine.objects import entity_type
from ..engine.unit_statistics import LOOPS_PER_SECOND, SHIELD_DELAY_SECONDS, UnitType
from ..engine.units import UNIT_NAMES, stats_table, unit_type

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in cells; a point if both corners are the same."""

LOOPS_PER_STEP = 8
BATTLE_ORDERS = ("no_op", "stop", "move", "attack", "attack_move", "hold")
MOST_SLOTS = 1024
SPACING = 0.2
PUSH = 0.25


def point(x: float, y: float) -> Box:
    """Return the box that holds one point only."""
    return (x, y, x, y)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waves:
    """A mini-game without an end but time: each cleared wave is followed by another.

    Args:
        reinforcements: Units of our first type that join after each wave.
        capacity: Slots of our side; units beyond it are counted in ``info["overflow"]``.
        enemy_points: Score per enemy that dies.
        own_points: Score per unit of ours that dies.
    """

    reinforcements: int
    capacity: int
    enemy_points: int
    own_points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Teams and start positions that are drawn anew for each episode.

    The enemy has the units that we have, as far as both sides have as many. Either each enemy
    starts where one of our units is reflected, or we start in the middle with enemies around us.

    Args:
        chances: Pairs of unit type and chance; the chances add up to 1.
        never_alone: Types of which no team consists alone.
        surrounded: Share of the episodes in which we are surrounded.

    Raises:
        ContractError: If a type is unknown, or the chances do not add up to 1 or leave no team.
    """

    chances: tuple[tuple[str, float], ...]
    never_alone: tuple[str, ...] = ()
    surrounded: float = 0.5

    def __post_init__(self) -> None:
        for name in (*dict(self.chances), *self.never_alone):
            unit_type(name)
        if not math.isclose(sum(chance for _, chance in self.chances), 1.0, abs_tol=1e-6):
            raise ContractError(f"the chances of a draw must add up to 1: {self.chances}")
        if not any(c > 0 and name not in self.never_alone for name, c in self.chances):
            raise ContractError(f"a draw needs a type that may be a team alone: {self.chances}")
        if not 0 <= self.surrounded <= 1:
            raise ContractError(f"surrounded must be in [0, 1], not {self.surrounded}")

    @property
    def heaviest(self) -> str:
        """The type with the most health and shield."""
        types = [unit_type(name) for name, _ in self.chances]
        return max(types, key=lambda unit: unit.health + unit.shield).name

    def tickets(self) -> NDArray[np.float32]:
        """Return ``[type, 3]``: index, summed chance, whether it is never alone."""
        sums = np.cumsum([chance for _, chance in self.chances])
        rows = [
            (UNIT_NAMES.index(name), total, name in self.never_alone)
            for (name, _), total in zip(self.chances, sums, strict=True)
        ]
        return np.array(rows, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A map, two teams and the rules of the episode.

    Args:
        name: Without namespace and version, such as ``Battle-3m``.
        own: Our team: pairs of unit type and number.
        enemy: The other team.
        places: Where the teams start; one is drawn per episode (and wave). Each holds a box for our
            anchor and one for the enemy's.
        step_limit: Agent steps after which the episode is truncated.
        map_size: Width and height in cells.
        playable: The area in which units can be.
        own_offsets: Where our units stand around their anchor, in the order of the slots; a compact
            cluster if not given.
        enemy_offsets: The same for the enemy.
        jitter: Each unit is displaced by up to this many cells in x and in y.
        idle_units_fight: Whether idle units of our side attack enemies in range by themselves; the
            enemy's always do.
        waves: Makes the scenario a mini-game with a score; without it, it is a battle to the end.
        opponent: The default opponent.
        task: What our side does beside fighting, see :data:`~perceiver_rl.envs.tasks.TASKS`.
        neutral: What belongs to nobody: pairs of entity type and number.
        capacity: Slots of our side in a task; as many as it starts with if 0.
        orders: Names of the action types that the scenario offers.
        walls: Boxes that nobody on the ground can enter, at least one cell thick.
        draw: Draws the teams; ``own`` and ``enemy`` then say how many units there are, and give
            the life that shares of life refer to.

    Raises:
        ContractError: If a team is empty or holds an unknown type, or a number makes no sense.
    """

    name: str
    own: tuple[tuple[str, int], ...]
    enemy: tuple[tuple[str, int], ...]
    places: tuple[tuple[Box, Box], ...]
    step_limit: int
    map_size: tuple[int, int] = (32, 32)
    playable: Box = (0.0, 0.0, 32.0, 32.0)
    own_offsets: tuple[tuple[float, float], ...] = ()
    enemy_offsets: tuple[tuple[float, float], ...] = ()
    jitter: float = 0.0
    idle_units_fight: bool = False
    waves: Waves | None = None
    opponent: str = "attack-nearest"
    task: str = ""
    neutral: tuple[tuple[str, int], ...] = ()
    capacity: int = 0
    orders: tuple[str, ...] = BATTLE_ORDERS
    walls: tuple[Box, ...] = ()
    draw: Draw | None = None

    def __post_init__(self) -> None:
        for side, team in (("own", self.own), ("enemy", self.enemy)):
            if side == "enemy" and self.task and not team:
                continue
            if sum(count for _, count in team) < 1 or any(count < 1 for _, count in team):
                raise ContractError(f"scenario {self.name!r}: the {side} team is empty: {team}")
            for name, _ in team:
                entity_type(name) if self.task else unit_type(name)
        if not self.places or self.step_limit < 1:
            raise ContractError(
                f"scenario {self.name!r} needs at least one place and one step, not"
                f" places={self.places}, step_limit={self.step_limit}"
            )
        if self.slots > MOST_SLOTS:
            raise ContractError(
                f"scenario {self.name!r} has {self.slots} unit slots, at most {MOST_SLOTS} fit"
            )
        self._check_places()
        self._check_offsets("own_offsets", self.own_offsets, self.own_slots)
        self._check_offsets("enemy_offsets", self.enemy_offsets, self.enemy_slots)
        if self.own_slots < len(self.own_units):
            raise ContractError(
                f"scenario {self.name!r} starts with {len(self.own_units)} units of ours,"
                f" its capacity is {self.own_slots}"
            )

    def _check_places(self) -> None:
        left, bottom, right, top = self.playable
        width, height = self.map_size
        if not (0 <= left < right <= width and 0 <= bottom < top <= height):
            raise ContractError(
                f"scenario {self.name!r}: playable={self.playable} must be a box (left, bottom,"
                f" right, top) within the map of {self.map_size}"
            )
        for box in (box for place in self.places for box in place):
            x0, y0, x1, y1 = box
            if not (left <= x0 <= x1 <= right and bottom <= y0 <= y1 <= top):
                raise ContractError(
                    f"scenario {self.name!r}: the start {box} must be a box (left, bottom, right,"
                    f" top) within the playable area {self.playable}"
                )
        for box in self.walls:
            if box[2] - box[0] < 1 or box[3] - box[1] < 1:
                raise ContractError(
                    f"scenario {self.name!r}: the wall {box} must be a box (left, bottom, right,"
                    " top) at least one cell thick"
                )

    def _check_offsets(
        self, name: str, offsets: tuple[tuple[float, float], ...], slots: int
    ) -> None:
        if offsets and len(offsets) != slots:
            raise ContractError(
                f"scenario {self.name!r}: {name} needs one entry per slot, {slots}, not"
                f" {len(offsets)}"
            )

    @property
    def own_units(self) -> tuple[UnitType, ...]:
        """Unit type of each of our units at the start."""
        return tuple(entity_type(name) for name, count in self.own for _ in range(count))

    @property
    def enemy_units(self) -> tuple[UnitType, ...]:
        """Unit type of each enemy at the start."""
        return tuple(unit_type(name) for name, count in self.enemy for _ in range(count))

    @property
    def own_slots(self) -> int:
        """How many units our side can have."""
        if self.waves:
            return self.waves.capacity
        return self.capacity or len(self.own_units)

    @property
    def enemy_slots(self) -> int:
        """How many units the enemy can have."""
        return len(self.enemy_units)

    @property
    def neutral_slots(self) -> int:
        """How many entities there can be that belong to nobody."""
        return sum(count for _, count in self.neutral)

    @property
    def slots(self) -> int:
        """How many entities there can be in all: ours, the enemy's, then the neutral ones."""
        return self.own_slots + self.enemy_slots + self.neutral_slots

    @property
    def scored(self) -> bool:
        """Whether it is a mini-game, which is played for a score."""
        return self.waves is not None or bool(self.task)

    @property
    def loop_limit(self) -> int:
        """Game loops after which the episode is truncated."""
        return self.step_limit * LOOPS_PER_STEP

    def plan(self) -> Plan:
        """Return what the engine needs to place the units."""
        spare = self.own_slots - len(self.own_units)
        own = [UNIT_NAMES.index(unit.name) for unit in self.own_units]
        enemy = [UNIT_NAMES.index(unit.name) for unit in self.enemy_units]
        kinds = np.array(own + [-1] * spare + enemy, dtype=np.int64)
        ours = self.own_offsets or cluster(self.own_slots, self.own_units)
        theirs = self.enemy_offsets or mirrored(cluster(self.enemy_slots, self.enemy_units))
        offsets = np.array([*ours, *theirs], dtype=np.float32)
        places = np.array(self.places, dtype=np.float32)
        tickets = self.draw.tickets() if self.draw else np.zeros((0, 3), np.float32)
        lottery = (tickets, self.draw.surrounded if self.draw else 0.0)
        return kinds, stats_table(), places, offsets, float(self.jitter), lottery

    def rules(self) -> NDArray[np.float32]:
        """Return the engine's rules vector."""
        rules = np.zeros(f.RULES + 4 * len(self.walls), dtype=np.float32)
        rules[f.LEFT_EDGE : f.TOP_EDGE + 1] = self.playable
        rules[f.OWN_ACQUIRES] = self.idle_units_fight
        rules[f.ENEMY_ACQUIRES] = True
        rules[f.PUSH] = PUSH
        rules[f.SHIELD_DELAY] = SHIELD_DELAY_SECONDS * LOOPS_PER_SECOND
        rules[f.RULES :] = np.array(self.walls, dtype=np.float32).reshape(-1)
        return rules


def cluster(count: int, team: tuple[UnitType, ...]) -> tuple[tuple[float, float], ...]:
    """Return ``count`` offsets on a hexagonal lattice, nearest to the middle first."""
    step = 2 * max(unit.radius for unit in team) + SPACING
    reach = math.isqrt(count) + 2
    lattice = [
        (step * (column + 0.5 * (row % 2)), step * row * math.sqrt(0.75))
        for row in range(-reach, reach + 1)
        for column in range(-reach, reach + 1)
    ]
    lattice.sort(key=lambda at: (round(at[0] ** 2 + at[1] ** 2, 6), at[1], at[0]))
    return tuple(lattice[:count])


def mirrored(offsets: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Return the offsets with left and right swapped."""
    return tuple((-x, y) for x, y in offsets)
