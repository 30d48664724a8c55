"""Expansion of compact columns, with numbers by hand."""

import numpy as np
import torch
from gymnasium import spaces

from perceiver_rl.entities import BoxScaler, ColumnExpander, columns_of
from perceiver_rl.spaces import Column, EntitySpace

COLUMNS = (
    Column("x", "scalar", low=0, high=64, unit="cell"),
    Column("kind", "category", size=3),
    Column("angry", "binary"),
    Column("score", "scalar"),
)


def test_each_kind_of_column_is_expanded_as_documented() -> None:
    row = torch.tensor([[[16.0, 2.0, 1.0, 7.5]]])
    # x in [0, 64] -> [-1, 1]; kind one-hot; binary and unbounded scalar unchanged.
    expected = torch.tensor([[[-0.5, 0.0, 0.0, 1.0, 1.0, 7.5]]])
    torch.testing.assert_close(ColumnExpander(COLUMNS)(row), expected)


def test_a_category_outside_its_size_is_all_zeros() -> None:
    row = torch.tensor([[[0.0, 3.0, 0.0, 0.0]]])
    assert ColumnExpander(COLUMNS)(row)[0, 0, 1:4].tolist() == [0.0, 0.0, 0.0]


def test_an_entity_space_keeps_its_columns_and_a_plain_box_has_scalars() -> None:
    assert columns_of(EntitySpace(COLUMNS, max_entities=4)) == COLUMNS
    low = np.array([[0.0, -np.inf], [0.0, -np.inf]], dtype=np.float32)
    plain = columns_of(spaces.Box(low, np.full_like(low, 10.0)))
    assert [(c.kind, c.low, c.high) for c in plain] == [
        ("scalar", 0.0, 10.0),
        ("scalar", -np.inf, 10.0),
    ]


def test_box_scaler_maps_finite_bounds_to_plus_minus_one() -> None:
    space = spaces.Box(np.array([0, -np.inf], np.float32), np.array([10, np.inf], np.float32))
    scaled = BoxScaler(space)(torch.tensor([[0.0, 3.0], [10.0, -3.0]]))
    torch.testing.assert_close(scaled, torch.tensor([[-1.0, 3.0], [1.0, -3.0]]))
