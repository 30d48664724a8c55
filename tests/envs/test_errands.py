"""The rules of MoveToBeacon and CollectMineralShards, patrols and queued orders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perceiver_rl.envs import BatchedEnv
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.engine import task_fields as t

NO_OP, STOP, MOVE, PATROL, MOVE_QUEUED = range(5)
MARINE_PACE = 2.25 / 16


def play(name: str, games: int = 1) -> BatchedEnv:
    env = BatchedEnv(name, games)
    env.reset(range(games))
    return env


def order(env: BatchedEnv, kind: int, selected: tuple[int, ...] = (0,), cell: int = 0) -> Any:
    action = np.zeros((env.num_envs, env.action_space.nvec.size), dtype=np.int64)
    action[:, 0] = kind
    action[:, [1 + slot for slot in selected]] = 1
    action[:, -1] = cell
    return env.step(action)


def put(env: BatchedEnv, slot: int, x: float, y: float) -> None:
    env.units[:, f.X, slot] = x
    env.units[:, f.Y, slot] = y


def where(env: BatchedEnv, slot: int) -> tuple[float, float]:
    return float(env.units[0, f.X, slot]), float(env.units[0, f.Y, slot])


def apart(env: BatchedEnv, one: int, two: int) -> Any:
    dx = env.units[:, f.X, one] - env.units[:, f.X, two]
    return np.hypot(dx, env.units[:, f.Y, one] - env.units[:, f.Y, two])


def test_the_beacon_starts_in_its_region_five_cells_from_the_marine() -> None:
    env = play("MoveToBeacon", 500)
    x, y = env.units[:, f.X, 1], env.units[:, f.Y, 1]
    assert 23.5 <= x.min() < 24.5
    assert 41.5 < x.max() <= 42.5
    assert 21.5 <= y.min() < 22.5
    assert 33.5 < y.max() <= 34.5
    assert np.hypot(x - 33, y - 28).min() >= 4
    assert apart(env, 0, 1).min() >= 5
    marines = env.units[:, f.X, 0]
    assert 22 <= marines.min() < 23
    assert 43 < marines.max() <= 44


def test_a_marine_within_1_25_cells_scores_and_the_beacon_moves_at_once() -> None:
    env = play("MoveToBeacon", 2)
    put(env, 1, 30, 22)
    put(env, 0, 31.25, 22)
    env.units[1, f.X, 0] = 31.26
    step = order(env, NO_OP)
    assert step.reward.tolist() == [1, 0]
    assert apart(env, 0, 1)[0] >= 5
    assert (env.units[1, f.X, 1], env.units[1, f.Y, 1]) == (30, 22)


def test_an_idle_marine_stays_where_it_is() -> None:
    env = play("MoveToBeacon")
    before = where(env, 0)
    assert order(env, NO_OP).reward == 0
    assert where(env, 0) == before


def test_a_beacon_game_lasts_1920_loops_and_ends_as_a_win_by_its_score() -> None:
    env = play("MoveToBeacon")
    for _ in range(239):
        assert not order(env, NO_OP).truncated
    step = order(env, NO_OP)
    assert (step.terminated[0], step.truncated[0]) == (False, True)
    assert step.infos[0] == {
        "outcome": "win",
        "is_success": True,
        "episode_seed": 0,
        "game_loops": 1920,
        "refused_orders": 0,
        "score": 0,
    }
    assert step.observation["action_type_mask"].tolist() == [[1, 0, 0, 0, 0]]
    assert order(env, MOVE).reward == 0
    assert env.games[0, f.LOOP] == 1920


def test_twenty_shards_start_two_cells_from_the_marines() -> None:
    env = play("CollectMineralShards", 200)
    x, y = env.units[:, f.X, 2:22], env.units[:, f.Y, 2:22]
    assert (env.units[:, f.HEALTH, 2:22] > 0).all()
    assert 23 <= x.min() < 23.1
    assert 42.9 < x.max() <= 43
    assert 21 <= y.min() < 21.1
    assert 34.9 < y.max() <= 35
    for marine in (0, 1):
        dx, dy = x - env.units[:, f.X, [marine]], y - env.units[:, f.Y, [marine]]
        assert np.hypot(dx, dy).min() >= 2


def test_a_marine_takes_the_shards_it_touches_and_the_last_one_brings_twenty_more() -> None:
    env = play("CollectMineralShards")
    put(env, 0, 30, 30)
    put(env, 1, 23, 21)
    for slot in range(2, 22):
        put(env, slot, 40, 30)
    put(env, 2, 30.86, 30)  # radii .375 and .5
    put(env, 3, 30.89, 30)
    step = order(env, NO_OP)
    assert step.reward == 1
    assert step.observation["entity_mask"][0, :4].tolist() == [1, 1, 0, 1]
    for slot in range(4, 22):
        env.units[0, :, slot] = 0
    put(env, 0, 30.5, 30)
    step = order(env, NO_OP)
    assert step.reward == 1
    assert step.observation["entity_mask"].sum() == 22
    assert env.games[0, f.SCORE] == 2


def test_marines_that_meet_make_room_for_each_other() -> None:
    env = play("CollectMineralShards")
    for slot in (0, 1):
        put(env, slot, 30 + slot, 25)
    for _ in range(20):
        order(env, MOVE, (0, 1), cell=8 * 16 + 8)
    assert apart(env, 0, 1)[0] > 0.7


def test_a_marine_walks_2_25_cells_per_second_and_stops_at_the_cell_s_middle() -> None:
    env = play("MoveToBeacon")
    put(env, 0, 22.6875, 20.5)  # the middle of the first cell: 22 / 16 = 1.375 wide, 1 high
    put(env, 1, 40, 33)
    order(env, MOVE, cell=5)
    assert where(env, 0) == pytest.approx((22.6875 + 8 * MARINE_PACE, 20.5), abs=1e-5)
    for _ in range(6):
        order(env, NO_OP)
    assert where(env, 0) == pytest.approx((22.6875 + 5 * 1.375, 20.5), abs=1e-5)
    assert env.units[0, f.ORDER, 0] == f.IDLE


def test_a_patrol_goes_to_and_fro_until_another_order() -> None:
    env = play("MoveToBeacon")
    put(env, 0, 22.6875, 20.5)
    put(env, 1, 40, 33)
    step = order(env, PATROL, cell=2)
    column = env.entity_space.index("order")
    assert step.observation["entities"][0, 0, column] == t.PATROL
    turn = 2 * 1.375 / MARINE_PACE  # 19.6 loops from one end to the other
    xs = [where(env, 0)[0]]
    for _ in range(15):
        order(env, NO_OP)
        xs.append(where(env, 0)[0])
    for index, x in enumerate(xs):
        way = (8 * (index + 1)) % (2 * turn)
        assert x == pytest.approx(22.6875 + MARINE_PACE * min(way, 2 * turn - way), abs=0.9)
    order(env, STOP)
    before = where(env, 0)
    order(env, NO_OP)
    assert where(env, 0) == before


def test_queued_moves_follow_one_another_and_a_plain_order_drops_them() -> None:
    env = play("MoveToBeacon")
    put(env, 0, 22.6875, 20.5)
    put(env, 1, 40, 33)
    order(env, MOVE, cell=2)
    step = order(env, MOVE_QUEUED, cell=16 + 2)
    assert step.observation["entities"][0, 0, env.entity_space.index("queued_orders")] == 1
    order(env, MOVE_QUEUED, cell=16)
    for _ in range(4):
        order(env, NO_OP)
    assert where(env, 0) == pytest.approx((22.6875, 21.5), abs=1e-5)
    order(env, MOVE, cell=15)
    order(env, MOVE_QUEUED, cell=1)
    order(env, STOP)
    before = where(env, 0)
    order(env, NO_OP)
    assert where(env, 0) == before
    assert env.units[0, t.QUEUED, 0] == 0


def test_a_fifth_queued_order_is_refused_and_the_others_stay() -> None:
    env = play("MoveToBeacon", 2)
    put(env, 0, 22.6875, 20.5)
    put(env, 1, 40, 33)
    order(env, MOVE, cell=255)
    for index in range(4):
        assert order(env, MOVE_QUEUED, cell=index).infos[0] == {}
    assert order(env, MOVE_QUEUED, cell=9).infos[0] == {"refused_orders": 1}
    assert env.units[0, t.QUEUED, 0] == 4


def test_orders_to_objects_empty_rows_and_nobody_are_refused() -> None:
    env = play("CollectMineralShards", 2)
    assert order(env, MOVE, (0, 2, 5)).infos[0] == {"refused_orders": 2}
    assert env.units[0, f.ORDER, :8].tolist() == [f.MOVE, 0, 0, 0, 0, 0, 0, 0]
    assert order(env, MOVE, ()).infos[0] == {"refused_orders": 3}
    assert order(env, NO_OP, (5,)).infos == [{}, {}]


def test_rows_say_whose_what_and_where() -> None:
    env = play("CollectMineralShards")
    rows = env.reset([3])["entities"][0]
    assert rows[:, env.entity_space.index("alliance")].tolist() == [0, 0] + [2] * 20
    assert len(set(rows[:, env.entity_space.index("unit_type")])) == 2
    np.testing.assert_array_equal(rows[:, env.entity_space.index("x")], env.units[0, f.X, :22])
