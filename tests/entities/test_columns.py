"""Expansion of compact columns, with numbers by hand."""

import numpy as np
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

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


COLUMN = st.one_of(
    st.builds(Column, st.just("category"), st.just("category"), size=st.integers(1, 9)),
    st.just(Column("scalar", "scalar", low=-2, high=6)),
    st.just(Column("binary", "binary")),
)


@given(columns=st.lists(COLUMN, min_size=1, max_size=6), seed=st.integers(0, 99))
def test_embedding_at_once_is_a_linear_layer_after_the_expansion(
    columns: list[Column], seed: int
) -> None:
    torch.manual_seed(seed)
    expander = ColumnExpander(tuple(columns)).double()
    layer = nn.Linear(expander.out_features, 5).double()
    entities = torch.randint(-1, 8, (2, 3, len(columns))).double()
    both = expander.embed(entities, layer), layer(expander(entities))
    torch.testing.assert_close(*both)
    gradients = [torch.autograd.grad(out.square().sum(), [*layer.parameters()]) for out in both]
    torch.testing.assert_close(*gradients)
    with torch.no_grad():
        layer.weight.mul_(2)  # what was made of the old weight is not used again
        torch.testing.assert_close(expander.embed(entities, layer), layer(expander(entities)))


def test_columns_keep_their_digits_in_mixed_precision() -> None:
    row = torch.tensor([[[16.0, 2.0, 1.0, 1001.0]]])
    with torch.autocast("cpu", torch.bfloat16):
        expanded = ColumnExpander(COLUMNS)(row)
    assert expanded[0, 0, 5] == 1001.0


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
