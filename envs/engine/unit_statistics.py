"""What a unit type is: its statistics, and how the state packs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

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
