"""EntitySpace: a Box that knows its columns."""

import copy
import pickle

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from perceiver_rl.spaces import Column, ContractError, EntitySpace

COLUMNS = (
    Column("x", "scalar", low=2, high=64, unit="cell"),
    Column("kind", "category", size=12),
    Column("angry", "binary"),
)


def test_is_a_float32_box_of_one_row_per_entity() -> None:
    space = EntitySpace(columns=COLUMNS, max_entities=4)
    assert isinstance(space, spaces.Box)
    assert space.shape == (4, 3)
    assert space.dtype == np.float32
    assert space.high[0].tolist() == [64.0, 11.0, 1.0]


def test_a_row_of_zeros_is_inside_even_where_the_column_starts_above_zero() -> None:
    space = EntitySpace(COLUMNS, 4)
    assert space.contains(np.zeros((4, 3), np.float32))
    assert not space.contains(np.full((4, 3), -1, np.float32))


def test_columns_are_found_by_name_and_a_typo_gets_a_suggestion() -> None:
    space = EntitySpace(COLUMNS, 4)
    assert space.index("kind") == 1
    with pytest.raises(ContractError, match="unknown column 'knid'.*did you mean 'kind'"):
        space.index("knid")


@given(seed=st.integers(0, 2**31))
def test_samples_lie_inside_and_categories_are_whole_numbers(seed: int) -> None:
    space = EntitySpace(COLUMNS, 3, seed=seed)
    rows = space.sample()
    assert space.contains(rows)
    assert np.array_equal(rows[:, 1:], np.round(rows[:, 1:]))


def test_survives_copy_and_pickle_with_its_columns() -> None:
    space = EntitySpace(COLUMNS, 4)
    for other in (copy.copy(space), copy.deepcopy(space), pickle.loads(pickle.dumps(space))):
        assert other == space
        assert other.columns == COLUMNS


def test_spaces_differ_by_columns_size_and_class() -> None:
    space = EntitySpace(COLUMNS, 4)
    assert space != EntitySpace(COLUMNS, 5)
    assert space != EntitySpace(COLUMNS[:2], 4)
    assert space != spaces.Box(space.low, space.high, dtype=np.float32)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Column("k", "category"), "column 'k': a category needs size >= 1"),
        (lambda: Column("k", "scalar", size=3), "only a category has a size"),
        (lambda: Column("k", low=3, high=3), "low=3 must be less than high=3"),
        (lambda: Column("k", "catgory", size=3), "unknown kind 'catgory'.*'category'"),  # type: ignore[arg-type]
        (lambda: EntitySpace([], 3), "columns with distinct names"),
        (lambda: EntitySpace([COLUMNS[0]] * 2, 3), "columns with distinct names"),
        (lambda: EntitySpace(COLUMNS, 0), "max_entities must be at least 1, not 0"),
    ],
)
def test_impossible_spaces_are_refused(make: object, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        make()  # type: ignore[operator]
