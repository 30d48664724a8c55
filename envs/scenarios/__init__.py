"""The table of scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from perceiver_rl.spaces import ContractError, unknown

from .battles import BATTLES, drawn_battle
from .loader import is_scenario_file, load_scenario
from .mini_games import MINI_GAMES
from .scenario import Draw, Scenario, Waves, point

SCENARIOS: Final[Mapping[str, Scenario]] = MappingProxyType(
    {scenario.name: scenario for scenario in (*MINI_GAMES, *BATTLES)}
)

NAMESPACE: Final = "perceiver_rl"
VERSION: Final = "v0"


def env_id(name: str) -> str:
    """Return the Gymnasium id of a scenario."""
    return f"{NAMESPACE}/{name}-{VERSION}"


def short_name(name: str) -> str:
    """Return the name of a scenario or map without Gymnasium's module, namespace and version."""
    short = name.removeprefix(f"{NAMESPACE}:").removeprefix(f"{NAMESPACE}/")
    return short.removesuffix(f"-{VERSION}")


def find_scenario(name: str | Scenario) -> Scenario:
    """Return a scenario by its name, Gymnasium id or YAML file; a scenario is returned as it is.

    Battles of drawn teams exist in every size: see :func:`~.battles.drawn_battle`.

    Raises:
        ContractError: If there is none; names the nearest one. If a file is none of a scenario.
    """
    if isinstance(name, Scenario):
        return name
    if is_scenario_file(name):
        return load_scenario(name)
    short = short_name(name)
    if short in SCENARIOS:
        return SCENARIOS[short]
    drawn = drawn_battle(short)
    if short.startswith("sc2-"):  # as `perceiver_rl._register` names what the game plays
        raise ContractError(
            f"{short} is no proxy: StarCraft II or its stand-in plays it (--backend sc2|standin)"
        )
    if drawn is None:
        raise ContractError(unknown("scenario", short, tuple(SCENARIOS)))
    return drawn


__all__ = [
    "SCENARIOS",
    "Draw",
    "Scenario",
    "Waves",
    "env_id",
    "find_scenario",
    "load_scenario",
    "point",
    "short_name",
]
