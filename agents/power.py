"""How many training seeds and games a claim of equal win rates needs."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .verdicts import ALPHA, MARGIN

POWER = 0.8
MOST = 1_000_000


def seeds_for_equivalence(
    deviation: float,
    margin: float = MARGIN,
    difference: float = 0.0,
    alpha: float = ALPHA,
    power: float = POWER,
) -> int:
    """Return how many seeds per arm show equivalence with the given power; two at least.

    Chow, Shao and Wang, "Sample size calculations in clinical research", section 3.2: the normal
    approximation for two one-sided tests of two parallel groups.

    Args:
        deviation: Standard deviation of one seed's win rate, games included.
        margin: The largest difference that does not matter.
        difference: The true one.
        alpha: Of each of the two tests.
        power: Chance to show it.

    Raises:
        ValueError: If the true difference is no smaller than the margin.
    """
    if abs(difference) >= margin:
        raise ValueError(f"a difference of {difference} lies outside the margin {margin}")
    spread = stats.norm.isf(alpha) + stats.norm.isf((1 - power) / 2)
    seeds = 2 * (spread * deviation / (margin - abs(difference))) ** 2
    return max(2, math.ceil(seeds))


def games_for_equivalence(
    between_seeds: float, win_rate: float, seeds: int, margin: float = MARGIN
) -> int | None:
    """Return how many games per agent suffice with these seeds; None if no number does.

    Args:
        between_seeds: Standard deviation of the seeds' true win rates.
        win_rate: Of the arms.
        seeds: Per arm.
        margin: The largest difference that does not matter.
    """
    spread = stats.norm.isf(ALPHA) + stats.norm.isf((1 - POWER) / 2)
    room = seeds / 2 * (margin / spread) ** 2 - between_seeds**2
    if room <= 0:
        return None
    games = math.ceil(win_rate * (1 - win_rate) / room)
    return max(games, 1) if games <= MOST else None


def deviation_between_seeds(wins: NDArray[np.float64]) -> float:
    """Return the standard deviation of the seeds' true win rates, the games' noise taken out.

    Args:
        wins: ``[seed, game]``, 1 for a win; one seed alone gives 0.
    """
    if len(wins) < 2:
        return 0.0
    rates, games = wins.mean(1), wins.shape[1]
    noise = float((rates * (1 - rates)).mean()) / max(games - 1, 1)
    return math.sqrt(max(float(rates.var(ddof=1)) - noise, 0.0))


def power_note(first: NDArray[np.float64], second: NDArray[np.float64], margin: float) -> str:
    """Return in a sentence how many games and seeds the claim "the same" needed.

    Args:
        first: ``[seed, game]``, 1 for a win.
        second: The same of the other arm.
        margin: The largest difference that does not matter.
    """
    between = math.sqrt(
        (deviation_between_seeds(first) ** 2 + deviation_between_seeds(second) ** 2) / 2
    )
    rate = float((first.mean() + second.mean()) / 2)
    games = first.shape[1]
    deviation = math.sqrt(between**2 + rate * (1 - rate) / games)
    needed = seeds_for_equivalence(deviation, margin)
    seeds = min(len(first), len(second))
    enough = games_for_equivalence(between, rate, seeds, margin)
    with_these = (
        f"with {seeds} seeds, {enough} games per agent"
        if enough is not None
        else f"with {seeds} seeds no number of games, because the seeds differ too much"
    )
    return (
        f"seeds differ by {between:.3f} (standard deviation); to show a difference below {margin:g}"
        f" with a chance of {POWER:.0%} if there is none takes {needed} seeds per arm at {games}"
        f" games, or {with_these}"
    )
