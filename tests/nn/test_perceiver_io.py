"""Perceiver IO: symmetries, masks, the published cost."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from perceiver_rl.nn import (
    LinearInit,
    PerceiverConfig,
    PerceiverEncoder,
    PerceiverIO,
    PerceiverProcessor,
    linear,
)

SMALL = PerceiverConfig(num_latents=3, latent_width=8, num_self_attends=1, self_heads=2)


def a_perceiver(config: PerceiverConfig = SMALL) -> PerceiverIO:
    torch.manual_seed(0)
    model = PerceiverIO(5, 6, config).double()
    with torch.no_grad():  # away from the initial values, where biases are zero
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), inputs=st.integers(1, 6), queries=st.integers(1, 5))
def test_invariant_to_the_order_of_inputs_and_equivariant_to_that_of_queries(
    seed: int, inputs: int, queries: int
) -> None:
    torch.manual_seed(seed)
    x = torch.randn(2, inputs, 5, dtype=torch.float64)
    q = torch.randn(2, queries, 6, dtype=torch.float64)
    mask = torch.rand(2, inputs) < 0.6
    rows, answers = torch.randperm(inputs), torch.randperm(queries)
    model = a_perceiver()
    out = model(x, q, mask)
    torch.testing.assert_close(model(x[:, rows], q, mask[:, rows]), out)
    torch.testing.assert_close(model(x, q[:, answers], mask), out[:, answers])


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), padding=st.integers(1, 4), size=st.floats(0, 1e6))
def test_padding_changes_nothing_whatever_it_holds(seed: int, padding: int, size: float) -> None:
    torch.manual_seed(seed)
    x, q = torch.randn(1, 3, 5).double(), torch.randn(1, 2, 6).double()
    rubbish = size * torch.randn(1, padding, 5).double()
    mask = torch.tensor([[True] * 3 + [False] * padding])
    model = a_perceiver()
    torch.testing.assert_close(model(torch.cat([x, rubbish], 1), q, mask), model(x, q))


def test_a_sample_without_inputs_is_finite_in_output_and_gradient() -> None:
    model = PerceiverIO(5, 6, SMALL)
    mask = torch.tensor([[False, False], [True, False]])
    model(torch.randn(2, 2, 5), torch.randn(2, 3, 6), mask).pow(2).sum().backward()
    for name, parameter in model.named_parameters():
        if parameter.grad is None:
            # A key's bias adds the same to all scores of a query: it cannot matter.
            assert name.endswith("attention.key.bias"), name
            continue
        assert bool(torch.isfinite(parameter.grad).all()), name


def test_a_sample_without_inputs_does_not_depend_on_the_padding() -> None:
    model, nothing = a_perceiver(), torch.zeros(1, 2, dtype=torch.bool)
    q = torch.randn(1, 2, 6).double()
    one, other = (model(torch.randn(1, 2, 5).double(), q, nothing) for _ in range(2))
    torch.testing.assert_close(one, other)


def test_every_output_depends_on_every_input() -> None:
    model = a_perceiver()
    x = torch.randn(1, 4, 5, dtype=torch.float64, requires_grad=True)
    q = torch.randn(1, 3, 6, dtype=torch.float64)
    for output in range(3):
        (gradient,) = torch.autograd.grad(model(x, q)[0, output].sum(), x)
        assert bool((gradient.abs().sum(-1) > 0).all())


def test_blocks_repeat_the_same_weights() -> None:
    torch.manual_seed(0)
    once = PerceiverProcessor(PerceiverConfig(latent_width=8, num_self_attends=2, self_heads=2))
    twice = PerceiverProcessor(
        PerceiverConfig(latent_width=8, num_self_attends=2, self_heads=2, num_blocks=2)
    )
    twice.load_state_dict(once.state_dict())
    latents = torch.randn(2, 3, 8)
    torch.testing.assert_close(twice(latents), once(once(latents)))


def test_latents_start_within_two_standard_deviations_of_zero() -> None:
    torch.manual_seed(0)
    latents = PerceiverEncoder(4, PerceiverConfig(num_latents=64, latent_width=64)).latents.detach()
    assert float(latents.abs().max()) <= 0.04
    assert float(latents.std()) == pytest.approx(0.0176, rel=0.05)


def test_sizes_that_do_not_fit_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="latent_width=10 must be a multiple of self_heads=4"):
        PerceiverConfig(latent_width=10, self_heads=4)
    with pytest.raises(ValueError, match="num_latents must be at least 1, not 0"):
        PerceiverConfig(num_latents=0)


@pytest.mark.parametrize(
    ("changes", "qk", "v"),
    [
        ({}, 5, 5),
        ({"cross_shape": "q"}, 8, 8),
        ({"qk_channels": 4}, 4, 4),
        ({"qk_channels": 4, "v_channels": 6}, 4, 6),
        ({"v_channels": 2}, 5, 2),
    ],
)
def test_the_encoder_attends_in_the_width_that_the_configuration_says(
    changes: dict[str, Any], qk: int, v: int
) -> None:
    attention = PerceiverEncoder(5, replace(SMALL, **changes)).cross_attend.attention
    assert attention.key.out_features == attention.query.out_features == qk
    assert attention.value.out_features == v
    assert attention.output.out_features == SMALL.latent_width


def test_the_decoder_has_heads_and_channels_of_its_own() -> None:
    config = replace(SMALL, decoder_heads=3, decoder_qk_channels=6, decoder_v_channels=9)
    attention = PerceiverIO(5, 4, config).decoder.cross_attend.attention
    assert attention.heads == 3
    assert attention.query.out_features == 6
    assert attention.value.out_features == 9


@pytest.mark.parametrize("decoder", [None, 1])
def test_cross_attentions_may_be_widened_differently(decoder: int | None) -> None:
    changes: dict[str, Any] = {} if decoder is None else {"decoder_widening": decoder}
    model = PerceiverIO(5, 4, replace(SMALL, widening=3, cross_widening=2, **changes))
    weights = dict(model.named_parameters())
    blocks = ("encoder.cross_attend", "processor.self_attends.0", "decoder.cross_attend")
    hidden = [weights[f"{block}.mlp.layers.0.weight"].shape[0] for block in blocks]
    assert hidden == [2 * 8, 3 * 8, (2 if decoder is None else decoder) * 4]


def test_without_the_encoders_residual_the_latents_are_what_they_read() -> None:
    with_residual, without = (
        PerceiverEncoder(5, replace(SMALL, encoder_residual=on)) for on in (True, False)
    )
    without.load_state_dict(with_residual.state_dict())
    for encoder in (with_residual, without):  # silence the MLP: only the residual differs
        nn.init.zeros_(encoder.cross_attend.mlp.layers.get_parameter("2.weight"))
    x = torch.randn(1, 3, 5)
    torch.testing.assert_close(with_residual(x) - without(x), with_residual.latents.unsqueeze(0))


def test_a_masked_query_learns_nothing_of_the_inputs_and_the_others_are_unchanged() -> None:
    model = a_perceiver()
    x, q = torch.randn(2, 4, 5).double(), torch.randn(2, 3, 6).double()
    keep = torch.tensor([[True, False, True], [True, True, True]])
    out, other = model(x, q, query_mask=keep), model(x.flip(2), q, query_mask=keep)
    torch.testing.assert_close(out[keep], model(x, q)[keep])
    torch.testing.assert_close(out[0, 1], other[0, 1])
    assert not torch.allclose(out[0, 0], other[0, 0])


def test_the_final_projection_gives_the_output_its_width_and_may_start_at_zero() -> None:
    model = PerceiverIO(5, 6, SMALL, output_width=4, output_init="zeros")
    out = model(torch.randn(2, 3, 5), torch.randn(2, 7, 6))
    assert torch.equal(out, torch.zeros(2, 7, 4))
    assert PerceiverIO(5, 6, SMALL, output_width=4)(
        torch.randn(1, 2, 5), torch.randn(1, 1, 6)
    ).any()


@pytest.mark.parametrize("name", ["dropout", "attention_dropout"])
def test_dropout_changes_training_and_not_evaluation(name: str) -> None:
    torch.manual_seed(0)
    plain = PerceiverIO(5, 6, SMALL)
    changes: dict[str, Any] = {name: 0.5}
    model = PerceiverIO(5, 6, replace(SMALL, **changes))
    model.load_state_dict(plain.state_dict())
    x, q = torch.randn(2, 4, 5), torch.randn(2, 3, 6)
    torch.testing.assert_close(model.eval()(x, q), plain(x, q))
    assert not torch.allclose(model.train()(x, q), plain(x, q))


@pytest.mark.parametrize(
    ("init", "std"), [("scaled", 1 / 16), ("truncated", 0.8796 / 16), ("zeros", 0.0)]
)
def test_projections_start_as_the_reference_says(init: LinearInit, std: float) -> None:
    torch.manual_seed(0)
    layer = linear(256, 512, init)
    assert float(layer.weight.detach().std()) == pytest.approx(std, rel=0.01)
    assert not layer.bias.detach().any()
