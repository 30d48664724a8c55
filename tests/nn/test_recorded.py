"""Recorded attention weights against a computation in numpy, key by key."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from perceiver_rl.nn import Attention, SelfAttentionBlock, plain_attention, recorded_attention


def project(layer: torch.nn.Linear, row: NDArray[np.float64]) -> NDArray[np.float64]:
    return layer.weight.detach().numpy() @ row + layer.bias.detach().numpy()


def weights_by_hand(
    layer: Attention, query: NDArray[np.float64], keys: NDArray[np.float64], allowed: list[int]
) -> NDArray[np.float64]:
    """Weights ``[heads, queries, keys]`` of one sample, one exponential at a time."""
    weights = np.zeros((layer.heads, len(query), len(keys)))
    size = layer.query.out_features // layer.heads
    for head in range(layer.heads):
        part = slice(head * size, (head + 1) * size)
        for row, asking in enumerate(query):
            q = project(layer.query, asking)[part]
            odds = {
                key: math.exp(q @ project(layer.key, keys[key])[part] / math.sqrt(size))
                for key in allowed
            }
            for key, value in odds.items():
                weights[head, row, key] = value / sum(odds.values())
    return weights


@pytest.mark.parametrize(("heads", "queries", "keys"), [(1, 3, 5), (2, 2, 40), (3, 40, 4)])
def test_weights_are_those_of_the_definition(heads: int, queries: int, keys: int) -> None:
    torch.manual_seed(0)
    layer = Attention(6, 7, heads=heads, qk_channels=12).double()
    query = torch.randn(2, queries, 6, dtype=torch.float64)
    rows = torch.randn(2, keys, 7, dtype=torch.float64)
    mask = torch.ones(2, keys, dtype=torch.bool)
    mask[0, ::3] = False
    with recorded_attention() as recording:
        layer(query, rows, mask)
    (weights,) = recording[layer]
    for sample in range(2):
        allowed = mask[sample].nonzero().squeeze(1).tolist()
        expected = weights_by_hand(layer, query[sample].numpy(), rows[sample].numpy(), allowed)
        np.testing.assert_allclose(weights[sample], expected, rtol=1e-12, atol=1e-15)


def test_without_a_key_to_attend_to_all_weights_are_zero() -> None:
    layer = Attention(4, 4)
    mask = torch.tensor([[False, False], [True, False]])
    with recorded_attention() as recording:
        layer(torch.randn(2, 3, 4), torch.randn(2, 2, 4), mask)
    assert recording[layer][0].tolist() == [[[[0.0, 0.0]] * 3], [[[1.0, 0.0]] * 3]]


def test_the_output_is_the_weighted_mean_of_the_values_and_does_not_change() -> None:
    torch.manual_seed(0)
    layer = Attention(6, 7, qk_channels=12).double()
    query, rows = torch.randn(1, 3, 6).double(), torch.randn(2, 30, 7).double()
    with recorded_attention() as recording:
        recorded = layer(query, rows)
    torch.testing.assert_close(recorded, layer(query, rows))
    mixed = recording[layer][0].squeeze(1) @ layer.value(rows)
    torch.testing.assert_close(recorded, layer.output(mixed))


def test_every_call_of_a_layer_is_kept_and_nothing_outside_the_block() -> None:
    block = SelfAttentionBlock(8, heads=2)
    x = torch.randn(1, 3, 8)
    with recorded_attention() as recording:
        block(block(x))
    block(x)
    with plain_attention():
        block(x)
    assert [weights.shape for weights in recording[block.attention]] == [(1, 2, 3, 3)] * 2
    assert not recording[block.attention][0].requires_grad
