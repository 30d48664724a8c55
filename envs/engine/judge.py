"""Who has won, and what the step was worth."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ._jit import kernel
from .fields import (
    DRAW,
    ENEMY_ALIVE,
    ENEMY_LOST,
    LEFT,
    LOOP,
    LOSS,
    OUTCOME,
    OVER,
    OWN_ALIVE,
    OWN_LOST,
    REFUSED,
    SCORE,
    STEP_KILLS,
    STEP_REFUSED,
    WIN,
)

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Rules: TypeAlias = tuple[int, int, int, bool]
"""Loops of an episode, score per enemy lost, score per unit of ours lost, whether waves come."""


@kernel
def begin_step(games: Integers, loops: int) -> None:
    """Give every running game its loops, and start to count the step's events."""
    for game in range(games.shape[0]):
        if games[game, OVER]:
            games[game, STEP_KILLS] = 0
            games[game, STEP_REFUSED] = 0
            continue
        games[game, LEFT] = loops
        games[game, STEP_KILLS] = -games[game, ENEMY_LOST]
        games[game, STEP_REFUSED] = -games[game, REFUSED]


@kernel
def judge(
    games: Integers,
    harm: NDArray[np.float64],
    rules: Rules,
    worth: tuple[float, float, float, float, float],
) -> tuple[Floats, Flags, Flags, bool]:
    """Score every running game, end those that are decided or out of time, and reward.

    A battle ends when a side is gone; both in the same loop, or no time left, is a draw. With waves
    the game ends with our last unit, a loss, or with the time, a win.

    Args:
        games: State ``[game, field]``, changed in place.
        harm: ``[game]``, of this step.
        rules: See :data:`Rules`.
        worth: See :class:`~perceiver_rl.envs.rewards.Reward`.

    Returns:
        ``[game]`` the reward, whether the game ended now by its rules, and whether by the time
        limit; and whether any game ended or refused an order.
    """
    count = games.shape[0]
    reward = np.zeros(count, np.float32)
    terminated = np.zeros(count, np.bool_)
    truncated = np.zeros(count, np.bool_)
    eventful = False
    for game in range(count):
        if games[game, OVER]:
            continue
        _end(games, game, rules, terminated, truncated)
        games[game, STEP_KILLS] += games[game, ENEMY_LOST]
        games[game, STEP_REFUSED] += games[game, REFUSED]
        score = rules[1] * games[game, ENEMY_LOST] + rules[2] * games[game, OWN_LOST]
        points = score - games[game, SCORE]
        games[game, SCORE] = score
        total = worth[0] * harm[game] + worth[1] * games[game, STEP_KILLS] + worth[2] * points
        if games[game, OUTCOME] == WIN:
            total += worth[3]
        elif games[game, OUTCOME] == LOSS:
            total += worth[4]
        reward[game] = total
        eventful = eventful or games[game, OVER] != 0 or games[game, STEP_REFUSED] > 0
    return reward, terminated, truncated, eventful


@kernel
def _end(
    games: Integers,
    game: int,
    rules: Rules,
    terminated: Flags,
    truncated: Flags,
) -> None:
    loop_limit, _, _, waves = rules
    ours = games[game, OWN_ALIVE] > 0
    theirs = games[game, ENEMY_ALIVE] > 0
    terminated[game] = not ours or not (theirs or waves)
    truncated[game] = not terminated[game] and games[game, LOOP] >= loop_limit
    if terminated[game]:
        games[game, OUTCOME] = WIN if ours else (LOSS if theirs or waves else DRAW)
    elif truncated[game]:
        games[game, OUTCOME] = WIN if waves else DRAW
    if terminated[game] or truncated[game]:
        games[game, OVER] = 1
        games[game, LEFT] = 0
