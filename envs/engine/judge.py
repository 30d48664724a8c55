"""Who has won, and what it is worth."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ._jit import kernel
from .fields import (
    DRAW,
    ENEMY_ALIVE,
    ENEMY_LOST,
    LOOP,
    LOSS,
    OUTCOME,
    OVER,
    OWN_ALIVE,
    OWN_LOST,
    SCORE,
    WIN,
)

Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]


@kernel
def judge(
    games: Integers, loop_limit: int, points: tuple[int, int], waves: bool
) -> tuple[Flags, Flags]:
    """Score every running game and end those that are decided or out of time.

    A battle ends when a side is gone; both in the same loop, or no time left, is a draw. With waves
    the game ends with our last unit, a loss, or with the time, a win.

    Args:
        games: State ``[game, field]``, changed in place.
        loop_limit: Loops of an episode.
        points: Score per enemy lost, per unit of ours lost.
        waves: Whether the enemy comes in waves.

    Returns:
        ``[game]`` whether each game ended now by its rules, and whether by the time limit.
    """
    count = games.shape[0]
    terminated = np.zeros(count, np.bool_)
    truncated = np.zeros(count, np.bool_)
    for game in range(count):
        if games[game, OVER]:
            continue
        games[game, SCORE] = points[0] * games[game, ENEMY_LOST] + points[1] * games[game, OWN_LOST]
        ours = games[game, OWN_ALIVE] > 0
        theirs = games[game, ENEMY_ALIVE] > 0
        terminated[game] = not ours or not (theirs or waves)
        truncated[game] = not terminated[game] and games[game, LOOP] >= loop_limit
        if terminated[game]:
            games[game, OUTCOME] = WIN if ours else (LOSS if theirs or waves else DRAW)
        elif truncated[game]:
            games[game, OUTCOME] = WIN if waves else DRAW
        games[game, OVER] = terminated[game] or truncated[game]
    return terminated, truncated
