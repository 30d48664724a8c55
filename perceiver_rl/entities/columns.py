"""From compact entity columns to numbers a network can read."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from gymnasium import spaces
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from perceiver_rl.nn import Module
from perceiver_rl.spaces import Column, EntitySpace

# A category is a whole number; floats that are nearly whole are taken as the nearest.
_HALF = 0.5
# Rows hold a multiple of so many numbers, which a CPU multiplies faster.
_MULTIPLE = 8
# Boxes without bounds often say the largest float32 instead of infinity.
UNBOUNDED = 1e30


def columns_of(space: spaces.Box) -> tuple[Column, ...]:
    """Return the columns of an entity space; a plain ``Box [N, F]`` has only scalars."""
    if isinstance(space, EntitySpace):
        return space.columns
    low, high = space.low.min(0), space.high.max(0)
    return tuple(
        Column(f"feature_{i}", low=float(low[i]), high=float(high[i]))
        if low[i] < high[i]
        else Column(f"feature_{i}")
        for i in range(space.shape[1])
    )


def _affine(low: float, high: float) -> tuple[float, float]:
    """Return factor and offset that map finite bounds to [-1, 1]; others stay as they are."""
    if not (-UNBOUNDED < low < high < UNBOUNDED):
        return 1.0, 0.0
    return 2.0 / (high - low), -(high + low) / (high - low)


class BoxScaler(Module):
    """Maps every component of a ``Box`` with finite bounds to [-1, 1]."""

    scale: Tensor
    shift: Tensor

    def __init__(self, space: spaces.Box) -> None:
        super().__init__()
        pairs = [
            _affine(float(a), float(b))
            for a, b in zip(space.low.flat, space.high.flat, strict=True)
        ]
        for name, values in zip(("scale", "shift"), zip(*pairs, strict=True), strict=True):
            numbers = torch.tensor(values, dtype=torch.float32).reshape(space.shape)
            self.register_buffer(name, numbers, persistent=False)

    def forward(self, x: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch *shape"]:
        """Scale a batch of observations."""
        return torch.addcmul(self.shift, x, self.scale)


class ColumnExpander(Module):
    """Expands ``[B, N, F]`` compact columns to ``[B, N, F']`` network inputs, without a loop.

    A scalar with finite bounds is mapped to [-1, 1], one without is passed through, a binary column
    stays 0 or 1, and a category becomes a one-hot vector (all zeros outside ``[0, size)``).

    Attributes:
        out_features: F'.
    """

    spread: Tensor
    shift: Tensor
    order: Tensor
    place: Tensor

    def __init__(self, columns: tuple[Column, ...]) -> None:
        super().__init__()
        self.out_features = sum(column.size or 1 for column in columns)
        spread = torch.zeros(len(columns), self.out_features)
        shift = torch.zeros(self.out_features)
        categories: list[int] = []
        others: list[int] = []
        first = 0
        for position, column in enumerate(columns):
            place = slice(first, first + (column.size or 1))
            scale, offset = _affine(*column.bounds) if column.kind == "scalar" else (1.0, 0.0)
            spread[position, place] = scale
            shift[place] = -torch.arange(column.size) if column.size else offset
            (categories if column.size else others).extend(range(first, place.stop))
            first = place.stop
        # Categories lie side by side, and rows are filled up.
        self._num_categories = len(categories)
        order = torch.tensor(categories + others)
        padding = (0, -self.out_features % _MULTIPLE)
        buffers = {
            "spread": functional.pad(spread[:, order], padding),
            "shift": functional.pad(shift[order], padding),
            "order": functional.pad(order, padding),
            "place": order.argsort(),
        }
        for name, numbers in buffers.items():
            self.register_buffer(name, numbers, persistent=False)
        self._ordered = categories + others == list(range(self.spread.shape[1]))

    def forward(
        self, entities: Float[Tensor, "batch entity feature"]
    ) -> Float[Tensor, "batch entity expanded"]:
        """Expand the columns; padding rows give finite values that a mask must hide."""
        expanded = self._spread(entities).index_select(1, self.place)
        return expanded.view(*entities.shape[:2], self.out_features)

    def embed(
        self, entities: Float[Tensor, "batch entity feature"], layer: nn.Linear
    ) -> Float[Tensor, "batch entity width"]:
        """Expand the columns and pass them through a linear layer, faster than in two steps."""
        expanded, weight = self._spread(entities), layer.weight
        if not self._ordered:
            # What fills a row up is 0, whatever its weight.
            weight = weight.index_select(1, self.order)
        embedded = functional.linear(expanded, weight, layer.bias)
        return embedded.view(*entities.shape[:2], layer.out_features)

    def _spread(
        self, entities: Float[Tensor, "batch entity feature"]
    ) -> Float[Tensor, "batch_entity ordered"]:
        # One matrix product, because it moves columns several times faster than indexing does; in
        # full precision, because raw numbers have many digits.
        device = entities.device.type
        mixed = torch.is_autocast_enabled(device)
        with torch.autocast(device, enabled=False) if mixed else nullcontext():
            moved = torch.addmm(self.shift, entities.flatten(0, 1), self.spread)
        if self._num_categories:
            moved[:, : self._num_categories].abs_().lt_(_HALF)
        return moved
