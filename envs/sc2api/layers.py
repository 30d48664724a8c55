"""Feature layers: the player's screen and minimap, drawn pixel by pixel.

A picture says at each pixel which unit is there; the layers look up in tables what they show of it.
What is the same everywhere and zero is left out, as the protocol allows, but for the layers of the
ground and the sides: PySC2's own window draws them unasked.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..engine import fields as f
from ..engine import task_fields as t
from ..engine.objects import ENTITY_NAMES, TRADES
from ..scenarios.scenario import Box
from .describing import LEVEL, fill_bits, fill_bytes, walkable
from .layout import minimap_box, minimap_cell
from .view import Seat
from .world import NEUTRAL

Picture = NDArray[np.int64]

VISIBLE: Final = 2  # values of the visibility layer
UNSEEN: Final = 1
FULL: Final = 255
COVERED: Final = 16  # what a unit adds to the fine density of a pixel
COLORS: Final = np.array(  # of the ground, then of each player_relative
    [(24, 40, 24), (60, 220, 60), (60, 60, 220), (90, 180, 230), (220, 60, 60)], np.uint8
)


class Frame(NamedTuple):
    """A rectangle of the map, as wide and high as a picture has columns and rows."""

    box: Box
    columns: int
    rows: int

    @property
    def x(self) -> NDArray[np.float64]:
        """``[column]``: the middle of each column, in cells."""
        left, _, right, _ = self.box
        return left + (np.arange(self.columns) + 0.5) * (right - left) / self.columns

    @property
    def y(self) -> NDArray[np.float64]:
        """``[row]``: the middle of each row, in cells; the first row is at the top."""
        _, bottom, _, top = self.box
        return top - (np.arange(self.rows) + 0.5) * (top - bottom) / self.rows


def screen_frame(seat: Seat, size: Any) -> Frame:
    """Return what the camera shows."""
    x, y = seat.camera
    width, height = seat.camera_width / 2, seat.camera_height / 2
    return Frame((x - width, y - height, x + width, y + height), size.x, size.y)


def minimap_frame(seat: Seat, size: Any) -> Frame:
    """Return what the minimap shows; its pixels are squares, from the top left corner on."""
    left, _, _, top = minimap_box(seat)
    cell = minimap_cell(seat)
    return Frame((left, top - cell * size.y, left + cell * size.x, top), size.x, size.y)


class Drawing(NamedTuple):
    """Who is where.

    Args:
        picture: ``[row, column]``: 1 + slot of the unit that is there, or 0.
        density: ``[row, column]``: how many units are there.
    """

    picture: Picture
    density: Picture


def draw(seat: Seat, frame: Frame) -> Drawing:
    """Draw every unit that the player sees as a disc, of one pixel at least."""
    units = seat.world.units
    drawing = Drawing(*np.zeros((2, frame.rows, frame.columns), np.int64))
    left, bottom, right, top = frame.box
    wide, high = (right - left) / frame.columns, (top - bottom) / frame.rows
    x, y = frame.x, frame.y
    seen = seat.sees().nonzero()[0]
    # Small ones stay visible on top of large ones.
    for slot in seen[np.argsort(-units[f.RADIUS, seen], kind="stable")].tolist():
        at_x, at_y = float(units[f.X, slot]), float(units[f.Y, slot])
        reach = float(units[f.RADIUS, slot])
        first, last = int((at_x - reach - left) // wide), int((at_x + reach - left) // wide) + 1
        upper, lower = int((top - at_y - reach) // high), int((top - at_y + reach) // high) + 1
        columns = slice(max(first, 0), max(min(last, frame.columns), 0))
        rows = slice(max(upper, 0), max(min(lower, frame.rows), 0))
        square = (x[columns] - at_x) ** 2 + (y[rows, None] - at_y) ** 2
        # A small unit between the middles of pixels is drawn on the nearest one.
        inside = (square <= reach * reach) | (square <= square.min(initial=np.inf))
        drawing.picture[rows, columns][inside] = slot + 1
        drawing.density[rows, columns] += inside
    return drawing


def visibility(seat: Seat, frame: Frame) -> NDArray[np.uint8]:
    """``[row, column]``: 2 where the player sees the ground, 1 where it does not."""
    if not seat.world.fog or seat.disable_fog:
        return np.full((frame.rows, frame.columns), VISIBLE, np.uint8)
    units = seat.world.units
    seen = np.zeros((frame.rows, frame.columns), np.bool_)
    for slot in seat.mine().nonzero()[0]:
        apart = (frame.x - units[f.X, slot]) ** 2 + (frame.y[:, None] - units[f.Y, slot]) ** 2
        seen |= apart <= units[f.SIGHT, slot] ** 2
    return np.where(seen, np.uint8(VISIBLE), np.uint8(UNSEEN))


def visibility_map(seat: Seat) -> NDArray[np.uint8]:
    """``[y, x]``: the same, per cell of the map; y grows upwards."""
    width, height = seat.world.place.size
    frame = Frame((0.0, 0.0, float(width), float(height)), width, height)
    return visibility(seat, frame)[::-1]


class Tables(NamedTuple):
    """``[1 + slot]``: what the layers show of each unit; the first entry is that of nobody."""

    player: Picture
    relative: Picture
    kind: Picture
    selected: Picture
    life: Picture
    life_share: Picture
    shield: Picture
    shield_share: Picture
    energy: Picture
    energy_share: Picture
    progress: Picture


def tables(seat: Seat) -> Tables:
    """Return what there is to see of each unit."""
    units, owners = seat.world.units, seat.world.owners
    relative = np.where(owners == seat.player, 1, np.where(owners == NEUTRAL, 3, 4))
    selected = np.zeros(len(owners), np.int64)
    selected[seat.selection] = 1
    return Tables(
        *(
            np.concatenate([[0], np.asarray(column).astype(np.int64)])
            for column in (
                owners,
                relative,
                seat.world.types,
                selected,
                np.ceil(units[f.HEALTH]),
                _share(units[f.HEALTH], units[f.MAX_HEALTH]),
                units[f.SHIELD],
                _share(units[f.SHIELD], units[f.MAX_SHIELD]),
                units[f.ENERGY],
                _share(units[f.ENERGY], units[f.MAX_ENERGY]),
                _progress(seat),
            )
        )
    )


def _share(part: NDArray[np.float32], whole: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(whole > 0, FULL * part / np.maximum(whole, 1), 0).astype(np.float32)


def _progress(seat: Seat) -> NDArray[np.float64]:
    """Return how far structures are built, out of 255; 0 for what is not being built."""
    units = seat.world.units
    shown = np.zeros(units.shape[1])
    if seat.world.has_tasks:
        for slot in (units[t.UNBUILT] > 0).nonzero()[0]:
            trade = TRADES[ENTITY_NAMES[int(units[f.KIND, slot])]]
            shown[slot] = FULL * (1.0 - units[t.UNBUILT, slot] / trade.loops)
    return shown


def draw_layers(seat: Seat, data: Any) -> None:
    """Fill an ``ObservationFeatureLayer``."""
    look_up = tables(seat)
    size = seat.options.feature_layer.resolution
    frame = screen_frame(seat, size)
    drawing = draw(seat, frame)
    layers, who = data.renders, drawing.picture
    ground = _ground(seat, frame)
    fill_bytes(layers.height_map, np.full(who.shape, LEVEL, np.uint8))
    fill_bytes(layers.visibility_map, visibility(seat, frame))
    fill_bytes(layers.player_id, look_up.player[who].astype(np.uint8))
    fill_bytes(layers.player_relative, look_up.relative[who].astype(np.uint8))
    fill_bits(layers.creep, np.zeros(who.shape, np.bool_))
    fill_bits(layers.power, np.zeros(who.shape, np.bool_))
    _words(layers.unit_type, look_up.kind[who])
    fill_bits(layers.selected, look_up.selected[who] > 0)
    _words(layers.unit_hit_points, look_up.life[who])
    _bytes(layers.unit_hit_points_ratio, look_up.life_share[who])
    _words(layers.unit_shields, look_up.shield[who])
    _bytes(layers.unit_shields_ratio, look_up.shield_share[who])
    _words(layers.unit_energy, look_up.energy[who])
    _bytes(layers.unit_energy_ratio, look_up.energy_share[who])
    _bytes(layers.build_progress, look_up.progress[who])
    _bytes(layers.unit_density, drawing.density)
    _bytes(layers.unit_density_aa, drawing.density * COVERED)
    fill_bits(layers.pathable, ground)
    fill_bits(layers.buildable, ground & (drawing.density == 0))
    _draw_minimap(seat, data.minimap_renders, look_up)


def _draw_minimap(seat: Seat, layers: Any, look_up: Tables) -> None:
    frame = minimap_frame(seat, seat.options.feature_layer.minimap_resolution)
    who = draw(seat, frame).picture
    ground = _ground(seat, frame)
    x, y = np.abs(frame.x - seat.camera[0]), np.abs(frame.y - seat.camera[1])
    shown = (x <= seat.camera_width / 2) & (y[:, None] <= seat.camera_height / 2)
    fill_bytes(layers.height_map, np.full(who.shape, LEVEL, np.uint8))
    fill_bytes(layers.visibility_map, visibility(seat, frame))
    fill_bits(layers.camera, shown)
    fill_bits(layers.creep, np.zeros(who.shape, np.bool_))
    fill_bytes(layers.player_id, look_up.player[who].astype(np.uint8))
    fill_bytes(layers.player_relative, look_up.relative[who].astype(np.uint8))
    _words(layers.unit_type, look_up.kind[who])
    fill_bits(layers.selected, look_up.selected[who] > 0)
    fill_bits(layers.pathable, ground)
    fill_bits(layers.buildable, ground)


def _ground(seat: Seat, frame: Frame) -> NDArray[np.bool_]:
    """``[row, column]``: where units can walk."""
    free = walkable(seat.world.place)
    rows, columns = np.floor(frame.y).astype(np.int64), np.floor(frame.x).astype(np.int64)
    known = (rows >= 0)[:, None] & (rows < free.shape[0])[:, None]
    known = known & (columns >= 0) & (columns < free.shape[1])
    rows, columns = rows.clip(0, free.shape[0] - 1), columns.clip(0, free.shape[1] - 1)
    return known & free[rows[:, None], columns]


def draw_colors(seat: Seat, data: Any) -> None:
    """Fill an ``ObservationRender``: not the game's pictures, but discs in the sides' colors."""
    relative = tables(seat).relative
    render = seat.options.render
    for image, frame in (
        (data.map, screen_frame(seat, render.resolution)),
        (data.minimap, minimap_frame(seat, render.minimap_resolution)),
    ):
        colors = COLORS[relative[draw(seat, frame).picture]]
        image.bits_per_pixel = 24
        image.size.x, image.size.y = frame.columns, frame.rows
        image.data = colors.tobytes()


def _bytes(image: Any, layer: Picture) -> None:
    if layer.any():
        fill_bytes(image, layer.clip(0, FULL).astype(np.uint8))


def _words(image: Any, layer: Picture) -> None:
    if layer.any():
        image.bits_per_pixel = 32
        image.size.x, image.size.y = layer.shape[1], layer.shape[0]
        image.data = layer.astype("<i4").tobytes()
