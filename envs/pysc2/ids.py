"""The game's numbers, in the words of our contract.

What a unit is called depends on its skin, its mode and the map; all of these are one type to us.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ..engine import fields as f
from ..engine import task_fields as t
from ..engine.objects import entity_kind
from ..sc2api import catalog

_ALIASES: Final[Mapping[str, tuple[int, ...]]] = {
    "mineral_field": (146, 147, 483, 665, 666, 796, 797, 884, 885, 886, 887, 1961, 1996, 1997),
    "geyser": (343, 344, 608, 880, 881),
    "supply_depot": (47,),  # lowered
    "command_center": (36, 130, 132, 134),  # flying, planetary fortress, orbital command
    "barracks": (46,),  # flying
    "refinery": (1960,),  # rich
    "baneling": (115,),  # burrowed, as below
    "hydralisk": (117,),
    "roach": (118,),
    "zergling": (119,),
    "spine_crawler": (139,),  # uprooted
}
KIND_OF_UNIT: Final[Mapping[int, int]] = MappingProxyType(
    {
        unit_id: entity_kind(name)
        for name, (unit_id, _) in catalog.UNIT_IDS.items()
        for unit_id in (unit_id, *_ALIASES.get(name, ()))
    }
)
"""Our kind of each of the game's unit types that the scenarios know."""

# The abilities that stand for all of their like; the game finds the unit's own.
STOP: Final = 3665
MOVE: Final = 3794
ATTACK: Final = 3674
HOLD: Final = 3793
PATROL: Final = 3795
GATHER: Final = 3666
RALLY_UNITS: Final = 3673
RALLY_WORKERS: Final = 3690
ABILITY_OF_VERB: Final[Mapping[int, int]] = MappingProxyType(
    {
        f.IDLE: STOP,
        f.MOVE: MOVE,
        f.ATTACK: ATTACK,
        f.ATTACK_MOVE: ATTACK,
        f.HOLD: HOLD,
        t.PATROL: PATROL,
        t.GATHER: GATHER,
    }
)

_SHOWN: Final[Mapping[int, tuple[int, ...]]] = {
    f.MOVE: (16, 19, 3794),
    f.ATTACK: (23, 3674),
    f.HOLD: (18, 3793),
    t.PATROL: (17, 3795),
    t.GATHER: (295, 296, 3666, 3667),
    t.BUILD: tuple(catalog.BUILD_ABILITY.values()),
    t.TRAIN: tuple(catalog.TRAIN_ABILITY.values()),
}
VERB_OF_ABILITY: Final[Mapping[int, int]] = MappingProxyType(
    {ability: verb for verb, abilities in _SHOWN.items() for ability in abilities}
)
"""What a unit does whose order shows an ability; what is not here counts as idle."""

# Buffs of workers with a load: from a poor or a rich field, and with the gas of each race.
CARRIES_MINERALS: Final = frozenset({271, 272})
CARRIES_GAS: Final = frozenset({273, 274, 275})

SELF: Final = 1  # values of the protocol's Alliance
NEUTRAL: Final = 3
ENEMY: Final = 4
VISIBLE: Final = 1  # of its DisplayType
VICTORY: Final = 1  # of its Result
DEFEAT: Final = 2
SUCCESS: Final = 1  # of its ActionResult
