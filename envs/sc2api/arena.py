"""The mini-games and the battles, run by any number of loops at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..batched_env import BatchedEnv
from ..contract import GRID
from ..engine import fields as f
from ..engine import task_fields as t
from ..engine.economy_orders import carry_out
from ..engine.judge import begin_step
from ..engine.objects import entity_kind, trade_table
from ..engine.orders import attack
from ..engine.task_orders import order_unit
from ..features import find_features
from ..scenarios import Scenario
from ..scenarios.scenario import LOOPS_PER_STEP, Box
from ..task_contract import order_named
from .catalog import HEAL, RETURN, SMART
from .refusals import fits, why_not
from .world import (
    CANT_TARGET_THAT_UNIT,
    ERROR,
    NEUTRAL,
    NOT_SUPPORTED,
    QUEUE_IS_FULL,
    SUCCESS,
    Order,
    Place,
    Point,
    Purse,
    Rows,
    World,
)

LOCKED_CAMERA: Final = (33.0, 25.0)  # three cells below the middle, by the maps' scripts
THOUSAND: Final = 1000
FIRST_OWN_TYPE: Final = 1970  # the challenge's maps have types of their own for our side
ECONOMIES: Final = ("gather", "train")
_ORDERS_TO_WALK: Final = (f.MOVE, f.ATTACK_MOVE, t.PATROL)


class _Batch(BatchedEnv):
    """A batch of one that is run by loops, not by steps."""

    def play(self, loops: int) -> None:
        """Run some loops, none beyond the end of the proxy's step; then score and judge."""
        self.command()
        begin_step(self.games, loops)
        self.judge_games(self._run_loops())

    def fight_on(self, loops: int) -> None:
        """Run some loops of a battle whether or not a side is left."""
        self.command()
        self.games[0, f.OVER] = 0
        for _ in range(loops):
            begin_step(self.games, 1)
            self._run_loops()

    def command(self) -> None:
        """Let the enemy's script give its orders where the proxy's step begins."""
        if self.games[0, f.LOOP] % LOOPS_PER_STEP == 0:
            self._command(self.units, self.games, self._force, self._homes, self._rules)

    @property
    def rules(self) -> NDArray[np.float32]:
        """The engine's rules vector."""
        return self._rules


