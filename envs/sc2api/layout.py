"""Where the map's points lie on a player's screen and minimap, and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine import fields as f
from ..scenarios.scenario import Box
from .view import Seat
from .world import Point


def is_finite(spot: Point) -> bool:
    """Tell whether a point has coordinates that are numbers."""
    return math.isfinite(spot[0]) and math.isfinite(spot[1])


def from_screen(seat: Seat, pixel: Any) -> Point:
    """Return the point of the map under a pixel of the feature screen."""
    size = seat.options.feature_layer.resolution
    cell = seat.camera_width / max(size.x, 1)
    x = seat.camera[0] - seat.camera_width / 2 + (pixel.x + 0.5) * cell
    y = seat.camera[1] + seat.camera_height / 2 - (pixel.y + 0.5) * cell
    return x, y


def minimap_box(seat: Seat) -> Box:
    """Return the part of the map that the minimap shows: left, bottom, right, top."""
    if seat.options.feature_layer.crop_to_playable_area:
        return seat.world.place.playable
    width, height = seat.world.place.size
    return 0.0, 0.0, float(width), float(height)


def minimap_cell(seat: Seat) -> float:
    """Return how many cells a pixel of the minimap is wide."""
    left, bottom, right, top = minimap_box(seat)
    size = seat.options.feature_layer.minimap_resolution
    return max((right - left) / max(size.x, 1), (top - bottom) / max(size.y, 1))


def from_minimap(seat: Seat, pixel: Any) -> Point:
    """Return the point of the map under a pixel of the minimap."""
    left, _, _, top = minimap_box(seat)
    cell = minimap_cell(seat)
    return left + (pixel.x + 0.5) * cell, top - (pixel.y + 0.5) * cell


def to_minimap(seat: Seat, spot: Point) -> tuple[int, int]:
    """Return the pixel of the minimap, column and row, in which a point lies."""
    left, _, _, top = minimap_box(seat)
    cell = minimap_cell(seat)
    return max(int((spot[0] - left) // cell), 0), max(int((top - spot[1]) // cell), 0)


def thing_at(seat: Seat, spot: Point) -> int:
    """Return the slot of the unit that covers a point, the nearest of them; NOBODY if none."""
    units = seat.world.units
    dx, dy = units[f.X] - spot[0], units[f.Y] - spot[1]
    apart = np.sqrt(dx * dx + dy * dy)
    covered = seat.sees() & (apart <= units[f.RADIUS])
    if not covered.any():
        return f.NOBODY
    return int(np.argmin(np.where(covered, apart, np.inf)))
