"""Frames of a game while it is played, between its steps as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..batched_env import BatchedEnv
from ..engine import fields as f
from .picture import Artist
from .window import Window

_SHOWN_PER_SECOND: Final = 32
_SHOWN_EVERY: Final = 2

Show = Callable[[NDArray[np.uint8]], None]


class LiveView:
    """Hands a frame of one game to a window or film every few game loops of each step.

    The end of a step is not shown by itself: call :meth:`show` after it, and after a reset.

    Args:
        batch: The games; nothing of their course changes.
        show: Takes each frame ``[height, width, 3]``.
        every: Game loops between two frames.
        row: Which game.
    """

    def __init__(self, batch: BatchedEnv, show: Show, every: int, row: int = 0) -> None:
        self._batch = batch
        self._artist = Artist(batch, row)
        self._show = show
        self._every = every
        self._row = row
        batch.on_loop = self._between

    def show(self) -> None:
        """Show the game as it stands."""
        self._show(self._artist.draw())

    def _between(self) -> None:
        if self._batch.games[self._row, f.LOOP] % self._every == 0:
            self.show()


class GameWindow:
    """A window that shows every other game loop of one game, four times as fast as normal speed.

    Args:
        batch: The games.
        row: Which game.

    Raises:
        ContractError: If pygame is not installed.
    """

    def __init__(self, batch: BatchedEnv, row: int = 0) -> None:
        self._window = Window(batch.scenario.name, _SHOWN_PER_SECOND)
        self._view = LiveView(batch, self._window.show, _SHOWN_EVERY, row)

    def show(self) -> None:
        """Show the game as it stands, to be called after a step or reset."""
        self._view.show()

    def close(self) -> None:
        """Close the window for good."""
        self._window.close()
