"""Training and evaluation never play the same game."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from perceiver_rl.agents.seeds import (
    EVAL_SEED,
    MAX_ENVS,
    MAX_SEED,
    evaluation_seeds,
    sampling_seed,
    training_seed,
)

runs = st.tuples(st.integers(0, MAX_SEED), st.integers(0, 10**10))


@given(run=runs)
def test_every_game_of_a_training_run_lies_below_the_evaluation(run: tuple[int, int]) -> None:
    first = training_seed(*run)
    assert first >= 0
    assert first + MAX_ENVS - 1 < EVAL_SEED


@given(one=st.integers(0, MAX_SEED), other=st.integers(0, MAX_SEED))
def test_runs_of_different_seeds_share_no_game(one: int, other: int) -> None:
    assert one == other or abs(training_seed(one) - training_seed(other)) >= MAX_ENVS


@given(run=runs, fresh=st.integers(0, MAX_SEED))
def test_a_resumed_run_repeats_no_first_game(run: tuple[int, int], fresh: int) -> None:
    seed, steps = run
    if steps:
        assert abs(training_seed(seed, steps) - training_seed(fresh)) >= MAX_ENVS


def test_a_resumed_run_samples_from_another_stream() -> None:
    assert len({sampling_seed(3, steps) for steps in (0, 64, 128)}) == 3
    assert sampling_seed(3, 64) == sampling_seed(3, 64)


def test_game_k_has_the_first_seed_plus_k() -> None:
    assert evaluation_seeds(EVAL_SEED, 3) == [EVAL_SEED, EVAL_SEED + 1, EVAL_SEED + 2]
    assert evaluation_seeds(EVAL_SEED, 0) == []
