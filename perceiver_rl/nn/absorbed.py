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

from perceiver_rl.nn.kernels import add, additive_mask, aligned_softmax
from perceiver_rl.nn.products import (
    Projections,
    WithinProducts,
    asked_of_rows,
    for_few,
    for_within,
    from_heads,
    gained,
    head_weights,
    joining_pays,
    of_pooled,
    per_head,
    shifted,
    through,
)

_plain = ContextVar("_plain", default=False)


# From this many scores per sample on they are not kept, which saves memory rather than time.
_FUSED_FROM = 1 << 20

# So many rows at most are few among themselves: as many as the vectors of most CPUs hold numbers.
_FEW_ROWS = 8


@contextmanager
def plain_attention() -> Iterator[None]:
    """Attend in the textbook form: the reference, and what published FLOPs count."""
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)


def is_plain() -> bool:
    """Whether the textbook form was asked for; never in a compiled graph, which cannot ask."""
    return not torch.compiler.is_compiling() and _plain.get()


def zero_without_keys(
    merged: Float[Tensor, "batch query v_channels"], mask: Bool[Tensor, "batch key"] | None
) -> Float[Tensor, "batch query v_channels"]:
    """Zero the samples that have no key to attend to, which the softmax would mix evenly."""
    if mask is None:
        return merged
    return merged * mask.any(1).view(-1, 1, 1)


def keys_cost(num_queries: int, num_keys: int, layer: Projections) -> int:
    """Return how many multiplications :func:`attend_to_many_keys` saves; negative if it costs."""
    width, qk, v = layer.key.in_features, layer.key.out_features, layer.value.out_features
    plain = num_keys * width * (qk + v) + num_queries * num_keys * (qk + v)
    absorbed = num_queries * width * (qk + v) + 2 * layer.heads * num_queries * num_keys * width
    return plain - absorbed


def queries_cost(num_queries: int, num_keys: int, layer: Projections) -> int:
    """Return how many multiplications :func:`attend_from_many_queries` saves."""
    query, output = layer.query, layer.output
    qk, v = query.out_features, output.in_features
    ends = query.in_features * qk + output.out_features * v
    plain = num_queries * ends + num_queries * num_keys * (qk + v)
    widths = query.in_features + output.out_features
    absorbed = num_keys * ends + layer.heads * num_queries * num_keys * widths
    return plain - absorbed


def joined_within(rows: int, layer: Projections) -> WithinProducts | None:
    """Return what :func:`attend_within` needs, if it is faster than projections among so many rows.

    It takes far fewer operations, which is what small networks take their time for. Where products
    of weights are not kept, it costs more to make them than they save.
    """
    if torch.is_grad_enabled() or torch.compiler.is_compiling() or not 0 < rows <= _FEW_ROWS:
        return None
    width = layer.query.in_features
    projected = layer.key.out_features + layer.value.out_features
    return for_within(layer) if layer.heads * width <= projected else None


def attend_within(
    x: Float[Tensor, "batch row width"],
    heads: int,
    products: WithinProducts,
    stream: Float[Tensor, "batch row width"] | None = None,
) -> Float[Tensor, "batch row width"]:
    """Attend among few rows with one product of matrices for two projections, twice.

    Args:
        x: Normalized rows.
        heads: How many heads attend.
        products: What the rows are multiplied by.
        stream: What the output is added to, if to anything.
    """
    batch, rows, width = x.shape
    asked = functional.linear(x, *products.asked).view(batch, rows * heads, width)
    given = functional.linear(x, *products.given).view(batch, rows * heads, width)
    # Keys come first, because the CPU's softmax is slow over a short innermost dimension.
    weights = torch.bmm(x, asked.transpose(1, 2)).softmax(1)
    by_row = weights.view(batch, rows, rows, heads).transpose(1, 2).flatten(2)
    return _added(stream, by_row, given)


