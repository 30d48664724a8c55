"""The ``watch`` command: games in a window or a film, played now or recorded before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from perceiver_rl.envs import BatchedEnv, BatchedStep, Recorder, Replay
from perceiver_rl.envs.render import LiveView
from perceiver_rl.envs.render.film import Reel, check_film, write_film
from perceiver_rl.envs.render.window import Window
from perceiver_rl.envs.scenarios import find_scenario
from perceiver_rl.interrupt import StopRequest, stop_on_signals

from .errors import UserError
from .players import contender
from .watch_config import WatchConfig


class Watched(NamedTuple):
    """A game that was shown.

    Args:
        seed: Of the game.
        steps: Agent steps shown.
        total: Sum of rewards.
        info: Of the final step; empty if the game was left before its end.
    """

    seed: int
    steps: int
    total: float
    info: Mapping[str, Any]


class Screen(Protocol):
    """Takes frames."""

    closed: bool

    def show(self, frame: NDArray[np.uint8]) -> None:
        """Show a frame ``[height, width, 3]``."""

    def close(self) -> None:
        """Take no more frames."""


class _StoppedError(Exception):
    """The user has seen enough."""


class _Show:
    """Shows one game after the other, and adds up what happens in them."""

    def __init__(self, batch: BatchedEnv, screen: Screen, stop: StopRequest, loops: int) -> None:
        self._view = LiveView(batch, screen.show, loops)
        self._batch = batch
        self._screen = screen
        self._stop = stop
        self._steps, self._total = 0, 0.0
        self._info: Mapping[str, Any] = {}

    def now(self, step: BatchedStep | None) -> None:
        """Show the game after a step, or after its start."""
        self._view.show()
        if step is None:
            self._steps, self._total, self._info = 0, 0.0, {}
        else:
            self._steps += 1
            self._total += float(step.reward[0])
            self._info = step.infos[0] if self._batch.finished[0] else {}
        if self._stop.requested or self._screen.closed:
            raise _StoppedError

    def hold(self, frames: int) -> None:
        """Keep the end of a game on the screen."""
        for _ in range(frames):
            self._view.show()

    def watched(self) -> Watched:
        """Return what there was to see in the game."""
        return Watched(int(self._batch.seeds[0]), self._steps, self._total, self._info)


def watch(config: WatchConfig, console: Console | None = None) -> list[Watched]:
    """Show games and return what there was to see; closing the window or Ctrl-C ends them.

    Raises:
        UserError: If nobody is named to play, or the agent does not exist.
        CheckpointError: If a checkpoint does not fit the environment.
        ContractError: If a name or file is wrong, a package is missing, there is no screen, or a
            replay does not end as it was recorded.
    """
    console = console or Console()
    if config.output is not None:
        check_film(config.output)
    games: list[Watched] = []
    with stop_on_signals() as stop:
        play = _play_recorded if config.replay is not None else _play_now
        title = config.agent or (config.replay.name if config.replay else "")
        with _screen(config, title, console) as screen:
            play(config, screen, stop, games, console)
    for game in games:
        console.print(_sentence(game), highlight=False)
    return games


@contextmanager
def _screen(config: WatchConfig, title: str, console: Console) -> Iterator[Screen]:
    """Give a window, or a film that is written at the end unless something went wrong."""
    if config.output is None:
        window = Window(title, config.fps)
        try:
            yield window
        finally:
            window.close()
        return
    film = _Film()
    yield film
    write_film(config.output, film.reel, config.fps)
    console.print(f"film: {config.output}", highlight=False, soft_wrap=True)


class _Film:
    def __init__(self) -> None:
        self.reel = Reel()
        self.closed = False

    def show(self, frame: NDArray[np.uint8]) -> None:
        self.reel.append(frame)

    def close(self) -> None:
        self.closed = True


def _play_now(
    config: WatchConfig, screen: Screen, stop: StopRequest, games: list[Watched], console: Console
) -> None:
    """Let the agent play, and keep the replay if one is wanted."""
    if not config.agent:
        raise UserError("name an agent to watch: a checkpoint, a run folder or a control")
    who = contender(config.agent)
    batch = who.game(config.env, config.opponent, config.options)
    recorder = Recorder(batch, who.name)
    player = who.player(
        batch.observation_space, batch.action_space, config.deterministic, config.seed
    )
    show = _Show(batch, screen, stop, config.loops)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            for seed in range(config.seed, config.seed + config.games):
                observation = recorder.reset([seed])
                show.now(None)
                while not batch.finished[0]:
                    step = recorder.step(player.act(observation))
                    observation = step.observation
                    show.now(step)
                games.append(show.watched())
                show.hold(round(config.fps))
    except _StoppedError:
        games.append(show.watched())
    if config.save_replay is not None:
        recorder.replay().save(config.save_replay)
        console.print(f"replay: {config.save_replay}", highlight=False, soft_wrap=True)


def _play_recorded(
    config: WatchConfig, screen: Screen, stop: StopRequest, games: list[Watched], console: Console
) -> None:
    """Play the games of a replay again."""
    assert config.replay is not None  # this function is only called for one
    replay = Replay.load(config.replay)
    batch = replay.make_batch(None if config.env is None else find_scenario(config.env))
    show = _Show(batch, screen, stop, config.loops)
    try:
        for episode in replay.episodes:
            replay.play(batch, episode, show.now)
            games.append(show.watched())
            show.hold(round(config.fps))
    except _StoppedError:
        games.append(show.watched())


def _sentence(game: Watched) -> str:
    """Say how a game ended."""
    how = str(game.info.get("outcome", "left"))
    if "score" in game.info:
        how = f"score {game.info['score']}"
    return f"seed {game.seed}: {how} after {game.steps} steps, return {game.total:.2f}"
