"""Tensor operations in the form that is fastest, with a CPU's vector units in mind."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

# The CPU's softmax is several times slower where the innermost dimension is no multiple of this.
_LANES = 16


def standardize(x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
    """Give every row mean 0 and variance 1: a layer norm without gain and offset."""
    width = x.shape[-1]
    # With constants, because the CPU kernel is slower without them.
    return functional.layer_norm(x, (width,), x.new_ones(width), x.new_zeros(width))


def add(
    x: Float[Tensor, "*any width"], update: Float[Tensor, "*batch width"]
) -> Float[Tensor, "*batch width"]:
    """Add an update that nothing else reads to a stream, in the update's own memory if it can be.

    Not if the update is a view, which would cost a copy in the backward pass, nor in mixed
    precision, which keeps the stream's precision.
    """
    # A compiler decides by itself what shares memory.
    if torch.compiler.is_compiling() or update.dtype != x.dtype or update._is_view():
        return x + update
    return update.add_(x)


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


def aligned_softmax(scores: Float[Tensor, "*batch last"], dim: int) -> Float[Tensor, "*batch last"]:
    """Return the softmax over a dimension, at the full speed of the CPU."""
    size = scores.shape[-1]
    missing = -size % _LANES
    if not missing or scores.device.type != "cpu":
        return scores.softmax(dim)
    lowest = torch.finfo(scores.dtype).min / 2
    return functional.pad(scores, (0, missing), value=lowest).softmax(dim)[..., :size]


def sets_to_join(q: Tensor, k: Tensor) -> int:
    """Return how many small sets to attend within at once, each to itself, to fill the CPU's lanes.

    A softmax over four keys takes longer there than one over sixteen of which twelve are masked. In
    a graph that is exported it is one set: the graph has to fit batches of any size.
    """
    if torch.compiler.is_exporting():
        return 1
    batch, rows, _ = q.shape
    joined = _LANES // max(rows, 1)
    fits = k.shape[1] == rows and joined * rows == _LANES and batch % joined == 0
    return joined if fits and q.device.type == "cpu" else 1


def same_set(sets: int, rows: int, like: Tensor) -> Float[Tensor, "row row"]:
    """Return 0 between rows of the same set and a large finite negative number between others."""
    number = torch.arange(sets * rows, device=like.device) // rows
    lowest = torch.finfo(like.dtype).min / 2
    blocks = like.new_full((sets * rows, sets * rows), lowest)
    return blocks.masked_fill_(number.unsqueeze(0) == number.unsqueeze(1), 0.0)
