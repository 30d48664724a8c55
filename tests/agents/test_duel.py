"""Duels: both sides of every seed, an interval for each pair, ratings for more than two."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perceiver_rl.agents.command_line import parse
from perceiver_rl.agents.config import EnvConfig, EvaluateConfig
from perceiver_rl.agents.duel import Match, duel, play_match
from perceiver_rl.agents.duel_config import DuelConfig
from perceiver_rl.agents.errors import CheckpointError, ConfigError, UserError
from perceiver_rl.agents.evaluate import evaluate
from perceiver_rl.agents.main import main
from perceiver_rl.agents.players import Contender
from perceiver_rl.envs import BatchedEnv, Replay, make_vec
from perceiver_rl.envs.engine.fields import OUTCOME

from .conftest import Run

BATTLE = "perceiver_rl/Battle-3m-v0"


def config(*agents: str, **changes: Any) -> DuelConfig:
    return DuelConfig(agents=agents, env=BATTLE, **{"games": 20, "resamples": 50, **changes})


def test_a_match_counts_wins_from_both_sides_and_half_points_for_draws() -> None:
    match = Match(first="a", second="b", own_side="WWDL", enemy_side="WDDL")
    assert match.win_rate == 3 / 8
    assert match.points.tolist() == [2.0, 1.5, 1.0, 0.0]
    summary = match.summary()
    assert (summary["wins"], summary["losses"], summary["draws"]) == (3, 2, 3)
    assert summary["win_rate_low"] < 3 / 8 < summary["win_rate_high"]


def test_who_fights_wins_on_both_sides_and_the_reverse_is_the_opposite() -> None:
    fighter, stander = Contender("attack-nearest"), Contender("no-op")
    match = play_match(fighter, stander, config())
    assert (match.own_side, match.enemy_side) == ("W" * 10, "W" * 10)
    back = play_match(stander, fighter, config())
    assert (back.own_side, back.enemy_side) == ("L" * 10, "L" * 10)


def test_swapping_the_two_swaps_the_sides_game_by_game() -> None:
    first, second = Contender("attack-nearest"), Contender("focus-fire")
    match = play_match(first, second, config())
    back = play_match(second, first, config())
    flip = str.maketrans("WL", "LW")
    assert back.own_side == match.enemy_side.translate(flip)
    assert back.enemy_side == match.own_side.translate(flip)


def test_the_batch_changes_no_game_of_scripts() -> None:
    first, second = Contender("focus-fire"), Contender("elite")
    assert play_match(first, second, config(batch=3)) == play_match(first, second, config())


def test_three_agents_are_rated_and_written_down(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "duel.json"
    result = duel(config("no-op", "attack-nearest", "elite", output=path), ["perceiver-rl", "duel"])
    assert [(match.first, match.second) for match in result.matches] == [
        ("no-op", "attack-nearest"),
        ("no-op", "elite"),
        ("attack-nearest", "elite"),
    ]
    assert result.ratings is not None
    elos = [rating.elo for rating in result.ratings.ratings]
    assert elos[0] < elos[1] < elos[2]
    content = json.loads(path.read_text())
    assert content["backend"] == "proxy"
    assert [agent["elo"] for agent in content["agents"]] == elos
    assert [match["games"] for match in content["matches"]] == [20, 20, 20]
    assert content["matches"][0]["own_side"] == "L" * 10
    printed = capsys.readouterr().out
    assert printed.index("elite   ") < printed.rindex("no-op   ")
    assert "Elo" in printed


def test_two_agents_have_a_win_rate_and_no_rating(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = duel(config("no-op", "elite", output=tmp_path / "duel.json"))
    assert result.ratings is None
    assert "0.000 [0.00, 0.16]" in capsys.readouterr().out  # Wilson's interval of 0 in 20
    assert "elo" not in json.loads((tmp_path / "duel.json").read_text())["agents"][0]


def test_a_checkpoint_duels_and_is_an_opponent_in_training_and_evaluation(
    run: Run, tmp_path: Path
) -> None:
    folder = run().folder
    result = duel(DuelConfig(agents=(str(folder), "elite"), games=4))
    assert result.matches[0].first == "tiny"
    assert (folder / "duel.json").exists()

    named = f"policy:{folder / 'checkpoint.zip'}"
    env = make_vec(BATTLE, num_envs=2, seed=0, opponent=named)
    env.reset()
    env.step(np.zeros((2, 9), np.int64))

    results = evaluate(
        EvaluateConfig(
            agents=("elite",),
            env=BATTLE,
            opponents=(f"policy:{folder}",),
            games=4,
            output=tmp_path / "evaluation.json",
        )
    )
    assert results["elite"][f"policy:{folder}"].count == 4
    again = run(name="selfplay", env=replace(EnvConfig(num_envs=4), opponent=named))
    assert again.finished


def test_a_policy_is_loaded_without_unpickling_and_must_exist_and_fit(
    run: Run, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="there is no agent 'nowhere'"):
        BatchedEnv(BATTLE, 1, opponent="policy:nowhere")
    with pytest.raises(UserError, match="'policy:elite' is a script"):
        BatchedEnv(BATTLE, 1, opponent="policy:elite")
    damaged = tmp_path / "x.zip"
    damaged.write_bytes(b"no zip file")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        BatchedEnv(BATTLE, 1, opponent=f"policy:{damaged}")


def test_a_duel_writes_replays_that_play_again_bit_for_bit(tmp_path: Path) -> None:
    folder = tmp_path / "replays"
    settings = config("random", "elite", games=6, batch=2, replay=folder, output=tmp_path / "d")
    (match,) = duel(settings).matches
    for name, side in (("random-against-elite", match.own_side), ("elite-against-random", None)):
        replay = Replay.load(folder / f"{name}.npz")
        batch, letters = replay.make_batch(), ""
        for episode in replay.episodes:
            replay.play(batch, episode)
            letters += " WLD"[int(batch.games[0, OUTCOME])]
        assert letters == (side or match.enemy_side.translate(str.maketrans("WL", "LW")))


def test_the_command_line_reads_a_duel() -> None:
    command = parse(["duel", "elite", "kite", "random", "--env", "Battle-8m", "--games", "40"])
    assert command == DuelConfig(agents=("elite", "kite", "random"), env="Battle-8m", games=40)
    with pytest.raises(ConfigError, match="games must be even"):
        parse(["duel", "elite", "kite", "--games", "7"])
    with pytest.raises(ConfigError, match="eval_seed must lie between"):
        DuelConfig(eval_seed=3)
    with pytest.raises(ConfigError, match="must be at least 1"):
        DuelConfig(resamples=0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["elite"], "name at least two agents"),
        (["elite", "elite"], "two agents are called 'elite'"),
        (["elite", "elit"], "there is no agent 'elit'.*did you mean 'elite'"),
        (["elite", "kite", "--env", "DefeatRoaches"], "has one side only"),
        (["elite", "kite", "--env", "Batle-3m"], "did you mean 'Battle-3m'"),
        (["elite", "kite", "--gmes", "4"], "unknown option --gmes; did you mean --games"),
    ],
)
def test_what_is_wrong_with_a_duel_is_said_in_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["duel", *words]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert re.search(message, lines[-1])
    assert lines[-1].startswith("perceiver-rl: error: ")
