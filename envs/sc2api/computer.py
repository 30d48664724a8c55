"""The computer player of melee games: it gathers, builds, trains and attacks.

How well it does that depends on the difficulty that the client names. It is a script of the
stand-in's own and says nothing about the game's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ..engine import fields as f
from ..engine import task_fields as t
from ..engine.objects import entity_kind
from .world import SUCCESS, Order, Point

if TYPE_CHECKING:
    from .melee import Melee

EVERY: Final = 16  # loops from decision to decision
ROOM: Final = 4  # supply left at which it builds a depot
SPOTS: Final = 24  # places that it tries for a structure
SCV: Final = entity_kind("scv")
MARINE: Final = entity_kind("marine")
HALL: Final = entity_kind("command_center")
DEPOT: Final = entity_kind("supply_depot")
BARRACKS: Final = entity_kind("barracks")


class Plan(NamedTuple):
    """How far a difficulty goes.

    Args:
        workers: That it trains.
        barracks: That it builds.
        army: Marines with which it attacks.
    """

    workers: int
    barracks: int
    army: int


PLANS: Final = (
    Plan(12, 1, 12),
    Plan(13, 1, 12),
    Plan(14, 2, 12),
    Plan(15, 2, 14),
    Plan(16, 3, 14),
    Plan(16, 3, 16),
    Plan(18, 4, 16),
    Plan(20, 4, 16),
    Plan(20, 5, 16),
    Plan(22, 5, 18),
)
"""By difficulty, from very easy on."""


class Computer:
    """Plays one player by a plan.

    Args:
        difficulty: The protocol's, from 1 (very easy) to 10.
        seed: Of where it builds.
    """

    def __init__(self, difficulty: int, seed: int = 0) -> None:
        self._plan = PLANS[min(max(difficulty, 1), len(PLANS)) - 1]
        self._seed = seed
        self._rng = np.random.default_rng(seed)

    def __call__(self, game: Melee, player: int) -> None:
        """Decide, every now and then."""
        if game.loop % EVERY:
            return
        # Anew every time: what is decided depends on the game alone, even after going back in it.
        self._rng = np.random.default_rng((self._seed, game.loop))
        mine = (game.owners == player) & (game.units[f.HEALTH] > 0)
        slots = {
            kind: (mine & (game.units[f.KIND] == kind)).nonzero()[0].tolist()
            for kind in (SCV, MARINE, HALL, DEPOT, BARRACKS)
        }
        self._employ(game, player, slots[SCV])
        self._build(game, player, slots)
        self._train(game, player, slots)
        self._attack(game, player, slots[MARINE])

    def _employ(self, game: Melee, player: int, workers: list[int]) -> None:
        """Send idle workers to the nearest field."""
        units = game.units
        fields = (units[f.KIND] == entity_kind("mineral_field")) & (units[f.HEALTH] > 0)
        spots = fields.nonzero()[0]
        for slot in workers:
            if units[f.ORDER, slot] == f.IDLE and len(spots):
                apart = np.hypot(
                    units[f.X, spots] - units[f.X, slot], units[f.Y, spots] - units[f.Y, slot]
                )
                game.order(player, [slot], Order(t.GATHER, target=int(spots[np.argmin(apart)])))

    def _build(self, game: Melee, player: int, slots: dict[int, list[int]]) -> None:
        purse = game.purse(player)
        if not slots[SCV] or (game.units[f.ORDER, slots[SCV]] == t.BUILD).any():
            return
        short = purse.supply_cap - purse.supply < ROOM and purse.supply_cap < 200
        if short or not slots[DEPOT]:
            self._place(game, player, slots[SCV], DEPOT)
        elif len(slots[BARRACKS]) < self._plan.barracks:
            self._place(game, player, slots[SCV], BARRACKS)

    def _place(self, game: Melee, player: int, workers: list[int], kind: int) -> None:
        """Let a worker build somewhere near the start."""
        x, y = game.place.starts[player - 1]
        toward = 1.0 if x < game.place.size[0] / 2 else -1.0
        for _ in range(SPOTS):
            ahead, aside = self._rng.uniform(4, 14), self._rng.uniform(-10, 10)
            spot: Point = (x + toward * ahead, y + aside)
            order = Order(t.BUILD, goal=spot, product=kind)
            if game.order(player, workers, order) == SUCCESS:
                return

    def _train(self, game: Melee, player: int, slots: dict[int, list[int]]) -> None:
        for makers, kind, wanted in (
            (slots[HALL], SCV, self._plan.workers - len(slots[SCV])),
            (slots[BARRACKS], MARINE, 200),
        ):
            for slot in makers:
                if wanted > 0 and game.units[t.TRAINING, slot] == 0:
                    game.order(player, [slot], Order(t.TRAIN, product=kind))

    def _attack(self, game: Melee, player: int, marines: list[int]) -> None:
        """Send the army once it is large enough; then whatever is left hunts for the rest."""
        idle = [slot for slot in marines if game.units[f.ORDER, slot] == f.IDLE]
        if len(marines) < self._plan.army or not idle:
            return
        game.order(player, idle, Order(f.ATTACK_MOVE, goal=self._aim(game, player)))

    def _aim(self, game: Melee, player: int) -> Point:
        """Return where an enemy is seen, or else the enemy's start, or else anywhere."""
        units = game.units
        foes = (game.owners == 3 - player) & (units[f.HEALTH] > 0) & game.seen(player)
        if foes.any():
            foe = int(foes.nonzero()[0][0])
            return float(units[f.X, foe]), float(units[f.Y, foe])
        if self._rng.random() < 0.5:
            return game.place.starts[2 - player]
        left, bottom, right, top = game.place.playable
        return float(self._rng.uniform(left, right)), float(self._rng.uniform(bottom, top))
