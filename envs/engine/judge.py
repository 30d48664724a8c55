"""Who has won, and what the step was worth."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from ._jit import allocating_kernel, kernel

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Rules: TypeAlias = tuple[int, int, int, bool]
"""Loops of an episode, score per enemy lost, score per unit of ours lost, whether waves come."""
Judged: TypeAlias = tuple[Floats, Flags, Flags, bool]


@kernel
def begin_step(games: Integers, loops: int) -> None:
    """Give every running game its loops, and start to count the step's events."""
    for game in range(games.shape[0]):
        if games[game, f.OVER]:
            games[game, f.STEP_KILLS] = 0
            games[game, f.STEP_REFUSED] = 0
            continue
        games[game, f.LEFT] = loops
        games[game, f.STEP_KILLS] = -games[game, f.ENEMY_LOST]
        games[game, f.STEP_REFUSED] = -games[game, f.REFUSED]


@allocating_kernel
def judge(
    games: Integers,
    harm: NDArray[np.float64],
    rules: Rules,
    worth: tuple[float, float, float, float, float],
) -> Judged:
    """Score every running game, end those that are decided or out of time, and reward.

    A battle ends when a side is gone or only has healers left; both in the same loop, or no time
    left, is a draw. With waves
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
        if games[game, f.OVER]:
            continue
        _end(games, game, rules, terminated, truncated)
        games[game, f.STEP_KILLS] += games[game, f.ENEMY_LOST]
        games[game, f.STEP_REFUSED] += games[game, f.REFUSED]
        score = rules[1] * games[game, f.ENEMY_LOST] + rules[2] * games[game, f.OWN_LOST]
        points = score - games[game, f.SCORE]
        games[game, f.SCORE] = score
        total = worth[0] * harm[game] + worth[1] * games[game, f.STEP_KILLS] + worth[2] * points
        if games[game, f.OUTCOME] == f.WIN:
            total += worth[3]
        elif games[game, f.OUTCOME] == f.LOSS:
            total += worth[4]
        reward[game] = total
        eventful = eventful or games[game, f.OVER] != 0 or games[game, f.STEP_REFUSED] > 0
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
    ours = games[game, f.OWN_ALIVE] > games[game, f.OWN_HEALERS]
    theirs = games[game, f.ENEMY_ALIVE] > games[game, f.ENEMY_HEALERS]
    terminated[game] = not ours or not (theirs or waves)
    truncated[game] = not terminated[game] and games[game, f.LOOP] >= loop_limit
    if terminated[game]:
        games[game, f.OUTCOME] = f.WIN if ours else (f.LOSS if theirs or waves else f.DRAW)
    elif truncated[game]:
        games[game, f.OUTCOME] = f.WIN if waves else f.DRAW
    if terminated[game] or truncated[game]:
        games[game, f.OVER] = 1
        games[game, f.LEFT] = 0
