"""Melee maps: open ground, two bases by rotation, and a second place for a town hall each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from .world import Place, Point

BORDER: Final = 2.0  # cells around the playable area
FIELDS: Final = (  # of minerals, from the town hall's middle; the rest of a base lies the same way
    (-6.0, 3.5),
    (-7.0, 2.5),
    (-7.0, 1.5),
    (-7.0, 0.5),
    (-7.0, -0.5),
    (-7.0, -1.5),
    (-7.0, -2.5),
    (-6.0, -3.5),
)
GEYSERS: Final = ((0.0, 7.0), (0.0, -7.0))
MAIN: Final = (0.2, 0.7)  # of the first player, as shares of the playable area
NATURAL: Final = (0.2, 0.25)
LEAST_FOR_TWO: Final = 64  # cells of the smallest map with a second place for each player
LEAST_EDGE: Final = 8.5  # cells from a town hall to the left edge: its fields are there


class Ground(NamedTuple):
    """A melee map.

    Args:
        place: Its size and the players' starts.
        fields: Where minerals are.
        geysers: Where geysers are.
    """

    place: Place
    fields: tuple[Point, ...]
    geysers: tuple[Point, ...]


def open_ground(name: str, side: int) -> Ground:
    """Return a square map: the second player's half is the first one's, turned by half a turn."""
    left, right = BORDER, side - BORDER
    halls = []
    for share in (MAIN, NATURAL) if side >= LEAST_FOR_TWO else (MAIN,):
        x, y = (int(left + part * (right - left)) + 0.5 for part in share)
        halls.append((max(x, left + LEAST_EDGE), y))
    fields = [(x + dx, y + dy) for x, y in halls for dx, dy in FIELDS]
    geysers = [(x + dx, y + dy) for x, y in halls for dx, dy in GEYSERS]
    start = halls[0]
    place = Place(
        name,
        (side, side),
        (left, left, right, right),
        (),
        (start, _turned(start, side)),
    )
    return Ground(
        place,
        (*fields, *(_turned(at, side) for at in fields)),
        (*geysers, *(_turned(at, side) for at in geysers)),
    )


def _turned(at: Point, side: int) -> Point:
    return side - at[0], side - at[1]


SIDES: Final[Mapping[str, int]] = MappingProxyType(
    {
        **{f"Flat{side}": side for side in (32, 48, 64, 96, 128)},
        **{f"Simple{side}": side for side in (64, 96, 128)},
    }
)
"""Cells from edge to edge of the maps of these names; their ground is the stand-in's own."""
