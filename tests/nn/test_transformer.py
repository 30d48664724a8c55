"""The entity Transformer's symmetries and masks."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_rl.nn import EntityTransformer, TransformerConfig

SMALL = TransformerConfig(num_layers=2, heads=2, head_dim=3)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), padding=st.integers(0, 3))
def test_equivariant_to_order_and_blind_to_padding(seed: int, padding: int) -> None:
    torch.manual_seed(seed)
    model = EntityTransformer(6, SMALL).double()
    x = torch.randn(2, 4, 6, dtype=torch.float64)
    out = model(x)
    order = torch.randperm(4)
    torch.testing.assert_close(model(x[:, order]), out[:, order])
    padded = torch.cat([x, 100 * torch.randn(2, padding, 6).double()], 1)
    mask = torch.tensor([[True] * 4 + [False] * padding] * 2)
    torch.testing.assert_close(model(padded, mask)[:, :4], out)


def test_finite_without_any_entity() -> None:
    model = EntityTransformer(6, SMALL)
    out = model(torch.randn(1, 3, 6), torch.zeros(1, 3, dtype=torch.bool))
    out.sum().backward()
    assert bool(torch.isfinite(out).all())
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients
    assert all(bool(torch.isfinite(g).all()) for g in gradients)


def test_sizes_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="num_layers must be at least 1, not 0"):
        TransformerConfig(num_layers=0)
