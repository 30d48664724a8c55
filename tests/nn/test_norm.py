"""Layer norms are torch's, whichever form is taken."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.nn import functional
from torch.nn.utils import parametrize

from perceiver_rl.nn import norm
from perceiver_rl.nn.norm import LayerNorm, standardize


def reference(x: Tensor) -> Tensor:
    """The textbook's formula, in double precision."""
    x = x.double()
    centered = x - x.mean(-1, keepdim=True)
    return centered / (centered.square().mean(-1, keepdim=True) + 1e-5).sqrt()


def a_norm(width: int) -> LayerNorm:
    layer = LayerNorm(width)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    return layer


@pytest.mark.parametrize("grad", [True, False])
@given(
    rows=st.sampled_from([1, 3, 2000]),  # too few for products, and enough
    width=st.sampled_from([1, 5, 32, 40]),
    offset=st.sampled_from([0.0, 100.0]),
    seed=st.integers(0, 1000),
)
def test_every_form_is_the_textbooks(
    grad: bool, rows: int, width: int, offset: float, seed: int
) -> None:
    torch.manual_seed(seed)
    layer = a_norm(width)
    x = torch.randn(rows, width) + offset
    with torch.set_grad_enabled(grad):
        expected = reference(x)
        atol = 1e-4 + 1e-5 * offset
        torch.testing.assert_close(standardize(x).double(), expected, rtol=1e-4, atol=atol)
        expected = expected * layer.weight + layer.bias
        torch.testing.assert_close(layer(x).double(), expected, rtol=1e-4, atol=atol)


@torch.no_grad()
def test_products_are_taken_for_many_narrow_rows_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    by_products = norm._standardized

    def recorded(x: Tensor, eps: float) -> Tensor:
        taken.append(tuple(x.shape))
        return by_products(x, eps)

    monkeypatch.setattr(norm, "_standardized", recorded)
    for shape in ((2048, 32), (64, 32, 32), (100, 32), (2048, 64), (1 << 16, 32)):
        standardize(torch.randn(shape))
    standardize(torch.randn(2048, 32, dtype=torch.bfloat16))
    with torch.enable_grad():
        standardize(torch.randn(2048, 32))
    assert taken == [(2048, 32), (64, 32, 32)]


@torch.no_grad()
@pytest.mark.parametrize("rows", [3, 2048])
def test_a_layer_norm_has_torchs_parameters_and_another_epsilon_counts(rows: int) -> None:
    layer, theirs = a_norm(32), nn.LayerNorm(32, eps=0.1)
    theirs.load_state_dict(layer.state_dict())
    layer.eps = theirs.eps
    x = torch.randn(rows, 32)
    torch.testing.assert_close(layer(x), theirs(x))


def test_a_gain_that_is_computed_counts() -> None:
    layer, x = a_norm(32), torch.randn(3, 32)
    parametrize.register_parametrization(layer, "weight", nn.Softplus())
    expected = functional.layer_norm(x, (32,), layer.weight, layer.bias)
    torch.testing.assert_close(layer(x), expected)


def test_what_was_made_without_data_or_for_inference_does_not_disturb_training() -> None:
    x = torch.randn(3, 7)
    with FakeTensorMode() as mode:
        standardize(mode.from_tensor(x))
    with torch.inference_mode():
        standardize(x)
    x.requires_grad_()
    standardize(x).square().sum().backward()
    assert type(standardize(x)) is torch.Tensor
