"""One task in a process of its own: train, play, and tell the parent how far it is."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import NamedTuple

from perceiver_rl.files import write_text
from perceiver_rl.interrupt import StopRequest, stop_on_signals

from .errors import UserError
from .imitate_config import ImitateConfig
from .progress_log import Progress
from .tasks import Task, Training


class GamesPlayed(NamedTuple):
    """Further evaluation games have ended."""

    games: int


class Done(NamedTuple):
    """The task is finished, or was stopped at a request and can go on later."""

    finished: bool


class Failed(NamedTuple):
    """The task cannot be finished; the message is one line."""

    message: str


Message = Progress | GamesPlayed | Done | Failed


class _StoppedError(Exception):
    """Somebody asked to stop between two batches of games."""


def work(task: Task, connection: Connection) -> None:
    """Do a task and send messages; the last one is ``Done`` or ``Failed``.

    Ctrl-C is the parent's business, who passes it on as SIGTERM.
    """
    with stop_on_signals() as stop:

        def send(message: Message) -> None:
            try:
                connection.send(message)
            except OSError:  # the parent is gone: save and end
                stop.requested = True

        send(_attempt(task, send, stop))
    connection.close()


def _attempt(task: Task, send: Callable[[Message], None], stop: StopRequest) -> Message:
    try:
        return Done(_train_and_play(task, send, stop))
    except _StoppedError:
        return Done(False)
    except UserError as error:
        return Failed(str(error))
    except Exception as error:  # reported with the task's name, while other tasks go on
        write_text(task.files.error, traceback.format_exc())
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return Failed(f"{reason} (traceback in {task.files.error})")


def _train_and_play(task: Task, send: Callable[[Message], None], stop: StopRequest) -> bool:
    from .play import play
    from .players import contender

    if task.training is not None and not task.is_trained():
        if not _train(task.training, task, send, stop):
            return False
        task.finish_training()

    def report(games: int) -> None:
        send(GamesPlayed(games))
        if stop.requested:
            raise _StoppedError

    missing = task.missing_opponents()
    if missing:
        player = contender(task.name if task.training is None else str(task.folder))
        env = task.evaluation.env
        assert env is not None  # a comparison names its environment
        report(task.evaluation.games * (len(task.evaluation.opponents) - len(missing)))
        for opponent in missing:
            task.keep_games({opponent: play(player, env, opponent, task.evaluation, report)})
    return True


def _train(
    training: Training, task: Task, send: Callable[[Message], None], stop: StopRequest
) -> bool:
    from .imitate import run_imitation
    from .train import run_training

    if isinstance(training, ImitateConfig):
        return run_imitation(training, stop, send).finished
    resume = task.files.checkpoint.exists()
    return run_training(training, resume, stop, send).finished
