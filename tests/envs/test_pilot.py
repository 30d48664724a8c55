"""Opponents as players of our side: one group's order per step."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from perceiver_rl.envs import BatchedEnv, make_control
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.pilot import choose_group
from perceiver_rl.spaces import UnitAction


def look(env: BatchedEnv) -> Any:
    return env.observe()


def battle(scenario: str = "Battle-3m") -> BatchedEnv:
    env = BatchedEnv(scenario, 1, opponent="no-op")
    env.reset([0])
    env.units[0, f.X, :3] = 14
    env.units[0, f.Y, :3] = [15, 16, 17]
    env.units[0, f.X, 3:6] = 18
    env.units[0, f.Y, 3:6] = [15, 16, 17]
    return env


def act(env: BatchedEnv, script: Any) -> UnitAction:
    return env.action_space.decode(script.act(look(env))[0])


def control(env: BatchedEnv, name: str) -> Any:
    return make_control(name, env.observation_space, env.action_space, 0)


def named(env: BatchedEnv, action: UnitAction) -> str:
    return env.action_space.names[action.action_type]


def test_the_largest_group_goes_first_and_the_others_follow() -> None:
    env = battle()
    env.units[0, f.HEALTH, 4] = 12  # two shots of six: the third marine has to aim elsewhere
    script = control(env, "elite")

    def play() -> UnitAction:
        env.units[0, f.COOLDOWN, :3] = 0
        action = act(env, script)
        env.units[0, f.COOLDOWN, :3] = 100  # nobody shoots while the orders are given
        env.step(env.action_space.encode(action)[None])
        return action

    assert play().selected == (0, 1, 2)  # all of them begin to fight
    second, third = play(), play()
    assert (named(env, second), second.selected, second.target_unit) == ("attack", (0, 1), 4)
    assert (named(env, third), third.selected, third.target_unit) == ("attack", (2,), 3)


def test_idle_units_with_a_target_each_join_to_fight_all_at_once() -> None:
    env = battle()
    action = act(env, control(env, "kite"))  # each wants the foe opposite
    assert (named(env, action), action.selected) == ("attack_move", (0, 1, 2))
    assert action.target_cell == (8, 9)


def test_those_who_do_as_they_should_are_left_alone_until_the_next_episode() -> None:
    env = battle()
    env.units[0, f.X, 3] = 17
    env.units[0, f.X, [4, 5]] = 26
    script = control(env, "kite")
    action = act(env, script)
    assert (action.selected, action.target_unit) == ((0, 1, 2), 3)
    env.step(env.action_space.encode(action)[None])
    assert named(env, act(env, script)) == "no_op"
    env.reset([0])
    assert named(env, act(env, script)) != "no_op"


def test_a_unit_in_danger_is_sent_away() -> None:
    env = BatchedEnv("Battle-3s_vs_3z", 1, opponent="no-op")
    env.reset([0])
    env.units[0, f.X, :6] = [12, 12, 12, 13.5, 13.5, 13.5]
    env.units[0, f.Y, :6] = [14, 16, 18, 14, 16, 18]
    env.units[0, f.COOLDOWN, :3] = 20
    action = act(env, control(env, "kite"))
    assert (named(env, action), action.selected) == ("move", (0, 1, 2))
    assert action.target_cell is not None
    assert action.target_cell[1] < 6  # the stalkers stand in column 6


def test_units_that_shall_part_give_no_order_that_would_keep_them_together() -> None:
    env = BatchedEnv("Battle-zerg_5_vs_5", 1, opponent="no-op")
    env.reset([0])
    script = control(env, "elite")
    units = np.zeros((1, f.UNIT_FIELDS, 20), np.float32)
    units[0, f.HEALTH, :2] = 45
    units[0, f.ORDER, :2] = f.MOVE
    units[0, f.X, :2] = 16
    units[0, f.GOAL_X, :2] = [14, 18]  # as far to the left as to the right
    selectable = np.zeros((1, 10), np.bool_)
    selectable[0, :2] = True
    told = np.full((1, 2, 10), f.NOBODY, np.float32)

    def order() -> UnitAction:
        actions = np.zeros((1, env.action_space.nvec.size), np.int64)
        now = selectable, np.zeros((1, 10), np.int64), told
        choose_group(units, now, (script._kinds, (16, 16), script._rules), actions)
        return env.action_space.decode(actions[0])

    assert named(env, order()) == "no_op"
    units[0, f.GOAL_X, 1] = 15
    assert (named(env, order()), order().selected) == ("move", (0, 1))


def test_among_many_those_without_range_fight_whom_they_meet() -> None:
    env = BatchedEnv("Battle-3s5z", 1, opponent="no-op")
    env.reset([0])
    script = control(env, "elite")
    action = act(env, script)
    assert (named(env, action), action.selected) == ("attack_move", tuple(range(8)))


def test_without_units_or_foes_nothing_is_ordered() -> None:
    env = battle()
    observation = look(env)
    for key in ("selectable_mask", "entity_mask", "entities"):
        observation[key][:] = 0
    for name in ("kite", "retreat-and-regroup", "elite", "open-loop"):
        assert not control(env, name).act(observation).any()


def test_the_open_loop_control_looks_at_the_time_and_at_whom_it_can_order_alone() -> None:
    env = battle()
    script = control(env, "open-loop")
    observation = look(env)
    first = script.act(observation)
    observation["entities"][:] = 0
    np.testing.assert_array_equal(script.act(observation), first)
    observation["scalars"][:, 0] = 0.7  # the second sixth of the episode
    second = env.action_space.decode(script.act(observation)[0])
    assert env.action_space.decode(first[0]).target_cell == (8, 12)
    assert second.target_cell == (8, 4)
    observation["selectable_mask"][0, 1] = 0
    assert env.action_space.decode(script.act(observation)[0]).selected == (0, 2)


def wins(scenario: str, name: str, opponent: str, games: int = 60) -> int:
    env = BatchedEnv(scenario, games, opponent=opponent, illegal="error")
    script = control(env, name)
    observation, found = env.reset(range(games)), Counter[str]()
    while not env.finished.all():
        step = env.step(script.act(observation))
        observation = step.observation
        found.update(info["outcome"] for info in step.infos if "outcome" in info)
    return found["win"]


@pytest.mark.parametrize(
    "scenario", ["Battle-8m", "Battle-2s3z", "Battle-3s_vs_3z", "Battle-1c3s5z"]
)
def test_elite_is_the_best_player_of_our_side_too(scenario: str) -> None:
    best = wins(scenario, "elite", "attack-nearest")
    assert best > 45
    for other in ("no-op", "open-loop", "random", "attack-nearest"):
        assert wins(scenario, other, "attack-nearest") < best, other
    assert wins(scenario, "focus-fire", "focus-fire") < wins(scenario, "elite", "focus-fire")


def test_many_units_fight_together_though_an_order_reaches_one_group_only() -> None:
    assert wins("Battle-25m", "elite", "attack-nearest", 10) >= 8
