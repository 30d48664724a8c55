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

from perceiver_rl.nn.kept import Kept
from perceiver_rl.nn.kernels import additive_mask, aligned_softmax

_plain = ContextVar("_plain", default=False)

# From this many scores per sample on they are not kept, which saves memory rather than time.
_FUSED_FROM = 1 << 20


class Projections(NamedTuple):
    """The four projections of an attention layer, its heads, and what was made of the weights."""

    heads: int
    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    output: nn.Linear
    kept: KeptProducts


class KeptProducts:
    """Products of a layer's weights.

    Attributes:
        asked: What few queries ask of rows that are not projected.
        pooled: What becomes of the rows that they get: a matrix for each head, and an offset.
        few: What few keys and values are multiplied by.
    """

    __slots__ = ("asked", "few", "pooled")

    def __init__(self) -> None:
        self.asked: Kept[Tensor] = Kept()
        self.pooled: Kept[tuple[Tensor, Tensor]] = Kept()
        self.few: Kept[FewProducts] = Kept()


class FewProducts(NamedTuple):
    """What few keys and values are multiplied by: each one matrix, or two in a row, by head.

    Attributes:
        asked: Of the keys, for what queries ask of them.
        asked_of_all: Of the keys, for what all queries ask of them.
        values: Of the values.
        offset: Of the output.
    """

    asked: tuple[Tensor, ...]
    asked_of_all: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    offset: Tensor


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
    pooled = _pool(_asked(query, layer, key_norm), key_value, mask)
    num_rows = key_value.shape[0] * query.shape[1]
    if _joining_pays(num_rows, heads, layer.value, layer.output.out_features):
        attended = functional.linear(_from_heads(pooled, heads), *_of_pooled(layer, key_norm))
        if mask is None:
            return attended
        return torch.where(mask.any(1).view(-1, 1, 1), attended, layer.output.bias)
    weight, bias = _gained(layer.value, key_norm), _shifted(layer.value, key_norm)
    if heads == 1:
        return layer.output(zero_without_keys(functional.linear(pooled, weight, bias), mask))
    by_head = pooled.unflatten(1, (heads, -1))
    values = _per_head(by_head, _by_head(weight, heads).transpose(1, 2))
    merged = values.transpose(1, 2).flatten(2) + bias
    return layer.output(zero_without_keys(merged, mask))


