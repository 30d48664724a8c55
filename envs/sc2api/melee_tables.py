"""The engine's tables for melee games: what a hit does to structures, and the rules of a map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..engine.objects import ENTITY_NAMES, entity_type
from ..scenarios import Scenario
from ..scenarios.scenario import point
from .catalog import STRUCTURE_ATTRIBUTES, STRUCTURES
from .ground import Ground


def damage_of_all() -> NDArray[np.float32]:
    """``[attacker, victim]``: as in battles, continued by structures, which are armored."""
    types = [entity_type(name) for name in ENTITY_NAMES]
    types = [
        replace(kind, attributes=STRUCTURE_ATTRIBUTES) if kind.name in STRUCTURES else kind
        for kind in types
    ]
    return np.array([[a.damage_against(b) for b in types] for a in types], np.float32)


def rules_of(ground: Ground) -> NDArray[np.float32]:
    """Return the engine's rules for the map: idle units of both sides fight."""
    place = ground.place
    scenario = Scenario(
        name=place.name,
        own=(("marine", 1),),
        enemy=(("marine", 1),),
        places=((point(*place.starts[0]), point(*place.starts[1])),),
        step_limit=1,
        map_size=place.size,
        playable=place.playable,
        idle_units_fight=True,
    )
    return scenario.rules()
