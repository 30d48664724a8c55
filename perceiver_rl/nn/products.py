"""Products of an attention layer's weights, and how rows are multiplied by them, head by head.

Two projections in a row are one matrix, and the gain and offset of a layer norm before a projection
are part of it. What is made of weights alone is kept until one of them changes.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from perceiver_rl.nn.kept import Kept, is_little


class Projections(NamedTuple):
    """The four projections of an attention layer, its heads, and what was made of the weights."""

    heads: int
    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    output: nn.Linear
    kept: KeptProducts

    @property
    def scale(self) -> float:
        """What a head's products of queries and keys are multiplied by."""
        return float((self.query.out_features // self.heads) ** -0.5)


class KeptProducts:
    """Products of a layer's weights.

    Attributes:
        asked: What few queries ask of rows that are not projected.
        pooled: What becomes of the rows that they get: a matrix for each head, and an offset.
        few: What few keys and values are multiplied by.
        within: What rows are multiplied by that attend to one another.
    """

    __slots__ = ("asked", "few", "pooled", "within")

    def __init__(self) -> None:
        self.asked: Kept[Tensor] = Kept()
        self.pooled: Kept[tuple[Tensor, Tensor]] = Kept()
        self.few: Kept[FewProducts] = Kept()
        self.within: Kept[WithinProducts | None] = Kept()


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


class WithinProducts(NamedTuple):
    """What rows that attend to one another are multiplied by: all heads side by side.

    Attributes:
        asked: Weight and bias of what each head asks of rows.
        given: Weight and bias of what each head's rows give to the output.
    """

    asked: tuple[Float[Tensor, "head_width width"], Float[Tensor, " head_width"]]
    given: tuple[Float[Tensor, "head_width width"], Float[Tensor, " head_width"]]


def asked_of_rows(
    query: Float[Tensor, "shared query query_width"],
    layer: Projections,
    key_norm: nn.LayerNorm | None,
) -> Float[Tensor, "shared head_query key_width"]:
    """Return what each head's queries are multiplied with rows as, that are not projected."""
    ask = partial(_ask, query, layer, key_norm)
    if query.shape[0] > 1:  # not from parameters alone
        return ask()
    return layer.kept.asked(ask, layer.query, layer.key, key_norm, query, variant=key_norm is None)


def _ask(
    query: Float[Tensor, "shared query query_width"],
    layer: Projections,
    key_norm: nn.LayerNorm | None,
) -> Float[Tensor, "shared head_query key_width"]:
    asked = layer.query(query) * layer.scale
    return _to_heads(asked, gained(layer.key, key_norm), layer.heads)


def of_pooled(
    layer: Projections, key_norm: nn.LayerNorm | None
) -> tuple[Float[Tensor, "output_width head_key_width"], Float[Tensor, " output_width"]]:
    """Return the weight and the bias that make the output of pooled rows."""
    join = partial(_join_pooled, layer, key_norm)
    return layer.kept.pooled(join, layer.value, layer.output, key_norm, variant=key_norm is None)


def _join_pooled(
    layer: Projections, key_norm: nn.LayerNorm | None
) -> tuple[Float[Tensor, "output_width head_key_width"], Float[Tensor, " output_width"]]:
    value, output = layer.value, layer.output
    joined = _joined(gained(value, key_norm), output.weight.t(), layer.heads).flatten(0, 1)
    return joined.t(), torch.addmv(output.bias, output.weight, shifted(value, key_norm))


def for_few(num_rows: int, layer: Projections, query_norm: nn.LayerNorm | None) -> FewProducts:
    """Return what so many keys and values are multiplied by, instead of their projections."""
    heads, query, key, value, output = layer[:5]
    widths = (query.in_features, 1, output.out_features)
    pays = tuple(
        joining_pays(num_rows, heads, first, outer)
        for first, outer in zip((key, key, value), widths, strict=True)
    )
    fold = partial(_fold_few, layer, query_norm, pays)
    return layer.kept.few(fold, *layer[1:5], query_norm, variant=(query_norm is None, pays))


def _fold_few(
    layer: Projections, query_norm: nn.LayerNorm | None, pays: tuple[bool, ...]
) -> FewProducts:
    heads, query, key, value, output = layer[:5]
    asked = gained(query, query_norm) * layer.scale
    # What the key's bias adds is the same for all keys and falls out of the softmax.
    asked_of_all = (shifted(query, query_norm) * layer.scale).unsqueeze(1)
    return FewProducts(
        _in_a_row(key, asked, heads, pays[0]),
        _in_a_row(key, asked_of_all, heads, pays[1]),
        _in_a_row(value, output.weight.t(), heads, pays[2]),
        _offset(layer),
    )


def for_within(layer: Projections) -> WithinProducts | None:
    """Return what rows that attend to one another are multiplied by, instead of projections.

    None where it would not be kept.
    """
    return layer.kept.within(partial(_fold_within, layer), *layer[1:5])


def _fold_within(layer: Projections) -> WithinProducts | None:
    if not is_little(layer[1:5]):
        return None
    heads, query, key, value, output = layer[:5]
    keys = key.weight * layer.scale
    asked = _joined(keys, query.weight, heads).flatten(0, 1)
    bias = _joined(keys, query.bias.unsqueeze(1), heads).flatten()
    given = _joined(output.weight.t(), value.weight, heads).flatten(0, 1)
    return WithinProducts((asked, bias), (given, _offset(layer).repeat(heads)))


def _offset(layer: Projections) -> Float[Tensor, " output_width"]:
    """Return each head's share of what the biases of values and output add to the output."""
    # Each head's weights sum to one, so an offset of the values is one of the output.
    output = layer.output
    return torch.addmv(output.bias, output.weight, layer.value.bias) / layer.heads


def _in_a_row(
    first: nn.Linear, second: Float[Tensor, "inner outer"], heads: int, joined: bool
) -> tuple[Tensor, ...]:
    """Return a layer without its bias and each head's matrix after it: two matrices, or joined."""
    if not joined:
        return first.weight, second
    product = _joined(first.weight, second, heads)
    return (product[0] if heads == 1 else product.transpose(0, 1).flatten(1),)


def through(
    x: Float[Tensor, "batch row width"], matrices: tuple[Tensor, ...], heads: int
) -> Float[Tensor, "batch head_row outer"]:
    """Multiply rows by what :func:`_in_a_row` returns; a row per head and row."""
    if len(matrices) == 2:
        return _to_heads(functional.linear(x, matrices[0]), matrices[1], heads)
    by_head = x @ matrices[0]
    if heads == 1:
        return by_head
    return by_head.unflatten(-1, (heads, -1)).transpose(1, 2).flatten(1, 2)


def joining_pays(rows: int, heads: int, first: nn.Linear, outer: int) -> bool:
    """Return whether one matrix for two projections saves more than it costs to multiply them."""
    width, inner = first.in_features, first.out_features
    saved = inner * (width + outer) - heads * width * outer
    if torch.compiler.is_exporting():  # for batches of any size: as if there were many rows
        return saved > 0
    return rows * saved > width * inner * outer


def gained(layer: nn.Linear, norm: nn.LayerNorm | None) -> Float[Tensor, "outer inner"]:
    """Return the weight of a layer with the gain of the norm before it."""
    return layer.weight if norm is None else layer.weight * norm.weight


def shifted(layer: nn.Linear, norm: nn.LayerNorm | None) -> Float[Tensor, " outer"]:
    """Return the bias of a layer with the offset of the norm before it."""
    return layer.bias if norm is None else torch.addmv(layer.bias, layer.weight, norm.bias)


def _joined(
    first: Float[Tensor, "inner width"], second: Float[Tensor, "inner outer"], heads: int
) -> Float[Tensor, "head width outer"]:
    """Return the one matrix of two projections in a row, for each head."""
    if heads == 1:  # far fewer operations, which is what small networks take their time for
        return (first.t() @ second).unsqueeze(0)
    return torch.bmm(head_weights(first, heads).transpose(1, 2), head_weights(second, heads))


def head_weights(
    weight: Float[Tensor, "inner width"], heads: int
) -> Float[Tensor, "head head_inner width"]:
    """Return each head's part of the weight of a projection to all heads."""
    return weight.unflatten(0, (heads, -1))


def _to_heads(
    x: Float[Tensor, "batch row inner"], weight: Float[Tensor, "inner outer"], heads: int
) -> Float[Tensor, "batch head_row outer"]:
    """Multiply each head's part of the rows by its own matrix; a row per head and row."""
    if heads == 1:
        return x @ weight
    by_head = x.unflatten(-1, (heads, -1)).transpose(1, 2)
    return per_head(by_head, head_weights(weight, heads)).flatten(1, 2)


def from_heads(
    x: Float[Tensor, "batch head_row width"], heads: int
) -> Float[Tensor, "batch row head_width"]:
    """Put what the heads have for a row side by side."""
    return x if heads == 1 else x.unflatten(1, (heads, -1)).transpose(1, 2).flatten(2)


def per_head(
    x: Float[Tensor, "batch head row inner"], weight: Float[Tensor, "head inner outer"]
) -> Float[Tensor, "batch head row outer"]:
    """Multiply each head's rows by its own matrix: one product over all samples, not one each."""
    batch, heads, rows, inner = x.shape
    by_head = torch.bmm(x.transpose(0, 1).reshape(heads, batch * rows, inner), weight)
    return by_head.unflatten(1, (batch, rows)).transpose(0, 1)
