"""Pictures of a game: units, life, orders, attacks, and a header that says what is shown.

North (large y) is up. Everything is drawn at a multiple of its size and scaled down, which
smooths the edges.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..batched_env import BatchedEnv
from ..engine import fields as f
from ..scenarios.scenario import LOOPS_PER_STEP
from . import drawing
from .drawing import FINE, GROUND, field_of
from .glyphs import Point
from .scene import Scene, Sprite, read_scene


class Placed(NamedTuple):
    """A unit in a picture.

    Args:
        sprite: The unit.
        pixel: Of its middle.
        radius: In pixels, as drawn.
    """

    sprite: Sprite
    pixel: Point
    radius: float


class Artist:
    """Draws one game of a batch again and again, and shows what has happened in between.

    Args:
        batch: The games.
        row: Which of them.
    """

    def __init__(self, batch: BatchedEnv, row: int = 0) -> None:
        self.batch = batch
        self.row = row
        self._last: Scene | None = None

    def draw(self) -> NDArray[np.uint8]:
        """Return a picture ``[height, width, 3]`` of the game as it stands.

        Units that have died since the last picture are shown as a burst, and attacks since then as
        flashes.
        """
        game = self.batch.games[self.row]
        last, seed, loop = self._last, int(game[f.SEED]), int(game[f.LOOP])
        goes_on = last is not None and last.seed == seed and last.loop <= loop
        since = loop - last.loop if last is not None and goes_on else LOOPS_PER_STEP
        scene = read_scene(self.batch, self.row, since)
        dead = [
            sprite
            for slot, sprite in (last.sprites.items() if last is not None and goes_on else ())
            if slot not in scene.sprites
        ]
        self._last = scene
        return _paint(self.batch, self.row, scene, dead)

    def placed(self) -> dict[int, Placed]:
        """Return where the living are in the picture that was drawn last, by slot."""
        if self._last is None:
            return {}
        field = field_of(self.batch.scenario)
        return {
            slot: Placed(
                sprite,
                (field.at(sprite.place)[0] / FINE, field.at(sprite.place)[1] / FINE),
                max(sprite.radius, field.least) * field.scale / FINE,
            )
            for slot, sprite in self._last.sprites.items()
        }

    @property
    def map_box(self) -> tuple[float, float, float, float]:
        """Pixels of the playable area: left, top, right, bottom."""
        left, bottom, right, top = self.batch.scenario.playable
        field = field_of(self.batch.scenario)
        (west, north), (east, south) = field.at((left, top)), field.at((right, bottom))
        return west / FINE, north / FINE, east / FINE, south / FINE


def draw_game(batch: BatchedEnv, row: int) -> NDArray[np.uint8]:
    """Draw one game of a batch as it stands.

    Returns:
        ``[height, width, 3]``; the width is 640, the height follows from the playable area.
    """
    return _paint(batch, row, read_scene(batch, row, LOOPS_PER_STEP), [])


def _paint(batch: BatchedEnv, row: int, scene: Scene, dead: list[Sprite]) -> NDArray[np.uint8]:
    field = field_of(batch.scenario)
    image = Image.new("RGB", field.size, GROUND)
    draw = ImageDraw.Draw(image, "RGBA")
    # The large ones lie below the small ones, and all that flies is on top.
    sprites = sorted(scene.sprites.values(), key=lambda sprite: (sprite.flies, -sprite.radius))
    drawing.draw_ground(draw, field)
    for wall in batch.scenario.walls:
        drawing.draw_wall(draw, field, wall)
    for sprite in dead:
        drawing.draw_death(draw, field, sprite)
    for sprite in sprites:
        drawing.draw_order(draw, field, sprite)
    for sprite in sprites:
        if sprite.shoots:
            drawing.draw_attack(draw, field, sprite, scene.sprites[sprite.target])
    for sprite in sprites:
        drawing.draw_unit(draw, field, sprite)
    if scene.fog:
        drawing.draw_fog(image, field, sprites)
    for sprite in sprites:
        drawing.draw_life(draw, field, sprite)
    if "camera" in batch.scenario.orders:
        drawing.draw_camera(draw, field, batch.games[row])
    drawing.draw_header(draw, batch, batch.games[row])
    width, height = field.size
    small = image.resize((width // FINE, height // FINE), Image.Resampling.BOX)
    return np.array(small, dtype=np.uint8)
