"""The rules of FindAndDefeatZerglings: fog, camera, places, score and end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perceiver_rl.envs import BatchedEnv
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.engine.hunt import ORDER_COLUMN
from perceiver_rl.spaces import ActionError

NAMES = BatchedEnv("FindAndDefeatZerglings", 1).action_space.names
OWN, TOTAL = 3, 28


def hunt(games: int = 1, **options: Any) -> BatchedEnv:
    env = BatchedEnv("FindAndDefeatZerglings", games, **options)
    env.reset(range(games))
    return env


def order(
    env: BatchedEnv, name: str, selected: tuple[int, ...] = (), unit: int = 0, cell: int = 0
) -> Any:
    action = np.zeros((env.num_envs, env.action_space.nvec.size), dtype=np.int64)
    action[:, 0] = NAMES.index(name)
    action[:, [1 + slot for slot in selected]] = 1
    action[:, -2:] = unit, cell
    return env.step(action)


def column(env: BatchedEnv, step: Any, name: str) -> Any:
    return step.observation["entities"][0, :, env.entity_space.index(name)]


def banish(env: BatchedEnv, slots: Any = range(OWN, TOTAL)) -> None:
    """Move zerglings to a far corner."""
    env.units[:, f.X, list(slots)] = 53
    env.units[:, f.Y, list(slots)] = 43


def distances(x: Any, y: Any) -> Any:
    apart = np.hypot(x[:, :, None] - x[:, None], y[:, :, None] - y[:, None])
    return apart[:, ~np.eye(x.shape[1], dtype=bool)]


def test_three_marines_start_around_the_middle_and_25_zerglings_in_their_rings() -> None:
    env = hunt(100)
    x, y = env.units[:, f.X, :TOTAL], env.units[:, f.Y, :TOTAL]
    half = np.sqrt(0.75)
    np.testing.assert_allclose(x[:, :3], np.tile([32 - half, 32 + half, 32], (100, 1)), atol=1e-5)
    np.testing.assert_allclose(y[:, :3], np.tile([27.5, 27.5, 29], (100, 1)), atol=1e-5)
    away = np.hypot(x - 32, y - 28)
    assert 8 <= away[:, 3].min() < away[:, 3].max() <= 9
    assert 7.5 <= away[:, 4].min() < 7.7
    assert 9.3 < away[:, 4].max() <= 9.5
    assert away[:, 5:].min() >= 10.5
    assert distances(x[:, 3:], y[:, 3:]).min() >= 5
    assert 11 <= x[:, 5:].min() < 11.5
    assert 42.5 < y[:, 5:].max() <= 43


def test_a_zergling_is_seen_within_nine_cells_of_a_marine_and_gone_beyond() -> None:
    env = hunt()
    banish(env)
    env.units[0, [f.X, f.Y], 5] = 32 + np.sqrt(0.75) + 8.9, 27.5
    env.units[0, [f.X, f.Y], 6] = 32 + np.sqrt(0.75) + 9.1, 27.5
    step = order(env, "no_op")
    assert step.observation["entity_mask"][0].nonzero()[0].tolist() == [0, 1, 2, 5]
    attack = NAMES.index("attack")
    assert step.observation["target_mask"][0, attack].nonzero()[0].tolist() == [5]
    assert step.observation["action_type_mask"][0].all()
    assert not step.observation["entities"][0, [6, 7]].any()
    banish(env, [5])
    step = order(env, "no_op")
    assert step.observation["entity_mask"][0].sum() == 3
    assert not step.observation["action_type_mask"][0, attack]


def test_an_order_against_an_unseen_zergling_is_refused() -> None:
    env = hunt(2)
    banish(env)
    step = order(env, "attack", (0, 1), unit=7)
    assert step.infos[0] == {"refused_orders": 2}
    assert (env.units[0, f.ORDER, :3] == f.IDLE).all()
    strict = hunt(illegal="error")
    banish(strict)
    order(strict, "no_op")
    with pytest.raises(ActionError, match="attack"):
        order(strict, "attack", (0,), unit=7)


def test_an_attack_ends_when_its_target_leaves_the_sight_of_all() -> None:
    env = hunt()
    banish(env)
    env.units[0, [f.X, f.Y], 5] = 40, 28
    env.units[0, f.SCAN, 5] = -10  # it stays
    order(env, "no_op")
    order(env, "attack", (0,), unit=5)
    assert env.units[0, f.ORDER, 0] == f.ATTACK
    banish(env, [5])
    order(env, "no_op")
    assert env.units[0, [f.ORDER, f.TARGET], 0].tolist() == [f.IDLE, f.NOBODY]


def test_the_camera_shows_24_cells_moves_by_order_and_limits_nothing() -> None:
    env = hunt()
    banish(env)
    step = order(env, "no_op")
    assert step.observation["scalars"][0, 3:].tolist() == [0.5, 0.5]
    assert column(env, step, "on_screen")[:3].tolist() == [1, 1, 1]
    step = order(env, "camera", cell=16 * 15 + 15)  # the upper right cell
    assert step.observation["scalars"][0, 3:].tolist() == pytest.approx(
        [31 / 32, 31 / 32], abs=1e-4
    )
    assert column(env, step, "on_screen")[:3].tolist() == [0, 0, 0]
    assert step.observation["selectable_mask"][0, :3].tolist() == [1, 1, 1]
    assert order(env, "move", (0, 1, 2), cell=0).infos == [{}]


def test_a_cleared_field_brings_25_new_zerglings_away_from_the_marines_and_one_another() -> None:
    env = hunt(50)
    env.units[:, :, OWN + 1 : TOTAL] = 0
    env.units[:, f.BULK, OWN + 1 : TOTAL] = f.NO_BULK
    env.games[:, f.ENEMY_ALIVE] = 1
    env.units[:, f.HEALTH, OWN] = 0.25
    env.units[:, f.HEALTH_REGEN, OWN] = 0
    env.units[:, f.X, OWN], env.units[:, f.Y, OWN] = 34, 28
    step = order(env, "no_op")
    assert (step.reward == 1).all()
    assert (env.games[:, f.ENEMY_ALIVE] == 25).all()
    x, y = env.units[:, f.X, :TOTAL], env.units[:, f.Y, :TOTAL]
    assert distances(x[:, OWN:], y[:, OWN:]).min() >= 5
    for marine in range(OWN):
        away = np.hypot(x[:, OWN:] - x[:, [marine]], y[:, OWN:] - y[:, [marine]])
        assert away.min() >= 9 - 0.2  # a marine may have been pushed since
    assert 10 <= x[:, OWN:].min() < 11
    assert (env.games[:, f.LOOP] == 8).all()


def test_the_hunt_is_lost_with_the_last_marine() -> None:
    env = hunt(2)
    banish(env)
    env.units[0, f.HEALTH, :3] = 0.25
    env.units[0, f.SCAN, :3] = -10  # they do not shoot back
    for slot in range(3):
        env.units[0, [f.X, f.Y], 5 + slot] = env.units[0, [f.X, f.Y], slot] + 0.5
    step = order(env, "no_op")
    while not step.terminated[0]:
        step = order(env, "no_op")
    assert (step.infos[0]["outcome"], step.infos[0]["score"]) == ("loss", -3)
    assert not env.finished[1]
    loop = env.games[0, f.LOOP]
    order(env, "no_op")
    assert env.games[0, f.LOOP] == loop


def test_a_hunt_lasts_2880_loops() -> None:
    env = hunt()
    banish(env)
    for _ in range(360):
        step = order(env, "no_op")
    assert (step.terminated[0], step.truncated[0]) == (False, True)
    assert step.infos[0]["game_loops"] == 2880


def test_queued_and_patrolling_marines_fight_what_they_meet() -> None:
    env = hunt()
    banish(env)
    order(env, "move", (0,), cell=16 * 8 + 9)
    step = order(env, "attack_move_queued", (0,), cell=16 * 8 + 10)
    assert column(env, step, "queued_orders")[:3].tolist() == [1, 0, 0]
    step = order(env, "patrol", (1,), cell=16 * 8 + 12)
    assert env.entity_space.index("order") == ORDER_COLUMN
    assert column(env, step, "order")[1] == 5
    env.units[0, [f.X, f.Y], 6] = env.units[0, f.X, 1] + 5, env.units[0, f.Y, 1]
    order(env, "no_op")
    assert env.units[0, f.TARGET, 1] == 6
