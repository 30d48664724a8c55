"""Tensor operations in the form that is fastest, with a CPU's vector units in mind."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

Made = TypeVar("Made")

# Numbers that fill the largest vectors that a CPU has, and this one's own.
_LANES = 16
_OWN_LANES = {"AVX512": 16, "AVX2": 8}.get(torch.backends.cpu.get_cpu_capability(), 4)

# From this many scores on it pays to fill vectors up.
_ALIGN_FROM = 1 << 12

# From this many numbers per set on a batch of products with a single row is fast.
_PRODUCT_FROM = 1 << 10


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


def weighted_sum(
    weights: Float[Tensor, "batch row"], rows: Float[Tensor, "batch row width"]
) -> Float[Tensor, "batch width"]:
    """Return each sample's sum of rows by their weights."""
    if _fills_product(rows):
        return torch.bmm(weights.unsqueeze(1), rows).squeeze(1)
    return (rows * weights.unsqueeze(2)).sum(1)


def row_products(
    rows: Float[Tensor, "batch row width"], query: Float[Tensor, "batch width"]
) -> Float[Tensor, "batch row"]:
    """Return the products of each sample's rows with its one query."""
    if _fills_product(rows):
        # With the query in front: behind, it takes a CPU four times longer.
        return torch.bmm(query.unsqueeze(1), rows.transpose(1, 2)).squeeze(1)
    return (rows * query.unsqueeze(1)).sum(2)


def _fills_product(rows: Float[Tensor, "batch row width"]) -> bool:
    """Return whether sets are large enough for a batch of products with a single row.

    It takes a CPU several times longer than a sum of products where they are small, and half as
    long where they are not.
    """
    return rows.shape[1] * rows.shape[2] >= _PRODUCT_FROM


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
    """Return the softmax over a dimension, at the full speed of the CPU.

    The CPU's softmax is several times slower where the innermost dimension is no multiple of what
    its vectors hold; if they are short, only where it does not fill one.
    """
    size = scores.shape[-1]
    missing = -size % _OWN_LANES
    if not missing or not _fills_vectors(scores):
        return scores.softmax(dim)
    lowest = torch.finfo(scores.dtype).min / 2
    return functional.pad(scores, (0, missing), value=lowest).softmax(dim)[..., :size]


def _fills_vectors(scores: Float[Tensor, "*batch last"]) -> bool:
    """Return whether filling up the last dimension costs less than what it saves."""
    if scores.device.type != "cpu":
        return False
    if torch.compiler.is_exporting():  # for batches of any size: as if there were many
        return True
    small = scores.shape[-1] < _OWN_LANES or _OWN_LANES == _LANES
    return small and scores.numel() >= _ALIGN_FROM


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
    return constant(_same_set, like, sets, rows)


def constant(make: Callable[..., Made], like: Tensor, *sizes: int) -> Made:
    """Return what depends on sizes, a dtype and a device alone; nobody may write to it.

    Kept, because making it again takes a small network longer than using it.
    """
    # A compiler wants to see how it is made, and what is made beside a tensor of another class may
    # be of that class and have no data.
    if torch.compiler.is_compiling() or type(like) is not Tensor:
        return make(like.dtype, like.device, *sizes)
    return _kept(make, like.dtype, like.device, *sizes)


@lru_cache(maxsize=256)
def _kept(make: Callable[..., Made], dtype: torch.dtype, device: torch.device, *sizes: int) -> Made:
    with torch.inference_mode(False):  # whose tensors cannot be used in training later
        return make(dtype, device, *sizes)


def _same_set(
    dtype: torch.dtype, device: torch.device, sets: int, rows: int
) -> Float[Tensor, "row row"]:
    number = torch.arange(sets * rows, device=device) // rows
    lowest = torch.finfo(dtype).min / 2
    blocks = torch.full((sets * rows, sets * rows), lowest, dtype=dtype, device=device)
    return blocks.masked_fill_(number.unsqueeze(0) == number.unsqueeze(1), 0.0)
