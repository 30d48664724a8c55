"""The game's numbers for what the engine knows: unit types, abilities, upgrades, attributes.

The identifiers are the game's own, as its API names them; the statistics are the engine's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from ..engine import fields as f
from ..engine import task_fields as t
from ..engine.objects import ENTITY_NAMES, TRADES

UNIT_IDS: Final[Mapping[str, tuple[int, str]]] = MappingProxyType(
    {
        "marine": (48, "Marine"),
        "marauder": (51, "Marauder"),
        "roach": (110, "Roach"),
        "stalker": (74, "Stalker"),
        "zealot": (73, "Zealot"),
        "medivac": (54, "Medivac"),
        "zergling": (105, "Zergling"),
        "baneling": (9, "Baneling"),
        "hydralisk": (107, "Hydralisk"),
        "colossus": (4, "Colossus"),
        "spine_crawler": (98, "SpineCrawler"),
        "scv": (45, "SCV"),
        "beacon": (317, "Beacon_Terran"),
        "mineral_shard": (1680, "NaturalMinerals"),
        "mineral_field": (341, "MineralField"),
        "geyser": (342, "VespeneGeyser"),
        "command_center": (18, "CommandCenter"),
        "supply_depot": (19, "SupplyDepot"),
        "barracks": (21, "Barracks"),
        "refinery": (20, "Refinery"),
    }
)
KIND_IDS: Final = tuple(UNIT_IDS[name][0] for name in ENTITY_NAMES)
"""The game's unit type of each of the engine's kinds."""
KIND_OF_ID: Final[Mapping[int, int]] = MappingProxyType(
    {unit_id: kind for kind, unit_id in enumerate(KIND_IDS)}
)

STRUCTURES: Final = tuple(
    name for name, trade in TRADES.items() if trade.role in (t.STRUCTURE, t.TOWN_HALL, t.REFINERY)
)
STRUCTURE_ATTRIBUTES: Final = frozenset({"armored", "mechanical", "structure"})

RETURN: Final = 100  # verbs beyond the engine's: bring home what is carried
SMART: Final = 101  # whatever suits the target, as a right click does
HEAL: Final = 102  # tend a certain friend

NO_TARGET: Final = 1  # values of the protocol's AbilityData.Target
POINT: Final = 2
UNIT: Final = 3
POINT_OR_UNIT: Final = 4


class Ability(NamedTuple):
    """One of the game's abilities.

    Args:
        id: The game's number.
        name: Its link name.
        button: What the game writes on its button.
        general: The ability that stands for this and its like; 0 if none does.
        target: One of the protocol's targets.
        verb: What the engine does for it.
        product: The kind that it builds or trains, or nothing.
        hotkey: The key of its button.
        doer: Which units have it: a name of a kind, or ``mobile``, ``armed``, ``worker``.
    """

    id: int
    name: str
    button: str
    general: int
    target: int
    verb: int
    product: str = ""
    hotkey: str = ""
    doer: str = "mobile"


ABILITIES: Final = (
    Ability(1, "Smart", "Smart", 0, POINT_OR_UNIT, SMART),
    Ability(4, "stop", "Stop", 3665, NO_TARGET, f.IDLE, hotkey="s"),
    Ability(16, "move", "Move", 3794, POINT_OR_UNIT, f.MOVE, hotkey="m"),
    Ability(17, "move", "Patrol", 3795, POINT_OR_UNIT, t.PATROL, hotkey="p"),
    Ability(18, "move", "HoldPosition", 3793, NO_TARGET, f.HOLD, hotkey="h"),
    Ability(19, "move", "ScanMove", 3674, POINT_OR_UNIT, f.ATTACK_MOVE, hotkey="a"),
    Ability(23, "attack", "Attack", 3674, POINT_OR_UNIT, f.ATTACK, hotkey="a", doer="armed"),
    Ability(386, "MedivacHeal", "Heal", 0, UNIT, HEAL, hotkey="e", doer="medivac"),
    Ability(3665, "stop", "Stop", 0, NO_TARGET, f.IDLE, hotkey="s"),
    Ability(3674, "attack", "Attack", 0, POINT_OR_UNIT, f.ATTACK, hotkey="a", doer="armed"),
    Ability(3793, "move", "HoldPosition", 0, NO_TARGET, f.HOLD, hotkey="h"),
    Ability(3794, "move", "Move", 0, POINT_OR_UNIT, f.MOVE, hotkey="m"),
    Ability(3795, "move", "Patrol", 0, POINT_OR_UNIT, t.PATROL, hotkey="p"),
    Ability(295, "SCVHarvest", "Gather", 3666, UNIT, t.GATHER, hotkey="g", doer="worker"),
    Ability(3666, "harvest", "Gather", 0, UNIT, t.GATHER, hotkey="g", doer="worker"),
    Ability(296, "SCVHarvest", "Return", 3667, NO_TARGET, RETURN, hotkey="c", doer="worker"),
    Ability(3667, "harvest", "Return", 0, NO_TARGET, RETURN, hotkey="c", doer="worker"),
    Ability(
        318, "TerranBuild", "CommandCenter", 0, POINT, t.BUILD, "command_center", "c", "worker"
    ),
    Ability(319, "TerranBuild", "SupplyDepot", 0, POINT, t.BUILD, "supply_depot", "s", "worker"),
    Ability(320, "TerranBuild", "Refinery", 0, UNIT, t.BUILD, "refinery", "r", "worker"),
    Ability(321, "TerranBuild", "Barracks", 0, POINT, t.BUILD, "barracks", "b", "worker"),
    Ability(524, "CommandCenterTrain", "SCV", 0, NO_TARGET, t.TRAIN, "scv", "s", "command_center"),
    Ability(560, "BarracksTrain", "Marine", 0, NO_TARGET, t.TRAIN, "marine", "a", "barracks"),
    Ability(195, "Rally", "Rally Units", 3673, POINT_OR_UNIT, t.RALLY, hotkey="y", doer="barracks"),
    Ability(
        203,
        "RallyCommand",
        "Rally Workers",
        3690,
        POINT_OR_UNIT,
        t.RALLY,
        hotkey="y",
        doer="command_center",
    ),
    Ability(3673, "Rally", "Rally Units", 0, POINT_OR_UNIT, t.RALLY, hotkey="y", doer="barracks"),
    Ability(
        3690, "Rally", "Rally Workers", 0, POINT_OR_UNIT, t.RALLY, hotkey="y", doer="command_center"
    ),
)
ALL_ABILITIES: Final[tuple[tuple[int, int, str], ...]] = tuple(
    (number, general, name)
    for number, general, name in json.loads(
        Path(__file__).with_name("abilities.json").read_text(encoding="utf-8")
    )
)
"""The game's abilities that clients name: number, general ability or 0, and name.

Most of them nobody in the engine has.
"""
ABILITY_OF_ID: Final[Mapping[int, Ability]] = MappingProxyType({a.id: a for a in ABILITIES})

SHOWN_ORDER: Final[Mapping[int, int]] = MappingProxyType(
    {f.MOVE: 16, f.ATTACK: 23, f.ATTACK_MOVE: 23, f.HOLD: 18, t.GATHER: 295}
)
"""The ability that a unit's order is shown as; building and patrolling depend on more."""
STOP_ABILITY: Final = 4
PATROL_ABILITY: Final = 17
RETURN_ABILITY: Final = 296
BUILD_ABILITY: Final[Mapping[str, int]] = MappingProxyType(
    {a.product: a.id for a in ABILITIES if a.verb == t.BUILD}
)
TRAIN_ABILITY: Final[Mapping[str, int]] = MappingProxyType(
    {a.product: a.id for a in ABILITIES if a.verb == t.TRAIN}
)
