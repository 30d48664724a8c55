"""Elo ratings against values computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perceiver_rl.agents.elo import fit, has_best_fit, rate


def points(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=float)


def elo(odds: float) -> float:
    """Return the distance in ratings at which one side scores ``odds`` points to one."""
    return 400 * math.log10(odds)


def test_three_quarters_of_the_points_are_191_apart() -> None:
    assert elo(3) == pytest.approx(190.85, abs=0.01)
    np.testing.assert_allclose(fit(points([0, 75], [25, 0])), [elo(3) / 2, -elo(3) / 2])


def test_a_chain_of_equal_steps_is_evenly_spaced() -> None:
    # A and C never met.
    chain = points([0, 20, 0], [10, 0, 20], [0, 10, 0])
    np.testing.assert_allclose(fit(chain), [elo(2), 0, -elo(2)], atol=1e-6)


def test_games_that_agree_with_a_model_give_that_model_back() -> None:
    # Odds of 3, 3 and 9 belong to 0, -elo(3) and -2 elo(3), whatever the numbers of games.
    agreeing = points([0, 30, 90], [10, 0, 3], [10, 1, 0])
    np.testing.assert_allclose(fit(agreeing), [elo(3), 0, -elo(3)], atol=1e-6)


def test_a_draw_is_half_a_win_for_both() -> None:
    np.testing.assert_allclose(fit(points([0, 5], [5, 0])), [0, 0], atol=1e-9)
    # Two wins and four draws: 4 points to 2.
    np.testing.assert_allclose(fit(points([0, 4], [2, 0])), [elo(2) / 2, -elo(2) / 2])


def test_a_circle_of_winners_is_level() -> None:
    circle = points([0, 9, 1], [1, 0, 9], [9, 1, 0])
    np.testing.assert_allclose(fit(circle), [0, 0, 0], atol=1e-9)


def test_the_best_rating_makes_expected_points_equal_to_those_taken() -> None:
    rng = np.random.default_rng(0)
    taken = rng.integers(1, 20, (6, 6)).astype(float)
    np.fill_diagonal(taken, 0)
    ratings = fit(taken)
    expected = 1 / (1 + 10 ** ((ratings[None] - ratings[:, None]) / 400))
    np.testing.assert_allclose(((taken + taken.T) * expected).sum(1), taken.sum(1), atol=1e-6)
    assert ratings.sum() == pytest.approx(0, abs=1e-6)


def test_without_a_point_for_the_loser_there_is_no_best_rating() -> None:
    assert not has_best_fit(points([0, 10], [0, 0]))
    assert has_best_fit(points([0, 9.5], [0.5, 0]))
    # C has beaten nobody, A and B are level.
    assert not has_best_fit(points([0, 5, 9], [5, 0, 9], [0, 0, 0]))
    # A drawn game is added: 10.5 points to 0.5.
    clean = np.stack([points([0, 1], [0, 0])] * 10, axis=2)
    result = rate(clean, 20, np.random.default_rng(0))
    assert result.prior
    assert result.ratings[0].elo == pytest.approx(elo(21) / 2)
    assert result.ratings[0].low == pytest.approx(result.ratings[0].elo)


def test_intervals_hold_the_rating_shrink_with_the_seeds_and_repeat() -> None:
    def rated(seeds: int) -> tuple[float, float, float]:
        wins = (np.arange(seeds) % 4 != 0).astype(float)
        both = np.zeros((2, 2, seeds))
        both[0, 1], both[1, 0] = wins, 1 - wins
        result = rate(both, 400, np.random.default_rng(1))
        assert not result.prior
        return result.ratings[0]

    few, many = rated(40), rated(640)
    for elo_, low, high in (few, many):
        assert low < elo_ < high
    assert many[0] == pytest.approx(elo(3) / 2)
    assert (many[2] - many[1]) < 0.4 * (few[2] - few[1])
    assert rated(40) == few


def test_no_game_is_no_rating() -> None:
    with pytest.raises(ValueError, match="at least one seed"):
        rate(np.zeros((2, 2, 0)), 10, np.random.default_rng(0))
