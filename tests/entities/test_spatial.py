"""The minimap's encoder and the scatter connection."""

import math
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from perceiver_rl.entities import EntityCells, ScatterConnection, SpatialConfig, SpatialEncoder
from perceiver_rl.spaces import Column

COLUMNS = (
    Column("y", low=-2, high=2),
    Column("kind", "category", size=3),
    Column("x", high=8, low=0),
)
ROWS, WIDTH = (4, 8), 5


def a_connection(seed: int = 0) -> ScatterConnection:
    torch.manual_seed(seed)
    connection = ScatterConnection(COLUMNS, ROWS, WIDTH, planes=3)
    torch.nn.init.constant_(connection.project.get_parameter("0.bias"), 1.0)
    return connection.double()


def at(*places: tuple[float, float]) -> Tensor:
    """Entities [1, N, F] at (x, y)."""
    return torch.tensor([[[y, 1.0, x] for x, y in places]], dtype=torch.float64)


def test_an_entity_is_drawn_into_its_own_cell_and_cell_mates_add_up() -> None:
    connection = a_connection()
    entities = at((0.0, -2.0), (7.9, 1.9), (3.5, 0.2), (3.1, 0.9), (99.0, -99.0))
    embeddings = torch.randn(1, 5, WIDTH, dtype=torch.float64)
    planes = connection(entities, embeddings, torch.ones(1, 5, dtype=torch.bool))
    drawn = connection.project(embeddings)[0]
    expected = torch.zeros(4, 8, 3, dtype=torch.float64)
    expected[0, 0], expected[3, 7], expected[0, 7] = drawn[0], drawn[1], drawn[4]
    expected[2, 3] = drawn[2] + drawn[3]
    torch.testing.assert_close(planes[0], expected.permute(2, 0, 1))


@settings(max_examples=20)
@given(order=st.permutations(range(6)), seed=st.integers(0, 100))
def test_order_and_padding_do_not_change_the_planes(order: list[int], seed: int) -> None:
    connection = a_connection()
    torch.manual_seed(seed)
    entities = torch.randn(2, 6, 3, dtype=torch.float64) * 3
    embeddings = torch.randn(2, 6, WIDTH, dtype=torch.float64)
    present = torch.rand(2, 6) < 0.6
    planes = connection(entities, embeddings, present)
    torch.testing.assert_close(
        connection(entities[:, order], embeddings[:, order], present[:, order]), planes
    )
    noise = torch.randn_like(entities) * ~present.unsqueeze(-1)
    torch.testing.assert_close(connection(entities + 9 * noise, embeddings, present), planes)


def test_without_entities_the_planes_are_zero() -> None:
    nobody = torch.zeros(1, 2, dtype=torch.bool)
    planes = a_connection()(at((1, 1), (2, 1)), torch.randn(1, 2, WIDTH).double(), nobody)
    assert not bool(planes.any())


@pytest.mark.parametrize(
    ("columns", "fits"),
    [
        (COLUMNS, True),
        ((Column("x", low=0, high=1),), False),
        ((Column("x", low=0, high=1), Column("y")), False),
        ((Column("feature_0", low=0, high=1), Column("feature_1", low=0, high=1)), False),
    ],
)
def test_only_bounded_columns_x_and_y_say_where_an_entity_is(
    columns: tuple[Column, ...], fits: bool
) -> None:
    assert EntityCells.fits(columns) is fits


@pytest.mark.parametrize("names", ["xy", "yx", "axbcy", "ybx"])
@given(x=st.floats(-3, 6), y=st.floats(-40, 40))
def test_an_entity_is_in_the_cell_that_arithmetic_says_in_whatever_order_columns_come(
    names: str, x: float, y: float
) -> None:
    bounds = {"x": (-2.0, 4.0), "y": (-30.0, 10.0)}
    columns = tuple(
        Column(name, low=low, high=high)
        for name, (low, high) in ((name, bounds.get(name, (0.0, 1.0))) for name in names)
    )
    cells = EntityCells(columns, (5, 3))
    entity = [{"x": x, "y": y}.get(name, 99.0) for name in names]
    row, column = (y + 30.0) * 5 / 40, (x + 2.0) * 3 / 6
    clear = all(abs(place - round(place)) > 1e-4 for place in (row, column))
    assume(clear)  # between cells rounding decides
    expected = 3 * min(max(math.floor(row), 0), 4) + min(max(math.floor(column), 0), 2)
    assert int(cells(torch.tensor([[entity]]))) == expected


@pytest.mark.parametrize("kernel", [3, 4])
@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (16, 16), (17, 30)])
def test_maps_of_every_size_give_the_promised_skips(kernel: int, shape: tuple[int, int]) -> None:
    config = SpatialConfig(stem=4, channels=(6, 8), kernel=kernel, blocks=3, width=7)
    encoder = SpatialEncoder(2, shape, config)
    vector, skips = encoder(torch.randn(2, 2, *shape))
    assert vector.shape == (2, 7)
    channels, rows, columns, count = encoder.skip_shape
    assert [tuple(skip.shape) for skip in skips] == [(2, channels, rows, columns)] * count
    assert (channels, count) == (8, 3)


def test_alphastars_map_of_128_becomes_16_by_16() -> None:
    config = SpatialConfig(stem=32, channels=(64, 128, 128), kernel=4, blocks=4, width=256)
    assert SpatialEncoder(8, (128, 128), config).skip_shape == (128, 16, 16, 4)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"kernel": 5}, "kernel must be 3 or 4, not 5"),
        ({"blocks": -1}, "blocks must be at least 0"),
        ({"channels": ()}, "there must be channels"),
        ({"width": 0}, "width=0"),
    ],
)
def test_impossible_sizes_are_refused(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SpatialConfig(**setting)
