"""What the kernels know of a scenario in which armies fight."""

from __future__ import annotations

from typing import NamedTuple

from .engine.deploy import Plan
from .engine.units import UNIT_NAMES
from .scenarios import Scenario


class BattlePlan(NamedTuple):
    """A battle in numbers.

    Args:
        plan: Who stands where at the start.
        limits: Game loops, and the life of either side at the start, which scale what is observed.
        ends: Game loops, points for an enemy and for a unit of ours, and whether waves come.
        reinforcements: Who joins us when a wave is beaten, and how many.
    """

    plan: Plan
    limits: tuple[float, float, float]
    ends: tuple[int, int, int, bool]
    reinforcements: tuple[int, int]

    @classmethod
    def of(cls, scenario: Scenario) -> BattlePlan:
        """Return the numbers of a scenario."""
        life = [unit.health + unit.shield for unit in scenario.own_units]
        life += [max(life)] * (scenario.own_slots - len(life))
        enemy_life = sum(unit.health + unit.shield for unit in scenario.enemy_units)
        waves = scenario.waves
        points = (waves.enemy_points, waves.own_points) if waves else (0, 0)
        joins = UNIT_NAMES.index(scenario.own_units[0].name)
        return cls(
            plan=scenario.plan(),
            limits=(float(scenario.loop_limit), float(sum(life)), float(enemy_life)),
            ends=(scenario.loop_limit, *points, waves is not None),
            reinforcements=(joins, waves.reinforcements if waves else 0),
        )
