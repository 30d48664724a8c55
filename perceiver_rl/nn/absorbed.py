"""Cross-attention that never projects the longer side: the projections of keys move to the queries.

With L rows on one side and N >> L on the other, the textbook form spends most of its time on
projecting all N rows. But a score is ``(W_q x) . (W_k y)``, so the projection of the N rows can be
folded into the L rows; and since attention weights sum to one, values can be summed first and
projected afterwards. The result is the same up to rounding, for a fraction of the work when heads
are few. Two projections in a row are one matrix, and the gain and offset of a layer norm before a
projection are part of it. Parameters do not change, so either form can load the other's weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from perceiver_rl.nn.kernels import additive_mask, aligned_softmax

_plain = ContextVar("_plain", default=False)

# From this many scores per sample on they are not kept, which saves memory rather than time.
_FUSED_FROM = 1 << 20


class Projections(NamedTuple):
    """The four projections of an attention layer and the number of its heads."""

    heads: int
    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    output: nn.Linear


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
    return merged * mask.any(1).to(merged.dtype)[:, None, None]


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
    heads, rows = layer.heads, query.shape[1]
    projected = layer.query(query).unflatten(-1, (heads, -1)).transpose(1, 2)
    key_weight, _ = after_norm(layer.key, key_norm)
    folded = _per_head(projected * projected.shape[-1] ** -0.5, _by_head(key_weight, heads))
    pooled = _pool(folded.flatten(1, 2), key_value, mask).unflatten(1, (heads, rows))
    weight, bias = after_norm(layer.value, key_norm)
    if not _joining_pays(key_value.shape[0] * rows, heads, layer.value, layer.output.out_features):
        values = _per_head(pooled, _by_head(weight, heads).transpose(1, 2))
        return layer.output(zero_without_keys(values.transpose(1, 2).flatten(2) + bias, mask))
    answers = layer.output.weight.unflatten(1, (heads, -1)).permute(1, 2, 0)
    joined = torch.bmm(_by_head(weight, heads).transpose(1, 2), answers).flatten(0, 1)
    merged = pooled.transpose(1, 2).flatten(2) @ joined + layer.output.weight @ bias
    return zero_without_keys(merged, mask) + layer.output.bias


def attend_from_many_queries(
    queries: Float[Tensor, "batch query query_width"],
    key_value: Float[Tensor, "batch key key_width"],
    layer: Projections,
    query_norm: nn.LayerNorm | None = None,
) -> Float[Tensor, "batch query output_width"]:
    """Attend from many rows that are not projected to few keys and values.

    Args:
        queries: Normalized rows.
        key_value: Normalized keys.
        layer: The projections.
        query_norm: The layer norm whose gain and offset the rows still lack, if they do.
    """
    heads, rows = layer.heads, key_value.shape[1]
    weight, bias = after_norm(layer.query, query_norm)
    asked = _by_head(torch.cat([weight, bias.unsqueeze(1)], 1), heads)
    asked = asked * asked.shape[1] ** -0.5
    # What the key's bias adds is the same for all keys and falls out of the softmax.
    folded = _through(key_value, layer.key, None, asked)
    answers = layer.output.weight.unflatten(1, (heads, -1)).permute(1, 2, 0)
    values = _through(key_value, layer.value, layer.value.bias, answers)
    scores = torch.baddbmm(
        folded[..., -1:].flatten(1, 2), folded[..., :-1].flatten(1, 2), queries.transpose(1, 2)
    )
    weights = aligned_softmax(scores.unflatten(1, (heads, rows)), 2).flatten(1, 2)
    # Each head's weights sum to one, so an offset of the values is one of the output.
    values = values + layer.output.bias / heads
    return torch.bmm(weights.transpose(1, 2), values.flatten(1, 2))


def after_norm(layer: nn.Linear, norm: nn.LayerNorm | None) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a layer with the gain and offset of the norm before it."""
    if norm is None:
        return layer.weight, layer.bias
    return layer.weight * norm.weight, layer.bias + layer.weight @ norm.bias


def _pool(
    query: Float[Tensor, "shared query width"],
    rows: Float[Tensor, "batch key width"],
    mask: Bool[Tensor, "batch key"] | None,
) -> Float[Tensor, "batch query width"]:
    """Average rows by the softmax of their products with the queries."""
    batch, keys, width = rows.shape
    if query.shape[1] * keys > _FUSED_FROM:
        shared = rows.unsqueeze(1)
        return functional.scaled_dot_product_attention(
            query.expand(batch, -1, -1).unsqueeze(1),
            shared,
            shared,
            attn_mask=additive_mask(mask, rows.dtype),
            scale=1.0,
        ).squeeze(1)
    if query.shape[0] == 1:
        products = query[0] @ rows.reshape(-1, width).t()
        scores = products.unflatten(1, (batch, keys)).transpose(0, 1)
    else:
        scores = torch.bmm(query, rows.transpose(1, 2))
    added = additive_mask(mask, scores.dtype)
    if added is not None:
        scores = scores + added.squeeze(1)
    return torch.bmm(aligned_softmax(scores, -1), rows)


def _through(
    x: Float[Tensor, "batch row width"],
    first: nn.Linear,
    bias: Float[Tensor, " inner"] | None,
    second: Float[Tensor, "head head_inner outer"],
) -> Float[Tensor, "batch head row outer"]:
    """Project rows by a layer and by a second matrix per head: by their product if it pays."""
    heads, _, outer = second.shape
    weight = _by_head(first.weight, heads)
    if _joining_pays(x.shape[0] * x.shape[1], heads, first, outer):
        joined = torch.bmm(weight.transpose(1, 2), second)
        side_by_side = joined.transpose(0, 1).flatten(1)
        through = (x @ side_by_side).unflatten(-1, (heads, outer)).transpose(1, 2)
        if bias is None:
            return through
        return through + torch.bmm(bias.view(heads, 1, -1), second)
    projected = functional.linear(x, first.weight, bias)
    return _per_head(projected.unflatten(-1, (heads, -1)).transpose(1, 2), second)


def _joining_pays(rows: int, heads: int, first: nn.Linear, outer: int) -> bool:
    """Return whether one matrix for two projections saves more than it costs to multiply them."""
    width, inner = first.in_features, first.out_features
    saved = inner * (width + outer) - heads * width * outer
    if torch.compiler.is_exporting():  # for batches of any size: as if there were many rows
        return saved > 0
    return rows * saved > width * inner * outer


def _by_head(
    weight: Float[Tensor, "inner width"], heads: int
) -> Float[Tensor, "head head_inner width"]:
    return weight.unflatten(0, (heads, -1))


def _per_head(
    x: Float[Tensor, "batch head row inner"], weight: Float[Tensor, "head inner outer"]
) -> Float[Tensor, "batch head row outer"]:
    """Multiply each head's rows by its own matrix: one product over all samples, not one each."""
    batch, heads, rows, inner = x.shape
    by_head = torch.bmm(x.transpose(0, 1).reshape(heads, batch * rows, inner), weight)
    return by_head.unflatten(1, (batch, rows)).transpose(0, 1)
