"""Hierarchical bootstrap of win rates and returns: training seeds first, then games.

All agents play the same games, so the games of a draw are shared: by all seeds of an arm and, in a
difference, by both arms (Owen, 2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1).
Training seeds of different arms have nothing in common and are drawn apart.

A bootstrap of a handful of seeds is too narrow, by the factor ``sqrt((n - 1) / n)`` and by its
normal tails. The quantiles are widened for both ("expanded percentile interval"; Hesterberg, 2015,
"What teachers should know about the bootstrap", The American Statistician 69, section 5.3.2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .statistics import Interval

RESAMPLES = 10_000
_PIECE = 1_000

Scores = NDArray[np.float64]


def mean_interval(
    scores: Scores,
    rng: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return the interval of an arm's mean score over training seeds and games.

    Args:
        scores: ``[seed, game]``, 1 for a win and 0 else, or returns; with one
            seed the interval holds for that agent.
        rng: Draws the samples.
        confidence: Share of the draws inside, before the quantiles are widened.
        resamples: Number of draws.

    Raises:
        ValueError: If there is no seed or no game.
    """
    check_scores(scores)
    draws = _draws((scores,), rng, resamples)
    return _quantiles(draws, confidence, scores.shape[0])


def difference_interval(
    first: Scores,
    second: Scores,
    rng: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return the interval of the score of the first arm minus that of the second.

    Args:
        first: ``[seed, game]``, 1 for a win and 0 else, or returns.
        second: ``[seed, game]``, the same games.
        rng: Draws the samples.
        confidence: Share of the draws inside, before the quantiles are widened.
        resamples: Number of draws.

    Raises:
        ValueError: If there is no seed or no game, or the numbers of games differ.
    """
    check_scores(first)
    check_scores(second)
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"paired arms play the same games, not {first.shape[1]} and {second.shape[1]}"
        )
    draws = _draws((first, -second), rng, resamples)
    several = [len(wins) for wins in (first, second) if len(wins) > 1]
    return _quantiles(draws, confidence, min(several, default=1), sum(several))


def check_scores(scores: Scores) -> None:
    """Check that there are scores of one seed and one game at least.

    Raises:
        ValueError: If not.
    """
    if scores.ndim != 2 or 0 in scores.shape:
        raise ValueError(
            f"scores must be [seed, game] with one of each at least, not {scores.shape}"
        )


def _draws(parts: tuple[Scores, ...], rng: np.random.Generator, count: int) -> Scores:
    """Return ``[draw]``, the sum over the parts of their means over drawn seeds and games."""
    games = parts[0].shape[1]
    pieces = []
    for start in range(0, count, _PIECE):
        size = min(_PIECE, count - start)
        of_games = rng.multinomial(games, np.full(games, 1 / games), size) / games
        total = np.zeros(size)
        for wins in parts:
            seeds = len(wins)
            of_seeds = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size) / seeds
            total += np.einsum("ds,sg,dg->d", of_seeds, wins, of_games, optimize=True)
        pieces.append(total)
    return np.concatenate(pieces)


def _quantiles(draws: Scores, confidence: float, seeds: int, all_seeds: int = 0) -> Interval:
    tail = (1 - confidence) / 2
    if seeds > 1:
        freedom = (all_seeds - 2) if all_seeds > seeds else seeds - 1
        wide = np.sqrt(seeds / (seeds - 1)) * stats.t.ppf(tail, freedom)
        tail = float(stats.norm.cdf(wide))
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Interval(float(low), float(high))
