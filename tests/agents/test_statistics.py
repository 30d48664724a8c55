"""Win rates and their intervals, against published numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_rl.agents.statistics import Games, outcome_letter, pool, wilson


@pytest.mark.parametrize(
    ("wins", "games", "low", "high"),
    [  # Newcombe (1998), Statistics in Medicine 17: 857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_intervals_are_the_published_ones(
    wins: int, games: int, low: float, high: float
) -> None:
    interval = wilson(wins, games)
    assert round(interval.low, 4) == low
    assert round(interval.high, 4) == high


def test_no_game_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@given(games=st.integers(1, 500), part=st.floats(0, 1))
def test_the_interval_holds_the_win_rate_and_is_symmetric_in_wins_and_losses(
    games: int, part: float
) -> None:
    wins = round(games * part)
    low, high = wilson(wins, games)
    assert -1e-12 <= low <= wins / games + 1e-12
    assert wins / games - 1e-12 <= high <= 1 + 1e-12
    other = wilson(games - wins, games)
    assert other.low == pytest.approx(1 - high, abs=1e-9)


def test_more_games_narrow_the_interval_and_more_confidence_widens_it() -> None:
    def width(wins: int, games: int, confidence: float = 0.95) -> float:
        interval = wilson(wins, games, confidence)
        return interval.high - interval.low

    assert width(100, 200) < width(50, 100) < width(50, 100, 0.99)


@pytest.mark.parametrize(("wins", "games"), [(3, 2), (-1, 2)])
def test_impossible_counts_are_refused(wins: int, games: int) -> None:
    with pytest.raises(ValueError, match="between 0 and games"):
        wilson(wins, games)


FOUR = Games(outcomes="WLDW", returns=(20.0, 4.0, 10.0, 18.0), lengths=(20, 30, 60, 22))


def test_a_draw_is_no_win_and_counts_as_a_game() -> None:
    assert (FOUR.count, FOUR.wins, FOUR.losses, FOUR.draws) == (4, 2, 1, 1)
    assert FOUR.win_rate == 0.5
    assert FOUR.interval == wilson(2, 4)


def test_means_are_over_all_games() -> None:
    assert FOUR.mean_return == 13.0
    assert FOUR.mean_length == 33.0


def test_games_without_a_winner_have_no_win_rate() -> None:
    scored = Games(outcomes="", returns=(40.0, 60.0), lengths=(240, 240))
    assert scored.win_rate is None
    assert scored.interval is None
    assert scored.mean_return == 50.0


def test_no_games_at_all_have_means_of_zero() -> None:
    none = pool([])
    assert (none.count, none.mean_return, none.mean_length, none.win_rate) == (0, 0.0, 0.0, None)


def test_pooled_agents_count_every_game_of_each() -> None:
    lost = Games(outcomes="L", returns=(0.0,), lengths=(10,))
    both = pool([FOUR, lost])
    assert both.outcomes == "WLDWL"
    assert both.win_rate == pytest.approx(0.4)
    assert both.mean_return == pytest.approx(10.4)


def test_outcomes_returns_and_lengths_must_belong_together() -> None:
    with pytest.raises(ValueError, match="2 returns, 1 lengths and 1 outcomes"):
        Games(outcomes="W", returns=(1.0, 2.0), lengths=(3,))


def test_a_summary_gives_the_games_back() -> None:
    assert Games.from_summary(FOUR.summary()) == FOUR
    assert FOUR.summary()["outcomes"] == "WLDW"


def test_a_game_with_a_score_has_no_winner_however_it_ends() -> None:
    assert [outcome_letter({"outcome": name}) for name in ("win", "loss", "draw")] == list("WLD")
    assert outcome_letter({"outcome": "win", "score": 120}) == ""
    assert outcome_letter({}) == ""