def _asked(
    query: Float[Tensor, "shared query query_width"],
    layer: Projections,
    key_norm: nn.LayerNorm | None,
) -> Float[Tensor, "shared head_query key_width"]:
    """Return what each head's queries are multiplied with rows as, that are not projected."""
    heads = layer.heads
    scale = (layer.query.out_features // heads) ** -0.5

    def ask() -> Tensor:
        return _to_heads(layer.query(query) * scale, _gained(layer.key, key_norm), heads)

    if query.shape[0] > 1:  # not from parameters alone
        return ask()
    gain = None if key_norm is None else key_norm.weight
    sources = (layer.query.weight, layer.query.bias, layer.key.weight, gain, query)
    return layer.kept.asked(ask, *sources, variant=key_norm is None)


def _of_pooled(
    layer: Projections, key_norm: nn.LayerNorm | None
) -> tuple[Float[Tensor, "output_width head_key_width"], Float[Tensor, " output_width"]]:
    """Return the weight and the bias that make the output of pooled rows."""
    value, output = layer.value, layer.output

    def join() -> tuple[Tensor, Tensor]:
        joined = _joined(_gained(value, key_norm), output.weight.t(), layer.heads).flatten(0, 1)
        return joined.t(), torch.addmv(output.bias, output.weight, _shifted(value, key_norm))

    norm = () if key_norm is None else (key_norm.weight, key_norm.bias)
    weights = (value.weight, value.bias, output.weight, output.bias)
    return layer.kept.pooled(join, *weights, *norm, variant=key_norm is None)


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
    products = _for_few(key_value.shape[0] * rows, layer, query_norm)
    folded = _through(key_value, products.asked, heads)
    folded_of_all = _through(key_value, products.asked_of_all, heads)
    values = _through(key_value, products.values, heads) + products.offset
    scores = torch.baddbmm(folded_of_all, folded, queries.transpose(1, 2))
    if heads == 1:
        weights = aligned_softmax(scores, 1)
    else:
        weights = aligned_softmax(scores.unflatten(1, (heads, rows)), 2).flatten(1, 2)
    if stream is not None and stream.dtype == values.dtype:
        return torch.baddbmm(stream, weights.transpose(1, 2), values)
    attended = torch.bmm(weights.transpose(1, 2), values)
    return attended if stream is None else stream + attended  # mixed precision keeps the stream's


def _for_few(num_rows: int, layer: Projections, query_norm: nn.LayerNorm | None) -> FewProducts:
    """Return what so many keys and values are multiplied by, instead of their projections."""
    heads, query, key, value, output = layer[:5]
    scale = (query.out_features // heads) ** -0.5
    widths = (query.in_features, 1, output.out_features)
    pays = tuple(
        _joining_pays(num_rows, heads, first, outer)
        for first, outer in zip((key, key, value), widths, strict=True)
    )

    def fold() -> FewProducts:
        asked = _gained(query, query_norm) * scale
        # What the key's bias adds is the same for all keys and falls out of the softmax.
        asked_of_all = (_shifted(query, query_norm) * scale).unsqueeze(1)
        # Each head's weights sum to one, so an offset of the values is one of the output.
        offset = torch.addmv(output.bias, output.weight, value.bias) / heads
        return FewProducts(
            _in_a_row(key, asked, heads, pays[0]),
            _in_a_row(key, asked_of_all, heads, pays[1]),
            _in_a_row(value, output.weight.t(), heads, pays[2]),
            offset,
        )

    norm = () if query_norm is None else (query_norm.weight, query_norm.bias)
    ends = (query.weight, query.bias, key.weight, value.weight, value.bias)
    sources = (*ends, output.weight, output.bias, *norm)
    return layer.kept.few(fold, *sources, variant=(query_norm is None, pays))


def _gained(layer: nn.Linear, norm: nn.LayerNorm | None) -> Float[Tensor, "outer inner"]:
    """Return the weight of a layer with the gain of the norm before it."""
    return layer.weight if norm is None else layer.weight * norm.weight


def _shifted(layer: nn.Linear, norm: nn.LayerNorm | None) -> Float[Tensor, " outer"]:
    """Return the bias of a layer with the offset of the norm before it."""
    return layer.bias if norm is None else torch.addmv(layer.bias, layer.weight, norm.bias)


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


def _in_a_row(
    first: nn.Linear, second: Float[Tensor, "inner outer"], heads: int, joined: bool
) -> tuple[Tensor, ...]:
    """Return a layer without its bias and each head's matrix after it: two matrices, or joined."""
    if not joined:
        return first.weight, second
    product = _joined(first.weight, second, heads)
    return (product[0] if heads == 1 else product.transpose(0, 1).flatten(1),)


def _through(
    x: Float[Tensor, "batch row width"], matrices: tuple[Tensor, ...], heads: int
) -> Float[Tensor, "batch head_row outer"]:
    """Multiply rows by what :func:`_in_a_row` returns; a row per head and row."""
    if len(matrices) == 2:
        return _to_heads(functional.linear(x, matrices[0]), matrices[1], heads)
    by_head = x @ matrices[0]
    if heads == 1:
        return by_head
    return by_head.unflatten(-1, (heads, -1)).transpose(1, 2).flatten(1, 2)


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


def _joined(
    first: Float[Tensor, "inner width"], second: Float[Tensor, "inner outer"], heads: int
) -> Float[Tensor, "head width outer"]:
    """Return the one matrix of two projections in a row, for each head."""
    if heads == 1:  # far fewer operations, which is what small networks take their time for
        return (first.t() @ second).unsqueeze(0)
    return torch.bmm(_by_head(first, heads).transpose(1, 2), _by_head(second, heads))


def _to_heads(
    x: Float[Tensor, "batch row inner"], weight: Float[Tensor, "inner outer"], heads: int
) -> Float[Tensor, "batch head_row outer"]:
    """Multiply each head's part of the rows by its own matrix; a row per head and row."""
    if heads == 1:
        return x @ weight
    by_head = x.unflatten(-1, (heads, -1)).transpose(1, 2)
    return _per_head(by_head, _by_head(weight, heads)).flatten(1, 2)


def _from_heads(
    x: Float[Tensor, "batch head_row width"], heads: int
) -> Float[Tensor, "batch row head_width"]:
    """Put what the heads have for a row side by side."""
    return x if heads == 1 else x.unflatten(1, (heads, -1)).transpose(1, 2).flatten(2)


def _per_head(
    x: Float[Tensor, "batch head row inner"], weight: Float[Tensor, "head inner outer"]
) -> Float[Tensor, "batch head row outer"]:
    """Multiply each head's rows by its own matrix: one product over all samples, not one each."""
    batch, heads, rows, inner = x.shape
    by_head = torch.bmm(x.transpose(0, 1).reshape(heads, batch * rows, inner), weight)
    return by_head.unflatten(1, (batch, rows)).transpose(0, 1)
