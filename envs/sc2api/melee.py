"""Melee: two players with an economy, an army and an aim, to destroy what the other has built.

The engine's parts know either an economy of one side or a fight of two. Here both run in turn, loop
by loop, on one state: first each player's economy, the second one's with the sides exchanged; then
the fight, in which those who gather or build stand where they are. All races build what the
engine's economy knows, so everybody plays Terran.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..engine import fields as f
from ..engine import task_fields as t
from ..engine.economy import run_economy
from ..engine.economy_orders import carry_out
from ..engine.kernel import advance
from ..engine.objects import (
    ENTITY_NAMES,
    TRADES,
    all_stats,
    entity_kind,
    trade_table,
)
from ..engine.place import put
from .catalog import RETURN, SMART, STRUCTURES
from .ground import Ground
from .melee_tables import damage_of_all, rules_of
from .refusals import fits, why_not
from .world import CANT_TARGET_THAT_UNIT, NEUTRAL, SUCCESS, Order, Point, Purse, Rows, World

CAPACITY: Final = 120  # units and structures of one player
WORKERS: Final = 12
START_MINERALS: Final = 50
ERRANDS: Final = (t.GATHER, t.BUILD)
STRUCTURE_KINDS: Final = tuple(entity_kind(name) for name in STRUCTURES)
SUPPLY_LIMIT: Final = 200
BESIDE: Final = 3.5  # cells from the middle of a new town hall to its first worker
VERBS: Final = frozenset(
    {(verb, "") for verb in (f.IDLE, f.MOVE, f.ATTACK, f.ATTACK_MOVE, f.HOLD, t.PATROL)}
    | {(verb, "") for verb in (t.GATHER, t.RALLY, RETURN, SMART)}
    | {(t.BUILD, name) for name in ("command_center", "supply_depot", "barracks", "refinery")}
    | {(t.TRAIN, name) for name in ("scv", "marine")}
)

Script = Callable[["Melee", int], None]
"""Plays one player: called every loop with the game and the player."""


class Melee(World):
    """A game on a melee map.

    Args:
        ground: The map.
        scripts: Who plays which player; the others are played by clients.
    """

    def __init__(self, ground: Ground, scripts: Mapping[int, Script] | None = None) -> None:
        self.place = ground.place
        self.has_tasks = self.fog = True
        self.selects_army = False
        self.centers_camera = True
        self._ground = ground
        self._scripts = scripts or {}
        neutral = len(ground.fields) + len(ground.geysers)
        self._sides = (CAPACITY, 2 * CAPACITY)
        self._total = 2 * CAPACITY + neutral
        self._state = np.zeros((1, t.UNIT_FIELDS, self._total), np.float32)
        self._purses = np.zeros((2, t.GAME_FIELDS), np.int64)
        self._clock = np.zeros((1, f.GAME_FIELDS), np.int64)
        self._outcome = np.zeros(1, np.int64)  # 1 + winner
        self.owners = np.repeat([1, 2, NEUTRAL], [CAPACITY, CAPACITY, neutral])
        self._swap = np.arange(self._total)
        self._swap[: 2 * CAPACITY] = np.roll(self._swap[: 2 * CAPACITY], CAPACITY)
        self._book = (all_stats(), trade_table())
        self._damage = damage_of_all()
        self._rules = rules_of(ground)

    @property
    def units(self) -> Rows:
        """``[field, slot]``: the engine's state, not copied."""
        return self._state[0]

    @property
    def loop(self) -> int:
        """Game loops that have passed."""
        return int(self._clock[0, f.LOOP])

    @property
    def epoch(self) -> int:
        """Always the same: nobody is set out anew."""
        return 0

    @property
    def winner(self) -> int | None:
        """Who has won; None while the game runs."""
        return int(self._outcome[0]) - 1 if self._outcome[0] else None

    def start(self, seed: int) -> None:
        """Begin a game; the seed says who begins where."""
        self._state[...] = 0
        self._state[:, f.TARGET] = f.NOBODY
        self._state[:, [f.BULK, f.GROUND_BULK, f.AIR_BULK]] = f.NO_BULK
        self._purses[...] = 0
        self._clock[...] = 0
        self._outcome[...] = 0
        self._purses[:, t.MINERALS] = START_MINERALS
        for kind, spots in (
            ("mineral_field", self._ground.fields),
            ("geyser", self._ground.geysers),
        ):
            for spot in spots:
                self._put(entity_kind(kind), NEUTRAL, spot)
        turned = int(np.random.default_rng(seed).integers(2))
        starts = self.place.starts[::-1] if turned else self.place.starts
        self.place = self.place._replace(starts=starts)
        for player, (x, y) in enumerate(starts, start=1):
            self._put(entity_kind("command_center"), player, (x, y))
            for worker in range(WORKERS):
                aside = BESIDE + worker % 2
                spot = (x + (aside if x < self.place.size[0] / 2 else -aside), y - 3 + worker // 2)
                self._put(entity_kind("scv"), player, spot)
            self._send_to_fields(player)

    def _send_to_fields(self, player: int) -> None:
        """Let the workers begin to gather, as the game does."""
        units = self.units
        hall = np.array(self.place.starts[player - 1], np.float32)
        fields = (units[f.KIND] == entity_kind("mineral_field")) & (units[f.HEALTH] > 0)
        apart = (units[f.X] - hall[0]) ** 2 + (units[f.Y] - hall[1]) ** 2
        near = np.argsort(np.where(fields, apart, np.inf))[:8]
        workers = self._of(player, "scv")
        for index, slot in enumerate(workers):
            self.order(player, [slot], Order(t.GATHER, target=int(near[index % len(near)])))

    def _of(self, player: int, name: str) -> list[int]:
        mine = (self.owners == player) & (self.units[f.HEALTH] > 0)
        return (mine & (self.units[f.KIND] == entity_kind(name))).nonzero()[0].tolist()

    def _put(self, kind: int, player: int, at: Point) -> int | None:
        """Put something new somewhere; return its slot, None if there is no room."""
        free = ((self.owners == player) & (self.units[f.HEALTH] <= 0)).nonzero()[0]
        if not len(free):
            return None
        slot = int(free[0])
        put(self._state, (0, slot), kind, (np.float32(at[0]), np.float32(at[1])), self._book)
        self._ready(slot)
        if player != NEUTRAL:
            trade = TRADES.get(ENTITY_NAMES[kind])
            self._purses[player - 1, t.SUPPLY] += trade.supply if trade else 1
            self._purses[player - 1, t.SUPPLY_CAP] += trade.gives if trade else 0
        return slot

    def _ready(self, slot: int) -> None:
        """Give a new unit what only fights need."""
        units = self.units
        flies = units[f.FLIES, slot] > 0
        radius = units[f.RADIUS, slot]
        units[f.GROUND_BULK, slot] = f.NO_BULK if flies else radius
        units[f.AIR_BULK, slot] = radius if flies else f.NO_BULK
        units[f.ENERGY, slot] = max(units[f.ENERGY, slot], units[f.START_ENERGY, slot])

    @contextmanager
    def _seen_by(self, player: int) -> Iterator[NDArray[np.float32]]:
        """Yield the state in which a player's slots come first; changes are kept."""
        if player == 1:
            yield self._state
            return
        turned = self._turned(self._state)
        yield turned
        self._state[...] = self._turned(turned)

    def _turned(self, state: NDArray[np.float32]) -> NDArray[np.float32]:
        turned = state[:, :, self._swap]
        targets = turned[0, f.TARGET].astype(np.int64)
        turned[0, f.TARGET] = np.where(targets >= 0, self._swap[targets], f.NOBODY)
        return turned

    def advance(self, loops: int) -> None:
        """Let loops pass, fewer if the game ends."""
        for _ in range(loops):
            if self.winner is not None:
                return
            for player, script in self._scripts.items():
                script(self, player)
            for player in (1, 2):
                self._work(player)
            self._fight()
            self._judge()

    def _work(self, player: int) -> None:
        """Run a player's economy for a loop; who fights or walks does that later."""
        purse = self._purses[player - 1 : player]
        purse[0, f.LEFT] = 1
        with self._seen_by(player) as state:
            order = state[0, f.ORDER]
            others = ~np.isin(order, (*ERRANDS, f.IDLE))
            kept = order[others].copy()
            order[others] = f.HOLD
            before = state[0, f.HEALTH] > 0
            run_economy(state, purse, (CAPACITY, self._total), self._book, self._rules)
            order[others] = kept
            born = (state[0, f.HEALTH] > 0) & ~before
        if born.any():
            for slot in born.nonzero()[0]:
                self._ready(int(slot) if player == 1 else int(self._swap[slot]))

    def _fight(self) -> None:
        """Run a fight for a loop; those on errands can be hit but stay where they are."""
        units = self.units
        errands = np.isin(units[f.ORDER], ERRANDS).nonzero()[0]
        fields = np.array([f.X, f.Y, f.ORDER, f.GOAL_X, f.GOAL_Y, f.TARGET])
        kept = units[np.ix_(fields, errands)]
        units[f.ORDER, errands] = f.MOVE
        units[f.GOAL_X, errands], units[f.GOAL_Y, errands] = kept[0], kept[1]
        before = units[f.HEALTH, : 2 * CAPACITY] > 0
        kinds = units[f.KIND, : 2 * CAPACITY].astype(np.int64)
        was = units[:, : 2 * CAPACITY][[t.UNBUILT, t.TRAIN_LEFT]]
        self._clock[0, f.LEFT] = 1
        # Numbers of units do not matter here: one loop runs whatever they are.
        harm = np.zeros(1)
        tables = (self._damage, self._rules)
        advance(self._state, self._clock, harm, self._sides, tables, None, True, True)
        alive = units[f.HEALTH, errands] > 0
        units[np.ix_(fields, errands[alive])] = kept[:, alive]
        for slot in (before & ~(units[f.HEALTH, : 2 * CAPACITY] > 0)).nonzero()[0].tolist():
            self._bury(slot, int(kinds[slot]), was[0, slot] > 0, was[1, slot] > 0)

    def _bury(self, slot: int, kind: int, unbuilt: bool, training: bool) -> None:
        """Forget who has died: its slot, its supply, and what others did with it."""
        units = self.units
        units[:, slot] = 0
        units[f.TARGET, slot] = f.NOBODY
        units[[f.BULK, f.GROUND_BULK, f.AIR_BULK], slot] = f.NO_BULK
        trade = TRADES.get(ENTITY_NAMES[kind])
        purse = self._purses[self.owners[slot] - 1]
        purse[t.SUPPLY] -= trade.supply if trade else 1
        if trade and not unbuilt:
            purse[t.SUPPLY_CAP] -= trade.gives
        if trade and training:
            purse[t.SUPPLY] -= TRADES[trade.trains].supply
        bound = (units[f.TARGET] == slot) & np.isin(units[f.ORDER], ERRANDS)
        units[f.ORDER, bound], units[f.TARGET, bound] = f.IDLE, f.NOBODY
        units[t.PHASE, bound] = t.GO

    def _judge(self) -> None:
        """End the game when a player has no structure left."""
        stands = np.isin(self.units[f.KIND], STRUCTURE_KINDS) & (self.units[f.HEALTH] > 0)
        left = [bool((stands & (self.owners == player)).any()) for player in (1, 2)]
        if not all(left):
            self._outcome[0] = 1 + (left.index(True) + 1 if any(left) else 0)

    def end(self, winner: int) -> None:
        """End the game."""
        self._outcome[0] = 1 + winner

    def score(self, player: int) -> int:
        """Return what a player has gathered, and the worth of what it has."""
        if not player:
            return 0
        return int(self._purses[player - 1, t.GATHERED]) + self.worth(player)

    def worth(self, player: int) -> int:
        """Return what a player's units and structures have cost."""
        mine = (self.owners == player) & (self.units[f.HEALTH] > 0)
        kinds = self.units[f.KIND, mine].astype(np.int64)
        return int(self._book[1][kinds, t.COST].sum())

    def purse(self, player: int) -> Purse:
        """Return what a player owns beside units."""
        if not player:
            return Purse()
        row = self._purses[player - 1]
        cap = min(int(row[t.SUPPLY_CAP]), SUPPLY_LIMIT)
        return Purse(int(row[t.MINERALS]), int(row[t.GAS]), int(row[t.SUPPLY]), cap)

    def offers(self, verb: int, product: str) -> bool:
        """Return whether there is a kind of order, and the product that it names, if any."""
        return (verb, product) in VERBS

    def order(self, player: int, slots: list[int], order: Order) -> int:
        """Tell living units of a player what to do; return the protocol's ActionResult."""
        verb, goal = order.verb, order.goal
        if verb == f.ATTACK and order.target < 0:
            verb = f.ATTACK_MOVE
        if verb == f.ATTACK and self.owners[order.target] in (player, NEUTRAL):
            return CANT_TARGET_THAT_UNIT
        aimed = goal is None and order.target >= 0
        if goal is None:
            goal = (0.0, 0.0)
            if aimed:
                goal = float(self.units[f.X, order.target]), float(self.units[f.Y, order.target])
        row = np.array([verb, order.queued, order.product, 1 if aimed else 2], np.int64)
        local = self._swap if player == 2 else np.arange(self._total)
        chosen = np.zeros(CAPACITY, np.bool_)
        chosen[local[slots]] = True
        target = int(local[order.target]) if order.target >= 0 else f.NOBODY
        aim = (target, (np.float32(goal[0]), np.float32(goal[1])))
        spread = (*self._sides, self._total, 0)
        land = (self._book[1], self._rules)
        purse = self._purses[player - 1 : player]
        with self._seen_by(player) as state:
            done = carry_out(state, purse, 0, row, (chosen, aim), (spread, land))
        return SUCCESS if done else why_not(self.purse(player), self._book[1], order)

    def seen(self, player: int) -> NDArray[np.bool_]:
        """``[slot]``: whose unit a player sees now."""
        units = self.units
        mine = ((self.owners == player) & (units[f.HEALTH] > 0)).nonzero()[0]
        dx = units[f.X] - units[f.X, mine, None]
        dy = units[f.Y] - units[f.Y, mine, None]
        reach = units[f.SIGHT, mine, None] + units[f.RADIUS]
        near = (dx * dx + dy * dy <= reach * reach).any(axis=0)
        if not player:
            return np.ones(self._total, np.bool_)
        return near | (self.owners == player) | (self.owners == NEUTRAL)

    def camera(self, player: int) -> Point:
        """Return where a player's camera looks at the start: its town hall."""
        width, height = self.place.size
        return self.place.starts[player - 1] if player else (width / 2, height / 2)

    def move_camera(self, player: int, spot: Point) -> Point:
        """Let a player look anywhere."""
        return spot

    def kill(self, slot: int) -> None:
        """Kill a unit or destroy a structure."""
        if self.owners[slot] == NEUTRAL:
            return
        units = self.units
        unbuilt, training = units[t.UNBUILT, slot] > 0, units[t.TRAIN_LEFT, slot] > 0
        self._bury(slot, int(units[f.KIND, slot]), bool(unbuilt), bool(training))

    def create(self, kind: int, player: int, at: Point) -> bool:
        """Put a new unit somewhere; return False if there is no room."""
        return self._put(kind, player, at) is not None

    def grant(self, player: int, minerals: int, gas: int) -> None:
        """Give a player something."""
        self._purses[player - 1, t.MINERALS] += minerals
        self._purses[player - 1, t.GAS] += gas

    def fits(self, kind: int, at: Point) -> bool:
        """Return whether a structure could be built there."""
        land = (self._book[1], self._rules)
        return fits(self._state, (2 * CAPACITY, self._total), kind, at, land)

    def dump(self) -> list[NDArray[np.generic]]:
        """Return a copy of the state."""
        return [each.copy() for each in self._arrays]

    def recall(self, state: list[NDArray[np.generic]]) -> None:
        """Bring back a state that :meth:`dump` returned."""
        for array, kept in zip(self._arrays, state, strict=True):
            array[...] = kept

    @property
    def _arrays(self) -> tuple[NDArray[np.generic], ...]:
        return (self._state, self._purses, self._clock, self._outcome)
