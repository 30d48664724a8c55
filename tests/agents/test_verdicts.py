"""Equivalence, superiority and correction, against published examples and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from perceiver_rl.agents.verdicts import (
    Mean,
    difference_p_value,
    equivalence,
    holm,
    mean_score,
    verdict,
)


def of_sample(mean: float, deviation: float, count: int) -> Mean:
    return Mean(value=mean, variance=deviation**2 / count, freedom=count - 1)


def test_the_equivalence_test_is_the_published_one() -> None:
    # Lakens (2017), Social Psychological and Personality Science 8, 355-362, the replication of
    # Eskine (2013): bounds d = -0.43 and 0.43; t(182) = -2.69, p = .004.
    first, second = of_sample(5.25, 0.95, 95), of_sample(5.22, 0.83, 89)
    margin = 0.43 * np.sqrt((0.95**2 + 0.83**2) / 2)
    result = equivalence(first, second, margin)
    assert round(result.t_high, 2) == -2.69
    assert round(result.p_value, 3) == 0.004


def test_both_tests_are_scipys_welch_tests() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.6, 0.2, 6), rng.normal(0.5, 0.1, 9)
    first, second = (of_sample(x.mean(), x.std(ddof=1), len(x)) for x in (a, b))
    assert difference_p_value(first, second) == pytest.approx(
        stats.ttest_ind(a, b, equal_var=False).pvalue
    )
    above = stats.ttest_ind(a, b - 0.05, equal_var=False, alternative="greater").pvalue
    below = stats.ttest_ind(a, b + 0.05, equal_var=False, alternative="less").pvalue
    assert equivalence(first, second).p_value == pytest.approx(max(above, below))


def test_an_arm_is_the_mean_of_its_seeds() -> None:
    wins = np.zeros((4, 1000))
    for seed, won in enumerate((400, 500, 600, 900)):
        wins[seed, :won] = 1
    mean = mean_score(wins)
    rates = np.array([0.4, 0.5, 0.6, 0.9])
    assert mean.value == pytest.approx(0.6)
    assert mean.variance == pytest.approx(rates.var(ddof=1) / 4)
    assert mean.freedom == 3


def test_seeds_that_agree_by_chance_are_no_more_certain_than_their_games() -> None:
    wins = np.tile((np.arange(100) < 50).astype(float), (5, 1))
    assert mean_score(wins).variance == pytest.approx(0.25 / 100 / 5)
    perfect = mean_score(np.ones((5, 100)))
    assert perfect.value == 1.0
    assert perfect.variance > 0


def test_a_script_has_the_variance_of_its_games() -> None:
    mean = mean_score((np.arange(1000) < 870).astype(float)[None])
    assert mean.value == pytest.approx(0.87)
    assert mean.variance == pytest.approx(0.87 * 0.13 / 1000, rel=0.02)
    assert mean.freedom == 999


def test_holms_correction_is_the_published_one() -> None:
    # The worked example of Wikipedia's "Holm-Bonferroni method": the first and the last are
    # significant at 5%, the others are not.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_never_helps(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(new >= old for new, old in zip(adjusted, p_values, strict=True))
    assert max(adjusted) <= 1
    order = np.argsort(p_values, kind="stable")
    assert all(np.diff(np.array(adjusted)[order]) >= 0)


@pytest.mark.parametrize(
    ("same_p", "different_p", "difference", "word"),
    [
        (0.01, 0.60, 0.01, "same"),
        (0.01, 0.01, 0.02, "same"),
        (0.60, 0.01, 0.10, "better"),
        (0.60, 0.01, -0.10, "worse"),
        (0.20, 0.20, 0.03, "not shown"),
        (0.05, 0.05, 0.03, "not shown"),
    ],
)
def test_verdicts(same_p: float, different_p: float, difference: float, word: str) -> None:
    assert verdict(same_p, different_p, difference) == word


@pytest.mark.parametrize(("true", "most"), [(0.05, 0.05), (-0.05, 0.05)])
def test_equivalence_is_rarely_claimed_at_the_margin(true: float, most: float) -> None:
    rng = np.random.default_rng(0)
    trials, claims = 500, 0
    for _ in range(trials):
        arms = []
        for rate in (0.6 + true, 0.6):
            rates = np.clip(rng.normal(rate, 0.03, 5), 0, 1)
            arms.append(mean_score((rng.random((5, 400)) < rates[:, None]).astype(float)))
        claims += equivalence(arms[0], arms[1]).p_value < 0.05
    assert claims / trials < most + 3 * np.sqrt(most * (1 - most) / trials)
