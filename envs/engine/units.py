"""All unit types: the game's own statistics at normal speed, 16 game loops per second."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.spaces import ContractError, unknown

from .unit_statistics import UnitType

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
