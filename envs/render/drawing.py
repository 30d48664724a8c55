"""What a picture of a game is drawn from: the ground, units, orders, life and the header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..batched_env import BatchedEnv
from ..engine import fields as f
from ..engine import task_fields as t
from ..engine.hunt import THOUSAND, VIEW
from ..engine.unit_statistics import LOOPS_PER_SECOND
from ..scenarios.scenario import Scenario
from .glyphs import Color, Point, glyph, turned
from .scene import Sprite

WIDTH: Final = 640
HEADER: Final = 56
MARGIN: Final = 8
FINE: Final = 2  # drawn at this multiple of the final size
LEAST_RADIUS: Final = 4  # pixels; smaller units are drawn larger than they are

GROUND: Final[Color] = (24, 28, 34)
LINE: Final[Color] = (34, 39, 47)
EDGE: Final[Color] = (62, 70, 82)
WALL: Final[Color] = (46, 50, 58)
PANEL: Final[Color] = (14, 17, 21)
TEXT: Final[Color] = (226, 230, 236)
FAINT: Final[Color] = (140, 149, 161)
OWN: Final[Color] = (70, 160, 255)
ENEMY: Final[Color] = (255, 102, 82)
NEUTRAL: Final[Color] = (190, 178, 120)
SHIELD: Final[Color] = (118, 198, 255)
ENERGY: Final[Color] = (206, 120, 240)
FLASH: Final[Color] = (255, 226, 120)
MOVE: Final[Color] = (104, 200, 120)
DEATH: Final[Color] = (255, 150, 60)
ACID: Final[Color] = (168, 240, 84)
_CORNERS: Final = ((1, -1), (1, 1), (-1, 1), (-1, -1))
OWNERS: Final = (OWN, ENEMY, NEUTRAL)
OUTCOME_COLORS: Final[dict[str, Color]] = {"win": MOVE, "loss": ENEMY, "draw": FLASH}


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


@dataclass(frozen=True, slots=True)
class Field:
    """Where a cell of the map lies in the picture."""

    left: float
    bottom: float
    width: float
    height: float

    @property
    def scale(self) -> float:
        """Pixels per cell, at drawing size."""
        return (WIDTH - 2 * MARGIN) * FINE / self.width

    @property
    def least(self) -> float:
        """Radius below which nothing is drawn, in cells."""
        return LEAST_RADIUS * FINE / self.scale

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture, at drawing size; both are even when scaled down."""
        height = HEADER * FINE + round(self.height * self.scale) + 2 * MARGIN * FINE
        return WIDTH * FINE, -(-height // (2 * FINE)) * 2 * FINE

    def at(self, place: Point) -> Point:
        """Return the pixel of a point of the map."""
        return (
            MARGIN * FINE + (place[0] - self.left) * self.scale,
            (HEADER + MARGIN) * FINE + (self.bottom + self.height - place[1]) * self.scale,
        )


def field_of(scenario: Scenario) -> Field:
    """Return where a scenario's playable area lies in its pictures."""
    left, bottom, right, top = scenario.playable
    return Field(left, bottom, right - left, top - bottom)


def draw_ground(draw: ImageDraw.ImageDraw, field: Field) -> None:
    """Draw a line every other cell, and the edge."""
    right, top = field.left + field.width, field.bottom + field.height
    for x in range(int(field.left), int(right) + 1, 2):
        draw.line((*field.at((x, field.bottom)), *field.at((x, top))), fill=LINE, width=FINE)
    for y in range(int(field.bottom), int(top) + 1, 2):
        draw.line((*field.at((field.left, y)), *field.at((right, y))), fill=LINE, width=FINE)
    corners = (*field.at((field.left, top)), *field.at((right, field.bottom)))
    draw.rectangle(corners, outline=EDGE, width=FINE)


def draw_wall(
    draw: ImageDraw.ImageDraw, field: Field, wall: tuple[float, float, float, float]
) -> None:
    """Draw a box that nobody walks through."""
    left, bottom, right, top = wall
    corners = (*field.at((left, top)), *field.at((right, bottom)))
    draw.rectangle(corners, fill=WALL, outline=EDGE, width=FINE)


def draw_fog(image: Image.Image, field: Field, sprites: Sequence[Sprite]) -> None:
    """Darken what none of our units sees."""
    veil = Image.new("L", field.size, 150)
    holes = ImageDraw.Draw(veil)
    for sprite in sprites:
        if sprite.alliance == 0:
            _disc(holes, field.at(sprite.place), sprite.sight * field.scale, 0)
    image.paste((0, 0, 0), (0, 0), veil)


def draw_camera(draw: ImageDraw.ImageDraw, field: Field, game: NDArray[np.int64]) -> None:
    """Draw the frame of what the camera sees."""
    x, y = (float(game[at]) / THOUSAND for at in (t.CAMERA_X, t.CAMERA_Y))
    corners = (*field.at((x - VIEW / 2, y + VIEW / 2)), *field.at((x + VIEW / 2, y - VIEW / 2)))
    draw.rectangle(corners, outline=(*TEXT, 90), width=FINE)


def draw_order(draw: ImageDraw.ImageDraw, field: Field, sprite: Sprite) -> None:
    """A line to where a unit goes or whom it is after, a dot at the end."""
    if sprite.goal is None or sprite.hidden:
        return
    if sprite.type.heals and sprite.target >= 0:
        line = (*field.at(sprite.place), *field.at(sprite.goal))
        draw.line(line, fill=(*MOVE, 200), width=2 * FINE)
        return
    color = MOVE if sprite.order in ("move", "gather", "build") else FLASH
    color = ENEMY if sprite.target >= 0 and sprite.order != "gather" else color
    end = field.at(sprite.goal)
    draw.line((*field.at(sprite.place), *end), fill=(*color, 90), width=FINE)
    if sprite.target < 0:
        _disc(draw, end, 3.0 * FINE, (*color, 120))


def draw_attack(draw: ImageDraw.ImageDraw, field: Field, sprite: Sprite, target: Sprite) -> None:
    """A bright line to the target, and a bar across where the weapon hits in one."""
    start, end = field.at(sprite.place), field.at(target.place)
    draw.line((*start, *end), fill=(*FLASH, 210), width=2 * FINE)
    _disc(draw, end, target.radius * field.scale + 3 * FINE, (*FLASH, 90))
    length, width = sprite.type.beam
    if length > 0:
        bar = tuple((x * width / 2, y * length / 2) for x, y in _CORNERS)
        _shape(draw, field, target.place, turned(bar, 1.0, sprite.facing), (*DEATH, 190))


def draw_death(draw: ImageDraw.ImageDraw, field: Field, sprite: Sprite) -> None:
    """A burst where a unit has died; as large as its blast if it has one."""
    blast = sprite.type.blast_radius
    color = ACID if blast else DEATH
    middle = field.at(sprite.place)
    _disc(draw, middle, (blast or 1.6 * sprite.radius) * field.scale, (*color, 70))
    _disc(draw, middle, 0.8 * sprite.radius * field.scale, (*color, 150))


def draw_unit(draw: ImageDraw.ImageDraw, field: Field, sprite: Sprite) -> None:
    """Draw a unit in its owner's color and its type's shape."""
    look, owner = glyph(sprite.name), OWNERS[sprite.alliance]
    shown = max(sprite.radius, field.least)
    middle, radius = field.at(sprite.place), shown * field.scale
    facing = sprite.facing if look.turns else 0.0
    lift = 6.0 if sprite.flies else 1.0
    shadow = (middle[0] + lift * FINE, middle[1] + 1.5 * lift * FINE)
    _disc(draw, shadow, radius, (0, 0, 0, 90))
    body = turned(look.outline, shown, facing)
    if body:
        _shape(draw, field, sprite.place, body, owner)
        inner = [(x * _inset(radius), y * _inset(radius)) for x, y in body]
        _shape(draw, field, sprite.place, inner, look.fill)
    else:
        _disc(draw, middle, radius, owner)
        _disc(draw, middle, radius * _inset(radius), look.fill)
    for stroke in look.strokes:
        points = [
            field.at((sprite.place[0] + x, sprite.place[1] + y))
            for x, y in turned(stroke, shown, facing)
        ]
        draw.line(points, fill=owner, width=max(round(0.2 * radius), FINE))
    if look.core:
        _disc(draw, middle, look.core * radius, look.core_color)
    if sprite.cargo:
        ((x, y),) = turned(((1.1, 0.0),), shown, facing)
        cargo = field.at((sprite.place[0] + x, sprite.place[1] + y))
        _disc(draw, cargo, 0.45 * radius, ACID if sprite.cargo == "gas" else SHIELD)
    if look.label:
        font = _font(max(round(0.9 * radius), 8))
        draw.text(middle, look.label, fill=TEXT, font=font, anchor="mm")


def _inset(radius: float) -> float:
    """Return how much smaller the body is than its outline."""
    return max(1.0 - 1.8 * FINE / max(radius, 1.0), 0.4)


def _shape(
    draw: ImageDraw.ImageDraw,
    field: Field,
    place: Point,
    corners: list[Point],
    color: Color | tuple[int, int, int, int],
) -> None:
    """Fill a polygon; corners are in cells around a point of the map."""
    points = [field.at((place[0] + x, place[1] + y)) for x, y in corners]
    draw.polygon(points, fill=color)


def draw_life(draw: ImageDraw.ImageDraw, field: Field, sprite: Sprite) -> None:
    """Draw bars of life, shield and energy above a unit."""
    if sprite.alliance == 2 or sprite.hidden:
        return
    x, y = field.at(sprite.place)
    radius = sprite.radius * field.scale
    half = max(radius, 6 * FINE)
    top = y - 1.1 * radius - 2.5 * FINE
    bars = [(sprite.health, _life_color(sprite.health))]
    bars += [(sprite.shield, SHIELD)] if sprite.shield is not None else []
    bars += [(sprite.energy, ENERGY)] if sprite.energy is not None else []
    bars += [(sprite.progress, FLASH)] if sprite.progress is not None else []
    for share, color in bars:
        _bar(draw, (x - half, top), 2 * half, share, color)
        top -= 3 * FINE


def _life_color(share: float) -> Color:
    """Green when full, yellow at half, red when almost dead."""
    return (
        round(235 * min(1.0, 2 * (1 - share)) + 20),
        round(200 * min(1.0, 2 * share) + 30),
        60,
    )


def _bar(
    draw: ImageDraw.ImageDraw, corner: Point, width: float, share: float, color: Color
) -> None:
    x, y = corner
    height = 3 * FINE
    draw.rectangle((x, y, x + width, y + height), fill=(0, 0, 0, 190))
    if share > 0:
        inner = (width - FINE) * min(share, 1.0)
        draw.rectangle(
            (x + FINE / 2, y + FINE / 2, x + FINE / 2 + inner, y + height - FINE / 2), color
        )


def _disc(
    draw: ImageDraw.ImageDraw,
    middle: Point,
    radius: float,
    color: Color | tuple[int, int, int, int] | int,
) -> None:
    x, y = middle
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)


