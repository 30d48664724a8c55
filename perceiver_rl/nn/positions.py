"""Fourier position encodings (Perceiver IO, appendix D; the reference's layout)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def grid_positions(shape: Sequence[int]) -> Float[Tensor, "cell dim"]:
    """Return the positions of all cells of a grid in row-major order, each axis in [-1, 1]."""
    axes = [torch.linspace(-1.0, 1.0, size) for size in shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, -2)


def fourier_features(
    positions: Float[Tensor, "cell dim"], num_bands: int, max_resolution: Sequence[int]
) -> Float[Tensor, "cell feature"]:
    """Encode positions as ``[position, sin(pi f p), cos(pi f p)]``, width ``dim * (2 K + 1)``.

    Args:
        positions: Coordinates in [-1, 1].
        num_bands: K, frequencies per axis, evenly spaced from 1 to half the resolution.
        max_resolution: Cells per axis; half of it is the Nyquist frequency.

    Returns:
        All positions, then all sines (axis by axis), then all cosines.
    """
    frequencies = torch.stack(
        [torch.linspace(1.0, size / 2, num_bands) for size in max_resolution]
    ).to(positions)
    angles = (math.pi * positions[:, :, None] * frequencies).flatten(1)
    return torch.cat([positions, angles.sin(), angles.cos()], dim=-1)
