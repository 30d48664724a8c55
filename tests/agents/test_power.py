"""Power: a published example, and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_rl.agents.power import (
    deviation_between_seeds,
    games_for_equivalence,
    power_note,
    seeds_for_equivalence,
)
from perceiver_rl.agents.verdicts import equivalence, mean_score


def test_the_sample_size_is_the_published_one() -> None:
    # Chow, Shao, Wang: Sample Size Calculations in Clinical Research, 3.2: deviation 10%, margin
    # 5%, true difference 1%, power 80%, level 5%: 107 per arm (with z rounded to two digits, 108).
    assert seeds_for_equivalence(0.10, 0.05, 0.01) in (107, 108)


def test_a_difference_outside_the_margin_can_never_be_shown_to_be_inside() -> None:
    with pytest.raises(ValueError, match="outside the margin"):
        seeds_for_equivalence(0.1, 0.05, 0.05)


def test_that_many_seeds_have_about_that_power() -> None:
    rng = np.random.default_rng(0)
    between, games = 0.04, 500
    seeds = seeds_for_equivalence(np.sqrt(between**2 + 0.25 / games))
    shown = 0
    for _ in range(300):
        arms = []
        for _ in range(2):
            rates = rng.normal(0.5, between, seeds)
            arms.append(mean_score((rng.random((seeds, games)) < rates[:, None]).astype(float)))
        shown += equivalence(arms[0], arms[1]).p_value < 0.05
    assert 0.68 < shown / 300 < 0.9


def test_more_games_help_only_until_the_seeds_differ_more_than_the_games() -> None:
    assert games_for_equivalence(0.2, 0.5, 5) is None
    few = games_for_equivalence(0.0, 0.5, 5)
    more = games_for_equivalence(0.02, 0.5, 5)
    assert few is not None
    assert more is not None
    assert few < more
    assert games_for_equivalence(0.0, 1.0, 5) == 1


def test_the_noise_of_games_is_taken_out_of_the_difference_between_seeds() -> None:
    rng = np.random.default_rng(0)
    alike = (rng.random((200, 100)) < 0.5).astype(float)
    assert deviation_between_seeds(alike) < 0.025  # without the correction 0.05
    rates = rng.normal(0.5, 0.1, 200)
    apart = (rng.random((200, 100)) < rates[:, None]).astype(float)
    assert deviation_between_seeds(apart) == pytest.approx(0.1, abs=0.015)
    assert deviation_between_seeds(alike[:1]) == 0.0


def test_the_note_says_what_was_needed() -> None:
    rng = np.random.default_rng(0)
    first, second = ((rng.random((5, 200)) < 0.5).astype(float) for _ in range(2))
    note = power_note(first, second, 0.05)
    assert "seeds per arm at 200 games" in note
    assert "with 5 seeds" in note
    wild = np.vstack([np.ones((2, 200)), np.zeros((3, 200))])
    assert "no number of games" in power_note(wild, wild, 0.05)
