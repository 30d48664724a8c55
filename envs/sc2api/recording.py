"""Replays of the stand-in: who joined, what was done when, and the seed of all else.

They are not the game's: no other program can read them, and the game's cannot be read here.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from . import maps
from .protocol import api, debug

KIND: Final = "perceiver-rl stand-in replay"
FORMAT: Final = 1
MOST_EVENTS: Final = 200_000
MOST_LOOPS: Final = 1 << 19
ACTION: Final = "action"
DEBUG: Final = "debug"
KINDS: Final = {ACTION: api.Action, DEBUG: debug.DebugCommand}


class Event(NamedTuple):
    """Something that a player did.

    Args:
        loop: When.
        player: Who.
        kind: ``action`` or ``debug``.
        content: The serialized message.
    """

    loop: int
    player: int
    kind: str
    content: bytes


@dataclass(slots=True)
class Recording:
    """A game, as far as it has been played.

    Args:
        map: Its map.
        seed: Its seed.
        setup: The serialized ``RequestCreateGame``.
        joins: The serialized ``RequestJoinGame`` of each player.
        events: What was done, in order.
        loops: How long it lasted.
    """

    map: str
    seed: int
    setup: bytes
    joins: dict[int, bytes] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    loops: int = 0

    def add(self, loop: int, player: int, kind: str, message: Any) -> None:
        """Keep what a player did; nothing more once the recording is full."""
        if len(self.events) < MOST_EVENTS:
            self.events.append(Event(loop, player, kind, message.SerializeToString()))

    @property
    def full(self) -> bool:
        """Whether something may be missing."""
        return len(self.events) >= MOST_EVENTS

    def to_bytes(self) -> bytes:
        """Return the replay as a file's content."""
        events = [[e.loop, e.player, e.kind, _text(e.content)] for e in self.events]
        content = {
            "kind": KIND,
            "format": FORMAT,
            "map": self.map,
            "seed": self.seed,
            "setup": _text(self.setup),
            "joins": {str(player): _text(join) for player, join in self.joins.items()},
            "events": events,
            "loops": self.loops,
        }
        return json.dumps(content, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Recording:
        """Read a replay.

        Raises:
            ValueError: If it is none, or damaged.
        """
        try:
            found = json.loads(content)
            if found["kind"] != KIND or found["format"] != FORMAT:
                raise ValueError(f"format {found['format']}, expected {FORMAT}")
            recording = cls(
                str(found["map"]),
                int(found["seed"]),
                _bytes(found["setup"]),
                {int(player): _bytes(join) for player, join in found["joins"].items()},
                [
                    Event(int(loop), int(player), str(kind), _bytes(each))
                    for loop, player, kind, each in found["events"]
                ],
                int(found["loops"]),
            )
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            raise ValueError(f"no replay of the stand-in: {error!r}") from None
        recording.check()
        return recording

    def check(self) -> None:
        """Check that the replay makes sense.

        Raises:
            ValueError: If it does not.
        """
        loops = [event.loop for event in self.events]
        sound = (
            self.map in maps.MAPS
            and 0 <= self.seed < 2**63
            and 0 <= self.loops <= MOST_LOOPS
            and len(self.events) <= MOST_EVENTS
            and set(self.joins) <= {0, 1, 2}
            and all(event.player in self.joins and event.kind in KINDS for event in self.events)
            and loops == sorted(loops)
            and all(0 <= loop <= self.loops for loop in loops)
        )
        if not sound:
            raise ValueError("no replay of the stand-in, or it is damaged: it makes no sense")


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
