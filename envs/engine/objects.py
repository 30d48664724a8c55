"""What is no fighter: structures, resources, beacons; what things cost, and how fast workers start.

Health, radii, costs and times are the game's, at normal speed. Beacons and shards cannot be
attacked; a single hit point marks them as present.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.spaces import ContractError, unknown

from . import fields as f
from . import task_fields as t
from .unit_statistics import LOOPS_PER_SECOND, UnitType
from .units import UNITS, stats_table


def _object(name: str, health: float, radius: float, sight: float = 0.0) -> UnitType:
    return UnitType(
        name=name,
        race="neutral" if not sight else "terran",
        health=health,
        radius=radius,
        speed=0.0,
        sight=sight,
        damage=0.0,
        weapon_range=0.0,
        cooldown=0.0,
    )


_OBJECTS = (
    _object("beacon", 1, 1.25),
    _object("mineral_shard", 1, 0.5),
    _object("mineral_field", 500, 1.0),
    _object("geyser", 500, 1.5),
    _object("command_center", 1500, 2.75, 11),
    _object("supply_depot", 400, 1.25, 10),
    _object("barracks", 1000, 1.8125, 9),
    _object("refinery", 500, 1.5, 9),
)

OBJECTS: Final[Mapping[str, UnitType]] = MappingProxyType({each.name: each for each in _OBJECTS})
ENTITY_NAMES: Final = (*UNITS, *OBJECTS)
"""Every kind of entity; the fighters first, by the same index as in battles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """What a kind is to an economy.

    Args:
        role: A role of ``task_fields``.
        cost: In minerals.
        loops: Game loops that building or training takes.
        supply: Supply that it uses.
        gives: Supply that it provides.
        half_width: Cells from the middle to the edge of the square that it blocks.
        acceleration: Cells per second and second; 0 means full speed at once.
        trains: The kind that it trains, or nothing.
        contents: Minerals or gas in it at the start.
    """

    role: int = t.FIGHTER
    cost: int = 0
    loops: int = 0
    supply: int = 0
    gives: int = 0
    half_width: float = 0.0
    acceleration: float = 0.0
    trains: str = ""
    contents: int = 0


TRADES: Final[Mapping[str, Trade]] = MappingProxyType(
    {
        "beacon": Trade(role=t.BEACON),
        "mineral_shard": Trade(role=t.SHARD),
        "mineral_field": Trade(role=t.MINERAL_FIELD, half_width=1.0, contents=1800),
        "geyser": Trade(role=t.GEYSER, half_width=1.5, contents=2250),
        "marine": Trade(cost=50, loops=400, supply=1),
        "scv": Trade(role=t.WORKER, cost=50, loops=272, supply=1, acceleration=2.5),
        "command_center": Trade(
            role=t.TOWN_HALL, cost=400, loops=1600, gives=15, half_width=2.5, trains="scv"
        ),
        "supply_depot": Trade(role=t.STRUCTURE, cost=100, loops=480, gives=8, half_width=1.0),
        "barracks": Trade(role=t.STRUCTURE, cost=150, loops=1040, half_width=1.5, trains="marine"),
        "refinery": Trade(role=t.REFINERY, cost=75, loops=480, half_width=1.5),
    }
)


def entity_kind(name: str) -> int:
    """Return the index of a kind of entity.

    Raises:
        ContractError: If there is none; names the nearest one.
    """
    if name not in ENTITY_NAMES:
        raise ContractError(unknown("entity type", name, ENTITY_NAMES))
    return ENTITY_NAMES.index(name)


def entity_type(name: str) -> UnitType:
    """Return the statistics of a kind of entity.

    Raises:
        ContractError: If there is none; names the nearest one.
    """
    name = ENTITY_NAMES[entity_kind(name)]
    return UNITS[name] if name in UNITS else OBJECTS[name]


def all_stats() -> NDArray[np.float32]:
    """Return ``[kind, stat]``: the unit table, continued by the objects."""
    objects = np.stack([each.stats() for each in OBJECTS.values()])
    return np.concatenate([stats_table(), objects]).astype(np.float32)


def trade_table() -> NDArray[np.float32]:
    """Return ``[kind, column]``: see ``task_fields.KIND_COLUMNS``."""
    table = np.zeros((len(ENTITY_NAMES), t.KIND_COLUMNS), dtype=np.float32)
    table[:, t.TRAINS] = f.NOBODY
    for name, trade in TRADES.items():
        table[entity_kind(name)] = (
            trade.role,
            trade.cost,
            trade.loops,
            trade.supply,
            trade.gives,
            trade.half_width,
            trade.acceleration / LOOPS_PER_SECOND**2,
            entity_kind(trade.trains) if trade.trains else f.NOBODY,
            trade.contents,
        )
    return table
