"""What each type of unit looks like: an outline, a color, and strokes on top.

Points are in radii of the unit, x ahead and y to its left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

Color: TypeAlias = tuple[int, int, int]
Point: TypeAlias = tuple[float, float]
Line: TypeAlias = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Glyph:
    """The look of a type.

    Args:
        fill: Color of the body; the outline has the owner's.
        outline: Corners of the body; a disc if empty.
        strokes: Lines on the body in the owner's color: weapons, legs, wings.
        core: Radius of a bright disc in the middle, 0 for none.
        core_color: Its color.
        turns: Whether it turns to where it goes or aims.
        label: Letters in the middle.
    """

    fill: Color
    outline: Line = ()
    strokes: tuple[Line, ...] = ()
    core: float = 0.0
    core_color: Color = (255, 255, 255)
    turns: bool = True
    label: str = ""


def _ring(corners: int, radius: float = 1.0, turn: float = 0.0) -> Line:
    """Return the corners of a regular polygon."""
    angles = (turn + 2 * math.pi * corner / corners for corner in range(corners))
    return tuple((radius * math.cos(angle), radius * math.sin(angle)) for angle in angles)


def _star(points: int, inner: float) -> Line:
    """Return the corners of a star."""
    radii = (1.0, inner)
    angles = [math.pi * corner / points for corner in range(2 * points)]
    return tuple(
        (radii[corner % 2] * math.cos(angle), radii[corner % 2] * math.sin(angle))
        for corner, angle in enumerate(angles)
    )


def _legs(count: int, reach: float, turn: float) -> tuple[Line, ...]:
    """Return lines from the middle outwards."""
    return tuple(((0.0, 0.0), end) for end in _ring(count, reach, turn))


_SQUARE: Final = _ring(4, 1.0, math.pi / 4)
_STEEL: Final[Color] = (58, 74, 96)
_RUST: Final[Color] = (84, 70, 58)
_CARAPACE: Final[Color] = (92, 66, 44)
_GOLD: Final[Color] = (98, 86, 44)
_CRYSTAL: Final[Color] = (52, 132, 190)

GLYPHS: Final[Mapping[str, Glyph]] = MappingProxyType(
    {
        "marine": Glyph(_STEEL, strokes=(((0.1, -0.45), (1.45, -0.45)),)),
        "marauder": Glyph(
            _RUST,
            _ring(8, 1.0, math.pi / 8),
            (((0.2, -0.6), (1.35, -0.6)), ((0.2, 0.6), (1.35, 0.6))),
        ),
        "medivac": Glyph(
            (196, 204, 212),
            ((1.1, 0.35), (0.4, 1.0), (-1.0, 0.7), (-1.0, -0.7), (0.4, -1.0), (1.1, -0.35)),
            (((-0.45, 0.0), (0.45, 0.0)), ((0.0, -0.45), (0.0, 0.45))),
        ),
        "scv": Glyph(
            (150, 120, 40),
            _SQUARE,
            (((0.5, -0.5), (1.35, -0.3)), ((0.5, 0.5), (1.35, 0.3))),
        ),
        "zergling": Glyph(
            _CARAPACE,
            ((1.2, 0.0), (-0.2, 0.75), (-1.1, 0.0), (-0.2, -0.75)),
            (((0.5, 0.3), (1.3, 0.7)), ((0.5, -0.3), (1.3, -0.7))),
        ),
        "baneling": Glyph((58, 92, 40), _star(10, 0.78), core=0.5, core_color=(168, 240, 84)),
        "roach": Glyph(
            _CARAPACE,
            ((1.1, 0.0), (0.6, 0.8), (-0.5, 0.95), (-1.05, 0.0), (-0.5, -0.95), (0.6, -0.8)),
            (((0.2, -0.75), (0.2, 0.75)), ((-0.4, -0.85), (-0.4, 0.85))),
        ),
        "hydralisk": Glyph(
            (104, 74, 62),
            ((1.15, 0.0), (0.3, 0.55), (-0.3, 0.9), (-1.25, 0.0), (-0.3, -0.9), (0.3, -0.55)),
            (((0.3, 0.5), (1.2, 0.85)), ((0.3, -0.5), (1.2, -0.85))),
        ),
        "zealot": Glyph(
            _GOLD,
            ((1.0, 0.0), (0.0, 0.9), (-1.0, 0.0), (0.0, -0.9)),
            (((0.1, 0.75), (1.35, 0.55)), ((0.1, -0.75), (1.35, -0.55))),
        ),
        "stalker": Glyph(
            (56, 60, 98),
            _ring(6, 0.72),
            tuple(
                (inner, outer)
                for inner, outer in zip(
                    _ring(4, 0.55, math.pi / 4), _ring(4, 1.15, math.pi / 4), strict=True
                )
            ),
            core=0.25,
            core_color=(120, 190, 255),
        ),
        "colossus": Glyph(
            _GOLD,
            _ring(4, 0.72, math.pi / 4),
            (*_legs(4, 1.2, math.pi / 8), *_legs(4, 1.2, -math.pi / 8)),
            core=0.3,
            core_color=(255, 170, 80),
        ),
        "spine_crawler": Glyph(
            _CARAPACE,
            _star(8, 0.8),
            (((0.0, 0.0), (0.6, 0.3), (1.4, 0.0)),),
            core=0.25,
            core_color=(214, 120, 96),
        ),
        "command_center": Glyph(_STEEL, _ring(8, 1.0, math.pi / 8), turns=False, label="CC"),
        "barracks": Glyph(_STEEL, _SQUARE, turns=False, label="B"),
        "supply_depot": Glyph(_RUST, _SQUARE, turns=False, label="S"),
        "refinery": Glyph((52, 84, 60), _ring(6), turns=False, label="R"),
        "geyser": Glyph((52, 84, 60), _ring(7), core=0.45, core_color=(96, 214, 140), turns=False),
        "mineral_field": Glyph(
            _CRYSTAL,
            ((1.0, -0.3), (0.6, 0.3), (0.1, -0.1), (-0.3, 0.45), (-1.0, 0.1), (-0.7, -0.45)),
            turns=False,
        ),
        "mineral_shard": Glyph(
            _CRYSTAL, ((0.0, 1.0), (0.55, 0.1), (0.0, -0.9), (-0.55, 0.1)), turns=False
        ),
        "beacon": Glyph((36, 62, 46), core=0.35, core_color=(110, 220, 130), turns=False),
    }
)


def glyph(name: str) -> Glyph:
    """Return the look of a type; one that has none of its own is a disc with its first letters."""
    return GLYPHS.get(name) or Glyph((24, 28, 34), label=name[:2].capitalize(), turns=False)


def turned(line: Line, radius: float, facing: float) -> list[Point]:
    """Return points scaled to a unit's radius and turned by an angle in the plane of the map."""
    cosine, sine = math.cos(facing), math.sin(facing)
    return [(radius * (x * cosine - y * sine), radius * (x * sine + y * cosine)) for x, y in line]
