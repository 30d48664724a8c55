"""Ends game processes whose parent is gone, however it went; runs as a program of its own.

``python watchdog.py PARENT`` reads lines from its standard input: ``+123`` puts a process under
watch, ``-123`` takes it off again. When the input ends, or the parent is another one than at the
start, it ends every process that is still under watch, and itself. It uses the standard library
alone, and starts in a session of its own: a Ctrl-C in the parent's terminal does not reach it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time

PATIENCE = 3.0  # seconds between asking a process to end and ending it
LOOK = 1.0  # seconds between two looks at the parent


def watch(parent: int) -> set[int]:
    """Return the processes that are under watch when the parent is gone."""
    games: set[int] = set()
    rest = b""
    while True:
        # A parent that is gone may have said something before this program had even started.
        orphaned = os.name != "nt" and os.getppid() != parent
        if os.name != "nt" and not select.select([0], [], [], 0 if orphaned else LOOK)[0]:
            if orphaned:
                break
            continue
        data = os.read(0, 4096)
        if not data:
            break
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            (games.add if line[:1] == b"+" else games.discard)(int(line[1:]))
    return games


def end(games: set[int]) -> None:
    """End processes: first politely."""
    _send(games, signal.SIGTERM)
    until = time.monotonic() + PATIENCE
    while games and time.monotonic() < until:
        games = {game for game in games if _is_alive(game)}
        time.sleep(0.05)
    _send(games, getattr(signal, "SIGKILL", signal.SIGTERM))


def _send(games: set[int], number: int) -> None:
    for game in games:
        with contextlib.suppress(OSError):
            os.kill(game, number)


def _is_alive(game: int) -> bool:
    try:
        os.kill(game, 0)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    end(watch(int(sys.argv[1])))
