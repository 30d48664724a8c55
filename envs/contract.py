"""The spaces of a scenario: which columns an entity has, which orders there are.

========================= ======================================================================
column                    meaning
========================= ======================================================================
``alliance``              0 own, 1 enemy, 2 neutral
``unit_type``             index into :data:`~perceiver_rl.envs.engine.units.UNIT_NAMES`
``x``, ``y``              position on the map
``health``, ``shield``    left now; ``_ratio`` is the share of the unit's full value
``weapon_cooldown``       until the unit can attack again
``weapon_range``          between the edges of the two units
``order``                 idle, move, attack, attack_move or hold
``attackers``             how many units have it as their target, 16 at most
``energy``                left now; only where a unit type of the scenario has any
========================= ======================================================================

Rows are slots: ours first, then the enemy's. A unit keeps its row for life; the row of a dead unit
is zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from gymnasium import spaces

from perceiver_rl.spaces import (
    Column,
    ContractError,
    EntitySpace,
    UnitActionSpace,
    observation_space,
)

from .engine.fields import MOST_ATTACKERS, ORDERS
from .engine.units import UNITS
from .scenarios import Scenario
from .task_contract import action_types
from .tasks import make_task

ALLIANCES: Final = ("own", "enemy", "neutral")
GRID: Final = (16, 16)


def columns(scenario: Scenario) -> tuple[Column, ...]:
    """Return the columns of an entity in a scenario."""
    left, bottom, right, top = scenario.playable
    most_health = max(unit.health for unit in UNITS.values())
    most_shield = max(unit.shield for unit in UNITS.values())
    most_energy = max(unit.energy for unit in UNITS.values())
    names = {name for name, _ in (*scenario.own, *scenario.enemy)}
    names |= {name for name, _ in scenario.draw.chances} if scenario.draw else set()
    needs_energy = any(name in UNITS and UNITS[name].energy for name in names)
    return (
        Column("alliance", "category", size=len(ALLIANCES)),
        Column("unit_type", "category", size=len(UNITS)),
        Column("x", low=left, high=right, unit="cell"),
        Column("y", low=bottom, high=top, unit="cell"),
        Column("health", low=0, high=most_health, unit="hit point"),
        Column("health_ratio", low=0, high=1),
        Column("shield", low=0, high=most_shield, unit="hit point"),
        Column("shield_ratio", low=0, high=1),
        Column(
            "weapon_cooldown",
            low=0,
            high=max(unit.cooldown_loops for unit in UNITS.values()),
            unit="loop",
        ),
        Column(
            "weapon_range",
            low=0,
            high=max(unit.weapon_range for unit in UNITS.values()),
            unit="cell",
        ),
        Column("order", "category", size=len(ORDERS)),
        Column("attackers", low=0, high=MOST_ATTACKERS, unit="unit"),
        *([Column("energy", low=0, high=most_energy, unit="energy")] if needs_energy else []),
    )


@dataclass(frozen=True, slots=True)
class Contract:
    """The spaces in which a scenario is observed and played."""

    entities: EntitySpace
    actions: UnitActionSpace
    observations: spaces.Dict


def make_contract(scenario: Scenario, max_entities: int | None = None) -> Contract:
    """Build the spaces of a scenario.

    Args:
        scenario: The scenario.
        max_entities: Rows of the observation; as many as the scenario has slots if not given.

    Raises:
        ContractError: If there are fewer rows than slots.
    """
    rows = scenario.slots if max_entities is None else max_entities
    if rows < scenario.slots:
        raise ContractError(
            f"max_entities={rows} is too small: scenario {scenario.name!r} has {scenario.slots}"
            " unit slots"
        )
    task = make_task(scenario)
    entities = EntitySpace(task.columns(columns(scenario)), rows)
    actions = UnitActionSpace(action_types(scenario), rows, GRID)
    scalars = spaces.Box(0.0, 1.0, (len(task.scalars()),), np.float32)
    return Contract(entities, actions, observation_space(entities, actions, scalars))
