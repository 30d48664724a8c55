"""Elo ratings of agents that have played one another: the Bradley-Terry model's best fit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

Floats = NDArray[np.float64]

SCALE = 400 / np.log(10)
_LONGEST_STEP = 1.0
_ITERATIONS = 200
_TOLERANCE = 1e-10


class Rating(NamedTuple):
    """An agent's rating, relative to the mean of all, with its interval."""

    elo: float
    low: float
    high: float


class Ratings(NamedTuple):
    """Ratings in the order of the agents.

    Args:
        ratings: One per agent.
        prior: Whether the games alone have no best fit, because some agents took no point from
            the others: then one drawn game of every pair that played was added.
    """

    ratings: tuple[Rating, ...]
    prior: bool


def has_best_fit(points: Floats) -> bool:
    """Return whether a most likely rating exists.

    It does if, however the agents are parted in two groups, each group has taken something from the
    other; else one group's ratings run away from the other's.

    Args:
        points: ``[agent, agent]``, what the row took from the column.
    """
    count, _ = connected_components(points > 0, directed=True, connection="strong")
    return bool(count == 1)


def fit(points: Floats) -> Floats:
    """Return the most likely Elo ratings ``[agent]``, with mean 0; a draw counts as half a win.

    Args:
        points: ``[agent, agent]``, what the row took from the column; see :func:`has_best_fit`.
    """
    games = points + points.T
    taken = points.sum(1)
    ratings = np.zeros(len(points))
    for _ in range(_ITERATIONS):
        expected = 1 / (1 + np.exp(ratings[None, :] - ratings[:, None]))
        slope = taken - (games * expected).sum(1)
        weight = games * expected * (1 - expected)
        curvature = np.diag(weight.sum(1)) - weight
        # A constant added to all ratings changes nothing; the ones keep their sum at 0.
        step = np.linalg.solve(curvature + 1.0, slope)
        step *= min(1.0, _LONGEST_STEP / max(float(np.abs(step).max()), _TOLERANCE))
        ratings = ratings + step
        if float(np.abs(step).max()) < _TOLERANCE:
            break
    return SCALE * (ratings - ratings.mean())


def rate(points: Floats, resamples: int, rng: np.random.Generator) -> Ratings:
    """Rate agents, with 95% bootstrap intervals over the seeds that all pairs have played.

    Args:
        points: ``[agent, agent, seed]``, what the row took from the column in the games of a seed;
            zero where two did not play.
        resamples: Bootstrap samples.
        rng: Draws them.

    Raises:
        ValueError: If there is no seed.
    """
    seeds = points.shape[2]
    if seeds < 1:
        raise ValueError("ratings need at least one seed")
    total = points.sum(2)
    played = (total + total.T) > 0
    best = fit(_with_best_fit(total, played))
    drawn = rng.integers(seeds, size=(resamples, seeds))
    samples = np.array([fit(_with_best_fit(points[:, :, d].sum(2), played)) for d in drawn])
    low, high = np.percentile(samples, [2.5, 97.5], axis=0)
    ratings = tuple(Rating(*map(float, row)) for row in zip(best, low, high, strict=True))
    return Ratings(ratings, prior=not has_best_fit(total))


def _with_best_fit(points: Floats, played: NDArray[np.bool_]) -> Floats:
    """Return the points; where they have no best fit, with a drawn game of every pair added."""
    return points if has_best_fit(points) else points + 0.5 * played
