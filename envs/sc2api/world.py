"""What the protocol's side of the stand-in sees of a running game, whoever plays it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..engine import fields as f
from ..scenarios.scenario import Box
from .catalog import KIND_IDS

NEUTRAL: Final = 16  # owner of what belongs to nobody, as the game numbers it
SUCCESS: Final = 1  # values of the protocol's ActionResult
NOT_SUPPORTED: Final = 2
ERROR: Final = 3
CANT_QUEUE_THAT: Final = 4
QUEUE_IS_FULL: Final = 7
NOT_ENOUGH_MINERALS: Final = 9
NOT_ENOUGH_FOOD: Final = 13
CANT_TARGET_THAT_UNIT: Final = 36
CANT_FIND_PLACEMENT: Final = 43
CANT_BUILD_THERE: Final = 44

_TYPES: Final = np.array(KIND_IDS, np.int64)

Rows: TypeAlias = NDArray[np.float32]
Point: TypeAlias = tuple[float, float]


class Purse(NamedTuple):
    """What a player owns beside units; all zero in games without an economy."""

    minerals: int = 0
    gas: int = 0
    supply: int = 0
    supply_cap: int = 0


class Order(NamedTuple):
    """What some units of a player are told.

    Args:
        verb: Of the engine or of the catalog.
        target: Slot that it is aimed at, or NOBODY.
        goal: Point that it is aimed at, in cells; unused if there is a target.
        queued: Whether it waits until the present order is done.
        product: Kind that is built or trained, or NOBODY.
    """

    verb: int
    target: int = f.NOBODY
    goal: Point | None = None
    queued: bool = False
    product: int = f.NOBODY


class Place(NamedTuple):
    """The map: its name, size and area in which units can be, walls, and each player's start."""

    name: str
    size: tuple[int, int]
    playable: Box
    walls: tuple[Box, ...]
    starts: tuple[Point, ...]


class World(ABC):
    """A running game: slots of units, each with an owner, and loops that pass.

    ``units [field, slot]`` is the engine's packed state; ``owners [slot]`` says whose each slot is:
    player 1 or 2, or :data:`NEUTRAL`. A slot holds nobody where its health is 0.
    """

    place: Place
    owners: NDArray[np.int64]
    has_tasks: bool
    fog: bool
    """Whether a player sees only what is near its units."""
    centers_camera: bool
    """Whether the game itself centers a player's camera at the start."""
    selects_army: bool
    """Whether the map itself selects a player's units whenever it sets them out."""

    @property
    @abstractmethod
    def units(self) -> Rows:
        """``[field, slot]``: the engine's state, not copied."""

    @property
    @abstractmethod
    def loop(self) -> int:
        """Game loops that have passed."""

    @abstractmethod
    def start(self, seed: int) -> None:
        """Begin the game of a seed."""

    @abstractmethod
    def advance(self, loops: int) -> None:
        """Let loops pass, fewer if the game ends."""

    @property
    @abstractmethod
    def winner(self) -> int | None:
        """Who has won: a player, 0 for a draw; None while the game runs."""

    @abstractmethod
    def score(self, player: int) -> int:
        """Return a player's score."""

    @abstractmethod
    def purse(self, player: int) -> Purse:
        """Return what a player owns beside units."""

    @property
    @abstractmethod
    def epoch(self) -> int:
        """Number that changes when all fighters are set out anew."""

    @abstractmethod
    def order(self, player: int, slots: list[int], order: Order) -> int:
        """Tell living units of a player what to do; return the protocol's ActionResult."""

    @property
    def queues(self) -> tuple[int, ...]:
        """The verbs that can wait until a unit has done what it does."""
        return (f.MOVE, f.ATTACK_MOVE) if self.has_tasks else ()

    @abstractmethod
    def offers(self, verb: int, product: str) -> bool:
        """Return whether the game has a kind of order, and the product that it names, if any."""

    @abstractmethod
    def seen(self, player: int) -> NDArray[np.bool_]:
        """``[slot]``: whose unit a player sees now."""

    @abstractmethod
    def camera(self, player: int) -> Point:
        """Return where a player's camera looks at the start."""

    @abstractmethod
    def move_camera(self, player: int, spot: Point) -> Point:
        """Tell the game where a player looks; return where the camera may look."""

    @abstractmethod
    def kill(self, slot: int) -> None:
        """Kill a unit."""

    @abstractmethod
    def create(self, kind: int, player: int, at: Point) -> bool:
        """Put a new unit somewhere; return False if there is no room, or no such thing here."""

    @abstractmethod
    def grant(self, player: int, minerals: int, gas: int) -> None:
        """Give a player something; games without an economy have no use for it."""

    @abstractmethod
    def fits(self, kind: int, at: Point) -> bool:
        """Return whether a structure could be built there; never in games without an economy."""

    @abstractmethod
    def end(self, winner: int) -> None:
        """End the game; 0 wins for a draw."""

    @abstractmethod
    def dump(self) -> list[NDArray[np.generic]]:
        """Return a copy of the state."""

    @abstractmethod
    def recall(self, state: list[NDArray[np.generic]]) -> None:
        """Bring back a state that :meth:`dump` returned."""

    def take_refusals(self, player: int) -> int:
        """Return how many orders of a player turned out impossible since the last call.

        Those that are impossible at once are not among them: :meth:`order` says so.
        """
        return 0

    @property
    def types(self) -> NDArray[np.int64]:
        """``[slot]``: the game's unit type of whoever is there."""
        return _TYPES[self.units[f.KIND].astype(np.int64)]

    @property
    def own_types(self) -> Mapping[int, str]:
        """Unit types that exist on this map alone, each with the engine's kind that it is."""
        return {}

    @property
    def alive(self) -> NDArray[np.bool_]:
        """``[slot]``: whether somebody is there."""
        return self.units[f.HEALTH] > 0
