"""Cross-attention that never projects the longer side: the projections of keys move to the queries.

With L rows on one side and N >> L on the other, the textbook form spends most of its time on
projecting all N rows. But a score is ``(W_q x) . (W_k y)``, so the projection of the N rows can be
folded into the L rows; and since attention weights sum to one, values can be summed first and
projected afterwards. The result is the same up to rounding, for a fraction of the work when heads
are few. Parameters do not change, so either form can load the other's weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

_plain = ContextVar("_plain", default=False)


@contextmanager
def plain_attention() -> Iterator[None]:
    """Attend in the textbook form: the reference, and what published FLOPs count."""
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)


def is_plain() -> bool:
    """Whether the textbook form was asked for."""
    return _plain.get()


def additive_mask(
    mask: Bool[Tensor, "batch key"] | None, dtype: torch.dtype
) -> Float[Tensor, "batch 1 1 key"] | None:
    """Return 0 for allowed keys and a large finite negative number for masked ones.

    Finite, because a row of minus infinity would turn into NaN; and a float mask because the CPU
    kernel is faster with it than with a bool one.
    """
    if mask is None:
        return None
    lowest = torch.finfo(dtype).min / 2
    added = torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, lowest)
    return added[:, None, None, :]


def zero_without_keys(
    merged: Float[Tensor, "batch query v_channels"], mask: Bool[Tensor, "batch key"] | None
) -> Float[Tensor, "batch query v_channels"]:
    """Zero the samples that have no key to attend to, which the softmax would mix evenly."""
    if mask is None:
        return merged
    return merged * mask.any(1).to(merged.dtype)[:, None, None]


def keys_cost(num_queries: int, num_keys: int, heads: int, key: nn.Linear, value: nn.Linear) -> int:
    """Return how many multiplications :func:`attend_to_many_keys` saves; negative if it costs."""
    width, qk, v = key.in_features, key.out_features, value.out_features
    plain = num_keys * width * (qk + v) + num_queries * num_keys * (qk + v)
    absorbed = num_queries * width * (qk + v) + 2 * heads * num_queries * num_keys * width
    return plain - absorbed


def queries_cost(
    num_queries: int, num_keys: int, heads: int, query: nn.Linear, output: nn.Linear
) -> int:
    """Return how many multiplications :func:`attend_from_many_queries` saves."""
    qk, v = query.out_features, output.in_features
    ends = query.in_features * qk + output.out_features * v
    plain = num_queries * ends + num_queries * num_keys * (qk + v)
    widths = query.in_features + output.out_features
    absorbed = num_keys * ends + heads * num_queries * num_keys * widths
    return plain - absorbed


def attend_to_many_keys(
    query: Float[Tensor, "shared head query head_dim"],
    key_value: Float[Tensor, "batch key key_width"],
    mask: Bool[Tensor, "batch key"] | None,
    key: nn.Linear,
    value: nn.Linear,
) -> Float[Tensor, "batch query v_channels"]:
    """Attend from few projected queries to many rows that are not projected.

    The key's bias adds the same to all scores of a query and falls out of the softmax.

    Args:
        query: Projected queries; ``shared`` is 1 where all samples have the same.
        key_value: Normalized rows.
        mask: True where a row may be attended to; a sample without any gives zeros.
        key: Projection of keys.
        value: Projection of values.
    """
    heads, head_dim = query.shape[1], query.shape[3]
    batch, rows, width = key_value.shape
    folded = _per_head(query, key.weight.unflatten(0, (heads, -1)))
    shared = key_value.unsqueeze(1).expand(batch, heads, rows, width)
    pooled = functional.scaled_dot_product_attention(
        folded.expand(batch, -1, -1, -1),
        shared,
        shared,
        attn_mask=additive_mask(mask, key_value.dtype),
        scale=head_dim**-0.5,
    )
    values = _per_head(pooled, value.weight.unflatten(0, (heads, -1)).transpose(1, 2))
    return zero_without_keys(values.transpose(1, 2).flatten(2) + value.bias, mask)


def attend_from_many_queries(
    queries: Float[Tensor, "batch query query_width"],
    key: Float[Tensor, "batch head key head_dim"],
    value: Float[Tensor, "batch head key v_dim"],
    query: nn.Linear,
    output: nn.Linear,
) -> Float[Tensor, "batch query output_width"]:
    """Attend from many rows that are not projected to few projected keys and values.

    Args:
        queries: Normalized rows.
        key: Projected keys.
        value: Projected values.
        query: Projection of queries.
        output: Projection of the merged heads.
    """
    heads, rows, head_dim = key.shape[1:]
    scale = head_dim**-0.5
    scaled = key * scale
    folded = _per_head(scaled, query.weight.unflatten(0, (heads, -1)))
    offset = _per_head(scaled, query.bias.unflatten(0, (heads, -1, 1))).flatten(1)
    scores = torch.baddbmm(offset.unsqueeze(1), queries, folded.flatten(1, 2).transpose(1, 2))
    weights = scores.unflatten(2, (heads, rows)).softmax(-1).flatten(2)
    values = _per_head(value, output.weight.unflatten(1, (heads, -1)).permute(1, 2, 0))
    return torch.baddbmm(output.bias.expand(1, 1, -1), weights, values.flatten(1, 2))


def _per_head(
    x: Float[Tensor, "batch head row inner"], weight: Float[Tensor, "head inner outer"]
) -> Float[Tensor, "batch head row outer"]:
    """Multiply each head's rows by its own matrix: one product over all samples, not one each."""
    return torch.einsum("bhri,hio->bhro", x, weight)
