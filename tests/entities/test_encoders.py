"""The one interface of the three entity encoders."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_rl.entities import ENCODERS, EntityConfig, EntityEncoder, build_encoder
from perceiver_rl.nn import PerceiverConfig, TransformerConfig

SMALL = EntityConfig(
    width=6,
    kv_width=5,
    perceiver=PerceiverConfig(num_latents=3, latent_width=8, num_self_attends=1, self_heads=2),
    transformer=TransformerConfig(num_layers=1, heads=2, head_dim=3),
)


def an_encoder(name: str) -> EntityEncoder:
    torch.manual_seed(0)
    encoder = build_encoder(name, SMALL).double()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return encoder


@pytest.mark.parametrize("name", ENCODERS)
@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), padding=st.integers(0, 3))
def test_per_entity_is_equivariant_pooled_invariant_and_padding_changes_nothing(
    name: str, seed: int, padding: int
) -> None:
    torch.manual_seed(seed)
    encoder = an_encoder(name)
    tokens = torch.randn(2, 4, encoder.token_width, dtype=torch.float64)
    out = encoder(tokens, torch.ones(2, 4, dtype=torch.bool))
    rubbish = 1e3 * torch.randn(2, padding, encoder.token_width, dtype=torch.float64)
    order = torch.randperm(4 + padding)
    mask = torch.tensor([[True] * 4 + [False] * padding] * 2)
    moved = encoder(torch.cat([tokens, rubbish], 1)[:, order], mask[:, order])
    back = order.argsort()
    torch.testing.assert_close(moved.per_entity[:, back][:, :4], out.per_entity)
    torch.testing.assert_close(moved.pooled, out.pooled)


@pytest.mark.parametrize("name", ENCODERS)
def test_no_entity_at_all_gives_finite_outputs_and_gradients(name: str) -> None:
    encoder = build_encoder(name, SMALL)
    mask = torch.tensor([[False, False], [True, True]])
    out = encoder(torch.randn(2, 2, encoder.token_width), mask)
    (out.per_entity.sum() + out.pooled.sum()).backward()
    for parameter in encoder.parameters():
        assert parameter.grad is None or bool(torch.isfinite(parameter.grad).all())
    assert bool(torch.isfinite(out.pooled).all())


@pytest.mark.parametrize(("name", "relates"), [("perceiver", 1), ("transformer", 1), ("mlp", 0)])
def test_only_the_mlp_keeps_entities_apart(name: str, relates: bool) -> None:
    encoder = an_encoder(name)
    tokens = torch.randn(1, 3, encoder.token_width, dtype=torch.float64)
    changed = tokens.clone()
    changed[0, 2] *= torch.linspace(-1, 1, encoder.token_width)
    mask = torch.ones(1, 3, dtype=torch.bool)
    one, other = encoder(tokens, mask).per_entity, encoder(changed, mask).per_entity
    assert bool((one[0, 0] != other[0, 0]).any()) == bool(relates)


def test_an_unknown_encoder_or_setting_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown encoder 'perciever'.*did you mean 'perceiver'"):
        build_encoder("perciever", SMALL)
    with pytest.raises(ValueError, match="unknown perceiver setting 'latents'.*'num_latents'"):
        build_encoder("perceiver", SMALL, {"latents": 3})


def test_settings_are_changed_by_name() -> None:
    encoder = build_encoder("perceiver", SMALL, {"num_latents": 7})
    assert encoder.get_parameter("perceiver.encoder.latents").shape == (7, 8)
