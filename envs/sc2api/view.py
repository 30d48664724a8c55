"""A player's seat at a game: its camera, selection, and what it has done since the last look."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine import fields as f
from .protocol import api
from .roster import Roster
from .world import ERROR, SUCCESS, Point, World

CAMERA_WIDTH = 24.0


@dataclass(slots=True, kw_only=True)
class Seat:
    """One player of a game.

    Args:
        world: The game.
        roster: Its tags.
        player: 1 or 2.
        name: How the player calls itself.
        race: The race that it asked for.
        options: The interface that it asked for.
        camera: Middle of what it sees, in cells.
        selection: Slots, in the order of selection.
        groups: Control groups: slots of each.
        actions: Actions since the last observation.
        errors: ``(slot tag, ability, result)`` since the last observation.
        chat: ``(player, message)`` since the last observation.
        dead: Tags of those who died since the last observation.
        disable_fog: Whether it sees everything.
        shows_map: The same, by a debug command.
    """

    world: World
    roster: Roster
    player: int
    name: str = ""
    race: int = 4
    options: Any = field(default_factory=api.InterfaceOptions)
    camera: Point = (0.0, 0.0)
    selection: list[int] = field(default_factory=list)
    groups: dict[int, list[int]] = field(default_factory=dict)
    actions: list[Any] = field(default_factory=list)
    errors: list[tuple[int, int, int]] = field(default_factory=list)
    chat: list[tuple[int, str]] = field(default_factory=list)
    dead: list[int] = field(default_factory=list)
    disable_fog: bool = False
    shows_map: bool = False

    @property
    def origin(self) -> Point:
        """The point that raw coordinates count from."""
        if self.options.raw_crop_to_playable_area:
            return self.world.place.playable[:2]
        return 0.0, 0.0

    @property
    def camera_width(self) -> float:
        """Cells from the left to the right edge of what it sees."""
        width = self.options.feature_layer.width
        return float(width) if width > 0 else CAMERA_WIDTH

    @property
    def camera_height(self) -> float:
        """Cells from the bottom to the top edge of what it sees."""
        size = self.options.feature_layer.resolution
        if size.x > 0 and size.y > 0:
            return self.camera_width * size.y / size.x
        return self.camera_width

    @property
    def sees_panels(self) -> bool:
        """Whether it asked for a screen, and so for what surrounds it."""
        return self.options.HasField("feature_layer") or self.options.HasField("render")

    def sees(self) -> NDArray[np.bool_]:
        """``[slot]``: whose unit it sees now; nobody in empty slots."""
        alive = self.world.alive
        return alive if self.disable_fog or self.shows_map else alive & self.world.seen(self.player)

    def on_screen(self) -> NDArray[np.bool_]:
        """``[slot]``: whose middle the camera shows."""
        units = self.world.units
        wide = np.abs(units[f.X] - self.camera[0]) <= self.camera_width / 2
        high = np.abs(units[f.Y] - self.camera[1]) <= self.camera_height / 2
        return wide & high

    def mine(self) -> NDArray[np.bool_]:
        """``[slot]``: which hold a living unit of this player."""
        return self.world.alive & (self.world.owners == self.player)

    def forget_dead(self) -> None:
        """Drop from selection and groups those who are not there any more."""
        mine = self.mine()
        self.selection = [slot for slot in self.selection if mine[slot]]
        for number, slots in self.groups.items():
            self.groups[number] = [slot for slot in slots if mine[slot]]

    def look_at(self, spot: Point) -> int:
        """Move the camera, as far as the map allows it; return the protocol's ActionResult."""
        if not (math.isfinite(spot[0]) and math.isfinite(spot[1])):
            return ERROR
        width, height = self.world.place.size
        self.camera = self.world.move_camera(
            self.player, (min(max(spot[0], 0.0), width), min(max(spot[1], 0.0), height))
        )
        return SUCCESS
