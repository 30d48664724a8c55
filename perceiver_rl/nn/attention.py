"""Multi-head attention, shared by every network here.

One implementation: projections, ``scaled_dot_product_attention``, output projection. Details follow
the Perceiver reference (arXiv 2107.14795, appendix E, and its published code).
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from perceiver_rl.nn import absorbed, products
from perceiver_rl.nn.init import linear
from perceiver_rl.nn.kernels import add, additive_mask, same_set, sets_to_join
from perceiver_rl.nn.layout import Layout
from perceiver_rl.nn.module import Module
from perceiver_rl.nn.recorded import record


class Attention(Module):
    """Multi-head attention with freely chosen widths.

    A query whose every key is masked attends to nothing: its output is the bias of the output
    projection, as in the reference, and its gradient is finite.

    Args:
        query_width: Features of a query.
        key_width: Features of a key (and value) before projection.
        heads: Number of heads; must divide ``qk_channels`` and ``v_channels``.
        qk_channels: Width of projected queries and keys over all heads; default ``query_width``.
        v_channels: Width of projected values over all heads; default ``qk_channels``.
        output_width: Features of the output; default ``v_channels``.
        dropout: Share of the attention weights that training leaves out.

    Raises:
        ValueError: If the heads do not divide the channels.
    """

    def __init__(  # noqa: PLR0913 - one keyword per setting
        self,
        query_width: int,
        key_width: int,
        *,
        heads: int = 1,
        qk_channels: int | None = None,
        v_channels: int | None = None,
        output_width: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        qk_channels = query_width if qk_channels is None else qk_channels
        v_channels = qk_channels if v_channels is None else v_channels
        for name, channels in (("qk_channels", qk_channels), ("v_channels", v_channels)):
            if channels % heads:
                raise ValueError(f"{name}={channels} must be a multiple of heads={heads}")
        self.heads = heads
        self.dropout = dropout
        self.query = linear(query_width, qk_channels)
        self.key = linear(key_width, qk_channels)
        self.value = linear(key_width, v_channels)
        self.output = linear(v_channels, v_channels if output_width is None else output_width)
        self._kept = products.KeptProducts()

    def forward(
        self,
        query: Float[Tensor, "shared query query_width"],
        key_value: Float[Tensor, "batch key key_width"],
        mask: Bool[Tensor, "batch key"] | None = None,
        query_norm: nn.LayerNorm | None = None,
        key_norm: nn.LayerNorm | None = None,
        stream: Float[Tensor, "shared query output_width"] | None = None,
    ) -> Float[Tensor, "batch query output_width"]:
        """Attend from queries to keys, in whichever form takes less work.

        Args:
            query: One row per query; ``shared`` is 1 where all samples ask the same.
            key_value: One row per key; masked rows may hold anything finite.
            mask: True where a key may be attended to; None attends to all.
            query_norm: Layer norm of queries that are standardized only: its gain and offset are
                still to be applied.
            key_norm: Likewise for the keys.
            stream: What the output is added to, if to anything.

        Returns:
            One row per query.
        """
        layer = self._projections()
        sizes = (query.shape[1], key_value.shape[1], layer)
        if not (absorbed.is_plain() or self._drops()):
            if absorbed.keys_cost(*sizes) > 0:
                query = _normalized(query, query_norm)
                attended = absorbed.attend_to_many_keys(query, key_value, mask, layer, key_norm)
                return attended if stream is None else add(stream, attended)
            if mask is None and absorbed.queries_cost(*sizes) > 0:
                queries = query.expand(key_value.shape[0], -1, -1)
                keys = _normalized(key_value, key_norm)
                return absorbed.attend_from_many_queries(queries, keys, layer, query_norm, stream)
        query, key_value = _normalized(query, query_norm), _normalized(key_value, key_norm)
        attended = self._attend(query, key_value, mask)
        return attended if stream is None else add(stream, attended)

    def _attend(
        self,
        query: Float[Tensor, "shared query query_width"],
        key_value: Float[Tensor, "batch key key_width"],
        mask: Bool[Tensor, "batch key"] | None,
    ) -> Float[Tensor, "batch query output_width"]:
        """Attend in the textbook form."""
        q = self.query(query).expand(key_value.shape[0], -1, -1)
        return self.output(self._mix(q, self.key(key_value), self.value(key_value), mask))

    def within_rows(
        self,
        rows: Float[Tensor, "row width"],
        layout: Layout,
        stream: Float[Tensor, "row output_width"] | None = None,
    ) -> Float[Tensor, "row output_width"]:
        """Attend among the rows of each set, projecting nothing but rows.

        Args:
            rows: All rows.
            layout: Which of them are of one set.
            stream: What the output is added to, if to anything.
        """
        layer = self._projections()
        plain = absorbed.is_plain() or self._drops() or layout.mask is not None
        joined = None if plain else absorbed.joined_within(layout.pad(rows).shape[1], layer)
        if joined is not None:
            padded = None if stream is None else layout.pad(stream)
            return layout.unpad(
                absorbed.attend_within(layout.pad(rows), self.heads, joined, padded)
            )
        q, k, v = (layout.pad(project(rows)) for project in (self.query, self.key, self.value))
        attended = self.output(layout.unpad(self._mix(q, k, v, layout.mask)))
        return attended if stream is None else add(stream, attended)

    def _projections(self) -> products.Projections:
        ends = (self.query, self.key, self.value, self.output)
        return products.Projections(self.heads, *ends, self._kept)

    def _mix(
        self,
        q: Float[Tensor, "batch query qk_channels"],
        k: Float[Tensor, "batch key qk_channels"],
        v: Float[Tensor, "batch key v_channels"],
        mask: Bool[Tensor, "batch key"] | None,
    ) -> Float[Tensor, "batch query v_channels"]:
        """Mix projected values by projected queries and keys, head by head."""
        plain = absorbed.is_plain()
        if plain:
            record(self, self._split(q), self._split(k), mask)
        joined = 1 if mask is not None or plain else sets_to_join(q, k)
        added = additive_mask(mask, q.dtype)
        if joined > 1:
            added = same_set(joined, k.shape[1], q)
            q, k, v = (x.reshape(-1, joined * x.shape[1], x.shape[2]) for x in (q, k, v))
        attended = functional.scaled_dot_product_attention(
            self._split(q),
            self._split(k),
            self._split(v),
            attn_mask=added,
            dropout_p=self.dropout if self._drops() else 0.0,
        )
        merged = attended.transpose(1, 2).flatten(2)
        merged = merged.reshape(-1, merged.shape[1] // joined, merged.shape[2])
        return absorbed.zero_without_keys(merged, mask)

    def _drops(self) -> bool:
        return self.training and self.dropout > 0

    def _split(self, x: Float[Tensor, "batch row width"]) -> Float[Tensor, "batch head row dim"]:
        batch, rows, width = x.shape
        return x.view(batch, rows, self.heads, width // self.heads).transpose(1, 2)


def _normalized(
    x: Float[Tensor, "*batch width"], norm: nn.LayerNorm | None
) -> Float[Tensor, "*batch width"]:
    """Apply a norm's gain and offset to rows that are standardized."""
    return x if norm is None else torch.addcmul(norm.bias, x, norm.weight)
