"""Evaluation games: paired by their seeds, each counted exactly once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from perceiver_rl.agents import play as play_module
from perceiver_rl.agents.config import EvaluateConfig
from perceiver_rl.agents.errors import UserError
from perceiver_rl.agents.evaluate import evaluate
from perceiver_rl.agents.play import is_two_sided, play, play_to_the_end
from perceiver_rl.agents.players import Contender, contender
from perceiver_rl.agents.seeds import EVAL_SEED
from perceiver_rl.envs import BatchedEnv
from perceiver_rl.envs.controls import suitable_controls

BATTLE = "perceiver_rl/Battle-3m-v0"


class Clockwork:
    """Game i ends after ``lengths[i]`` steps, pays 1 per step while it lasts, and then noise."""

    def __init__(self, lengths: list[int], outcomes: list[str]) -> None:
        self.lengths, self.outcomes = np.array(lengths), outcomes

    def reset(self, seeds: Any) -> dict[str, NDArray[Any]]:
        self.now, self.seeds = 0, list(seeds)
        return {"seed": np.array(self.seeds)}

    def step(self, actions: NDArray[np.int64]) -> SimpleNamespace:
        assert len(actions) == len(self.lengths)
        self.now += 1
        ended = self.now == self.lengths
        over = self.now > self.lengths
        return SimpleNamespace(
            observation={"seed": np.array(self.seeds)},
            reward=np.where(over, 100.0, 1.0),
            terminated=ended & (np.array(self.outcomes) != "draw"),
            truncated=ended & (np.array(self.outcomes) == "draw"),
            infos=[
                {"outcome": outcome} if done else {}
                for outcome, done in zip(self.outcomes, ended | over, strict=True)
            ],
        )


class Idle:
    def act(self, observation: Any) -> NDArray[np.int64]:
        return np.zeros((len(observation["seed"]), 1), np.int64)


def test_each_game_counts_once_however_long_the_others_take() -> None:
    games = play_to_the_end(Clockwork([2, 5, 1], ["win", "draw", "loss"]), Idle(), [7, 8, 9])
    assert games.outcomes == "WDL"
    assert games.lengths == (2, 5, 1)
    assert games.returns == (2.0, 5.0, 1.0)


def small(**changes: Any) -> EvaluateConfig:
    return replace(EvaluateConfig(games=6, batch=4, opponents=("random",)), **changes)


@pytest.fixture
def seeds_played(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    played: list[int] = []

    def spy(games: Any, player: Any, seeds: Any) -> Any:
        played.extend(seeds)
        return play_to_the_end(games, player, seeds)

    monkeypatch.setattr(play_module, "play_to_the_end", spy)
    return played


def test_game_k_has_the_same_seed_for_every_agent_whatever_the_batch(
    seeds_played: list[int],
) -> None:
    for name, batch in (("random", 4), ("no-op", 1), ("attack-nearest", 100)):
        seeds_played.clear()
        play(Contender(name), BATTLE, "random", small(batch=batch))
        assert seeds_played == [EVAL_SEED + k for k in range(6)]


def test_a_script_without_chance_plays_the_same_games_in_any_batch() -> None:
    whole = play(Contender("attack-nearest"), BATTLE, "focus-fire", small(batch=6))
    parts = play(Contender("attack-nearest"), BATTLE, "focus-fire", small(batch=1))
    assert whole == parts
    assert len(set(whole.returns)) > 1  # the games differ from each other


def test_games_with_other_seeds_are_other_games() -> None:
    one = play(Contender("attack-nearest"), BATTLE, "random", small())
    other = play(Contender("attack-nearest"), BATTLE, "random", small(eval_seed=EVAL_SEED + 6))
    assert one.returns != other.returns


def test_progress_adds_up_to_all_games() -> None:
    ended: list[int] = []
    play(Contender("no-op"), BATTLE, "random", small(), ended.append)
    assert ended == [4, 2]


def test_sampled_games_repeat_and_leave_torchs_stream_alone(run: Callable[..., Any]) -> None:
    agent = contender(str(run().folder))
    config = small(deterministic=False)
    torch.manual_seed(1)
    first = play(agent, BATTLE, "random", config)
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.rand(1) == drawn
    assert play(agent, BATTLE, "random", config) == first


def test_the_most_probable_actions_are_not_the_sampled_ones(run: Callable[..., Any]) -> None:
    agent = contender(str(run().folder))
    sampled = play(agent, BATTLE, "random", small(deterministic=False))
    probable = play(agent, BATTLE, "random", small(deterministic=True))
    assert probable.returns != sampled.returns
    assert play(agent, BATTLE, "random", small(deterministic=True, batch=6)) == probable


def test_a_word_means_a_control_a_folder_or_a_file(run: Callable[..., Any]) -> None:
    folder = run().folder
    assert contender("no-op") == Contender("no-op")
    assert contender(str(folder)).name == "tiny"
    assert contender(str(folder / "checkpoint.zip")) == contender(str(folder))
    renamed = (folder / "checkpoint.zip").rename(folder / "best.zip")
    assert contender(str(renamed)).name == "best"


def test_evaluate_takes_the_environment_of_the_first_checkpoint_and_writes_every_game(
    run: Callable[..., Any], tiny: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    options: dict[str, Any] = {"reward": "win"}
    folder = run(env=replace(tiny.env, options=options)).folder
    results = evaluate(
        small(agents=(str(folder), "no-op"), controls=()), ["perceiver-rl", "evaluate"]
    )
    content = json.loads((folder / "evaluation.json").read_text())
    assert content["config"]["env"] == BATTLE
    assert content["config"]["options"] == options
    assert content["backend"] == "proxy"
    assert [agent["agent"] for agent in content["agents"]] == ["tiny", "no-op"]
    assert content["agents"][0]["steps"] == 128
    games = content["agents"][1]["opponents"]["random"]
    assert games["outcomes"] == results["no-op"]["random"].outcomes
    assert games["wins"] + games["losses"] + games["draws"] == games["games"] == 6
    shown = capsys.readouterr().out
    assert "no-op" in shown
    assert "win rate" in shown


@pytest.mark.parametrize(
    ("controls", "expected"),
    [((), ["tiny"]), (("kite", "no-op", "kite"), ["tiny", "kite", "no-op"])],
)
def test_controls_play_the_same_games_as_the_agents(
    run: Callable[..., Any], controls: tuple[str, ...], expected: list[str]
) -> None:
    results = evaluate(small(agents=(str(run().folder),), controls=controls))
    assert list(results) == expected
    for name in expected[1:]:
        assert results[name]["random"] == play(Contender(name), BATTLE, "random", small())


def test_every_script_that_can_play_stands_beside_a_checkpoint_unless_others_are_named(
    run: Callable[..., Any],
) -> None:
    folder = str(run().folder)
    results = evaluate(small(agents=(folder, "elite"), games=1))
    assert list(results)[:2] == ["tiny", "elite"]
    scripts = suitable_controls(BatchedEnv(BATTLE, 1).action_space)
    assert sorted(results) == sorted({"tiny", *scripts})
    with pytest.raises(UserError, match="did you mean 'elite'"):
        evaluate(small(agents=(folder,), controls=("elit",)))


def test_without_checkpoints_results_go_to_the_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(evaluate(small(agents=("no-op",)))) == ["no-op"]
    assert (tmp_path / "runs" / "evaluation.json").exists()
    evaluate(small(agents=("no-op",), output=tmp_path / "mine.json"))
    assert (tmp_path / "mine.json").exists()


def test_a_mini_game_is_scored_and_not_won() -> None:
    games = play(Contender("no-op"), "perceiver_rl/DefeatRoaches-v0", "no-op", small(games=2))
    assert games.count == 2
    assert games.win_rate is None


def test_scripts_that_play_through_the_contract_meet_agents_from_both_sides() -> None:
    config = EvaluateConfig(games=40, two_sided=True)
    games = play(contender("elite"), BATTLE, "control:elite", config)
    assert games.count == 40
    # The same players over the same games, but for the side: what one wins the other loses.
    assert games.outcomes[:20].translate(str.maketrans("WL", "LW")) == games.outcomes[20:]
    one_sided = play(contender("elite"), BATTLE, "control:elite", EvaluateConfig(games=20))
    assert one_sided.outcomes == games.outcomes[:20]
    assert one_sided.returns == games.returns[:20]


def test_the_stronger_player_wins_from_both_sides() -> None:
    config = EvaluateConfig(games=40, two_sided=True)
    games = play(contender("elite"), BATTLE, "control:random", config)
    assert games.outcomes.count("W") == 40
    assert min(games.returns[20:]) > 15  # of 20 at most, as on our side


@pytest.mark.parametrize(
    ("env", "opponent", "both"),
    [
        ("Battle-8m", "control:elite", True),
        ("Battle-8m", "elite", False),  # orders every unit in every step
        ("Battle-8m_vs_9m", "control:elite", False),
        ("Battle-terran_5_vs_5", "control:elite", False),
        ("DefeatRoaches", "control:elite", False),
    ],
)
def test_sides_are_swapped_where_they_are_equal(env: str, opponent: str, both: bool) -> None:
    assert is_two_sided(env, opponent) is both
