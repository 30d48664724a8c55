"""Threads change nothing but the time."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from perceiver_rl.envs import BatchedEnv
from perceiver_rl.spaces import ContractError


@pytest.mark.parametrize(("games", "threads"), [(7, 3), (2, 5)])
@pytest.mark.parametrize("name", ["Battle-MMM", "DefeatRoaches"])
def test_games_shared_by_threads_are_the_same_bit_for_bit(
    name: str, games: int, threads: int
) -> None:
    alone, shared = BatchedEnv(name, games), BatchedEnv(name, games, threads=threads)
    rng = np.random.default_rng(0)
    for env in (alone, shared):
        env.reset(range(games))
    for _ in range(40):
        action = rng.integers(
            0, alone.action_space.nvec, size=(games, alone.action_space.nvec.size)
        )
        one, two = alone.step(action), shared.step(action)
        np.testing.assert_array_equal(alone.units, shared.units)
        np.testing.assert_array_equal(alone.games, shared.games)
        np.testing.assert_array_equal(one.reward, two.reward)


def test_a_batch_with_threads_can_be_pickled() -> None:
    env = BatchedEnv("Battle-3m", 4, threads=2)
    env.reset(range(4))
    action = np.zeros((4, env.action_space.nvec.size), dtype=np.int64)
    env.step(action)
    copy = pickle.loads(pickle.dumps(env))
    env.step(action)
    copy.step(action)
    np.testing.assert_array_equal(env.units, copy.units)


def test_no_thread_is_an_error() -> None:
    with pytest.raises(ContractError, match="threads must be at least 1, not 0"):
        BatchedEnv("Battle-3m", 1, threads=0)
