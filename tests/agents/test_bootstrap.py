"""Bootstrap intervals: agreement with exact cases, pairing, and coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from perceiver_rl.agents.bootstrap import difference_interval, mean_interval


def arm(rng: np.random.Generator, mean: float, spread: float, size: tuple[int, int]) -> np.ndarray:
    """Return wins ``[seed, game]`` of seeds whose true win rates lie around a mean."""
    rates = np.clip(rng.normal(mean, spread, size[0]), 0, 1)
    return (rng.random(size) < rates[:, None]).astype(float)


def test_one_agent_alone_has_the_binomial_interval() -> None:
    wins = (np.arange(400) < 120).astype(float)[None]
    low, high = mean_interval(wins, np.random.default_rng(0))
    exact = stats.binom.ppf([0.025, 0.975], 400, 0.3) / 400
    assert (low, high) == pytest.approx(tuple(exact), abs=0.004)


def test_seeds_without_game_noise_have_students_interval() -> None:
    rates = np.array([0.2, 0.4, 0.5, 0.6, 0.8])
    wins = np.repeat(rates[:, None], 50, axis=1)  # each game is won to that share
    low, high = mean_interval(wins, np.random.default_rng(0), resamples=40_000)
    exact = stats.t.interval(0.95, 4, rates.mean(), stats.sem(rates))
    # The draws end at the lowest and highest seed, so the far tails are short.
    assert low == pytest.approx(exact[0], abs=0.03)
    assert high == pytest.approx(exact[1], abs=0.03)


def test_the_same_games_make_a_difference_more_certain_than_other_games() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random(500)  # a game is won by all or by none, but for some luck
    first = ((hard < 0.6) ^ (rng.random((5, 500)) < 0.05)).astype(float)
    second = ((hard < 0.6) ^ (rng.random((5, 500)) < 0.05)).astype(float)
    paired = difference_interval(first, second, np.random.default_rng(1))
    shuffled = second[:, rng.permutation(500)]
    apart = difference_interval(first, shuffled, np.random.default_rng(1))
    assert paired.high - paired.low < 0.6 * (apart.high - apart.low)
    assert paired.low < 0 < paired.high


def test_equal_games_have_no_difference() -> None:
    wins = np.ones((3, 10))
    interval = difference_interval(wins, wins, np.random.default_rng(0))
    assert interval == pytest.approx((0.0, 0.0), abs=1e-12)


def test_a_seed_gives_the_same_interval_again() -> None:
    wins = arm(np.random.default_rng(0), 0.6, 0.1, (4, 50))
    first, second = (mean_interval(wins, np.random.default_rng(7)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (5,)])
def test_nothing_to_draw_from_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="one of each"):
        mean_interval(np.zeros(shape), np.random.default_rng(0))


def test_arms_that_played_other_games_are_refused() -> None:
    with pytest.raises(ValueError, match="5 and 6"):
        difference_interval(np.zeros((2, 5)), np.zeros((2, 6)), np.random.default_rng(0))


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.0, 0.05, 0.15])
def test_intervals_of_five_seeds_hold_the_truth_about_as_often_as_they_say(spread: float) -> None:
    rng = np.random.default_rng(0)
    trials, one, two = 400, 0, 0
    for _ in range(trials):
        first, second = (arm(rng, 0.6, spread, (5, 100)) for _ in range(2))
        low, high = mean_interval(first, rng, resamples=1000)
        one += low <= 0.6 <= high
        low, high = difference_interval(first, second, rng, resamples=1000)
        two += low <= 0.0 <= high
    # Four standard errors of the simulation below 95%; wider than asked for is no lie.
    assert one / trials > 0.95 - 4 * np.sqrt(0.95 * 0.05 / trials)
    assert two / trials > 0.95 - 4 * np.sqrt(0.95 * 0.05 / trials)
