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
ENERGY_PER_SECOND: Final = 0.5625
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
        damage: Of one hit, before armor; 0 for a unit without a weapon.
        bonus: Extra damage of one hit on units that have the attribute ``bonus_against``.
        bonus_against: An attribute, or nothing.
        damage_to_structures: Of one hit on a structure, if it differs.
        hits: Hits per attack; armor counts against each.
        weapon_range: Cells between the edges of the two units; how far a healer heals.
        cooldown: Seconds from one attack to the next.
        attributes: Such as ``light`` and ``armored``.
        regeneration: Health per second.
        flies: Whether it is in the air, where it meets nobody on the ground.
        hits_air: Whether its weapon hits units in the air; every weapon hits those on the ground.
        blast_radius: Not 0 for a unit that attacks by blowing itself up: each foe on the ground
            whose edge is within this many cells is hit. It also goes off when it is killed.
        beam: Length and width, in cells, of the bar across the line of fire, around the target, in
            which each foe on the ground is hit; zeros for other weapons.
        energy: Most energy.
        start_energy: Energy at the start.
        heals: Health per second that it gives to one hurt biological friend.
        heal_cost: Energy per second of healing.
    """

    name: str
    race: str
    health: float
    shield: float = 0.0
    armor: float = 0.0
    radius: float
    speed: float
    sight: float
    damage: float = 0.0
    bonus: float = 0.0
    bonus_against: str = ""
    damage_to_structures: float | None = None
    hits: int = 1
    weapon_range: float = 0.0
    cooldown: float = 0.0
    attributes: frozenset[str] = field(default_factory=frozenset)
    regeneration: float = 0.0
    flies: bool = False
    hits_air: bool = False
    blast_radius: float = 0.0
    beam: tuple[float, float] = (0.0, 0.0)
    energy: float = 0.0
    start_energy: float = 0.0
    heals: float = 0.0
    heal_cost: float = 0.0

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

    @property
    def prey(self) -> int:
        """Field of the state that tells its targets by not being negative; 0 if it has none."""
        if not self.damage:
            return 0
        return f.BULK if self.hits_air else f.GROUND_BULK

    def damage_against(self, victim: UnitType) -> float:
        """Damage of one hit on a type of unit, bonus included, before armor; 0 if it cannot hit."""
        if victim.flies and not self.hits_air:
            return 0.0
        if self.damage_to_structures is not None and "structure" in victim.attributes:
            return self.damage_to_structures
        return self.damage + self.bonus * (self.bonus_against in victim.attributes)

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
        row[f.FLIES] = self.flies
        row[f.PREY] = self.prey
        row[f.BLAST] = self.blast_radius
        row[f.BEAM_LENGTH], row[f.BEAM_WIDTH] = self.beam
        row[f.MAX_ENERGY] = self.energy
        row[f.START_ENERGY] = self.start_energy
        row[f.ENERGY_REGEN] = ENERGY_PER_SECOND / LOOPS_PER_SECOND if self.energy else 0.0
        row[f.HEAL] = self.heals / LOOPS_PER_SECOND
        row[f.HEAL_COST] = self.heal_cost / LOOPS_PER_SECOND
        row[f.HEALABLE] = "biological" in self.attributes and "structure" not in self.attributes
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
        hits_air=True,
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
        hits_air=True,
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
    UnitType(
        name="medivac",
        race="terran",
        health=150,
        armor=1,
        radius=0.75,
        speed=2.5,
        sight=11,
        weapon_range=4,
        attributes=frozenset({"armored", "mechanical"}),
        flies=True,
        energy=200,
        start_energy=50,
        heals=9.0,
        heal_cost=3.0,
    ),
    UnitType(
        name="zergling",
        race="zerg",
        health=35,
        radius=0.375,
        speed=2.9531,
        sight=8,
        damage=5,
        weapon_range=0.1,
        cooldown=0.696,
        attributes=frozenset({"light", "biological"}),
        regeneration=0.2734,
    ),
    UnitType(
        name="baneling",
        race="zerg",
        health=30,
        radius=0.375,
        speed=2.5,
        sight=8,
        damage=16,
        bonus=19,
        bonus_against="light",
        damage_to_structures=80,
        weapon_range=0.25,
        cooldown=0.833,
        attributes=frozenset({"biological"}),
        regeneration=0.2734,
        blast_radius=2.2,
    ),
    UnitType(
        name="hydralisk",
        race="zerg",
        health=90,
        radius=0.625,
        speed=2.25,
        sight=9,
        damage=12,
        hits_air=True,
        weapon_range=5,
        cooldown=0.825,
        attributes=frozenset({"light", "biological"}),
        regeneration=0.2734,
    ),
    UnitType(
        name="colossus",
        race="protoss",
        health=200,
        shield=150,
        armor=1,
        radius=1.0,
        speed=2.25,
        sight=10,
        damage=10,
        bonus=5,
        bonus_against="light",
        hits=2,
        weapon_range=7,
        cooldown=1.5,
        attributes=frozenset({"armored", "mechanical", "massive"}),
        beam=(2.8, 0.3),
    ),
    UnitType(
        name="spine_crawler",
        race="zerg",
        health=300,
        armor=2,
        radius=1.125,
        speed=0.0,
        sight=11,
        damage=25,
        bonus=5,
        bonus_against="armored",
        weapon_range=7,
        cooldown=1.8501,
        attributes=frozenset({"armored", "biological", "structure"}),
        regeneration=0.2734,
    ),
    UnitType(
        name="scv",
        race="terran",
        health=45,
        radius=0.375,
        speed=2.8125,
        sight=8,
        damage=5,
        weapon_range=0.1,
        cooldown=1.5,
        attributes=frozenset({"light", "biological", "mechanical"}),
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
        [[one.damage_against(other) for other in UNITS.values()] for one in UNITS.values()],
        dtype=np.float32,
    )
