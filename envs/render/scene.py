"""What there is to draw in a game, read from its state."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..batched_env import BatchedEnv
from ..engine import fields as f
from ..engine import task_fields as t
from ..engine.objects import ENTITY_NAMES, TRADES, entity_type
from ..engine.unit_statistics import UnitType
from .glyphs import Point

OWN, ENEMY, NEUTRAL = range(3)
"""Alliances, as in the observation."""
_WALKS: Final = (f.MOVE, f.ATTACK_MOVE, t.PATROL, t.BUILD)
_IN_FOG: Final = ("hunt",)
"""Tasks in which our side does not see what is out of its sight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sprite:
    """A unit as a picture shows it.

    Args:
        slot: Its slot.
        name: Its type.
        alliance: OWN, ENEMY or NEUTRAL.
        place: In cells.
        radius: In cells.
        facing: Angle to where it aims or goes, from the direction of x.
        flies: Whether it is in the air.
        health: Share left.
        shield: Share left; None for a type without one.
        energy: Share left; None for a type without any.
        order: What it does, by name.
        goal: Where it goes or aims, or None.
        target: Slot that it aims at, or -1.
        shoots: Whether it has attacked since the last picture.
        sight: In cells.
        hidden: Whether our side does not see it.
        cargo: What it carries: ``minerals``, ``gas`` or nothing.
        progress: Share done of its building, or of the unit that it trains; None without either.
        type: Its statistics.
    """

    slot: int
    name: str
    alliance: int
    place: Point
    radius: float
    facing: float
    flies: bool
    health: float
    shield: float | None
    energy: float | None
    order: str
    goal: Point | None
    target: int
    shoots: bool
    sight: float
    hidden: bool
    cargo: str
    progress: float | None
    type: UnitType


@dataclass(frozen=True, slots=True)
class Scene:
    """A game at one moment.

    Args:
        seed: Of its episode.
        loop: Game loops run.
        sprites: The living, by slot.
        fog: Whether our side does not see everything.
    """

    seed: int
    loop: int
    sprites: dict[int, Sprite]
    fog: bool


def read_scene(batch: BatchedEnv, row: int, since: int) -> Scene:
    """Read a game; attacks of the last ``since`` loops are shown."""
    units, game = batch.units[row], batch.games[row]
    alive = [slot for slot in range(batch.scenario.slots) if units[f.HEALTH, slot] > 0]
    fog = batch.scenario.task in _IN_FOG
    sprites = {slot: _sprite(batch, row, slot, since) for slot in alive}
    if fog:
        sprites = _veiled(sprites)
    return Scene(int(game[f.SEED]), int(game[f.LOOP]), sprites, fog)


def _veiled(sprites: dict[int, Sprite]) -> dict[int, Sprite]:
    """Mark as hidden what none of our units sees."""
    eyes = [sprite for sprite in sprites.values() if sprite.alliance == OWN]
    return {
        slot: replace(
            sprite,
            hidden=not any(math.dist(eye.place, sprite.place) <= eye.sight for eye in eyes),
        )
        for slot, sprite in sprites.items()
    }


def _sprite(batch: BatchedEnv, row: int, slot: int, since: int) -> Sprite:
    unit = batch.units[row][:, slot]
    name = ENTITY_NAMES[int(unit[f.KIND])]
    kind = entity_type(name)
    place = float(unit[f.X]), float(unit[f.Y])
    own = batch.scenario.own_slots
    fighters = own + batch.scenario.enemy_slots
    alliance = OWN if slot < own else (ENEMY if slot < fighters else NEUTRAL)
    target, goal = _aim(batch, row, slot)
    fresh = unit[f.COOLDOWN] > unit[f.PERIOD] - since
    return Sprite(
        slot=slot,
        name=name,
        alliance=alliance,
        place=place,
        radius=float(unit[f.RADIUS]),
        facing=_angle(place, goal, alliance),
        flies=kind.flies,
        health=float(unit[f.HEALTH] / unit[f.MAX_HEALTH]),
        shield=float(unit[f.SHIELD] / unit[f.MAX_SHIELD]) if unit[f.MAX_SHIELD] > 0 else None,
        energy=float(unit[f.ENERGY] / kind.energy) if kind.energy else None,
        order=t.ORDERS[int(unit[f.ORDER])],
        goal=goal,
        target=target,
        shoots=bool(target >= 0 and fresh and kind.damage > 0),
        sight=float(unit[f.SIGHT]),
        hidden=False,
        cargo=_cargo(unit),
        progress=_progress(unit, name),
        type=kind,
    )


def _cargo(unit: NDArray[np.float32]) -> str:
    if len(unit) <= t.CARGO or unit[t.CARGO] <= 0:
        return ""
    return "gas" if unit[t.CARGO_GAS] > 0 else "minerals"


def _progress(unit: NDArray[np.float32], name: str) -> float | None:
    trade = TRADES.get(name)
    if trade is None or len(unit) <= t.TRAIN_LEFT:
        return None
    if unit[t.UNBUILT] > 0:
        return 1 - float(unit[t.UNBUILT]) / trade.loops
    if unit[t.TRAIN_LEFT] > 0:
        return 1 - float(unit[t.TRAIN_LEFT]) / TRADES[trade.trains].loops
    return None


def _aim(batch: BatchedEnv, row: int, slot: int) -> tuple[int, Point | None]:
    """Return the slot that a unit aims at, or -1, and the point where it aims or goes."""
    units = batch.units[row]
    target, order = int(units[f.TARGET, slot]), int(units[f.ORDER, slot])
    if target >= 0 and units[f.HEALTH, target] > 0:
        return target, (float(units[f.X, target]), float(units[f.Y, target]))
    if order in _WALKS:
        return f.NOBODY, (float(units[f.GOAL_X, slot]), float(units[f.GOAL_Y, slot]))
    return f.NOBODY, None


def _angle(place: Point, goal: Point | None, alliance: int) -> float:
    if goal is None or goal == place:
        return math.pi if alliance == ENEMY else 0.0
    return math.atan2(goal[1] - place[1], goal[0] - place[0])