class Arena(World):
    """A game of one scenario; player 1 is our side, player 2 the enemy.

    Args:
        scenario: Which.
        name: Of the map.
        respawns: Whether the game goes on without end: both sides are set out anew when nobody of
            either is left, as the maps of the StarCraft Multi-Agent Challenge do it.
    """

    def __init__(self, scenario: Scenario, name: str, *, respawns: bool = False) -> None:
        self._batch = _Batch(scenario, 1)
        self._scenario = scenario
        self._respawns = respawns
        own, fighters = scenario.own_slots, scenario.own_slots + scenario.enemy_slots
        self._spread = (own, fighters, scenario.slots, int(scenario.task == "hunt"))
        self._trade = trade_table()
        self._rounds = 0
        self._refusals_told = 0
        self._nowhere = _first_cell(scenario)
        self.owners = np.full(scenario.slots, NEUTRAL, np.int64)
        self.owners[:own] = 1
        self.owners[own:fighters] = 2
        self.has_tasks = bool(scenario.task)
        self.fog = scenario.task == "hunt"
        self._own_types: dict[int, str] = {}
        if respawns:
            ours = sorted({name for name, _ in scenario.own})
            self._own_types = dict(enumerate(ours, start=FIRST_OWN_TYPE))
        self.centers_camera = False
        self.selects_army = scenario.waves is not None or self.fog
        width, height = scenario.map_size
        self._camera: Point = LOCKED_CAMERA if scenario.scored else (width / 2, height / 2)
        self._offered = _offered(scenario)
        starts = (_middle(scenario.places[0][0]), _middle(scenario.places[0][1]))
        self.place = Place(name, scenario.map_size, scenario.playable, scenario.walls, starts)

    @property
    def units(self) -> Rows:
        """``[field, slot]``: the engine's state, not copied."""
        return self._batch.units[0, :, : len(self.owners)]

    @property
    def types(self) -> NDArray[np.int64]:
        """``[slot]``: the game's unit type of whoever is there."""
        types = super().types
        for number, name in self._own_types.items():
            types[(self.owners == 1) & (self.units[f.KIND] == entity_kind(name))] = number
        return types

    @property
    def own_types(self) -> Mapping[int, str]:
        """Unit types that exist on this map alone, each with the engine's kind that it is."""
        return self._own_types

    @property
    def _game(self) -> NDArray[np.int64]:
        return self._batch.games[0]

    @property
    def loop(self) -> int:
        """Game loops that have passed."""
        return int(self._game[f.LOOP])

    @property
    def epoch(self) -> int:
        """Number that changes when all fighters are set out anew."""
        return int(self._game[f.WAVES]) + self._rounds

    def start(self, seed: int) -> None:
        """Begin the game of a seed."""
        self._batch.reset([seed])
        self._rounds = 0
        self._refusals_told = 0

    def take_refusals(self, player: int) -> int:
        """Return how many workers of ours have found their site taken since the last call."""
        if player != 1:
            return 0
        new = int(self._game[f.REFUSED]) - self._refusals_told
        self._refusals_told += new
        return new

    def advance(self, loops: int) -> None:
        """Let loops pass, fewer if the game ends."""
        while loops > 0 and self.winner is None:
            chunk = min(loops, LOOPS_PER_STEP - self.loop % LOOPS_PER_STEP)
            loops -= chunk
            if self._respawns:
                self._fight_on(chunk)
            else:
                self._batch.play(chunk)

    def _fight_on(self, loops: int) -> None:
        self._batch.fight_on(loops)
        if not self.alive.any():
            loop = self.loop
            self._batch.reset([self._batch.follow_up(0)])
            self._game[f.LOOP] = loop
            self._rounds += 1

    @property
    def winner(self) -> int | None:
        """Who has won: a player, 0 for a draw; None while the game runs."""
        if self._respawns or not self._game[f.OVER]:
            return None
        return {f.WIN: 1, f.LOSS: 2}.get(int(self._game[f.OUTCOME]), 0)

    def score(self, player: int) -> int:
        """Return a player's score; that of player 2 is 0."""
        return int(self._game[f.SCORE]) if player == 1 else 0

    def purse(self, player: int) -> Purse:
        """Return what a player owns beside units."""
        if player != 1 or self._scenario.task not in ECONOMIES:
            return Purse()
        return Purse(*(int(self._game[i]) for i in (t.MINERALS, t.GAS, t.SUPPLY, t.SUPPLY_CAP)))

    def seen(self, player: int) -> NDArray[np.bool_]:
        """``[slot]``: whose unit a player sees now."""
        if self.fog and player == 1:
            return (self.owners != 2) | (self.units[t.SEEN] > 0)
        return np.ones(len(self.owners), np.bool_)

    def offers(self, verb: int, product: str) -> bool:
        """Return whether the game has a kind of order, and the product that it names, if any."""
        return (verb, product) in self._offered

    def order(self, player: int, slots: list[int], order: Order) -> int:
        """Tell living units of a player what to do; return the protocol's ActionResult."""
        if player != 1 and self.has_tasks:
            return NOT_SUPPORTED
        if self._scenario.task in ECONOMIES:
            return self._order_economy(slots, order)
        results = [self._order_one(slot, order) for slot in slots]
        return SUCCESS if SUCCESS in results else results[0]

    def _order_one(self, slot: int, order: Order) -> int:
        verb, goal = order.verb, order.goal
        if verb == f.ATTACK and order.target < 0:
            verb = f.ATTACK_MOVE
        if verb in _ORDERS_TO_WALK and goal is None:
            if order.target < 0:
                return ERROR
            goal = self._at(order.target)
        if self.has_tasks:
            return self._order_task(slot, verb, order, goal or self._nowhere)
        if verb == HEAL:
            return self._tend(slot, order.target)
        if verb > f.HOLD:
            return NOT_SUPPORTED
        if verb == f.ATTACK:
            if self.owners[order.target] == self.owners[slot]:
                return CANT_TARGET_THAT_UNIT
            attack(self._batch.units, 0, slot, order.target)
            return SUCCESS
        units = self.units
        units[f.ORDER, slot] = verb
        units[f.TARGET, slot] = f.NOBODY
        if goal is not None:
            units[f.GOAL_X, slot], units[f.GOAL_Y, slot] = goal
        return SUCCESS

    def _tend(self, slot: int, patient: int) -> int:
        """Let a healer choose a patient; it keeps it while there is something to heal."""
        units = self.units
        if self.owners[patient] != self.owners[slot] or units[f.HEALABLE, patient] <= 0:
            return CANT_TARGET_THAT_UNIT
        units[f.ORDER, slot], units[f.TARGET, slot] = f.ATTACK, patient
        return SUCCESS

    def _order_task(self, slot: int, verb: int, order: Order, goal: Point) -> int:
        if verb > t.PATROL:
            return NOT_SUPPORTED
        row = np.array([verb, order.queued, f.NOBODY, 0], np.int64)
        who, spot = (0, slot), (np.float32(goal[0]), np.float32(goal[1]))
        if order_unit(self._batch.units, who, row, order.target, spot, self._spread):
            return SUCCESS
        return QUEUE_IS_FULL if order.queued else CANT_TARGET_THAT_UNIT

    def _order_economy(self, slots: list[int], order: Order) -> int:
        if order.verb in (f.ATTACK, f.ATTACK_MOVE, f.HOLD):
            return NOT_SUPPORTED  # nobody fights there
        goal = order.goal
        if goal is None:
            goal = self._at(order.target) if order.target >= 0 else self._nowhere
        aimed = order.goal is None and order.target >= 0
        row = np.array([order.verb, order.queued, order.product, 1 if aimed else 2], np.int64)
        chosen = np.zeros(self._spread[0], np.bool_)
        chosen[slots] = True
        aim = (order.target, (np.float32(goal[0]), np.float32(goal[1])))
        land = (self._trade, self._batch.rules)
        done = carry_out(
            self._batch.units,
            self._batch.games,
            0,
            row,
            (chosen, aim),
            (self._spread, land),
        )
        return SUCCESS if done else why_not(self.purse(1), self._trade, order)

    def _at(self, slot: int) -> Point:
        return float(self.units[f.X, slot]), float(self.units[f.Y, slot])

    def camera(self, player: int) -> Point:
        """Return where a player's camera looks at the start."""
        if self.fog:
            return tuple(float(self._game[i]) / THOUSAND for i in (t.CAMERA_X, t.CAMERA_Y))  # type: ignore[return-value]
        return self._camera

    def move_camera(self, player: int, spot: Point) -> Point:
        """Tell the game where a player looks; in the small mini-games the camera is locked."""
        if self.fog:
            self._game[t.CAMERA_X], self._game[t.CAMERA_Y] = (int(at * THOUSAND) for at in spot)
            return spot
        return spot if self._respawns else self._camera

    def kill(self, slot: int) -> None:
        """Kill a unit; it counts as lost."""
        if self.owners[slot] == NEUTRAL:
            return
        units, game = self.units, self._game
        heals = units[f.HEAL, slot] > 0
        units[:, slot] = 0
        units[f.TARGET, slot] = f.NOBODY
        units[[f.BULK, f.GROUND_BULK, f.AIR_BULK], slot] = f.NO_BULK
        ours = self.owners[slot] == 1
        game[f.OWN_ALIVE if ours else f.ENEMY_ALIVE] -= 1
        game[f.OWN_LOST if ours else f.ENEMY_LOST] += 1
        game[f.OWN_HEALERS if ours else f.ENEMY_HEALERS] -= heals

    def create(self, kind: int, player: int, at: Point) -> bool:
        """Return False: whom these games set out is part of their rules."""
        return False

    def grant(self, player: int, minerals: int, gas: int) -> None:
        """Give our side something, where there is an economy."""
        if player == 1 and self._scenario.task in ECONOMIES:
            self._game[t.MINERALS] += minerals
            self._game[t.GAS] += gas

    def fits(self, kind: int, at: Point) -> bool:
        """Return whether a structure could be built there."""
        if self._scenario.task not in ECONOMIES:
            return False
        spread = (self._spread[0], self._spread[2])
        return fits(self._batch.units, spread, kind, at, (self._trade, self._batch.rules))

    def end(self, winner: int) -> None:
        """End the game; 0 wins for a draw."""
        self._game[f.OVER] = 1
        self._game[f.OUTCOME] = {1: f.WIN, 2: f.LOSS}.get(winner, f.DRAW)

    def dump(self) -> list[NDArray[np.generic]]:
        """Return a copy of the state."""
        return [self._batch.units.copy(), self._batch.games.copy(), np.array(self._rounds)]

    def recall(self, state: list[NDArray[np.generic]]) -> None:
        """Bring back a state that :meth:`dump` returned."""
        self._batch.units[...] = state[0]
        self._batch.games[...] = state[1]
        self._rounds = int(state[2])


def _offered(scenario: Scenario) -> frozenset[tuple[int, str]]:
    """Return the verbs that a scenario's action types need, with their products."""
    orders = [order_named(name) for name in scenario.orders]
    verbs = {(order.verb, order.product) for order in orders} | {(SMART, "")}
    if find_features(scenario).healing:
        verbs.add((HEAL, ""))
    if scenario.task == "errand":  # nobody is there to be attacked, but the ground can be
        verbs |= {(f.ATTACK, ""), (f.HOLD, "")}
    if (f.ATTACK, "") in verbs:
        verbs.add((f.ATTACK_MOVE, ""))
    if (t.GATHER, "") in verbs:
        verbs.add((RETURN, ""))
    return frozenset(verbs)


def _middle(box: Box) -> Point:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _first_cell(scenario: Scenario) -> Point:
    """Return what orders without a target are aimed at on the proxy.

    Nobody goes there, but who is pushed aside by something gives way in its direction.
    """
    left, bottom, right, top = scenario.playable
    return left + (right - left) / (2 * GRID[1]), bottom + (top - bottom) / (2 * GRID[0])
