"""Attention and its blocks against references."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from perceiver_rl.nn import Attention, CrossAttentionBlock, SelfAttentionBlock


def by_hand(layer: Attention, query: Tensor, key_value: Tensor, mask: Tensor) -> Tensor:
    """Attention with Python loops over samples, heads and queries."""
    q, k, v = layer.query(query), layer.key(key_value), layer.value(key_value)
    merged = torch.zeros(*q.shape[:2], v.shape[-1], dtype=q.dtype)
    qk, vc = q.shape[-1] // layer.heads, v.shape[-1] // layer.heads
    for b in range(q.shape[0]):
        allowed = mask[b].nonzero().flatten().tolist()
        if not allowed:
            continue
        for h in range(layer.heads):
            for i in range(q.shape[1]):
                scores = torch.stack(
                    [
                        q[b, i, h * qk : (h + 1) * qk] @ k[b, j, h * qk : (h + 1) * qk]
                        for j in allowed
                    ]
                ) / math.sqrt(qk)
                weights = scores.exp() / scores.exp().sum()
                rows = torch.stack([v[b, j, h * vc : (h + 1) * vc] for j in allowed])
                merged[b, i, h * vc : (h + 1) * vc] = weights @ rows
    return layer.output(merged)


@settings(max_examples=20)
@given(
    heads=st.sampled_from([1, 2]),
    keys=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
def test_attention_equals_a_float64_loop(heads: int, keys: int, seed: int) -> None:
    torch.manual_seed(seed)
    layer = Attention(6, 5, heads=heads, qk_channels=4, v_channels=8, output_width=3).double()
    query = torch.randn(3, 2, 6, dtype=torch.float64)
    key_value = torch.randn(3, keys, 5, dtype=torch.float64)
    mask = torch.rand(3, keys) < 0.7
    mask[0] = False
    torch.testing.assert_close(
        layer(query, key_value, mask), by_hand(layer, query, key_value, mask)
    )


def test_attention_equals_torch_multihead_attention_with_the_same_weights() -> None:
    torch.manual_seed(0)
    ours = Attention(8, 8, heads=2)
    theirs = nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        projections = (ours.query, ours.key, ours.value)
        theirs.in_proj_weight.copy_(torch.cat([p.weight for p in projections]))
        theirs.in_proj_bias.copy_(torch.cat([p.bias for p in projections]))
        theirs.out_proj.weight.copy_(ours.output.weight)
        theirs.out_proj.bias.copy_(ours.output.bias)
    query, key_value = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    mask = torch.tensor([[1, 1, 0, 1, 0], [0, 0, 0, 0, 1]], dtype=torch.bool)
    expected, _ = theirs(query, key_value, key_value, key_padding_mask=~mask)
    torch.testing.assert_close(ours(query, key_value, mask), expected)


def test_block_equals_torch_encoder_layer_with_the_same_weights() -> None:
    torch.manual_seed(0)
    ours = SelfAttentionBlock(8, heads=2, widening=2, activation="relu").eval()
    theirs = nn.TransformerEncoderLayer(
        8, 2, dim_feedforward=16, dropout=0.0, norm_first=True, batch_first=True
    )
    with torch.no_grad():
        projections = (ours.attention.query, ours.attention.key, ours.attention.value)
        theirs.self_attn.in_proj_weight.copy_(torch.cat([p.weight for p in projections]))
        theirs.self_attn.in_proj_bias.copy_(torch.cat([p.bias for p in projections]))
        theirs.self_attn.out_proj.load_state_dict(ours.attention.output.state_dict())
        theirs.linear1.load_state_dict(ours.mlp.layers[0].state_dict())
        theirs.linear2.load_state_dict(ours.mlp.layers[2].state_dict())
    x = torch.randn(2, 5, 8)
    torch.testing.assert_close(ours(x), theirs(x))


def test_gradients_equal_finite_differences_in_float64() -> None:
    torch.manual_seed(0)
    layer = Attention(4, 3, heads=2, output_width=2).double()
    mask = torch.tensor([[True, False, True], [False, False, False]])

    def run(query: Tensor, key_value: Tensor) -> Tensor:
        return layer(query, key_value, mask)

    query = torch.randn(2, 2, 4, dtype=torch.float64, requires_grad=True)
    key_value = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(run, (query, key_value))


def test_parameter_gradients_of_a_block_equal_finite_differences() -> None:
    torch.manual_seed(0)
    block = CrossAttentionBlock(4, 3, activation="gelu_tanh").double()
    query = torch.randn(1, 2, 4, dtype=torch.float64)
    key_value = torch.randn(1, 3, 3, dtype=torch.float64)
    mask = torch.tensor([[True, True, False]])
    weight = block.attention.key.weight

    def loss(w: Tensor) -> Tensor:
        parameters = {**dict(block.named_parameters()), "attention.key.weight": w}
        return torch.func.functional_call(block, parameters, (query, key_value, mask)).pow(2).sum()

    assert torch.autograd.gradcheck(loss, (weight.detach().clone().requires_grad_(),))


def test_a_query_without_any_key_gets_the_output_bias() -> None:
    torch.manual_seed(0)
    layer = Attention(4, 4)
    nn.init.normal_(layer.output.bias)
    out = layer(torch.randn(1, 2, 4), torch.randn(1, 3, 4), torch.zeros(1, 3, dtype=torch.bool))
    torch.testing.assert_close(out[0], layer.output.bias.expand(2, -1))


def test_query_residual_adds_the_query() -> None:
    torch.manual_seed(0)
    with_residual = CrossAttentionBlock(4, 4)
    without = CrossAttentionBlock(4, 4, query_residual=False)
    without.load_state_dict(with_residual.state_dict())
    for block in (with_residual, without):  # silence the MLP: only the residual differs
        nn.init.zeros_(block.mlp.layers.get_parameter("2.weight"))
    query, key_value = torch.randn(1, 2, 4), torch.randn(1, 3, 4)
    difference = with_residual(query, key_value) - without(query, key_value)
    torch.testing.assert_close(difference, query)


def test_heads_must_divide_the_channels() -> None:
    with pytest.raises(ValueError, match="qk_channels=6 must be a multiple of heads=4"):
        Attention(6, 6, heads=4)
