"""The arithmetic of scripts/fidelity.py, and that the engine is as near to the game as it says."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from perceiver_rl.envs.engine.units import UNITS

PATH = Path(__file__).parents[2] / "scripts" / "fidelity.py"


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("fidelity", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fidelity"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_a_deviation_is_in_per_cent_of_the_game_s_number_and_has_a_reason(script: Any) -> None:
    near = script.Comparison("walking", "marine", "loops", 72, 75, "because")
    assert near.deviation == pytest.approx(-4)
    assert near.why == "because"
    assert script.Comparison("walking", "marine", "loops", 75, 75, "because").why == ""


@pytest.mark.parametrize(
    ("attacker", "victim", "loops"),
    [
        ("marine", "marine", 7 * 0.8608 * 16),  # 45 / 6: the eighth shot kills
        ("marauder", "stalker", 8 * 1.5 * 16),  # 4 x 20 of shield, then 5 x 19 of health
        ("zealot", "zergling", 2 * 1.2 * 16),  # 35 / 16: the third attack kills
        ("stalker", "marine", 3 * 1.8701 * 16),  # 45 / 13: the fourth
        ("marine", "roach", 30 * 0.8608 * 16),  # 145 + .2353 per shot regained, 5 per shot
    ],
)
def test_kill_times_are_those_worked_out_by_hand(
    script: Any, attacker: str, victim: str, loops: float
) -> None:
    assert script.loops_to_kill(UNITS[attacker], UNITS[victim]) == pytest.approx(loops)


def test_a_weapon_that_cannot_reach_or_does_not_suffice_kills_nobody(script: Any) -> None:
    assert not script.can_kill(UNITS["zealot"], UNITS["medivac"])
    assert not script.can_kill(UNITS["medivac"], UNITS["marine"])
    assert not script.can_kill(UNITS["baneling"], UNITS["roach"])
    assert script.can_kill(UNITS["marine"], UNITS["medivac"])
    assert script.hit_of(UNITS["stalker"], UNITS["roach"]) == 18


@pytest.mark.parametrize(
    ("attacker", "victim"),
    [
        ("marine", "marine"),
        ("zealot", "roach"),
        ("stalker", "zealot"),
        ("colossus", "hydralisk"),
        ("roach", "spine_crawler"),
        ("scv", "marauder"),
    ],
)
def test_the_engine_kills_within_a_loop_of_the_unrounded_time(
    script: Any, attacker: str, victim: str
) -> None:
    game = script.loops_to_kill(UNITS[attacker], UNITS[victim])
    assert 0 <= script.duel(UNITS[attacker], UNITS[victim]) - game < 1 + 1e-6


def test_training_and_building_take_the_game_s_time(script: Any) -> None:
    for row in script.making_times():
        assert row.deviation == 0, row.case
