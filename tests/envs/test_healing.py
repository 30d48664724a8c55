"""Medivacs, against numbers worked out by hand: 9 health and 3 energy per second."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perceiver_rl.envs import BatchedEnv
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.engine.units import UNIT_NAMES

HEAL = 9 / 16
COST = 3 / 16
GAIN = 0.5625 / 16


def ward(arena: Any, *team: str) -> Any:
    """Make a game with a team of ours in one place, the first unit a medivac, and nobody near."""
    game = arena(("medivac", *team), ("marine",), gap=20)
    for slot in range(1, 1 + len(team)):
        game.put(slot, f.X, 11.0 + 0.8 * slot)
        game.put(slot, f.Y, 16)
    return game


def test_a_medivac_gives_9_health_per_second_for_3_energy(arena: Any) -> None:
    game = ward(arena, "marine")
    game.put(1, f.HEALTH, 20)
    game.run(32)
    assert game.get(1, f.HEALTH) == 20 + 32 * HEAL
    assert game.get(0, f.ENERGY) == pytest.approx(50 + 32 * (GAIN - COST), abs=1e-3)


def test_health_is_never_more_than_full_and_the_rest_of_the_energy_is_kept(arena: Any) -> None:
    game = ward(arena, "marine")
    game.put(1, f.HEALTH, 45 - HEAL / 2)
    game.run(3)
    assert game.get(1, f.HEALTH) == 45
    assert game.get(0, f.ENERGY) == pytest.approx(50 + 3 * GAIN - COST / 2, abs=1e-4)


def test_without_energy_nobody_is_healed_until_it_has_grown_again(arena: Any) -> None:
    game = ward(arena, "marine")
    game.put(1, f.HEALTH, 20)
    game.put(0, f.ENERGY, 0)
    game.run(5)
    assert game.get(1, f.HEALTH) == 20
    game.run(1)  # 6 x 0.03516 = 0.211 pays for one loop
    assert game.get(1, f.HEALTH) == 20 + HEAL
    assert game.get(0, f.ENERGY) == pytest.approx(6 * GAIN - COST, abs=1e-5)


def test_energy_grows_to_200_and_no_further(arena: Any) -> None:
    game = ward(arena, "marine")
    assert game.get(0, f.ENERGY) == 50
    game.put(0, f.ENERGY, 199.99)
    game.run(4)
    assert game.get(0, f.ENERGY) == 200


@pytest.mark.parametrize("name", ["Battle-MMM", "Battle-terran_5_vs_5"])
def test_energy_is_observed_where_somebody_can_have_some(name: str) -> None:
    env = BatchedEnv(name, 16)
    column = env.entity_space.index("energy")
    assert env.entity_space.columns[column].bounds == (0, 200)
    observation = env.reset(range(16))
    kinds = observation["entities"][..., env.entity_space.index("unit_type")]
    medivacs = (kinds == UNIT_NAMES.index("medivac")) & (observation["entity_mask"] == 1)
    assert medivacs.any()
    np.testing.assert_array_equal(observation["entities"][..., column], 50.0 * medivacs)
    assert "energy" not in BatchedEnv("Battle-8m", 1).entity_space.names


def test_energy_is_seen_to_grow() -> None:
    env = BatchedEnv("Battle-MMM", 1)
    env.reset([0])
    energy = env.observe()["entities"][0, :, env.entity_space.index("energy")].max()
    env.step(np.zeros((1, env.action_space.nvec.size), np.int64))
    later = env.observe()["entities"][0, :, env.entity_space.index("energy")].max()
    assert later == pytest.approx(energy + 8 * GAIN, abs=1e-4)


def test_only_hurt_biological_friends_are_healed(arena: Any) -> None:
    game = ward(arena, "medivac", "stalker", "marine")
    for slot in (0, 1, 2):
        game.put(slot, f.HEALTH, 10)
    game.run(16)
    assert [game.get(slot, f.HEALTH) for slot in range(4)] == [10, 10, 10, 45]


def test_two_medivacs_heal_two_marines_and_never_the_same_one(arena: Any) -> None:
    game = ward(arena, "medivac", "marine", "marine")
    game.put(2, f.HEALTH, 20)
    game.run(16)
    assert game.get(2, f.HEALTH) == 20 + 9
    game.put(2, f.HEALTH, 20)
    game.put(3, f.HEALTH, 20)
    game.run(16)
    assert game.get(2, f.HEALTH) == game.get(3, f.HEALTH) == 20 + 9


def test_a_patient_is_kept_although_another_comes_nearer(arena: Any) -> None:
    game = ward(arena, "marine", "marine")
    game.put(2, f.HEALTH, 20)
    game.run(1)
    game.put(1, f.HEALTH, 20)
    game.run(9)
    assert game.get(0, f.TARGET) == 2
    assert game.get(1, f.HEALTH) == 20


@pytest.mark.parametrize(
    ("order", "goal", "healed"),
    [
        (f.IDLE, 0.0, False),
        (f.HOLD, 0.0, False),
        (f.MOVE, 10.0, False),
        (f.ATTACK_MOVE, 10.0, True),
    ],
)
def test_only_an_attack_move_leads_a_medivac_to_a_patient_out_of_range(
    arena: Any, order: int, goal: float, healed: bool
) -> None:
    game = ward(arena, "marine")
    game.put(1, f.X, 10 + 4 + 0.75 + 0.375 + 0.2)
    game.put(1, f.HEALTH, 20)
    game.order(0, order, goal=(goal, 30.0))
    game.run(20)
    assert (game.get(1, f.HEALTH) > 20) is healed


def test_a_patient_is_nobodys_attack(arena: Any) -> None:
    game = ward(arena, "marine")
    game.put(1, f.HEALTH, 20)
    game.run(1)
    rows = game.env._observe()["entities"][0]
    assert game.get(0, f.TARGET) == 1
    assert not rows[:, 11].any()
