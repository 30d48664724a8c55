"""A game with its players: what the requests of all of them act upon."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..engine.streams import next_seed
from .errors import RequestError
from .layout import to_minimap
from .protocol import api
from .recording import Recording
from .roster import Roster
from .view import Seat
from .world import World

MOST_LOOPS: Final = 1 << 19  # the game itself ends here
FASTER: Final = 22.4  # loops per second where time passes by itself
CENTERED: Final = 2  # loop at which the game reports that it has centered the camera
MOST_WAIT: Final = 10_000  # loops that a client may wait for


class Game:
    """A running game.

    Several clients may use it, each from a thread of its own that holds ``turn``.

    Args:
        world: Which, not begun.
        seed: Of its first episode.
        setup: The protocol's ``RequestCreateGame``.
    """

    def __init__(self, world: World, seed: int, setup: Any) -> None:
        self.world = world
        self.setup = setup
        self.turn = threading.Condition(threading.RLock())
        self.seats: dict[int, Seat] = {}
        self._seed = seed
        self._saved: tuple[list[NDArray[Any]], Roster, int] | None = None
        self._wanted: dict[int, int] = {}
        self._begun = time.monotonic()
        world.start(seed)
        self.roster = Roster(world)
        self.recording = self._new_recording()

    def _new_recording(self) -> Recording:
        setup = self.setup.SerializeToString()
        return Recording(self.world.place.name, self._seed, setup)

    def replay(self) -> bytes:
        """Return the game so far as a replay.

        Raises:
            RequestError: If more has happened than is kept.
        """
        if self.recording.full:
            raise RequestError("the game is too long for a replay")
        self.recording.loops = self.world.loop
        return self.recording.to_bytes()

    def join(self, player: int, request: Any) -> Seat:
        """Seat a player; player 0 watches."""
        seat = Seat(world=self.world, roster=self.roster, player=player)
        seat.name = request.player_name
        seat.race = request.race or seat.race
        seat.options.CopyFrom(request.options)
        seat.disable_fog = self.setup.disable_fog or not player
        self.seats[player] = seat
        self.recording.joins[player] = request.SerializeToString()
        self._wanted[player] = self.world.loop
        self._settle(seat)
        self._begun = time.monotonic()
        return seat

    def leave(self, seat: Seat) -> None:
        """Let a player go; the others do not wait for it any more."""
        self.seats.pop(seat.player, None)
        self._wanted.pop(seat.player, None)
        self.turn.notify_all()

    def restart(self) -> None:
        """Begin the episode that follows.

        Raises:
            RequestError: If others play, too.
        """
        if len(self.seats) > 1:
            raise RequestError("a game of several players cannot be restarted, only left")
        self._seed = int(next_seed(np.int64(self._seed)))
        self.world.start(self._seed)
        self.roster.restart()
        joins = self.recording.joins
        self.recording = self._new_recording()
        self.recording.joins = joins
        self._begun = time.monotonic()
        for seat in self.seats.values():
            self._wanted[seat.player] = 0
            self._settle(seat)

    def _settle(self, seat: Seat) -> None:
        seat.groups, seat.selection = {}, []
        for events in (seat.actions, seat.errors, seat.chat, seat.dead):
            events.clear()
        seat.camera = self.world.camera(seat.player)
        self._select_army(seat)

    def _select_army(self, seat: Seat) -> None:
        if self.world.selects_army:
            seat.selection = seat.mine().nonzero()[0].tolist()

    def step(self, seat: Seat, count: int) -> None:
        """Let loops pass, once all players have asked for them."""
        if self.setup.realtime:
            self.catch_up()
            return
        self._wanted[seat.player] += count
        self.turn.notify_all()
        while not self.over and self.world.loop < self._wanted.get(seat.player, 0):
            ready = min(self._wanted.values())
            if ready > self.world.loop:
                self.advance(ready - self.world.loop)
                self.turn.notify_all()
            else:
                self.turn.wait()

    def catch_up(self) -> None:
        """Where time passes by itself, let pass what has passed."""
        due = int((time.monotonic() - self._begun) * FASTER)
        if self.setup.realtime and due > self.world.loop:
            self.advance(due - self.world.loop)

    def wait_for(self, loop: int) -> None:
        """Where time passes by itself, wait for a loop.

        Raises:
            RequestError: If it is too far away.
        """
        if loop - self.world.loop > MOST_WAIT:
            raise RequestError(f"loop {loop} is more than {MOST_WAIT} loops away")
        while self.setup.realtime and self.world.loop < loop and not self.over:
            self.turn.wait(max((loop - self.world.loop) / FASTER / 2, 0.001))
            self.catch_up()

    def advance(self, loops: int) -> None:
        """Let loops pass, fewer if the game ends."""
        epoch, before = self.world.epoch, self.world.loop
        self.world.advance(min(loops, MOST_LOOPS - self.world.loop))
        self.look()
        for seat in self.seats.values():
            if self.world.epoch != epoch:
                self._select_army(seat)
            if before < CENTERED <= self.world.loop:
                self._center(seat)

    def _center(self, seat: Seat) -> None:
        """Tell who has a screen that the game has centered it, as it does in melee games."""
        if self.world.centers_camera and seat.options.HasField("feature_layer"):
            action = api.Action(game_loop=CENTERED - 1)
            pixel = to_minimap(seat, seat.camera)
            center = action.action_feature_layer.camera_move.center_minimap
            center.x, center.y = pixel
            seat.actions.append(action)

    def look(self) -> None:
        """Note who has come and gone."""
        dead = self.roster.update()
        for seat in self.seats.values():
            seat.dead.extend(dead)
            seat.forget_dead()

    def save(self) -> None:
        """Keep the present state."""
        self._saved = (self.world.dump(), self.roster.copy(), len(self.recording.events))

    def load(self) -> None:
        """Go back to the state that was kept.

        Raises:
            RequestError: If none was.
        """
        if self._saved is None:
            raise RequestError("nothing was saved")
        state, roster, events = self._saved
        del self.recording.events[events:]
        self.world.recall(state)
        self.roster = roster.copy()
        for seat in self.seats.values():
            seat.roster = self.roster
            self._wanted[seat.player] = self.world.loop
            seat.forget_dead()

    @property
    def over(self) -> bool:
        """Whether nothing more can happen."""
        return self.world.winner is not None or self.world.loop >= MOST_LOOPS
