"""Whether one arm wins as often as another: equivalence, superiority, and correction for many.

The unit of analysis is the training seed: each arm has one win rate per seed, and two arms are
compared by Welch's test. Its variance is never taken to be less than what the games alone would
cause, so arms whose seeds happen to agree, or all win everything, do not look certain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .bootstrap import check_scores

Verdict = Literal["same", "better", "worse", "not shown"]

MARGIN: Final = 0.05
ALPHA: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean with what a t-test needs to know of it.

    Args:
        value: The mean.
        variance: Of the mean, not of its parts; at least 0.
        freedom: Degrees of freedom of the variance.
    """

    value: float
    variance: float
    freedom: float


def mean_score(scores: NDArray[np.float64]) -> Mean:
    """Return an arm's mean win rate, or mean return, over its training seeds.

    The variance is that of the seeds' means, but not less than the games alone would give. One seed
    alone (a script) has the variance of its games: it says nothing of other seeds.

    Args:
        scores: ``[seed, game]``, 1 for a win and 0 else; or returns.

    Raises:
        ValueError: If there is no seed or no game.
    """
    check_scores(scores)
    seeds, games = scores.shape
    means = scores.mean(1)
    of_games = _variance_of_games(scores) / games
    if seeds == 1:
        return Mean(value=float(means[0]), variance=of_games, freedom=max(games - 1, 1))
    variance = max(float(means.var(ddof=1)), of_games) / seeds
    return Mean(value=float(means.mean()), variance=variance, freedom=seeds - 1)


def _variance_of_games(scores: NDArray[np.float64]) -> float:
    if np.isin(scores, (0.0, 1.0)).all():
        # Agresti and Coull's two added wins and losses keep it above 0 at the ends.
        shrunk = (scores.sum() + 2) / (scores.size + 4)
        return float(shrunk * (1 - shrunk))
    return max(float((scores - scores.mean(1, keepdims=True)).var()), 1e-12)


class Equivalence(NamedTuple):
    """Two one-sided tests.

    Args:
        p_value: The larger of the two; small: the difference lies inside the margins.
        t_low: Statistic of the test that the difference is above the lower margin.
        t_high: Statistic of the test that it is below the upper one.
        freedom: Degrees of freedom.
    """

    p_value: float
    t_low: float
    t_high: float
    freedom: float


def equivalence(first: Mean, second: Mean, margin: float = MARGIN) -> Equivalence:
    """Test whether two means differ by less than a margin (Schuirmann, 1987; Welch's form)."""
    difference, error, freedom = _welch(first, second)
    t_low, t_high = (difference + margin) / error, (difference - margin) / error
    p_value = max(stats.t.sf(t_low, freedom), stats.t.cdf(t_high, freedom))
    return Equivalence(float(p_value), t_low, t_high, freedom)


def difference_p_value(first: Mean, second: Mean) -> float:
    """Return the two-sided p-value of Welch's test that two means are equal."""
    difference, error, freedom = _welch(first, second)
    return float(2 * stats.t.sf(abs(difference) / error, freedom))


def _welch(first: Mean, second: Mean) -> tuple[float, float, float]:
    """Return the difference, its standard error and Satterthwaite's degrees of freedom."""
    total = first.variance + second.variance
    freedom = total**2 / (first.variance**2 / first.freedom + second.variance**2 / second.freedom)
    return first.value - second.value, math.sqrt(total), freedom


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number (Holm, 1979); without any there are none."""
    order = np.argsort(p_values)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(highest, 1.0)
    return adjusted


def verdict(same_p: float, different_p: float, difference: float, alpha: float = ALPHA) -> Verdict:
    """Return what two adjusted p-values allow to say of the first of two arms.

    ``same`` comes first: a difference that is certain but smaller than the margin does not matter.

    Args:
        same_p: Of the equivalence test.
        different_p: Of the test that the arms are equal.
        difference: Win rate of the first minus that of the second.
        alpha: Both p-values must lie below it.
    """
    if same_p < alpha:
        return "same"
    if different_p < alpha:
        return "better" if difference > 0 else "worse"
    return "not shown"
