"""From compact entity columns to numbers a network can read."""

from __future__ import annotations

import math

import torch
from gymnasium import spaces
from jaxtyping import Float
from torch import Tensor, nn

from perceiver_rl.spaces import Column, EntitySpace


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


class ColumnExpander(nn.Module):
    """Expands ``[B, N, F]`` compact columns to ``[B, N, F']`` network inputs, without a loop.

    A scalar with finite bounds is mapped to [-1, 1], one without is passed through, a binary column
    stays 0 or 1, and a category becomes a one-hot vector (all zeros outside ``[0, size)``).
    """

    source: Tensor
    category: Tensor
    is_category: Tensor
    scale: Tensor
    shift: Tensor

    def __init__(self, columns: tuple[Column, ...]) -> None:
        super().__init__()
        source, category, scale, shift = [], [], [], []
        for position, column in enumerate(columns):
            low, high = column.bounds
            bounded = column.kind == "scalar" and math.isfinite(low) and math.isfinite(high)
            width = column.size or 1
            source += [position] * width
            category += list(range(width)) if column.size else [-1]
            scale += [2.0 / (high - low) if bounded else 1.0] * width
            shift += [-(high + low) / (high - low) if bounded else 0.0] * width
        self.out_features = len(source)
        for name, values in (("source", source), ("category", category)):
            self.register_buffer(name, torch.tensor(values), persistent=False)
        for name, numbers in (("scale", scale), ("shift", shift)):
            self.register_buffer(name, torch.tensor(numbers), persistent=False)
        self.register_buffer("is_category", self.category >= 0, persistent=False)

    def forward(
        self, entities: Float[Tensor, "batch entity feature"]
    ) -> Float[Tensor, "batch entity expanded"]:
        """Expand the columns; padding rows give finite values that a mask must hide."""
        picked = entities[..., self.source]
        one_hot = (picked.round() == self.category).to(entities.dtype)
        return torch.where(self.is_category, one_hot, picked * self.scale + self.shift)
