"""Threads that share a batch of games; the compiled engine runs without Python's lock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise


class Crew:
    """Calls a function for parts of a batch, each part in a thread of its own.

    Threads start with the first call that needs them and are not pickled.

    Args:
        threads: How many there are; with one, the caller's own thread does all.
        games: Size of the batch; there are no more parts than games.
    """

    def __init__(self, threads: int, games: int) -> None:
        count = min(threads, games)
        edges = [games * part // count for part in range(count + 1)]
        self._parts = [slice(*pair) for pair in pairwise(edges)]
        self._pool: ThreadPoolExecutor | None = None

    def share(self, work: Callable[[slice], None]) -> None:
        """Call ``work`` with each part of the batch, and wait for all of them."""
        if len(self._parts) == 1:
            work(self._parts[0])
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(len(self._parts))
        for done in [self._pool.submit(work, part) for part in self._parts]:
            done.result()

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_pool": None}
