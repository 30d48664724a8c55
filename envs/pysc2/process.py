"""The game's process: its output goes to a log, and it never outlives its parent."""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from . import watchdog
from .compat import Client

_LOCK: Final = threading.Lock()


class Watch:
    """The watchdog of this process, started with the first game."""

    def __init__(self) -> None:
        program = Path(watchdog.__file__)
        self._dog = subprocess.Popen(
            [sys.executable, "-I", "-S", str(program), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        atexit.register(self._end)

    def over(self, game: int) -> None:
        """Put a process under watch."""
        self._tell(f"+{game}\n")

    def off(self, game: int) -> None:
        """Take a process off the watch: it has ended."""
        self._tell(f"-{game}\n")

    def _tell(self, line: str) -> None:
        assert self._dog.stdin is not None  # a pipe
        with _LOCK, contextlib.suppress(BrokenPipeError):
            self._dog.stdin.write(line.encode())
            self._dog.stdin.flush()

    def _end(self) -> None:
        """Let the watchdog end what is left, and itself."""
        assert self._dog.stdin is not None  # a pipe
        with contextlib.suppress(BrokenPipeError):
            self._dog.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._dog.wait(2 * watchdog.PATIENCE)


@lru_cache(maxsize=1)
def _watch_of(process: int) -> Watch:
    return Watch()


def the_watch() -> Watch:
    """Return this process's watch; a process that was forked off gets one of its own."""
    with _LOCK:
        return _watch_of(os.getpid())


class Logs:
    """Which file each game writes to, by the process's number."""

    def __init__(self) -> None:
        self.latest: Path | None = None
        self._of: dict[int, Path] = {}

    def open(self) -> tuple[int, Path]:
        """Return a new file, open for writing, and its path."""
        handle, name = tempfile.mkstemp(prefix="perceiver-rl-game-", suffix=".log")
        self.latest = Path(name)
        return handle, self.latest

    def note(self, game: int, path: Path) -> None:
        """Note that a process writes to a file."""
        self._of[game] = path

    def of(self, game: int | None) -> Path | None:
        """Return the file of a process; the latest one if it is not known."""
        return self.latest if game is None else self._of.get(game, self.latest)

    def drop(self, game: int) -> None:
        """Remove the file of a process that has ended as it should."""
        if path := self._of.pop(game, None):
            path.unlink(missing_ok=True)


LOGS: Final = Logs()


class Patience:
    """How long every connection of this process waits for an answer.

    Args:
        seconds: Until the game counts as hung.
    """

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds


PATIENCE: Final = Patience(120)


@lru_cache(maxsize=1)
def supervise(client: Client) -> None:
    """Let PySC2 start every game under watch and with a log, and wait for it no longer than told.

    Its two distributions take the time to wait from different places; here it is one.
    """
    connect = client.controller.RemoteController._connect

    def connect_patiently(self: Any, host: str, port: int, game: Any, _: Any) -> Any:
        return connect(self, host, port, game, PATIENCE.seconds)

    def launch(self: Any, run_config: Any, args: Sequence[str], **_: Any) -> Any:
        handle, path = LOGS.open()
        try:
            game = subprocess.Popen(
                args, cwd=run_config.cwd, env=run_config.env, stdout=handle, stderr=handle
            )
        except OSError as error:
            raise client.process.SC2LaunchError(f"cannot start {args[0]}: {error}") from error
        finally:
            os.close(handle)
        the_watch().over(game.pid)
        LOGS.note(game.pid, path)
        return game

    client.process.StarcraftProcess._launch = launch
    client.controller.RemoteController._connect = connect_patiently
