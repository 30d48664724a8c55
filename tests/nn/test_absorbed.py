"""The absorbed form of attention against the textbook form, in float64."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from perceiver_rl.nn import Attention, absorbed, count_flops, plain_attention, products
from perceiver_rl.nn.layout import Dense


def projections(layer: Attention) -> products.Projections:
    ends = (layer.query, layer.key, layer.value, layer.output)
    return products.Projections(layer.heads, *ends, products.KeptProducts())


def both_forms(
    layer: Attention, query: Tensor, key_value: Tensor, mask: Tensor | None
) -> list[tuple[Tensor, ...]]:
    """Output and all gradients, absorbed first, then plain."""
    inputs = (query, key_value, *layer.parameters())
    results = []
    for plain in (False, True):
        with plain_attention() if plain else torch.enable_grad():
            out = layer(query, key_value, mask)
        weight = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
        gradients = torch.autograd.grad((out * weight).sum(), inputs, allow_unused=True)
        # The key's bias has no effect: one form gives it a zero gradient, the other none.
        pairs = zip(inputs, gradients, strict=True)
        results.append((out, *(torch.zeros_like(i) if g is None else g for i, g in pairs)))
    return results


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    heads=st.sampled_from([1, 2, 4]),
    batch=st.integers(1, 3),
    shared=st.booleans(),
)
def test_few_queries_and_many_keys_give_what_the_textbook_gives(
    seed: int, heads: int, batch: int, shared: bool
) -> None:
    torch.manual_seed(seed)
    layer = Attention(6, 5, heads=heads, qk_channels=32, v_channels=16, output_width=3).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(torch.randn_like(parameter))
    query = torch.randn(1 if shared else batch, 2, 6, dtype=torch.float64, requires_grad=True)
    key_value = torch.randn(batch, 40, 5, dtype=torch.float64, requires_grad=True)
    mask = torch.rand(batch, 40) < 0.5
    mask[0] = False
    assert absorbed.keys_cost(2, 40, projections(layer)) > 0
    for ours, theirs in zip(*both_forms(layer, query, key_value, mask), strict=True):
        torch.testing.assert_close(ours, theirs)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), heads=st.sampled_from([1, 2, 4]))
def test_many_queries_and_few_keys_give_what_the_textbook_gives(seed: int, heads: int) -> None:
    torch.manual_seed(seed)
    layer = Attention(5, 6, heads=heads, qk_channels=32, v_channels=16, output_width=3).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(torch.randn_like(parameter))
    query = torch.randn(2, 40, 5, dtype=torch.float64, requires_grad=True)
    key_value = torch.randn(2, 3, 6, dtype=torch.float64, requires_grad=True)
    assert absorbed.keys_cost(40, 3, projections(layer)) <= 0
    assert absorbed.queries_cost(40, 3, projections(layer)) > 0
    for ours, theirs in zip(*both_forms(layer, query, key_value, None), strict=True):
        torch.testing.assert_close(ours, theirs)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    heads=st.sampled_from([1, 2, 4]),
    rows=st.integers(1, 8),
    added=st.booleans(),
)
@torch.no_grad()
def test_few_rows_among_themselves_give_what_the_textbook_gives(
    seed: int, heads: int, rows: int, added: bool
) -> None:
    torch.manual_seed(seed)
    layer = Attention(8, 8, heads=heads, qk_channels=32, v_channels=16, output_width=8).double()
    for parameter in layer.parameters():
        parameter.add_(torch.randn_like(parameter))
    x, stream = torch.randn(2, 3 * rows, 8, dtype=torch.float64)
    layout = Dense(3, rows, None)
    assert absorbed.joined_within(rows, projections(layer)) is not None
    for _ in range(2):
        joined = layer.within_rows(x, layout, stream.clone() if added else None)
        with plain_attention():
            plain = layer.within_rows(x, layout)
        torch.testing.assert_close(joined, plain + stream if added else plain)
        layer.value.weight.mul_(2)  # products of the old weights are not used again


def test_rows_are_not_joined_where_that_costs_more_than_it_saves() -> None:
    small, wide = projections(Attention(32, 32, heads=2)), projections(Attention(512, 512))
    many_heads = projections(Attention(32, 32, heads=4))
    assert absorbed.joined_within(4, small) is None  # with gradients
    with torch.no_grad():
        assert absorbed.joined_within(4, small) is not None
        assert absorbed.joined_within(16, small) is None
        assert absorbed.joined_within(4, wide) is None
        assert absorbed.joined_within(4, many_heads) is None


def test_the_form_that_runs_is_the_one_with_fewer_operations() -> None:
    layer = Attention(512, 256, heads=8, qk_channels=256, output_width=512)

    def flops(num_keys: int, plain: bool) -> int:
        query, key_value = torch.zeros(1, 32, 512), torch.zeros(1, num_keys, 256)
        return count_flops(lambda: layer(query, key_value), plain)

    assert flops(32, plain=False) == flops(32, plain=True)
    assert flops(4, plain=False) < 0.5 * flops(4, plain=True)


def test_the_textbook_form_ends_with_its_block() -> None:
    with plain_attention():
        assert absorbed.is_plain()
        with pytest.raises(RuntimeError, match="inside"), plain_attention():
            raise RuntimeError("inside")
        assert absorbed.is_plain()
    assert not absorbed.is_plain()
