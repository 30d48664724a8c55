"""How the rows of ragged sets lie in memory: padded to one size, or packed without gaps.

Layers that treat every row by itself (linear, norm, MLP) run on rows ``[row, width]``; attention
needs them padded ``[batch, slot, width]``. A layout turns one into the other. Packing leaves the
padding out of the former and trims the latter to the largest set of the batch, which pays when
most slots are empty.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from perceiver_rl.nn.kernels import add

# Below this share of filled slots packing is faster on a CPU, from this many slots on.
_PACK_BELOW = 0.8
_PACK_FROM = 32


class Layout(ABC):
    """Where the rows of a batch of sets are.

    Attributes:
        mask: ``[batch, slot]`` of the padded form, True where it holds a row; None: everywhere.
    """

    mask: Bool[Tensor, "batch slot"] | None

    @abstractmethod
    def gather(self, x: Float[Tensor, "batch entity width"]) -> Float[Tensor, "row width"]:
        """Return the rows of a tensor in the caller's form."""

    @abstractmethod
    def scatter(self, rows: Float[Tensor, "row width"]) -> Float[Tensor, "batch entity width"]:
        """Return rows to the caller's form; slots without a row are arbitrary."""

    @abstractmethod
    def pad(self, rows: Float[Tensor, "row width"]) -> Float[Tensor, "batch slot width"]:
        """Return the padded form; slots without a row hold something finite."""

    @abstractmethod
    def unpad(
        self,
        padded: Float[Tensor, "batch slot width"],
        stream: Float[Tensor, "row width"] | None = None,
    ) -> Float[Tensor, "row width"]:
        """Return the rows of the padded form, which nothing else reads, added to a stream."""


class Dense(Layout):
    """Every slot is a row, whether it is filled or not."""

    def __init__(self, batch: int, slots: int, mask: Bool[Tensor, "batch slot"] | None) -> None:
        self.shape = (batch, slots)
        self.mask = mask

    def gather(self, x: Float[Tensor, "batch entity width"]) -> Float[Tensor, "row width"]:
        """Flatten batch and slot."""
        return x.flatten(0, 1)

    def scatter(self, rows: Float[Tensor, "row width"]) -> Float[Tensor, "batch entity width"]:
        """Undo :meth:`gather`."""
        return rows.view(*self.shape, rows.shape[1])

    def pad(self, rows: Float[Tensor, "row width"]) -> Float[Tensor, "batch slot width"]:
        """Undo :meth:`gather`: the caller's form is padded already."""
        return rows.view(*self.shape, rows.shape[1])

    def unpad(
        self,
        padded: Float[Tensor, "batch slot width"],
        stream: Float[Tensor, "row width"] | None = None,
    ) -> Float[Tensor, "row width"]:
        """Flatten batch and slot."""
        summed = padded if stream is None else add(self.pad(stream), padded)
        return summed.flatten(0, 1)


class Packed(Layout):
    """Only filled slots are rows; the padded form has as many slots as the largest set.

    Args:
        present: True where a slot is filled; at least one is.
    """

    mask: Bool[Tensor, "batch slot"]

    def __init__(self, present: Bool[Tensor, "batch entity"]) -> None:
        self.shape = tuple(present.shape)
        count = present.sum(1)
        longest = int(count.max())
        self.rows = present.flatten().nonzero().squeeze(1)
        place = present.cumsum(1) - 1
        first = torch.arange(len(count), device=count.device).unsqueeze(1) * longest
        self.slots = (place + first).flatten()[self.rows]
        self.mask = torch.arange(longest, device=count.device) < count.unsqueeze(1)

    def gather(self, x: Float[Tensor, "batch entity width"]) -> Float[Tensor, "row width"]:
        """Pick the filled slots."""
        return x.flatten(0, 1).index_select(0, self.rows)

    def scatter(self, rows: Float[Tensor, "row width"]) -> Float[Tensor, "batch entity width"]:
        """Put rows back into their slots; the others are zero."""
        return _placed(rows, self.rows, *self.shape)

    def pad(self, rows: Float[Tensor, "row width"]) -> Float[Tensor, "batch slot width"]:
        """Move each set's rows to the front of its slots; the others are zero."""
        return _placed(rows, self.slots, *self.mask.shape)

    def unpad(
        self,
        padded: Float[Tensor, "batch slot width"],
        stream: Float[Tensor, "row width"] | None = None,
    ) -> Float[Tensor, "row width"]:
        """Pick each set's rows."""
        rows = padded.flatten(0, 1).index_select(0, self.slots)
        return rows if stream is None else add(stream, rows)


def _placed(
    rows: Float[Tensor, "row width"], at: Tensor, batch: int, slots: int
) -> Float[Tensor, "batch slot width"]:
    flat = rows.new_zeros(batch * slots, rows.shape[1])
    return flat.index_copy_(0, at, rows).unflatten(0, (batch, slots))


def layout_of(present: Bool[Tensor, "batch entity"]) -> Layout:
    """Return the layout that is faster for a batch of sets.

    A batch of full sets needs no mask. Packing pays where many slots are empty. Both have to know
    the number of rows, for which a GPU would have to wait, and a graph that is compiled has to fit
    whatever comes: there every slot is a row, as in a batch without any row at all.
    """
    batch, slots = present.shape
    if present.device.type == "cpu" and not torch.compiler.is_compiling():
        filled = int(present.sum())
        if filled == present.numel():
            return Dense(batch, slots, None)
        if slots >= _PACK_FROM and 0 < filled < _PACK_BELOW * present.numel():
            return Packed(present)
    return Dense(batch, slots, present)
