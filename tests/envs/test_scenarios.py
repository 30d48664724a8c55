"""Scenarios as data, and the rules of the mini-game DefeatRoaches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perceiver_rl.envs import BatchedEnv, Scenario, Waves, make_vec
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.engine.streams import next_seed
from perceiver_rl.envs.engine.units import UNITS, unit_type
from perceiver_rl.envs.scenarios import SCENARIOS, find_scenario, point
from perceiver_rl.envs.scenarios.scenario import cluster
from perceiver_rl.spaces import ContractError

LEFT, RIGHT = (23.97, 25.06, 27.98, 31.05), (38.02, 25.04, 42.04, 31.08)
NO_OP = 0


def still(env: BatchedEnv) -> Any:
    return np.zeros((env.num_envs, env.action_space.nvec.size), dtype=np.int64)


def roaches(games: int = 1) -> BatchedEnv:
    env = BatchedEnv("DefeatRoaches", games)
    env.reset(range(games))
    return env


def kill(env: BatchedEnv, slots: Any) -> None:
    """Let the units die of the next shot and have them shot at once, by units of the other side."""
    for row in range(env.num_envs):
        env.units[row, f.HEALTH, slots] = 0.25
        env.units[row, f.HEALTH_REGEN, slots] = 0


def kill_the_wave(env: BatchedEnv) -> None:
    """Place marines before the roaches, out of their range, and let every shot kill."""
    kill(env, [48, 49, 50, 51])
    for slot in range(9):
        env.units[:, f.X, slot] = env.units[:, f.X, 48 + slot % 4] + 5.5
        env.units[:, f.Y, slot] = env.units[:, f.Y, 48 + slot % 4]
        env.units[:, f.X, slot] *= env.units[:, f.HEALTH, slot] > 0


def inside(box: tuple[float, float, float, float], x: Any, y: Any, slack: float = 1e-4) -> Any:
    left, bottom, right, top = box
    return (left - slack <= x) & (x <= right + slack) & (bottom - slack <= y) & (y <= top + slack)


def test_nine_marines_meet_four_roaches_in_columns_on_a_side_that_is_drawn() -> None:
    env = roaches(200)
    assert (env.games[:, f.OWN_ALIVE] == 9).all()
    assert (env.games[:, f.ENEMY_ALIVE] == 4).all()
    x, y = env.units[:, f.X], env.units[:, f.Y]
    on_left = inside(LEFT, x[:, 0], y[:, 0])
    on_right = inside(RIGHT, x[:, 0], y[:, 0])
    assert (on_left ^ on_right).all()
    assert 60 < on_left.sum() < 140
    anchor = y[:, 48] - 0.5
    assert inside(RIGHT, x[on_left, 48], anchor[on_left]).all()
    assert inside(LEFT, x[on_right, 48], anchor[on_right]).all()
    rows = y[:, :9] - y[:, :1]
    np.testing.assert_allclose(rows, np.tile([0, 1, -1, 2, -2, 3, -3, 4, -4], (200, 1)), atol=1e-4)
    rows = y[:, 48:52] - anchor[:, None]
    np.testing.assert_allclose(rows, np.tile([0.5, 1.5, -0.5, -1.5], (200, 1)), atol=1e-4)
    assert (x[:, :9] == x[:, :1]).all()


def test_a_roach_is_worth_10_and_a_marine_minus_1() -> None:
    env = roaches()
    env.units[0, f.X, [0, 1]] = env.units[0, f.X, 48] + 3
    env.units[0, f.Y, [0, 1]] = env.units[0, f.Y, 48]
    kill(env, [0, 48])
    step = env.step(still(env))
    assert env.games[0, [f.OWN_LOST, f.ENEMY_LOST]].tolist() == [1, 1]
    assert step.reward.tolist() == [9.0]


def test_a_cleared_wave_brings_four_roaches_five_marines_and_new_places_at_once() -> None:
    env = roaches(64)
    lives = np.array([45, 30, 20, 10, 45, 45, 45, 45, 45], dtype=np.float32)
    env.units[:, f.HEALTH, :9] = lives
    env.units[:, :, 4] = 0  # one marine is dead
    env.units[:, f.BULK : f.AIR_BULK + 1, 4] = f.NO_BULK
    env.games[:, [f.OWN_ALIVE, f.OWN_LOST]] = 8, 1
    kill_the_wave(env)
    step = env.step(still(env))
    assert (env.games[:, f.WAVES] == 1).all()
    assert (env.games[:, f.OWN_ALIVE] == 8 + 5).all()
    assert (env.games[:, f.ENEMY_ALIVE] == 4).all()
    assert (env.games[:, f.SCORE] == 40 - 1).all()
    for row in range(64):
        health = env.units[row, f.HEALTH, :48]
        assert health[:13].tolist() == [45, 30, 20, 10, 45, 45, 45, 45, *[45] * 5]
        assert not health[13:].any()
    assert (env.units[:, f.ORDER, :48] == f.IDLE).all()
    places = env.games[:, f.PLACE]
    assert 10 < places.sum() < 54
    assert not step.terminated.any()


def test_a_new_wave_is_fought_for_the_loops_left_of_the_step() -> None:
    env = roaches()
    kill_the_wave(env)
    step = env.step(still(env))
    assert env.games[0, f.WAVES] == 1
    assert env.games[0, f.LOOP] == 8
    assert step.observation["scalars"][0, 0] == pytest.approx(1 - 8 / 1920)


def test_marines_beyond_the_capacity_are_counted() -> None:
    env = roaches()
    for wave in range(1, 10):
        kill_the_wave(env)
        env.step(still(env))
        assert env.games[0, f.WAVES] == wave
        assert env.games[0, f.OWN_ALIVE] == min(9 + 5 * wave, 48)
        assert env.games[0, f.OVERFLOW] == (0 if wave < 8 else 1 + 5 * (wave - 8))


def test_the_game_is_lost_with_the_last_marine_and_won_when_time_is_out() -> None:
    env = roaches(2)
    for slot in range(9):
        env.units[0, f.X, slot] = env.units[0, f.X, 48]
        env.units[0, f.HEALTH, slot] = 0.25
        env.units[0, f.SCAN, slot] = -10  # they do not shoot back
    infos: list[dict[str, Any]] = [{}, {}]
    for _ in range(240):
        step = env.step(still(env))
        for row, info in enumerate(step.infos):
            infos[row] = info or infos[row]
    assert infos[0]["outcome"] == "loss"
    assert infos[0]["score"] == -9
    assert (step.terminated[1], step.truncated[1]) == (False, True)
    assert infos[1]["outcome"] == "win"
    assert infos[1]["game_loops"] == 1920
    assert (infos[1]["score"], infos[1]["waves"], infos[1]["overflow"]) == (0, 0, 0)


def test_zerglings_and_banelings_meet_nine_marines_from_one_point() -> None:
    env = BatchedEnv("DefeatZerglingsAndBanelings", 100)
    env.reset(range(100))
    kinds = [list(UNITS)[int(kind)] for kind in env.units[0, f.KIND, 48:58]]
    assert kinds == ["zergling"] * 6 + ["baneling"] * 4
    x, y = env.units[:, f.X], env.units[:, f.Y]
    assert (x[:, 48:58] == x[:, [48]]).all()
    assert (y[:, 48:58] == y[:, [48]]).all()
    on_left = inside(LEFT, x[:, 0], y[:, 0])
    assert 25 < on_left.sum() < 75
    assert inside(RIGHT, x[on_left, 48], y[on_left, 48]).all()
    assert (env.games[:, f.OWN_ALIVE] == 9).all()


def test_a_zergling_or_baneling_is_worth_5_and_a_cleared_wave_four_marines() -> None:
    env = BatchedEnv("DefeatZerglingsAndBanelings", 2)
    env.reset([0, 1])
    for slot in range(48, 58):  # each before a marine of its own
        env.units[:, f.HEALTH, slot] = 0.25
        env.units[:, f.X, slot] = env.units[:, f.X, (slot - 48) % 9] + 4.9
        env.units[:, f.Y, slot] = env.units[:, f.Y, (slot - 48) % 9]
        env.units[:, [f.HEALTH_REGEN, f.SPEED], slot] = 0
    step = env.step(still(env))
    assert (env.games[:, f.ENEMY_LOST] >= 9).all()
    reward = step.reward
    while (env.games[:, f.WAVES] == 0).any():
        reward = reward + env.step(still(env)).reward
    assert reward.tolist() == [50, 50]
    assert (env.games[:, f.OWN_ALIVE] == 9 + 4).all()
    assert (env.games[:, f.ENEMY_ALIVE] == 10).all()


def test_idle_marines_of_the_mini_game_shoot_what_comes_near() -> None:
    env = roaches()
    env.units[0, f.X, 48:52] = env.units[0, f.X, 0] + 4
    env.step(still(env))
    assert (env.units[0, f.HEALTH, 48:52] < 145).any()


@pytest.mark.parametrize("name", ["Battle-3m", "Battle-8m", "Battle-2s3z"])
def test_battles_start_apart_within_sight_of_nobody_and_differ_by_seed(name: str) -> None:
    env = BatchedEnv(name, 50)
    env.reset(range(50))
    own, total = env.scenario.own_slots, env.scenario.slots
    x, y = env.units[:, f.X, :total], env.units[:, f.Y, :total]
    np.testing.assert_allclose(x[:, :own].mean(), 9, atol=0.7)
    np.testing.assert_allclose(x[:, own:].mean(), 23, atol=0.7)
    np.testing.assert_allclose(y.mean(), 16, atol=0.7)
    gap = x[:, None, own:] - x[:, :own, None]
    assert gap.min() > 9
    assert len(np.unique(x[:, 0])) == 50
    for row in range(50):
        apart = np.hypot(*(v[row, :, None] - v[row, None, :] for v in (x, y)))
        assert apart[~np.eye(total, dtype=bool)].min() > 0.2


def test_a_users_scenario_is_a_few_lines() -> None:
    scenario = Scenario(
        name="one-stalker",
        own=(("stalker", 1),),
        enemy=(("zealot", 1), ("marine", 2)),
        places=((point(9, 16), point(23, 16)),),
        step_limit=10,
    )
    env: Any = make_vec(scenario, num_envs=2, seed=0)
    rows = env.reset()["entities"][0]
    assert rows[:, 1].tolist() == [3, 4, 0, 0]
    for _ in range(10):
        dones = env.step(np.zeros((2, 7), dtype=np.int64))[2]
    assert dones.all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"own": ()}, "own team is empty"),
        ({"enemy": (("marine", 0),)}, "enemy team is empty"),
        ({"own": (("marin", 1),)}, "unknown unit type 'marin'.*did you mean 'marine'"),
        ({"places": ()}, "at least one place"),
        ({"step_limit": 0}, "step_limit=0"),
        ({"own_offsets": ((0.0, 0.0),) * 2}, "own_offsets needs one entry per slot, 3, not 2"),
        (
            {
                "waves": Waves(reinforcements=1, capacity=2, enemy_points=1, own_points=0),
            },
            "starts with 3 units of ours, its capacity is 2",
        ),
    ],
)
def test_a_scenario_that_makes_no_sense_is_an_error(change: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {
        "name": "mine",
        "own": (("marine", 3),),
        "enemy": (("marine", 3),),
        "places": ((point(9, 16), point(23, 16)),),
        "step_limit": 60,
    }
    assert Scenario(**good).slots == 6
    with pytest.raises(ContractError, match=message):
        Scenario(**good | change)


@pytest.mark.parametrize(
    "name",
    ["Battle-3m", "perceiver_rl/Battle-3m-v0", "perceiver_rl:perceiver_rl/Battle-3m-v0"],
)
def test_a_scenario_is_found_by_name_and_by_id(name: str) -> None:
    assert find_scenario(name) is SCENARIOS["Battle-3m"]


def test_a_cluster_is_compact_and_never_overlaps() -> None:
    team = (unit_type("zealot"),)
    offsets = np.array(cluster(30, team))
    assert offsets[0].tolist() == [0, 0]
    apart = np.hypot(*(offsets[:, None] - offsets[None]).transpose(2, 0, 1))
    assert apart[~np.eye(30, dtype=bool)].min() == pytest.approx(2 * 0.5 + 0.2)
    assert np.hypot(*offsets.T).max() < 4


def test_seeds_that_follow_never_meet_those_a_caller_chooses() -> None:
    seed, seen = 0, set()
    for _ in range(1000):
        seed = int(next_seed(seed))
        assert 2**62 <= seed < 2**63
        seen.add(seed)
    assert len(seen) == 1000


def test_unit_types_agree_with_their_keys() -> None:
    assert [unit.name for unit in UNITS.values()] == list(UNITS)
    for unit in UNITS.values():
        assert unit.bonus_against or not unit.bonus
