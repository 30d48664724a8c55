"""The ``watch`` command: what it shows, what it writes, and what it says when it cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from perceiver_rl.agents import watch as watch_module
from perceiver_rl.agents.command_line import parse
from perceiver_rl.agents.config import EvaluateConfig
from perceiver_rl.agents.errors import ConfigError, UserError
from perceiver_rl.agents.main import main
from perceiver_rl.agents.play import play
from perceiver_rl.agents.players import Contender
from perceiver_rl.agents.seeds import EVAL_SEED
from perceiver_rl.agents.watch import watch
from perceiver_rl.agents.watch_config import LOOPS_PER_STEP, WatchConfig
from perceiver_rl.envs import Replay
from perceiver_rl.envs.scenarios import scenario
from perceiver_rl.spaces import ContractError

BATTLE = "perceiver_rl/Battle-3m-v0"


class Shelf:
    """A screen that counts its frames, and is closed after some of them."""

    def __init__(self, closes_after: int = 10**9) -> None:
        self.frames: list[tuple[int, ...]] = []
        self.closes_after = closes_after

    @property
    def closed(self) -> bool:
        return len(self.frames) >= self.closes_after

    def show(self, frame: Any) -> None:
        self.frames.append(frame.shape)

    def close(self) -> None:
        pass


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    shelf = Shelf()
    monkeypatch.setattr(watch_module, "Window", lambda title, fps: shelf)
    return shelf


def test_it_shows_the_games_that_an_evaluation_plays(screen: Shelf) -> None:
    config = WatchConfig(agent="focus-fire", env=BATTLE, opponent="random", games=2, loops=8)
    watched = watch(config)
    games = play(Contender("focus-fire"), BATTLE, "random", EvaluateConfig(games=2))
    assert [game.seed for game in watched] == [EVAL_SEED, EVAL_SEED + 1]
    assert [game.steps for game in watched] == list(games.lengths)
    assert [game.total for game in watched] == pytest.approx(games.returns)
    assert [game.info["outcome"][0].upper() for game in watched] == list(games.outcomes)
    # The start, each step, and the end for a second.
    assert len(screen.frames) == sum(games.lengths) + 2 * (1 + 16)


def test_there_are_frames_between_the_steps(screen: Shelf) -> None:
    (game,) = watch(WatchConfig(agent="no-op", env=BATTLE, opponent="no-op", loops=2, fps=1))
    assert game.steps == 60
    assert len(screen.frames) == 1 + 4 * 60 + 1


def test_a_closed_window_ends_it(screen: Shelf) -> None:
    screen.closes_after = 6
    (game,) = watch(WatchConfig(agent="no-op", env=BATTLE, opponent="no-op", loops=8, games=9))
    assert (game.steps, dict(game.info)) == (5, {})


def test_a_replay_of_what_was_watched_shows_it_again(screen: Shelf, tmp_path: Path) -> None:
    path = tmp_path / "games.npz"
    played = watch(WatchConfig(agent="random", env=BATTLE, games=2, save_replay=path))
    frames = len(screen.frames)
    assert Replay.load(path).player == "random"
    assert watch(WatchConfig(replay=path)) == played
    assert len(screen.frames) == 2 * frames


def test_a_replay_of_a_game_that_was_left_ends_there(screen: Shelf, tmp_path: Path) -> None:
    screen.closes_after = 10
    path = tmp_path / "games.npz"
    (played,) = watch(WatchConfig(agent="random", env=BATTLE, save_replay=path))
    screen.closes_after = 1000
    assert watch(WatchConfig(replay=path)) == [played]


def test_a_checkpoint_plays_in_the_environment_it_was_trained_in(
    run: Callable[..., Any], screen: Shelf, tmp_path: Path
) -> None:
    folder = run().folder
    path = tmp_path / "game.npz"
    watch(WatchConfig(agent=str(folder), save_replay=path, loops=8))
    replay = Replay.load(path)
    assert (replay.scenario, replay.opponent) == ("Battle-3m", "attack-nearest")
    assert replay.player == "tiny"


def test_a_film_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "game.gif"
    words = ["watch", "attack-nearest", "--env", BATTLE, "--loops", "8", "--output", str(path)]
    assert main(words) == 0
    with Image.open(path) as image:
        assert image.size[0] == 640
        assert getattr(image, "n_frames", 1) > 10
    printed = capsys.readouterr().out
    assert f"seed {EVAL_SEED}: " in printed
    assert "return" in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--games", "0"], "games must be at least 1"),
        (["--fps", "0"], "fps must lie between 0 and 100"),
        (["--loops", "9"], "loops must lie between 1 and 8"),
        (["--seed", "-1"], "seed must lie between 0"),
        (["random", "--replay", "x.npz"], "leave out 'random'"),
        (["--replay", "x.npz", "--save-replay", "y.npz"], "leave out --save-replay"),
        (["random", "--outputt", "x.gif"], "did you mean --output"),
    ],
)
def test_settings_that_make_no_sense_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(["watch", *words])


def test_what_cannot_be_watched_is_said_in_one_line(
    screen: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, message in (
        ([], "name an agent to watch"),
        (["atack-nearest"], "did you mean 'attack-nearest'"),
        (["random", "--opponent", "elit"], "unknown opponent 'elit'"),
        (["random", "--output", "x.avi"], "a film ends in one of"),
        (["--replay", str(tmp_path / "no.npz")], "there is no replay"),
        (["random", "--options", "ilegal", "error"], "did you mean 'illegal'"),
    ):
        assert main(["watch", *words]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert message in error
    with pytest.raises(UserError):
        watch(WatchConfig())


def test_a_replay_that_is_played_by_other_rules_says_so(
    screen: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "game.npz"
    watch(WatchConfig(agent="attack-nearest", env=BATTLE, save_replay=path, loops=8))
    monkeypatch.setattr(scenario, "PUSH", 0.1)
    with pytest.raises(ContractError, match="does not end as it was recorded"):
        watch(WatchConfig(replay=path, loops=8))


def test_an_own_scenario_is_watched_and_replayed_by_its_file(screen: Shelf, tmp_path: Path) -> None:
    scenario_file, path = tmp_path / "mine.yaml", tmp_path / "game.npz"
    scenario_file.write_text(
        "own: {marine: 2}\nenemy: {zergling: 2}\nplaces: [{own: [9, 9], enemy: [20, 9]}]\n"
        "step_limit: 20\n"
    )
    env = str(scenario_file)
    played = watch(WatchConfig(agent="attack-nearest", env=env, save_replay=path, loops=8))
    assert watch(WatchConfig(replay=path, env=env, loops=8)) == played
    with pytest.raises(ContractError, match="unknown scenario 'mine'.* name its file"):
        watch(WatchConfig(replay=path))


def test_a_frame_can_be_as_late_as_a_step_is_long() -> None:
    assert LOOPS_PER_STEP == scenario.LOOPS_PER_STEP
