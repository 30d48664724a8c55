"""Unit types: the game's own statistics at normal speed, 16 game loops per second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.spaces import ContractError, unknown

from . import fields as f

LOOPS_PER_SECOND: Final = 16
SHIELD_DELAY_SECONDS: Final = 10.0
SHIELD_PER_SECOND: Final = 2.0
LEAST_SCAN: Final = 5.0
SCAN_MARGIN: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitType:
    """Statistics of a unit type.

    Args:
        name: Key in :data:`UNITS`.
        race: ``terran``, ``protoss`` or ``zerg``.
        health: Full health in hit points.
        shield: Full shield in hit points; a shield has no armor.
        armor: Taken off each hit on health.
        radius: In cells.
        speed: Cells per second.
        sight: In cells.
        damage: Of one hit, before armor.
        bonus: Extra damage of one hit on units that have the attribute ``bonus_against``.
        bonus_against: An attribute, or nothing.
        hits: Hits per attack; armor counts against each.
        weapon_range: Cells between the edges of the two units.
        cooldown: Seconds from one attack to the next.
        attributes: Such as ``light`` and ``armored``.
        regeneration: Health per second.
    """

    name: str
    race: str
    health: float
    shield: float = 0.0
    armor: float = 0.0
    radius: float
    speed: float
    sight: float
    damage: float
    bonus: float = 0.0
    bonus_against: str = ""
    hits: int = 1
    weapon_range: float
    cooldown: float
    attributes: frozenset[str] = field(default_factory=frozenset)
    regeneration: float = 0.0

    @property
    def speed_per_loop(self) -> float:
        """Cells per game loop."""
        return self.speed / LOOPS_PER_SECOND

    @property
    def cooldown_loops(self) -> float:
        """Game loops from one attack to the next, not rounded."""
        return self.cooldown * LOOPS_PER_SECOND

    @property
    def scan(self) -> float:
        """Cells between the edges at which a unit acquires a target by itself."""
        return max(self.weapon_range, LEAST_SCAN) + SCAN_MARGIN

    def stats(self) -> NDArray[np.float32]:
        """Return the statistics as the state packs them, from ``FIRST_STAT`` on."""
        row = np.zeros(f.UNIT_FIELDS, dtype=np.float32)
        row[f.MAX_HEALTH] = self.health
        row[f.MAX_SHIELD] = self.shield
        row[f.ARMOR] = self.armor
        row[f.RADIUS] = self.radius
        row[f.SPEED] = self.speed_per_loop
        row[f.RANGE] = self.weapon_range
        row[f.PERIOD] = self.cooldown_loops
        row[f.HITS] = self.hits
        row[f.SCAN] = self.scan
        row[f.SIGHT] = self.sight
        row[f.HEALTH_REGEN] = self.regeneration / LOOPS_PER_SECOND
        row[f.SHIELD_REGEN] = SHIELD_PER_SECOND / LOOPS_PER_SECOND if self.shield else 0.0
        return row[f.FIRST_STAT :]


_TYPES = (
    UnitType(
        name="marine",
        race="terran",
        health=45,
        radius=0.375,
        speed=2.25,
        sight=9,
        damage=6,
        weapon_range=5,
        cooldown=0.8608,
        attributes=frozenset({"light", "biological"}),
    ),
    UnitType(
        name="marauder",
        race="terran",
        health=125,
        armor=1,
        radius=0.5625,
        speed=2.25,
        sight=10,
        damage=10,
        bonus=10,
        bonus_against="armored",
        weapon_range=6,
        cooldown=1.5,
        attributes=frozenset({"armored", "biological"}),
    ),
    UnitType(
        name="roach",
        race="zerg",
        health=145,
        armor=1,
        radius=0.5,
        speed=2.25,
        sight=9,
        damage=16,
        weapon_range=4,
        cooldown=2.0,
        attributes=frozenset({"armored", "biological"}),
        regeneration=0.2734,
    ),
    UnitType(
        name="stalker",
        race="protoss",
        health=80,
        shield=80,
        armor=1,
        radius=0.625,
        speed=2.9531,
        sight=10,
        damage=13,
        bonus=5,
        bonus_against="armored",
        weapon_range=6,
        cooldown=1.8701,
        attributes=frozenset({"armored", "mechanical"}),
    ),
    UnitType(
        name="zealot",
        race="protoss",
        health=100,
        shield=50,
        armor=1,
        radius=0.5,
        speed=2.25,
        sight=9,
        damage=8,
        hits=2,
        weapon_range=0.1,
        cooldown=1.2,
        attributes=frozenset({"light", "biological"}),
    ),
)

UNITS: Final[Mapping[str, UnitType]] = MappingProxyType({unit.name: unit for unit in _TYPES})
UNIT_NAMES: Final = tuple(UNITS)


def unit_type(name: str) -> UnitType:
    """Return a unit type by name.

    Raises:
        ContractError: If there is none; names the nearest one.
    """
    if name not in UNITS:
        raise ContractError(unknown("unit type", name, UNIT_NAMES))
    return UNITS[name]


def stats_table() -> NDArray[np.float32]:
    """Return ``[type, stat]``: what :meth:`UnitType.stats` says of every type."""
    return np.stack([unit.stats() for unit in UNITS.values()])


def damage_table() -> NDArray[np.float32]:
    """Return ``[attacker, victim]``: the damage of one hit, bonus included, before armor."""
    return np.array(
        [
            [
                attacker.damage + attacker.bonus * (attacker.bonus_against in victim.attributes)
                for victim in UNITS.values()
            ]
            for attacker in UNITS.values()
        ],
        dtype=np.float32,
    )
