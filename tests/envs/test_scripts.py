"""Scripted opponents, and the scripts that play our side."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from perceiver_rl.envs import BatchedEnv, make_control
from perceiver_rl.envs.controls import CONTROLS
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.opponents import OPPONENTS, attack_nearest, find_opponent, focus_fire
from perceiver_rl.envs.scenarios import SCENARIOS
from perceiver_rl.envs.task_scripts import TASK_SCRIPTS
from perceiver_rl.spaces import (
    ActionType,
    Column,
    ContractError,
    EntitySpace,
    UnitActionSpace,
    observation_space,
)

MINI_GAMES = [name for name in SCENARIOS if not name.startswith("Battle-")]
NAMES = [*MINI_GAMES, "Battle-8m", "Battle-MMM", "Battle-corridor", "Battle-zerg_10_vs_11"]

FORCE = (3, 6, 0, 3)
HOMES = np.array([[9, 16]], dtype=np.float32)


def battle(games: int = 1) -> BatchedEnv:
    env = BatchedEnv("Battle-3m", games)
    env.reset(range(games))
    return env


def outcomes(name: str, control: str, opponent: str, games: int) -> Counter[str]:
    env = BatchedEnv(name, games, opponent=opponent)
    script = make_control(control, env.observation_space, env.action_space, seed=0)
    observation = env.reset(range(games))
    found: Counter[str] = Counter()
    while not env.finished.all():
        step = env.step(script.act(observation))
        observation = step.observation
        found.update(info["outcome"] for info in step.infos if "outcome" in info)
    return found


def test_random_draws_every_argument_that_an_action_has() -> None:
    kinds = [ActionType("no_op"), ActionType("go", selects=True, target="point", queueable=True)]
    actions = UnitActionSpace(kinds, max_entities=2, grid=(3, 3), queued=True)
    entities = EntitySpace([Column("alliance", "category", size=3)], 2)
    script = make_control("random", observation_space(entities, actions), actions, seed=0)
    games = 200
    drawn = script.act(
        {
            "entities": np.zeros((games, 2, 1), np.float32),
            "action_type_mask": np.ones((games, 2), np.int8),
            "selectable_mask": np.ones((games, 2), np.int8),
            "target_mask": np.zeros((games, 2, 2), np.int8),
        }
    )
    assert all(vector in actions for vector in drawn)
    assert set(drawn[:, actions.position("queued")].tolist()) == {0, 1}
    assert set(drawn[:, actions.position("target_cell")].tolist()) == set(range(9))


def test_attack_nearest_marches_to_our_start_until_it_sees_somebody() -> None:
    env = battle()
    attack_nearest(env.units, env.games, FORCE, HOMES, env.scenario.rules())
    assert (env.units[0, f.ORDER, 3:6] == f.ATTACK_MOVE).all()
    assert (env.units[0, f.GOAL_X, 3:6] == 9).all()
    env.units[0, f.X, 1] = env.units[0, f.X, 4] - 8.5
    env.units[0, f.Y, 1] = env.units[0, f.Y, 4]
    env.units[0, f.X, 2] = env.units[0, f.X, 4] - 8.0
    env.units[0, f.Y, 2] = env.units[0, f.Y, 4]
    attack_nearest(env.units, env.games, FORCE, HOMES, env.scenario.rules())
    assert env.units[0, [f.ORDER, f.TARGET], 4].tolist() == [f.ATTACK, 2]
    env.units[0, f.HEALTH, 2] = 0
    attack_nearest(env.units, env.games, FORCE, HOMES, env.scenario.rules())
    assert env.units[0, [f.ORDER, f.TARGET], 4].tolist() == [f.ATTACK, 1]


def test_focus_fire_sends_everybody_after_the_weakest_of_those_equally_near() -> None:
    env = battle()
    focus_fire(env.units, env.games, FORCE, HOMES, env.scenario.rules())
    assert (env.units[0, f.ORDER, 3:6] == f.ATTACK_MOVE).all()
    env.units[0, f.X, :6] = [18, 18, 18, 22, 22, 22]
    env.units[0, f.Y, :6] = [15, 16, 17, 15, 16, 17]
    env.units[0, f.HEALTH, 2] = 20
    focus_fire(env.units, env.games, FORCE, HOMES, env.scenario.rules())
    assert (env.units[0, f.ORDER, 3:6] == f.ATTACK).all()
    assert (env.units[0, f.TARGET, 3:6] == 2).all()
    env.units[0, f.X, 2] = 2
    focus_fire(env.units, env.games, FORCE, HOMES, env.scenario.rules())
    assert (env.units[0, f.TARGET, 3:6] != 2).all()


def test_a_random_opponent_gives_every_order_and_targets_only_the_living() -> None:
    env = BatchedEnv("Battle-3m", 64, opponent="random")
    env.reset(range(64))
    env.units[:, :, 1] = 0
    env.units[:, f.BULK : f.AIR_BULK + 1, 1] = f.NO_BULK
    env.games[:, f.OWN_ALIVE] -= 1
    find_opponent("random")(env.units, env.games, FORCE, HOMES, env.scenario.rules())
    orders = env.units[:, f.ORDER, 3:6]
    assert set(np.unique(orders)) == {f.IDLE, f.MOVE, f.ATTACK, f.ATTACK_MOVE}
    targets = env.units[:, f.TARGET, 3:6]
    assert set(np.unique(targets[orders == f.ATTACK])) == {0, 2}
    assert (targets[orders != f.ATTACK] == f.NOBODY).all()


@pytest.mark.parametrize("name", list(OPPONENTS))
def test_no_opponent_touches_our_units_or_the_dead(name: str) -> None:
    env = battle(8)
    env.units[:, :, 4] = 0
    env.units[:, f.BULK : f.AIR_BULK + 1, 4] = f.NO_BULK
    before = env.units.copy()
    for _ in range(5):
        find_opponent(name)(env.units, env.games, FORCE, HOMES, env.scenario.rules())
    np.testing.assert_array_equal(env.units[:, :, :3], before[:, :, :3])
    np.testing.assert_array_equal(env.units[:, :, 4], before[:, :, 4])


@pytest.mark.parametrize("scenario", ["Battle-3m", "Battle-8m", "Battle-2s3z"])
def test_opponents_form_a_ladder(scenario: str) -> None:
    def wins(opponent: str) -> int:
        return outcomes(scenario, "attack-nearest", opponent, 200)["win"]

    assert wins("random") > 180
    assert wins("random") > wins("attack-nearest") + 20
    assert wins("attack-nearest") > wins("focus-fire") + 20


@pytest.mark.parametrize("scenario", ["Battle-3m", "Battle-8m", "Battle-2s3z"])
def test_neither_side_has_an_advantage(scenario: str) -> None:
    alike = replace(SCENARIOS[scenario], idle_units_fight=True)
    env = BatchedEnv(alike, 1000, opponent="attack-nearest")
    env.reset(range(1000))
    own, total = env.scenario.own_slots, env.scenario.slots
    homes = np.array([[23, 16]], dtype=np.float32)
    still = np.zeros((1000, env.action_space.nvec.size), dtype=np.int64)
    won: Counter[str] = Counter()
    while not env.finished.all():
        attack_nearest(env.units, env.games, (0, own, own, total), homes, env.scenario.rules())
        won.update(info.get("outcome", "") for info in env.step(still).infos)
    decided = won["win"] + won["loss"]
    # Three standard deviations of a fair coin.
    assert abs(won["win"] - won["loss"]) < 3 * np.sqrt(decided)


@pytest.mark.parametrize("scenario", [name for name in NAMES if not SCENARIOS[name].task])
@pytest.mark.parametrize("name", [name for name in CONTROLS if name not in TASK_SCRIPTS])
def test_controls_only_emit_legal_actions(scenario: str, name: str) -> None:
    env = BatchedEnv(scenario, 6, opponent="focus-fire", max_entities=60)
    script = make_control(name, env.observation_space, env.action_space, seed=3)
    observation = env.reset(range(6))
    for _ in range(150):  # battles end before
        action = script.act(observation)
        assert action.dtype == np.int64
        for row in range(6):
            one = {key: value[row] for key, value in observation.items()}
            env.action_space.check_legal(action[row], one)
            np.testing.assert_array_equal(env.action_space.canonical(action[row]), action[row])
        observation = env.step(action).observation


def test_the_random_control_draws_all_that_is_legal_and_repeats_by_its_seed() -> None:
    env = BatchedEnv("Battle-3m", 500)
    observation = env.reset(range(500))

    def act(seed: int) -> Any:
        return make_control("random", env.observation_space, env.action_space, seed).act(
            observation
        )

    actions = act(0)
    counts = np.bincount(actions[:, 0], minlength=6)
    assert counts.min() > 50
    selecting = actions[actions[:, 0] > 0, 1:7]
    assert set(map(tuple, selecting[:, :3])) == {
        (a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)
    } - {(0, 0, 0)}
    assert not selecting[:, 3:].any()
    assert set(actions[actions[:, 0] == 3, -2]) == {3, 4, 5}
    assert len(set(actions[actions[:, 0] == 2, -1])) > 50
    np.testing.assert_array_equal(actions, act(0))
    assert not np.array_equal(actions, act(1))


def test_focus_fire_prefers_the_weak_and_the_near() -> None:
    env = battle()
    env.units[0, f.X, :6] = [15, 15, 15, 20, 20, 20]
    env.units[0, f.HEALTH, 4] = 10
    step = env.step(np.zeros((1, 9), dtype=np.int64))
    script = make_control("focus-fire", env.observation_space, env.action_space, 0)
    action = script.act(step.observation)[0]
    assert env.action_space.decode(action).target_unit == 4
    assert env.action_space.decode(action).selected == (0, 1, 2)


def test_attack_nearest_walks_to_the_cell_of_the_nearest_enemy() -> None:
    env = battle()
    env.units[0, f.X, 3:6] = [25, 21, 29]
    env.units[0, f.Y, 3:6] = [16, 13, 16]
    observation = env.step(np.zeros((1, 9), dtype=np.int64)).observation
    script = make_control("attack-nearest", env.observation_space, env.action_space, 0)
    row, column = env.action_space.decode(script.act(observation)[0]).target_cell or (0, 0)
    x, y = env.units[0, f.X, 4], env.units[0, f.Y, 4]
    assert (row, column) == (int(y // 2), int(x // 2))


def test_an_unknown_script_is_an_error_that_names_the_nearest() -> None:
    env = battle()
    with pytest.raises(ContractError, match="unknown control 'no_op'.*did you mean 'no-op'"):
        make_control("no_op", env.observation_space, env.action_space, 0)
    with pytest.raises(ContractError, match="unknown opponent 'nearest'"):
        find_opponent("nearest")
    plain = spaces.Dict({"entities": spaces.Box(0, 1, (6, 12))})
    with pytest.raises(ContractError, match="needs an EntitySpace"):
        make_control("random", plain, env.action_space, 0)