def _draw_legend(draw: ImageDraw.ImageDraw, x: float, y: float) -> None:
    """What the colors of the lines mean."""
    font = _font(11 * FINE)
    for color, text in ((MOVE, "move"), (FLASH, "attack"), (ENEMY, "target")):
        draw.line((x, y, x + 14 * FINE, y), fill=color, width=2 * FINE)
        draw.text((x + 19 * FINE, y), text, fill=FAINT, font=font, anchor="lm")
        x += 19 * FINE + draw.textlength(text, font=font) + 14 * FINE


def draw_header(draw: ImageDraw.ImageDraw, batch: BatchedEnv, game: NDArray[np.int64]) -> None:
    """Write what is played, how long, and what came of it."""
    scenario = batch.scenario
    edge = 12 * FINE
    right = WIDTH * FINE - edge
    upper, lower = 19 * FINE, 40 * FINE
    draw.rectangle((0, 0, WIDTH * FINE, HEADER * FINE), fill=PANEL)
    title = _font(17 * FINE)
    draw.text((edge, upper), scenario.name, fill=TEXT, font=title, anchor="lm")
    seconds = int(game[f.LOOP]) / LOOPS_PER_SECOND
    clock = f"loop {int(game[f.LOOP])} / {scenario.loop_limit}   {seconds:.1f} s"
    draw.text((right, upper), clock, fill=FAINT, font=_font(13 * FINE), anchor="rm")
    end = edge + draw.textlength(scenario.name, font=title)
    _draw_legend(draw, max(end + 20 * FINE, 196.0 * FINE), upper)
    font = _font(13 * FINE)
    x = float(edge)
    sides = [(OWN, f"own {int(game[f.OWN_ALIVE])}")]
    if scenario.enemy:
        sides += [(ENEMY, f"enemy {int(game[f.ENEMY_ALIVE])} ({batch.opponent})")]
    for color, text in sides:
        _disc(draw, (x + 5 * FINE, lower), 5 * FINE, color)
        draw.text((x + 15 * FINE, lower), text, fill=TEXT, font=font, anchor="lm")
        x += 15 * FINE + draw.textlength(text, font=font) + 18 * FINE
    outcome = f.OUTCOMES[int(game[f.OUTCOME])]
    note, shade = (outcome.upper(), OUTCOME_COLORS[outcome]) if game[f.OUTCOME] else ("", TEXT)
    if len(game) > t.SUPPLY_CAP and game[t.SUPPLY_CAP]:
        note = f"minerals {int(game[t.MINERALS])}   gas {int(game[t.GAS])}   supply"
        note += f" {int(game[t.SUPPLY])}/{int(game[t.SUPPLY_CAP])}   score {int(game[f.SCORE])}"
    elif scenario.scored:
        wave = f"   wave {int(game[f.WAVES]) + 1}" if scenario.waves else ""
        note = f"score {int(game[f.SCORE])}{wave}   {note}".rstrip()
    draw.text((right, lower), note, fill=shade, font=_font(15 * FINE), anchor="rm")
