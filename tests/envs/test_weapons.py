"""Weapons that hit many, and who can hit and meet whom, against numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perceiver_rl.envs import BatchedEnv, Scenario
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.engine.orders import attack
from perceiver_rl.envs.scenarios import point


def place(game: Any, slot: int, x: float, y: float) -> None:
    game.put(slot, f.X, x)
    game.put(slot, f.Y, y)


def healths(game: Any) -> list[float]:
    return [game.get(slot, f.HEALTH) for slot in range(game.env.scenario.slots)]


def test_a_baneling_runs_up_to_a_quarter_cell_and_dies_of_its_own_blast(arena: Any) -> None:
    game = arena(("baneling",), ("marauder", "marauder"), gap=0.98 + 2.5 / 16 * 3)
    place(game, 2, 30, 30)
    game.order(0, f.ATTACK, target=1)
    # The edges are apart by 1.4488 - .375 - .5625 = .51 and close by .15625 per loop.
    game.run(2)
    assert healths(game) == [30, 125, 125]
    game.run(1)
    assert healths(game) == [0, 125 - 15, 125]  # 16, no bonus, armor 1


def test_a_blast_hits_whose_edge_is_within_2_2_cells_of_its_middle_and_no_friend(
    arena: Any,
) -> None:
    game = arena(("baneling", "zergling"), ("marine", "marine", "marine", "medivac"), gap=0.9)
    place(game, 1, 10.5, 17)
    place(game, 2, 10.9, 16)
    place(game, 3, 10, 16 + 2.2 + 0.375 - 0.01)
    place(game, 4, 10, 16 - 2.2 - 0.375 - 0.01)
    place(game, 5, 10.5, 16)
    game.order(0, f.ATTACK, target=2)
    game.run(1)
    assert healths(game) == [0, 35, 45 - 35, 45 - 35, 45, 150]  # 16 + 19 against light


def test_a_baneling_that_is_shot_goes_off_where_it_is(arena: Any) -> None:
    game = arena(("marine", "zergling"), ("baneling", "marine"), gap=4)
    place(game, 1, 13, 17)
    place(game, 3, 30, 30)
    game.put(2, f.HEALTH, 5)  # what it heals in this loop does not save it
    game.order(0, f.ATTACK, target=2)
    game.run(1)
    assert healths(game) == [45, 0, 0, 45]


def test_one_blast_sets_off_the_next(arena: Any) -> None:
    # Each baneling takes 16, which kills those with 16 left; the last one is out of reach of them.
    game = arena(("baneling", "baneling", "marine"), ("baneling", "marauder"), gap=0.9)
    place(game, 1, 10.9 + 2.5, 16)
    place(game, 2, 30, 30)
    place(game, 3, 10.9, 16)
    place(game, 4, 10.9 + 2.5 + 2.7, 16)
    for slot in (1, 3):
        game.put(slot, f.HEALTH, 16 - 30 * 0.2734 / 16)
    game.order(0, f.ATTACK, target=3)
    game.run(1)
    assert healths(game) == [0, 0, 45, 0, 125 - 15]


def test_a_blast_takes_80_from_structures(arena: Any) -> None:
    game = arena(("baneling", "marine"), ("spine_crawler",), gap=1.6)
    place(game, 1, 30, 30)
    game.order(0, f.ATTACK, target=2)
    game.run(1)
    assert game.get(2, f.HEALTH) == 300 - (80 - 2)


def test_a_blast_counts_as_harm_and_kills_are_counted_once(arena: Any) -> None:
    game = arena(("baneling", "marine"), ("zergling",) * 4, gap=0.9)
    place(game, 1, 30, 30)
    for slot in range(2, 6):
        place(game, slot, 10.7 + 0.1 * slot, 16)
    place(game, 5, 20, 20)
    game.put(2, f.HEALTH, 5)
    game.put(2, f.LOWEST, 5)
    game.order(0, f.ATTACK, target=2)
    game.run(1)
    assert game.env.games[0, [f.OWN_ALIVE, f.OWN_LOST]].tolist() == [1, 1]
    assert game.env.games[0, [f.ENEMY_ALIVE, f.ENEMY_LOST]].tolist() == [1, 3]
    assert game.harm[0] == pytest.approx(5 + 35 + 35, abs=0.1)


def test_a_colossus_hits_a_bar_of_2_8_by_0_3_across_its_line_of_fire_twice(arena: Any) -> None:
    game = arena(("colossus",), ("marauder",) * 5 + ("medivac",), gap=6)
    radius = 0.5625
    places = [
        (16, 16),
        (16, 16 + 1.4 + radius - 0.01),
        (16, 16 - 1.4 - radius - 0.01),
        (16 + 0.15 + radius - 0.01, 16),
        (16 - 0.15 - radius - 0.01, 16),
        (16, 16.5),
    ]
    for slot, (x, y) in enumerate(places, start=1):
        place(game, slot, x, y)
        game.put(slot, f.SPEED, 0)  # they are not pushed apart
    game.order(0, f.ATTACK, target=1)
    game.run(1)
    once = 125 - 2 * (10 - 1)
    assert healths(game) == [200, once, once, 125, once, 125, 150]


def test_a_bar_lies_across_the_line_of_fire_whatever_its_direction(arena: Any) -> None:
    game = arena(("colossus",), ("marine",) * 3, gap=6)
    places = [(10 + 4, 16 + 4), (10 + 4 - 1.2, 16 + 4 + 1.2), (10 + 4 + 1.2, 16 + 4 + 1.2)]
    for slot, (x, y) in enumerate(places, start=1):
        place(game, slot, x, y)
    game.order(0, f.ATTACK, target=1)
    game.run(1)
    assert healths(game) == [200, 45 - 30, 45 - 30, 45]


@pytest.mark.parametrize(
    ("attacker", "hits_air"),
    [
        ("marine", True),
        ("stalker", True),
        ("hydralisk", True),
        ("marauder", False),
        ("zealot", False),
        ("roach", False),
        ("zergling", False),
        ("baneling", False),
        ("colossus", False),
        ("spine_crawler", False),
    ],
)
def test_who_acquires_a_medivac_by_itself(arena: Any, attacker: str, hits_air: bool) -> None:
    game = arena((attacker,), ("medivac",), gap=2)
    game.order(0, f.ATTACK_MOVE, goal=(12.0, 16.0))
    game.run(20)
    assert (game.get(1, f.HEALTH) < 150) is hits_air


def test_an_order_to_attack_what_one_cannot_hit_is_a_walk_to_it_with_open_eyes(arena: Any) -> None:
    game = arena(("zealot",), ("medivac", "marine"), gap=8)
    place(game, 2, 16, 16)
    attack(game.env.units, 0, 0, 1)
    assert game.get(0, f.ORDER) == f.ATTACK_MOVE
    assert (game.get(0, f.GOAL_X), game.get(0, f.GOAL_Y)) == (18, 16)
    game.run(200)
    assert healths(game)[1:] == [150, 0]


def test_air_and_ground_do_not_push_each_other(arena: Any) -> None:
    game = arena(("medivac", "medivac", "marine"), ("marine",), gap=0)
    place(game, 3, 30, 30)
    place(game, 0, 10, 16)
    place(game, 1, 10.5, 16)
    place(game, 2, 10, 16)
    game.run(20)
    assert (game.get(2, f.X), game.get(2, f.Y)) == (10, 16)
    assert game.get(1, f.X) - game.get(0, f.X) > 1.4


def test_a_structure_stays_where_it_is_and_the_others_give_way(arena: Any) -> None:
    game = arena(("zergling",), ("spine_crawler",), gap=0.5)
    game.run(40)
    assert game.get(1, f.X) == 10.5
    assert game.get(1, f.X) - game.get(0, f.X) > 1.45


def test_an_idle_spine_crawler_waits_until_somebody_is_in_range() -> None:
    scenario = Scenario(
        name="siege",
        own=(("marine", 1),),
        enemy=(("spine_crawler", 1),),
        places=((point(5, 16), point(20, 16)),),
        step_limit=50,
    )
    for opponent in ("attack-nearest", "focus-fire", "no-op"):
        env = BatchedEnv(scenario, 1, opponent=opponent)
        env.reset([0])
        action = np.zeros((1, env.action_space.nvec.size), dtype=np.int64)
        action[0, [0, 1]] = 4, 1
        action[0, -1] = 8 * 16 + 10
        while not env.finished.all():
            env.step(action)
        assert env.games[0, f.OUTCOME] == f.LOSS
