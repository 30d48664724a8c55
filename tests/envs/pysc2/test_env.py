"""An episode of the real game: rewards, ends, refused orders, and what happens when it crashes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from perceiver_rl.envs.gym_env import ProxyEnv
from perceiver_rl.envs.pysc2 import env as env_module
from perceiver_rl.envs.pysc2 import ids
from perceiver_rl.envs.pysc2.env import MINI_GAMES, SC2Env
from perceiver_rl.envs.pysc2.game import GameError
from perceiver_rl.envs.pysc2.options import GameOptions
from perceiver_rl.spaces import ActionError, ContractError

from .messages import ScriptedGame, response, unit

pytest.importorskip("s2clientprotocol")


@pytest.fixture(autouse=True)
def _scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env_module, "Game", ScriptedGame)


def make(name: str = "DefeatRoaches", **options: Any) -> tuple[SC2Env, ScriptedGame]:
    made = SC2Env(name, **options)
    game: Any = made.game
    return made, game


def no_op(env: SC2Env) -> Any:
    return np.zeros(env.action_space.shape, np.int64)


@pytest.mark.parametrize("name", MINI_GAMES)
def test_the_spaces_are_those_of_the_proxy(name: str) -> None:
    env, _ = make(name)
    proxy = ProxyEnv(name)
    assert env.observation_space == proxy.observation_space
    assert env.action_space == proxy.action_space


def test_the_reward_is_the_change_of_the_score() -> None:
    env, game = make()
    game.answers = [response([unit("marine", 1, health=45)], score=score) for score in (10, 10, 19)]
    env.reset(seed=3)
    assert [env.step(no_op(env))[1] for _ in range(3)] == [10, 0, 9]
    assert game.seeds == [3]


def test_a_timeout_comes_as_a_victory_and_is_a_truncation() -> None:
    env, game = make()
    marine = unit("marine", 1, health=45)
    game.answers = [response([marine], loop=1920, score=7, result=ids.VICTORY)]
    _, info = env.reset(seed=3)
    assert info == {"episode_seed": 3}
    observation, _, terminated, truncated, info = env.step(no_op(env))
    assert (terminated, truncated) == (False, True)
    assert info == {
        "outcome": "win",
        "is_success": True,
        "episode_seed": 3,
        "game_loops": 1920,
        "refused_orders": 0,
        "score": 7,
        "backend": "sc2-0.0",
    }
    assert observation["action_type_mask"].nonzero()[0].tolist() == [0]


def test_a_defeat_is_a_termination_even_at_the_last_loop() -> None:
    env, game = make()
    game.answers = [response([], loop=1920, score=-9, result=ids.DEFEAT)]
    env.reset()
    _, reward, terminated, truncated, info = env.step(no_op(env))
    assert (reward, terminated, truncated) == (-9, True, False)
    assert info["outcome"] == "loss"
    assert "episode_seed" not in info


def test_a_game_that_runs_on_is_truncated_at_the_proxys_limit() -> None:
    env, game = make()
    game.answers = [response([unit("marine", 1, health=45)], loop=1920)]
    env.reset()
    assert env.step(no_op(env))[2:4] == (False, True)


def test_refused_orders_of_ours_and_of_the_game_add_up() -> None:
    env, game = make()
    marine = unit("marine", 1, health=45)
    refused_by_game = response([marine])
    refused_by_game.action_errors.add(unit_tag=1, ability_id=3674, result=44)
    game.answers = [refused_by_game, response([marine])]
    env.reset()
    action = no_op(env)
    action[0], action[1:4] = 1, 1  # stop, to one marine and two rows without one
    assert env.step(action)[4] == {"refused_orders": 3}
    assert env.step(no_op(env))[4] == {}
    assert [len(each) for each in game.sent] == [1, 0]


def test_illegal_actions_raise_if_asked_to() -> None:
    env, _ = make(illegal="error")
    env.reset()
    action = no_op(env)
    action[0], action[2] = 1, 1
    with pytest.raises(ActionError, match="selected entities"):
        env.step(action)


def test_a_crash_voids_the_episode_and_the_next_one_starts_the_game_again() -> None:
    env, game = make()
    game.answers = [GameError("lost"), response([unit("marine", 1, health=45)])]
    env.reset(seed=1)
    observation, reward, terminated, truncated, info = env.step(no_op(env))
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert info == {"void": True, "error": "lost"}
    assert env.observation_space.contains(observation)
    with pytest.raises(ResetNeeded):
        env.step(no_op(env))
    env.reset(seed=1)
    env.step(no_op(env))
    assert game.seeds == [1, 1]


def test_a_game_that_fails_to_start_is_tried_again() -> None:
    env, game = make(most_failures=3)
    game.failing_starts = 2
    env.reset(seed=5)
    assert game.seeds == [5, 5, 5]


def test_after_repeated_failures_an_error_says_where_the_log_is() -> None:
    env, game = make(most_failures=2)
    game.failing_starts = 2
    with pytest.raises(GameError, match=r"failed 2 times in a row.*its output: game\.log"):
        env.reset()


def test_a_step_that_succeeds_forgives_earlier_failures() -> None:
    env, game = make(most_failures=2)
    for _ in range(3):
        game.answers = [response([unit("marine", 1, health=45)]), GameError("lost")]
        env.reset()
        env.step(no_op(env))
        assert env.step(no_op(env))[4]["void"]


def test_units_without_a_row_are_told_at_the_end() -> None:
    env, game = make("MoveToBeacon")
    marines = [unit("marine", tag, health=45) for tag in range(1, 4)]
    game.answers = [response(marines, loop=1920, result=ids.VICTORY)]
    env.reset()
    assert env.step(no_op(env))[4]["hidden_units"] == 2


def test_a_step_before_the_first_reset_is_an_error() -> None:
    env, _ = make()
    with pytest.raises(ResetNeeded):
        env.step(no_op(env))


def test_closing_ends_the_game() -> None:
    env, game = make()
    env.close()
    assert game.closed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"map_name": "DefeatRoach"}, "mini-game.*DefeatRoaches"),
        ({"illegal": "ignore"}, "illegal"),
        ({"step_mull": 8}, "step_mul"),
        ({"step_mul": 0}, "step_mul must be at least 1"),
        ({"difficulty": "elit"}, "elite"),
        ({"race": "human"}, "race"),
        ({"max_entities": 3}, "max_entities=3 is too small"),
    ],
)
def test_options_that_make_no_sense_are_errors(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        SC2Env(**{"map_name": "DefeatRoaches", **arguments})


def test_elite_is_what_the_api_calls_very_hard() -> None:
    assert GameOptions(difficulty="elite").level == "very_hard"
    assert GameOptions(difficulty="cheat_insane").level == "cheat_insane"


def test_the_folder_of_replays_may_be_a_text() -> None:
    _, game = make(replays="replays")
    assert game.options.replays == Path("replays")
