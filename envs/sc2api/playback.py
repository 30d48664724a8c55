"""Watching a replay: the recorded game is played again, and nobody can interfere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from . import maps
from .acting import act, record
from .debugging import debug
from .errors import RequestError
from .game import Game
from .observing import observe
from .protocol import api
from .recording import ACTION, KINDS, Recording
from .view import Seat

UNDECIDED: Final = 4


class Playback:
    """A replay that is being watched through one player's eyes.

    Args:
        recording: The replay.
        player: Whose eyes; 0 for everybody's.
        options: The interface of who watches.
        disable_fog: Whether everything is shown.

    Raises:
        ValueError: If the replay is damaged.
    """

    def __init__(self, recording: Recording, player: int, options: Any, disable_fog: bool) -> None:
        self._recording = recording
        self._options = options
        self._disable_fog = disable_fog
        self._next = 0
        setup = parse(api.RequestCreateGame, recording.setup)
        setup.realtime = False
        table = maps.players_of(setup)
        world = maps.open_map(recording.map, table, recording.seed)
        self.game = Game(world, recording.seed, setup)
        for number, join in sorted(recording.joins.items()):
            self.game.join(number, parse(api.RequestJoinGame, join))
        if player not in self.game.seats:
            self.game.join(player, api.RequestJoinGame(options=options))
        self.seat: Seat = self.game.seats[player]

    @property
    def over(self) -> bool:
        """Whether the recording has ended."""
        return self.game.over or self.game.world.loop >= self._recording.loops

    def step(self, count: int) -> None:
        """Play on for some loops."""
        end = min(self.game.world.loop + count, self._recording.loops)
        self._repeat()
        while self.game.world.loop < end and not self.game.over:
            following = self._recording.events[self._next :][:1]
            until = min(end, following[0].loop if following else end)
            self.game.advance(max(until - self.game.world.loop, 1))
            if self.game.world.loop < end:
                self._repeat()

    def _repeat(self) -> None:
        """Do what was done in this loop."""
        events = self._recording.events
        while self._next < len(events) and events[self._next].loop <= self.game.world.loop:
            event = events[self._next]
            self._next += 1
            seat = self.game.seats[event.player]
            message = parse(KINDS[event.kind], event.content)
            if event.kind == ACTION:
                record(seat, message, act(seat, message))
                continue
            try:
                debug(self.game, seat, message)
            except RequestError:
                continue  # it was refused then, too

    def observe(self, disable_fog: bool) -> Any:
        """Return what the player saw, drawn as who watches has asked."""
        self.seat.disable_fog = disable_fog or self._disable_fog or not self.seat.player
        with self.watching() as seat:
            response = observe(seat)
        if self.over and not response.player_result:
            for player in (1, 2):
                response.player_result.add(player_id=player, result=UNDECIDED)
        return response

    @contextmanager
    def watching(self) -> Iterator[Seat]:
        """Yield the player's seat with the interface of who watches."""
        own, self.seat.options = self.seat.options, self._options
        try:
            yield self.seat
        finally:
            self.seat.options = own


def parse(kind: Any, content: bytes) -> Any:
    """Read a message of a replay.

    Raises:
        ValueError: If it is damaged.
    """
    from google.protobuf.message import DecodeError

    message = kind()
    try:
        message.ParseFromString(content)
    except DecodeError as error:
        raise ValueError(f"the replay is damaged: {error}") from None
    return message
