"""Pictures of a game: units, life, orders, attacks, and a header that says what is shown.

North (large y) is up. Everything is drawn at a multiple of its size and scaled down, which
smooths the edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .batched_env import BatchedEnv
from .engine import fields as f
from .engine.units import LOOPS_PER_SECOND, UNIT_NAMES
from .scenarios.scenario import LOOPS_PER_STEP

Color: TypeAlias = tuple[int, int, int]
Point: TypeAlias = tuple[float, float]

WIDTH: Final = 640
HEADER: Final = 56
MARGIN: Final = 8
FINE: Final = 3  # drawn at this multiple of the final size

GROUND: Final[Color] = (24, 28, 34)
LINE: Final[Color] = (34, 39, 47)
EDGE: Final[Color] = (62, 70, 82)
PANEL: Final[Color] = (14, 17, 21)
TEXT: Final[Color] = (226, 230, 236)
FAINT: Final[Color] = (140, 149, 161)
OWN: Final[Color] = (70, 160, 255)
ENEMY: Final[Color] = (255, 102, 82)
SHIELD: Final[Color] = (118, 198, 255)
FLASH: Final[Color] = (255, 226, 120)
MOVE: Final[Color] = (104, 200, 120)
FILLS: Final[dict[str, Color]] = {
    "marine": (58, 74, 96),
    "marauder": (84, 70, 58),
    "roach": (92, 66, 44),
    "stalker": (56, 60, 98),
    "zealot": (98, 86, 44),
}
OUTCOME_COLORS: Final[dict[str, Color]] = {"win": MOVE, "loss": ENEMY, "draw": FLASH}


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


@dataclass(frozen=True, slots=True)
class _Field:
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
    def size(self) -> tuple[int, int]:
        """Width and height of the picture, at drawing size."""
        height = HEADER * FINE + round(self.height * self.scale) + 2 * MARGIN * FINE
        return WIDTH * FINE, -(-height // FINE) * FINE

    def at(self, x: float, y: float) -> Point:
        """Return the pixel of a point of the map."""
        return (
            MARGIN * FINE + (x - self.left) * self.scale,
            (HEADER + MARGIN) * FINE + (self.bottom + self.height - y) * self.scale,
        )


def draw_game(batch: BatchedEnv, row: int) -> NDArray[np.uint8]:
    """Draw one game of a batch as it stands.

    Returns:
        ``[height, width, 3]``; the width is 640, the height follows from the playable area.
    """
    left, bottom, right, top = batch.scenario.playable
    field = _Field(left, bottom, right - left, top - bottom)
    image = Image.new("RGB", field.size, GROUND)
    draw = ImageDraw.Draw(image, "RGBA")
    units, game = batch.units[row], batch.games[row]
    own, total = batch.scenario.own_slots, batch.scenario.slots
    alive = [slot for slot in range(total) if units[f.HEALTH, slot] > 0]
    _draw_ground(draw, field)
    for slot in alive:
        _draw_order(draw, field, units, slot)
    for slot in alive:
        _draw_attack(draw, field, units, slot)
    for slot in alive:
        _draw_unit(draw, field, units, slot, OWN if slot < own else ENEMY)
    for slot in alive:
        _draw_life(draw, field, units, slot)
    _draw_header(draw, batch, game)
    width, height = field.size
    small = image.resize((width // FINE, height // FINE), Image.Resampling.BOX)
    return np.array(small, dtype=np.uint8)


def _draw_ground(draw: ImageDraw.ImageDraw, field: _Field) -> None:
    for x in range(int(field.left), int(field.left + field.width) + 1, 2):
        start, end = field.at(x, field.bottom), field.at(x, field.bottom + field.height)
        draw.line((*start, *end), fill=LINE, width=FINE)
    for y in range(int(field.bottom), int(field.bottom + field.height) + 1, 2):
        start, end = field.at(field.left, y), field.at(field.left + field.width, y)
        draw.line((*start, *end), fill=LINE, width=FINE)
    low = field.at(field.left, field.bottom + field.height)
    high = field.at(field.left + field.width, field.bottom)
    draw.rectangle((*low, *high), outline=EDGE, width=FINE)


def _where(units: NDArray[np.float32], slot: int) -> Point:
    return float(units[f.X, slot]), float(units[f.Y, slot])


def _draw_order(
    draw: ImageDraw.ImageDraw, field: _Field, units: NDArray[np.float32], slot: int
) -> None:
    """A line to where a unit goes or whom it is after, a dot at the end."""
    order, target = int(units[f.ORDER, slot]), int(units[f.TARGET, slot])
    if target >= 0 and units[f.HEALTH, target] > 0:
        goal, color = _where(units, target), ENEMY
    elif order in (f.MOVE, f.ATTACK_MOVE):
        goal = (float(units[f.GOAL_X, slot]), float(units[f.GOAL_Y, slot]))
        color = MOVE if order == f.MOVE else FLASH
    else:
        return
    start, end = field.at(*_where(units, slot)), field.at(*goal)
    draw.line((*start, *end), fill=(*color, 110), width=FINE)
    if target < 0:
        _disc(draw, end, 3.0 * FINE, (*color, 120))


def _draw_attack(
    draw: ImageDraw.ImageDraw, field: _Field, units: NDArray[np.float32], slot: int
) -> None:
    """A bright line if the unit has attacked since the last picture."""
    target = int(units[f.TARGET, slot])
    fresh = units[f.COOLDOWN, slot] > units[f.PERIOD, slot] - LOOPS_PER_STEP
    if target < 0 or units[f.HEALTH, target] <= 0 or not fresh:
        return
    start, end = field.at(*_where(units, slot)), field.at(*_where(units, target))
    draw.line((*start, *end), fill=(*FLASH, 200), width=2 * FINE)
    radius = float(units[f.RADIUS, target]) * field.scale
    _disc(draw, end, radius + 3 * FINE, (*FLASH, 90))


def _draw_unit(
    draw: ImageDraw.ImageDraw,
    field: _Field,
    units: NDArray[np.float32],
    slot: int,
    owner: Color,
) -> None:
    name = UNIT_NAMES[int(units[f.KIND, slot])]
    middle = field.at(*_where(units, slot))
    radius = float(units[f.RADIUS, slot]) * field.scale
    _disc(draw, (middle[0] + FINE, middle[1] + 1.5 * FINE), radius + FINE, (0, 0, 0, 110))
    _disc(draw, middle, radius, owner)
    _disc(draw, middle, radius - 1.8 * FINE, FILLS.get(name, GROUND))
    draw.text(
        middle, name[0].upper(), fill=TEXT, font=_font(max(round(1.15 * radius), 8)), anchor="mm"
    )


def _draw_life(
    draw: ImageDraw.ImageDraw, field: _Field, units: NDArray[np.float32], slot: int
) -> None:
    x, y = field.at(*_where(units, slot))
    radius = float(units[f.RADIUS, slot]) * field.scale
    half = max(radius, 6 * FINE)
    top = y - radius - 2.5 * FINE
    share = float(units[f.HEALTH, slot] / units[f.MAX_HEALTH, slot])
    _bar(draw, (x - half, top), 2 * half, share, _life_color(share))
    if units[f.MAX_SHIELD, slot] > 0:
        shield = float(units[f.SHIELD, slot] / units[f.MAX_SHIELD, slot])
        _bar(draw, (x - half, top - 3 * FINE), 2 * half, shield, SHIELD)


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
    color: Color | tuple[int, int, int, int],
) -> None:
    x, y = middle
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)


def _draw_legend(draw: ImageDraw.ImageDraw, y: float) -> None:
    """What the colors of the lines mean."""
    x, font = 196.0 * FINE, _font(11 * FINE)
    for color, text in ((MOVE, "move"), (FLASH, "attack-move, shot"), (ENEMY, "target")):
        draw.line((x, y, x + 14 * FINE, y), fill=color, width=2 * FINE)
        draw.text((x + 19 * FINE, y), text, fill=FAINT, font=font, anchor="lm")
        x += 19 * FINE + draw.textlength(text, font=font) + 14 * FINE


def _draw_header(draw: ImageDraw.ImageDraw, batch: BatchedEnv, game: NDArray[np.int64]) -> None:
    scenario = batch.scenario
    edge = 12 * FINE
    right = WIDTH * FINE - edge
    upper, lower = 19 * FINE, 40 * FINE
    draw.rectangle((0, 0, WIDTH * FINE, HEADER * FINE), fill=PANEL)
    draw.text((edge, upper), scenario.name, fill=TEXT, font=_font(17 * FINE), anchor="lm")
    seconds = int(game[f.LOOP]) / LOOPS_PER_SECOND
    clock = f"loop {int(game[f.LOOP])} / {scenario.loop_limit}   {seconds:.1f} s"
    draw.text((right, upper), clock, fill=FAINT, font=_font(13 * FINE), anchor="rm")
    _draw_legend(draw, upper)
    font = _font(13 * FINE)
    x = float(edge)
    for color, text in (
        (OWN, f"own {int(game[f.OWN_ALIVE])}"),
        (ENEMY, f"enemy {int(game[f.ENEMY_ALIVE])} ({batch.opponent})"),
    ):
        _disc(draw, (x + 5 * FINE, lower), 5 * FINE, color)
        draw.text((x + 15 * FINE, lower), text, fill=TEXT, font=font, anchor="lm")
        x += 15 * FINE + draw.textlength(text, font=font) + 18 * FINE
    outcome = f.OUTCOMES[int(game[f.OUTCOME])]
    note, shade = (outcome.upper(), OUTCOME_COLORS[outcome]) if game[f.OUTCOME] else ("", TEXT)
    if scenario.waves is not None:
        note = f"score {int(game[f.SCORE])}   wave {int(game[f.WAVES]) + 1}   {note}".rstrip()
    draw.text((right, lower), note, fill=shade, font=_font(15 * FINE), anchor="rm")
