"""A game with its players: what the requests of all of them act upon."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ..engine.streams import next_seed
from .roster import Roster
from .view import Seat
from .world import World

MOST_LOOPS: Final = 1 << 19  # the game itself ends here


class Game:
    """A running game.

    Args:
        world: Which.
        seed: Of its first episode.
        setup: The protocol's ``RequestCreateGame``.
    """

    def __init__(self, world: World, seed: int, setup: Any) -> None:
        self.world = world
        self.setup = setup
        self.seed = seed
        self.world.start(seed)
        self.roster = Roster(world)
        self.seats: dict[int, Seat] = {}

    def join(self, player: int, request: Any) -> Seat:
        """Seat a player."""
        seat = Seat(world=self.world, roster=self.roster, player=player)
        seat.name = request.player_name
        seat.race = request.race or seat.race
        seat.options.CopyFrom(request.options)
        seat.disable_fog = self.setup.disable_fog
        self.seats[player] = seat
        self._settle(seat)
        return seat

    def restart(self) -> None:
        """Begin the episode that follows."""
        self.seed = int(next_seed(np.int64(self.seed)))
        self.world.start(self.seed)
        self.roster.restart()
        for seat in self.seats.values():
            self._settle(seat)

    def _settle(self, seat: Seat) -> None:
        seat.selection, seat.groups = [], {}
        for events in (seat.actions, seat.errors, seat.chat, seat.dead):
            events.clear()
        seat.camera = self.world.camera(seat.player)
        if self.world.selects_army:
            seat.selection = seat.mine().nonzero()[0].tolist()

    def advance(self, loops: int) -> None:
        """Let loops pass, fewer if the game ends."""
        epoch = self.world.epoch
        self.world.advance(min(loops, MOST_LOOPS - self.world.loop))
        self.look()
        if self.world.epoch != epoch and self.world.selects_army:
            for seat in self.seats.values():
                seat.selection = seat.mine().nonzero()[0].tolist()

    def look(self) -> None:
        """Note who has come and gone."""
        dead = self.roster.update()
        for seat in self.seats.values():
            seat.dead.extend(dead)
            seat.forget_dead()

    @property
    def over(self) -> bool:
        """Whether nothing more can happen."""
        return self.world.winner is not None or self.world.loop >= MOST_LOOPS
