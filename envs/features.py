"""Which parts of the engine a scenario needs."""

from __future__ import annotations

from .engine.kernel import Features
from .engine.units import UNITS
from .scenarios import Scenario


def find_features(scenario: Scenario) -> Features:
    """Return what the scenario's games can need."""
    units = {*scenario.own_units, *scenario.enemy_units}
    if scenario.draw is not None:
        units |= {UNITS[name] for name, _ in scenario.draw.chances}
    splash = any(unit.blast_radius > 0 or unit.beam[0] > 0 for unit in units)
    return Features(
        walls=True if scenario.walls else None,
        splash=True if splash else None,
        healing=True if any(unit.heals > 0 for unit in units) else None,
    )
