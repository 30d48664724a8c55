"""What the entity encoders say they attend to."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from perceiver_rl.entities import (
    EntityAttention,
    EntityConfig,
    LatentAttention,
    MutualAttention,
    PerceiverEntityEncoder,
    TransformerEntityEncoder,
    attention_of,
    build_encoder,
)
from perceiver_rl.nn import Attention, PerceiverConfig, SelfAttentionBlock, TransformerConfig

SMALL = EntityConfig(
    width=6,
    kv_width=5,
    perceiver=PerceiverConfig(
        num_latents=3, latent_width=8, num_self_attends=1, self_heads=2, cross_heads=1
    ),
    transformer=TransformerConfig(num_layers=2, heads=2, head_dim=3),
)


def attended(name: str, mask: Tensor) -> EntityAttention | None:
    torch.manual_seed(1)
    encoder = build_encoder(name, SMALL)
    return attention_of(encoder, torch.randn(*mask.shape, encoder.token_width), mask)


def softmax(layer: Attention, query: Tensor, keys: Tensor) -> Tensor:
    """Weights of one head."""
    scores = layer.query(query) @ layer.key(keys).t() / layer.query.out_features**0.5
    return (scores - scores.logsumexp(-1, keepdim=True)).exp()


def norm(x: Tensor, layer: torch.nn.LayerNorm) -> Tensor:
    centered = x - x.mean(-1, keepdim=True)
    scale = (x.var(-1, unbiased=False, keepdim=True) + layer.eps).sqrt()
    return centered / scale * layer.weight + layer.bias


# From 32 slots on the encoder packs the entities that are present.
@pytest.mark.parametrize("slots", [4, 40])
def test_latents_read_and_queries_are_answered_as_the_blocks_are_defined(slots: int) -> None:
    torch.manual_seed(0)
    encoder = build_encoder("perceiver", SMALL).double()
    assert isinstance(encoder, PerceiverEntityEncoder)
    tokens = torch.randn(1, slots, 11, dtype=torch.float64)
    present = torch.arange(slots) % 4 != 1
    found = attention_of(encoder, tokens, present.unsqueeze(0))
    assert isinstance(found, LatentAttention)
    perceiver = encoder.perceiver
    read, answer = perceiver.encoder.cross_attend, perceiver.decoder.cross_attend
    entities = tokens[0, present]
    latents = perceiver.encoder.latents
    reads = softmax(
        read.attention, norm(latents, read.query_norm), norm(entities[:, 6:], read.key_norm)
    )
    torch.testing.assert_close(found.reads[0, 0][:, present], reads, rtol=1e-10, atol=1e-12)
    processed = perceiver.processor(perceiver.encoder(tokens[:, present][..., 6:]))[0]
    answers = softmax(
        answer.attention,
        norm(entities[:, :6], answer.query_norm),
        norm(processed, answer.key_norm),
    )
    torch.testing.assert_close(found.answers[0, 0][present], answers, rtol=1e-8, atol=1e-10)


def test_entities_read_one_another_as_the_first_layer_is_defined() -> None:
    torch.manual_seed(0)
    encoder = build_encoder("transformer", SMALL).double()
    assert isinstance(encoder, TransformerEntityEncoder)
    tokens = torch.randn(1, 5, 6, dtype=torch.float64)
    found = attention_of(encoder, tokens, torch.ones(1, 5, dtype=torch.bool))
    assert isinstance(found, MutualAttention)
    block = encoder.transformer.layers[0]
    assert isinstance(block, SelfAttentionBlock)
    rows = norm(tokens[0], block.norm)
    q, k = (
        part(rows).unflatten(-1, (2, 3)) for part in (block.attention.query, block.attention.key)
    )
    scores = torch.einsum("qhd,khd->hqk", q, k) / 3**0.5
    torch.testing.assert_close(found.layers[0, 0], functional.softmax(scores, -1))
    assert found.layers.shape == (1, 2, 2, 5, 5)


@settings(deadline=None, max_examples=25)
@given(
    rows=st.lists(st.lists(st.booleans(), min_size=35, max_size=35), min_size=1, max_size=3),
    name=st.sampled_from(["perceiver", "transformer"]),
)
def test_shares_sum_to_one_over_who_is_present_and_are_zero_elsewhere(
    rows: list[list[bool]], name: str
) -> None:
    mask = torch.tensor(rows)
    somebody = mask.any(1).double().numpy()
    found = attended(name, mask)
    if isinstance(found, LatentAttention):
        np.testing.assert_allclose(found.reads.sum(-1)[:, 0, 0], somebody, rtol=1e-5)
        np.testing.assert_allclose(found.answers.sum(-1)[:, 0], mask.double(), rtol=1e-5)
        gone = found.reads.sum((1, 2))[~mask]
    else:
        assert isinstance(found, MutualAttention)
        received = found.received()
        assert received.shape == (len(rows), 2, 2, 35)
        np.testing.assert_allclose(received.sum(-1)[:, 0, 0], somebody, rtol=1e-5)
        np.testing.assert_allclose(found.layers.sum(-1)[:, 1, 1], mask.double(), rtol=1e-5)
        gone = received.sum((1, 2))[~mask]
    assert not gone.any()


def test_an_encoder_that_relates_nobody_attends_to_nobody() -> None:
    assert attended("mlp", torch.ones(1, 3, dtype=torch.bool)) is None
