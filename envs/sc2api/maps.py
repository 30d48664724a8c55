"""Which maps there are, and which game each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, Final

from ..scenarios import SCENARIOS
from .arena import Arena
from .computer import Computer
from .ground import SIDES, open_ground
from .melee import Melee
from .world import World

SUFFIX: Final = ".SC2Map"
COMPUTER: Final = 2  # PlayerType
OBSERVER: Final = 3
MINI_GAMES: Final = tuple(name for name, scenario in SCENARIOS.items() if scenario.scored)
CHALLENGES: Final = tuple(
    name.removeprefix("Battle-")
    for name, scenario in SCENARIOS.items()
    if name.startswith("Battle-") and scenario.draw is None and scenario.map_size == (32, 32)
)
"""The maps of the StarCraft Multi-Agent Challenge."""
MAPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{name: f"mini_games/{name}{SUFFIX}" for name in MINI_GAMES},
        **{name: f"SMAC_Maps/{name}{SUFFIX}" for name in CHALLENGES},
        **{name: f"Melee/{name}{SUFFIX}" for name in SIDES},
    }
)
"""Name of each map, and its path below ``Maps``."""


def map_named(path: str) -> str | None:
    """Return the map that a path ends in; None if there is no such map."""
    stem = PurePosixPath(path.replace("\\", "/")).name.removesuffix(SUFFIX)
    return stem if stem in MAPS else None


def is_melee(name: str) -> bool:
    """Tell whether a map is for two players."""
    return name in SIDES


def players_of(setup: Any) -> list[Any]:
    """Return the setup of each player of a ``RequestCreateGame``, watchers left out."""
    return [player for player in setup.player_setup if player.type != OBSERVER]


def open_map(name: str, players: list[Any], seed: int) -> World:
    """Return a game on a map, not begun.

    Args:
        name: Of the map.
        players: The protocol's ``PlayerSetup`` of each player of a melee.
        seed: Of what computers decide.
    """
    if name in MINI_GAMES:
        return Arena(SCENARIOS[name], name)
    if name in CHALLENGES:
        return Arena(SCENARIOS[f"Battle-{name}"], name, respawns=True)
    scripts = {
        player: Computer(setup.difficulty, seed + player)
        for player, setup in enumerate(players, start=1)
        if setup.type == COMPUTER
    }
    return Melee(open_ground(name, SIDES[name]), scripts)
