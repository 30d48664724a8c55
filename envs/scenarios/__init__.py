"""The table of scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from perceiver_rl.spaces import ContractError, unknown

from .battles import BATTLES
from .mini_games import MINI_GAMES
from .scenario import Scenario, Waves, point

SCENARIOS: Final[Mapping[str, Scenario]] = MappingProxyType(
    {scenario.name: scenario for scenario in (*MINI_GAMES, *BATTLES)}
)

NAMESPACE: Final = "perceiver_rl"
VERSION: Final = "v0"


def env_id(name: str) -> str:
    """Return the Gymnasium id of a scenario."""
    return f"{NAMESPACE}/{name}-{VERSION}"


def find_scenario(name: str | Scenario) -> Scenario:
    """Return a scenario by its name or Gymnasium id; a scenario is returned as it is.

    Raises:
        ContractError: If there is none; names the nearest one.
    """
    if isinstance(name, Scenario):
        return name
    short = name.removeprefix(f"{NAMESPACE}:").removeprefix(f"{NAMESPACE}/")
    short = short.removesuffix(f"-{VERSION}")
    if short not in SCENARIOS:
        raise ContractError(unknown("scenario", short, tuple(SCENARIOS)))
    return SCENARIOS[short]


__all__ = ["SCENARIOS", "Scenario", "Waves", "env_id", "find_scenario", "point"]
