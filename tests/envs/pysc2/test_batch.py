"""Several games at once: each with its own seed, and none that another holds up."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import perceiver_rl  # noqa: F401 - registers the environments
from perceiver_rl._register import GAME_PREFIX
from perceiver_rl.envs.pysc2 import env as env_module
from perceiver_rl.envs.pysc2 import ids
from perceiver_rl.envs.pysc2.batch import SC2Batch
from perceiver_rl.envs.pysc2.env import MINI_GAMES, SC2Env
from perceiver_rl.envs.pysc2.game import GameError
from perceiver_rl.envs.pysc2.vec_env import SC2VecEnv
from perceiver_rl.spaces import ActionError, ContractError

from .messages import ScriptedGame, response, unit

pytest.importorskip("s2clientprotocol")


@pytest.fixture(autouse=True)
def _scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env_module, "Game", ScriptedGame)


def answer(score: int, **values: Any) -> Any:
    return response([unit("marine", 1, health=45)], score=score, **values)


def make(*answers: list[Any], **options: Any) -> tuple[SC2Batch, list[Any]]:
    """A batch of games that give these answers, one list for each."""
    batch = SC2Batch("DefeatRoaches", len(answers), **options)
    games: list[Any] = [each.game for each in batch.games]
    for game, laid_out in zip(games, answers, strict=True):
        game.answers = list(laid_out)
    return batch, games


def no_ops(batch: SC2Batch) -> Any:
    return np.zeros((batch.num_envs, *batch.action_space.nvec.shape), np.int64)


def test_each_game_has_its_own_seed_and_reward() -> None:
    batch, games = make([answer(10)], [answer(20)])
    observation = batch.reset([5, 6])
    assert observation["entities"].shape[0] == 2
    assert batch.step(no_ops(batch)).reward.tolist() == [10, 20]
    assert [game.seeds for game in games] == [[5], [6]]


def test_a_game_that_has_ended_stays_as_it_is() -> None:
    batch, games = make([answer(1, result=ids.DEFEAT)], [answer(0), answer(7)])
    batch.reset([5, 6])
    first = batch.step(no_ops(batch))
    assert first.terminated.tolist() == [True, False]
    second = batch.step(no_ops(batch))
    assert second.reward.tolist() == [0, 7]
    assert not second.terminated.any()
    np.testing.assert_array_equal(
        first.observation["entities"][0], second.observation["entities"][0]
    )
    assert len(games[0].sent) == 1


def test_with_fewer_seeds_the_batch_is_smaller_until_it_is_reset_again() -> None:
    batch, games = make([answer(1)], [])
    assert batch.reset([5])["entities"].shape[0] == 1
    assert batch.step(no_ops(batch)).reward.shape == (1,)
    assert games[1].seeds == []
    assert batch.reset([7, 8])["entities"].shape[0] == 2


def test_a_void_episode_is_repeated_from_its_seed_if_asked_for() -> None:
    batch, games = make([GameError("lost"), answer(3)], [answer(1), answer(2)], repeat_void=True)
    batch.reset([5, 6])
    step = batch.step(no_ops(batch))
    assert step.infos[0]["void"]
    assert not (step.terminated | step.truncated).any()
    assert games[0].seeds == [5, 5]
    assert batch.step(no_ops(batch)).reward.tolist() == [3, 1]


def test_a_void_episode_ends_otherwise() -> None:
    batch, _ = make([GameError("lost")])
    batch.reset([5])
    assert batch.step(no_ops(batch)).truncated.tolist() == [True]


def test_restarted_games_overwrite_the_latest_observation_in_place() -> None:
    batch, games = make([answer(1, result=ids.DEFEAT, loop=800)], [answer(1)])
    batch.reset([5, 6])
    step = batch.step(no_ops(batch))
    assert step.observation["scalars"][0, 0] < 1
    batch.restart(np.array([0]))
    assert step.observation["scalars"][0, 0] == 1
    assert games[0].seeds == [5, None]


def test_an_action_outside_its_space_names_the_game() -> None:
    batch, _ = make([answer(1)], [answer(1)])
    batch.reset([5, 6])
    actions = no_ops(batch)
    actions[1, 0] = 99
    with pytest.raises(ActionError, match="env 1: action_type=99"):
        batch.step(actions)


@pytest.mark.parametrize("seeds", [[], [1, 2, 3]])
def test_a_number_of_seeds_that_does_not_fit_is_an_error(seeds: list[int]) -> None:
    batch, _ = make([], [])
    with pytest.raises(ContractError, match="2 games cannot start"):
        batch.reset(seeds)


def test_a_batch_without_games_is_an_error() -> None:
    with pytest.raises(ContractError, match="num_envs must be at least 1"):
        SC2Batch("DefeatRoaches", 0)


def test_stable_baselines3_sees_episodes_that_follow_one_another() -> None:
    batch, games = make([answer(4), answer(9, result=ids.DEFEAT), answer(2)])
    env = SC2VecEnv(batch, seed=3)
    env.reset()
    env.step(no_ops(batch))
    observation, reward, dones, infos = env.step(no_ops(batch))
    assert (reward.tolist(), dones.tolist()) == ([5], [True])
    assert infos[0]["episode"]["r"] == 9
    assert infos[0]["episode"]["l"] == 2
    assert infos[0]["terminal_observation"]["action_type_mask"].sum() == 1
    assert isinstance(observation, dict)
    assert observation["action_type_mask"].sum() > 1
    assert games[0].seeds == [3, None]
    assert env.backend == "sc2-0.0"
    env.close()
    assert games[0].closed


@pytest.mark.parametrize("name", MINI_GAMES)
def test_gymnasium_makes_them_by_their_ids(name: str) -> None:
    env = gym.make(f"perceiver_rl/{GAME_PREFIX}{name}-v0", difficulty="elite")
    assert isinstance(env.unwrapped, SC2Env)
    observation, _ = env.reset(seed=1)
    assert env.observation_space.contains(observation)
    env.close()
