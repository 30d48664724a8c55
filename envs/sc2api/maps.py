"""Which maps there are, and which game each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final

from ..scenarios import SCENARIOS
from .arena import Arena
from .world import World

SUFFIX: Final = ".SC2Map"
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
    }
)
"""Name of each map, and its path below ``Maps``."""


def map_named(path: str) -> str | None:
    """Return the map that a path ends in; None if there is no such map."""
    stem = PurePosixPath(path.replace("\\", "/")).name.removesuffix(SUFFIX)
    return stem if stem in MAPS else None


def open_map(name: str) -> World:
    """Return a game on a map, not begun."""
    if name in MINI_GAMES:
        return Arena(SCENARIOS[name], name)
    return Arena(SCENARIOS[f"Battle-{name}"], name, respawns=True)
