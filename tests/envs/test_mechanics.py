"""The rules of a fight, against numbers worked out by hand from the unit table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from perceiver_rl.envs.engine import fields as f

MARINE_PERIOD = 0.8608 * 16


def shots(game: Any, shooter: int, loops: int) -> list[int]:
    """Return the loops in which a unit attacked, seen from its cooldown starting anew."""
    found = []
    for loop in range(1, loops + 1):
        before = game.get(shooter, f.COOLDOWN)
        game.run()
        if game.get(shooter, f.COOLDOWN) > before:
            found.append(loop)
    return found


def test_a_marine_attacks_every_13_77_loops_on_average_not_every_14(arena: Any) -> None:
    game = arena(("marine",), ("marine",))
    game.put(1, f.HEALTH, 1e6)
    game.put(1, f.MAX_HEALTH, 1e6)
    game.order(0, f.ATTACK, target=1)
    assert shots(game, 0, 84) == [1 + math.ceil(MARINE_PERIOD * n) for n in range(7)]
    assert [1 + math.ceil(MARINE_PERIOD * n) for n in range(7)] == [1, 15, 29, 43, 57, 70, 84]


def test_time_off_does_not_make_the_next_attacks_faster(arena: Any) -> None:
    game = arena(("marine",), ("marine",))
    game.order(0, f.ATTACK, target=1)
    game.run(1)
    game.order(0, f.IDLE)
    game.run(30)
    game.order(0, f.ATTACK, target=1)
    assert shots(game, 0, 15) == [1, 15]


def test_two_marines_kill_each_other_in_the_same_loop(arena: Any) -> None:
    # 45 health, 6 damage: the eighth shot kills, 7 periods after the first.
    game = arena(("marine",), ("marine",))
    game.order(0, f.ATTACK, target=1)
    game.order(1, f.ATTACK, target=0)
    game.run(1000)
    assert game.loop == 1 + math.ceil(7 * MARINE_PERIOD) == 98
    assert game.env.games[0, f.OWN_ALIVE] == game.env.games[0, f.ENEMY_ALIVE] == 0


@pytest.mark.parametrize(
    ("attacker", "victim", "health"),
    [
        ("marine", "marauder", 125 - 5),  # armor 1
        ("marauder", "marine", 45 - 10),  # not armored: no bonus
        ("marauder", "roach", 145 - 19),  # 10 + 10 against armored, armor 1
        ("stalker", "roach", 145 - 17),  # 13 + 5 against armored, armor 1
        ("zealot", "marine", 45 - 16),  # two hits of 8
        ("zealot", "roach", 145 - 14),  # armor counts against each of two hits of 8
    ],
)
def test_one_attack_takes_damage_plus_bonus_less_armor_per_hit(
    arena: Any, attacker: str, victim: str, health: float
) -> None:
    game = arena((attacker,), (victim,), gap=0.9)
    game.put(1, f.HEALTH_REGEN, 0)
    game.order(0, f.ATTACK, target=1)
    game.run(1)
    assert game.get(1, f.HEALTH) == health


def test_every_hit_takes_at_least_half_a_point(arena: Any) -> None:
    game = arena(("zealot",), ("marine",), gap=0.9)
    game.put(1, f.ARMOR, 100)
    game.order(0, f.ATTACK, target=1)
    game.run(1)
    assert game.get(1, f.HEALTH) == 45 - 2 * 0.5


def test_a_shield_absorbs_without_armor_and_the_rest_of_the_hit_meets_armor(arena: Any) -> None:
    # Hits of 8 on a shield of 50: six leave 2, the seventh breaks it and has 6 left, less 1.
    game = arena(("zealot",), ("zealot",), gap=1.0)
    game.order(0, f.ATTACK, target=1)
    game.run(1 + math.ceil(2 * 19.2))
    assert (game.get(1, f.SHIELD), game.get(1, f.HEALTH)) == (2, 100)
    game.run(math.ceil(3 * 19.2) - math.ceil(2 * 19.2))
    assert (game.get(1, f.SHIELD), game.get(1, f.HEALTH)) == (0, 100 - 5 - 7)


def test_a_shield_regenerates_2_per_second_after_10_seconds_without_damage(arena: Any) -> None:
    game = arena(("marine",), ("stalker",))
    game.order(0, f.ATTACK, target=1)
    game.run(1)
    game.order(0, f.IDLE)
    game.run(159)
    assert game.get(1, f.SHIELD) == 74
    game.run(1)
    assert game.get(1, f.SHIELD) == 74 + 2 / 16
    game.run(46)
    assert game.get(1, f.SHIELD) == 80 - 2 / 16
    game.run(2)
    assert game.get(1, f.SHIELD) == 80


def test_damage_stops_the_regeneration_again(arena: Any) -> None:
    game = arena(("marine",), ("stalker",))
    for _ in range(2):
        game.order(0, f.ATTACK, target=1)
        game.run(1)
        game.order(0, f.IDLE)
        game.run(100)
    assert game.get(1, f.SHIELD) == 80 - 12


def test_a_roach_heals_and_a_marine_does_not(arena: Any) -> None:
    game = arena(("marine",), ("roach",))
    game.put(0, f.HEALTH, 40)
    game.put(1, f.HEALTH, 100)
    game.run(160)
    assert game.get(0, f.HEALTH) == 40
    assert game.get(1, f.HEALTH) == pytest.approx(100 + 2.734, abs=1e-3)


def test_units_walk_straight_at_their_speed_and_stop_at_the_goal(arena: Any) -> None:
    game = arena(("marine",), ("marine",), gap=20.0)
    game.order(0, f.MOVE, goal=(10.0, 18.0))
    game.run(10)
    assert game.get(0, f.Y) == pytest.approx(16 + 10 * 2.25 / 16, abs=1e-5)
    assert game.get(0, f.X) == 10
    game.run(10)
    assert (game.get(0, f.X), game.get(0, f.Y)) == (10, 18)
    assert game.get(0, f.ORDER) == f.IDLE


def test_an_attack_order_chases_until_the_edges_are_in_range(arena: Any) -> None:
    game = arena(("marine",), ("marine",), gap=10.0)
    game.order(0, f.ATTACK, target=1)
    game.run(100)
    # Range 5 and two radii of .375; the last step may carry it one step too far.
    assert 5.75 - 2.25 / 16 <= 20 - game.get(0, f.X) <= 5.75
    assert game.get(1, f.HEALTH) < 45


def test_move_passes_enemies_by_and_attack_move_does_not(arena: Any) -> None:
    for order, fights in ((f.MOVE, False), (f.ATTACK_MOVE, True)):
        game = arena(("marine",), ("marine",), gap=6.0)
        game.order(0, order, goal=(10.0, 24.0))
        game.run(5)
        game.order(0, order, goal=(30.0, 17.0))
        game.run(60)
        assert (game.get(1, f.HEALTH) < 45) is fights


def test_hold_attacks_in_range_and_never_walks(arena: Any) -> None:
    near, far = arena(("marine",), ("marine",), 5.7), arena(("marine",), ("marine",), 5.8)
    for game in (near, far):
        game.order(0, f.HOLD)
        game.run(20)
        assert game.get(0, f.X) == 10
    assert near.get(1, f.HEALTH) == 45 - 12
    assert far.get(1, f.HEALTH) == 45


def test_idle_units_fight_only_where_their_side_acquires(arena: Any) -> None:
    game = arena(("marine",), ("marine",), gap=5.0)
    game.run(20)
    assert game.get(0, f.HEALTH) == game.get(1, f.HEALTH) == 45
    game.rules[f.ENEMY_ACQUIRES] = 1
    game.run(20)
    assert game.get(0, f.HEALTH) < 45
    assert game.get(1, f.HEALTH) == 45


def test_an_order_to_attack_ends_with_its_target(arena: Any) -> None:
    game = arena(("marine",), ("marine", "marine"), gap=4.0)
    game.put(1, f.HEALTH, 6)
    game.order(0, f.ATTACK, target=1)
    game.run(2)
    assert game.get(0, f.ORDER) == f.IDLE
    assert game.get(0, f.TARGET) == f.NOBODY
    game.run(50)
    assert game.get(2, f.HEALTH) == 45


def test_the_nearest_enemy_is_acquired_and_kept_while_in_reach(arena: Any) -> None:
    game = arena(("marine",), ("marine", "marine"), gap=4.0)
    game.put(1, f.X, 14.0)
    game.put(2, f.X, 13.0)
    game.order(0, f.ATTACK_MOVE, goal=(30.0, 16.0))
    game.run(1)
    assert game.get(0, f.TARGET) == 2
    game.put(1, f.X, 11.5)
    game.run(1)
    assert game.get(0, f.TARGET) == 2


def test_overlapping_units_part_even_from_the_very_same_point(arena: Any) -> None:
    game = arena(("marine", "marine", "zealot"), ("marine",), gap=15.0)
    for slot in range(3):
        game.put(slot, f.X, 5.0)
        game.put(slot, f.Y, 5.0)
    game.run(100)
    places = [(game.get(slot, f.X), game.get(slot, f.Y)) for slot in range(3)]
    assert math.dist(places[0], places[1]) > 0.75 - 0.02
    assert math.dist(places[0], places[2]) > 0.875 - 0.02
    assert math.dist(places[1], places[2]) > 0.875 - 0.02


def test_nobody_leaves_the_playable_area(arena: Any) -> None:
    game = arena(("marine", "marine"), ("marine",), gap=15.0)
    for slot in range(2):
        game.order(slot, f.MOVE, goal=(-5.0, -5.0))
    game.run(300)
    for slot in range(2):
        assert game.get(slot, f.X) >= 0
        assert game.get(slot, f.Y) >= 0
    assert game.get(0, f.X) != game.get(1, f.X) or game.get(0, f.Y) != game.get(1, f.Y)


def test_the_dead_are_zero_push_nobody_and_are_nobodys_target(arena: Any) -> None:
    game = arena(("marine",), ("marine", "marine"), gap=4.0)
    game.put(1, f.HEALTH, 3)
    game.order(0, f.ATTACK, target=1)
    game.run(1)
    dead = game.env.units[0, :, 1].copy()
    assert dead[f.TARGET] == f.NOBODY
    bulks = [f.BULK, f.GROUND_BULK, f.AIR_BULK]
    assert (dead[bulks] < 0).all()
    assert not np.delete(dead, [f.TARGET, *bulks]).any()
    game.put(2, f.HEALTH, 1e6)
    game.put(2, f.MAX_HEALTH, 1e6)
    game.order(0, f.ATTACK_MOVE, goal=(0.0, 0.0))
    game.run(1000)
    np.testing.assert_array_equal(game.env.units[0, :, 1], dead)
    assert game.get(0, f.TARGET) == 2


def test_harm_counts_each_point_of_an_enemys_life_once(arena: Any) -> None:
    # The shield grows back, and what is shot off again brings nothing.
    game = arena(("marine",), ("stalker",))
    for _ in range(3):
        game.order(0, f.ATTACK, target=1)
        game.run(1)
        game.order(0, f.IDLE)
        game.run(160 + 48)
    assert game.get(1, f.SHIELD) == 80
    assert game.harm[0] == 6