def attend_to_many_keys(
    query: Float[Tensor, "shared query query_width"],
    key_value: Float[Tensor, "batch key key_width"],
    mask: Bool[Tensor, "batch key"] | None,
    layer: Projections,
    key_norm: nn.LayerNorm | None = None,
) -> Float[Tensor, "batch query output_width"]:
    """Attend from few queries to many rows that are not projected.

    The key's bias adds the same to all scores of a query and falls out of the softmax.

    Args:
        query: Normalized queries; ``shared`` is 1 where all samples have the same.
        key_value: Normalized rows.
        mask: True where a row may be attended to; a sample without any gives the output's bias.
        layer: The projections.
        key_norm: The layer norm whose gain and offset the rows still lack, if they do.
    """
    heads = layer.heads
    pooled = _pool(asked_of_rows(query, layer, key_norm), key_value, mask)
    num_rows = key_value.shape[0] * query.shape[1]
    if joining_pays(num_rows, heads, layer.value, layer.output.out_features):
        attended = functional.linear(from_heads(pooled, heads), *of_pooled(layer, key_norm))
        if mask is None:
            return attended
        return torch.where(mask.any(1).view(-1, 1, 1), attended, layer.output.bias)
    weight, bias = gained(layer.value, key_norm), shifted(layer.value, key_norm)
    if heads == 1:
        return layer.output(zero_without_keys(functional.linear(pooled, weight, bias), mask))
    by_head = pooled.unflatten(1, (heads, -1))
    values = per_head(by_head, head_weights(weight, heads).transpose(1, 2))
    merged = values.transpose(1, 2).flatten(2) + bias
    return layer.output(zero_without_keys(merged, mask))


def attend_from_many_queries(
    queries: Float[Tensor, "batch query query_width"],
    key_value: Float[Tensor, "batch key key_width"],
    layer: Projections,
    query_norm: nn.LayerNorm | None = None,
    stream: Float[Tensor, "batch query output_width"] | None = None,
) -> Float[Tensor, "batch query output_width"]:
    """Attend from many rows that are not projected to few keys and values.

    Args:
        queries: Normalized rows.
        key_value: Normalized keys.
        layer: The projections.
        query_norm: The layer norm whose gain and offset the rows still lack, if they do.
        stream: What the output is added to, if to anything.
    """
    heads, rows = layer.heads, key_value.shape[1]
    products = for_few(key_value.shape[0] * rows, layer, query_norm)
    folded = through(key_value, products.asked, heads)
    folded_of_all = through(key_value, products.asked_of_all, heads)
    values = through(key_value, products.values, heads) + products.offset
    scores = torch.baddbmm(folded_of_all, folded, queries.transpose(1, 2))
    if heads == 1:
        weights = aligned_softmax(scores, 1)
    else:
        weights = aligned_softmax(scores.unflatten(1, (heads, rows)), 2).flatten(1, 2)
    return _added(stream, weights.transpose(1, 2), values)


def _added(
    stream: Float[Tensor, "batch query width"] | None,
    weights: Float[Tensor, "batch query key"],
    values: Float[Tensor, "batch key width"],
) -> Float[Tensor, "batch query width"]:
    """Mix values by weights; add them to a stream, if there is one, as they are multiplied."""
    # Mixed precision keeps the stream's.
    if stream is not None and stream.dtype == values.dtype:
        return torch.baddbmm(stream, weights, values)
    attended = torch.bmm(weights, values)
    return attended if stream is None else add(stream, attended)


def _pool(
    query: Float[Tensor, "shared query width"],
    rows: Float[Tensor, "batch key width"],
    mask: Bool[Tensor, "batch key"] | None,
) -> Float[Tensor, "batch query width"]:
    """Average rows by the softmax of their products with the queries."""
    batch, keys, width = rows.shape
    if query.shape[1] * keys > _FUSED_FROM:
        keys_and_values = rows.unsqueeze(1)
        return functional.scaled_dot_product_attention(
            query.expand(batch, -1, -1).unsqueeze(1),
            keys_and_values,
            keys_and_values,
            attn_mask=additive_mask(mask, rows.dtype),
            scale=1.0,
        ).squeeze(1)
    # Where the queries are shared they come first, as one product of matrices gives the scores.
    shared = query.shape[0] == 1
    if shared:
        scores = (query[0] @ rows.reshape(-1, width).t()).view(-1, batch, keys)
    else:
        scores = torch.bmm(query, rows.transpose(1, 2))
    if mask is not None:
        absent = ~mask.unsqueeze(0 if shared else 1)
        scores = scores.masked_fill(absent, torch.finfo(scores.dtype).min / 2)
    weights = aligned_softmax(scores, -1)
    return torch.bmm(weights.transpose(0, 1) if shared else weights, rows)
