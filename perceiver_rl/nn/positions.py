"""Position encodings, Fourier and learned (Perceiver IO, appendix D; the reference's layout)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from perceiver_rl.nn.init import LinearInit, learned_array, linear
from perceiver_rl.nn.module import Module


def grid_positions(
    shape: Sequence[int], device: torch.device | None = None
) -> Float[Tensor, "cell dim"]:
    """Return the positions of all cells of a grid in row-major order, each axis in [-1, 1]."""
    axes = [torch.linspace(-1.0, 1.0, size, device=device) for size in shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, -2)


def cell_positions(index: Int[Tensor, " cell"], shape: Sequence[int]) -> Float[Tensor, "cell dim"]:
    """Return positions of some cells of a grid, numbered in row-major order.

    The reference's rule for subsampled queries: an axis of n cells has positions ``-1 + 2 i / n``,
    without the endpoint 1, a little different from :func:`grid_positions`.
    """
    cells = torch.stack(torch.unravel_index(index, tuple(shape)), dim=1)
    return -1 + 2 * cells / torch.tensor(tuple(shape), device=index.device)


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
        [
            torch.linspace(1.0, size / 2, num_bands, device=positions.device)
            for size in max_resolution
        ]
    ).to(positions)
    angles = (math.pi * positions[:, :, None] * frequencies).flatten(1)
    return torch.cat([positions, angles.sin(), angles.cos()], dim=-1)


class PositionEncoding(Module, ABC):
    """Features of the cells of a grid.

    Attributes:
        shape: Cells per axis.
        width: Features of a position.
    """

    def __init__(self, shape: Sequence[int], width: int) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.width = width

    @property
    def num_cells(self) -> int:
        """Cells of the whole grid."""
        return math.prod(self.shape)

    @abstractmethod
    def forward(self, index: Int[Tensor, " cell"] | None = None) -> Float[Tensor, "cell width"]:
        """Return the encoding of cells, numbered in row-major order; None: of all of them."""


class FourierPositions(PositionEncoding):
    """Sines and cosines of the position, and the position: no parameters.

    Some cells of the grid have their positions by :func:`cell_positions`, all of them by
    :func:`grid_positions`, as in the reference. Nothing is stored, for a video has millions of
    cells.

    Args:
        shape: Cells per axis.
        num_bands: Frequencies per axis.
        max_resolution: Cells per axis for which the highest frequency is Nyquist's; default
            ``shape``.
    """

    device_of: Tensor

    def __init__(
        self, shape: Sequence[int], num_bands: int, max_resolution: Sequence[int] | None = None
    ) -> None:
        super().__init__(shape, len(shape) * (2 * num_bands + 1))
        self.num_bands = num_bands
        self.max_resolution = tuple(shape if max_resolution is None else max_resolution)
        if len(self.max_resolution) != len(self.shape):
            raise ValueError(
                f"max_resolution={self.max_resolution} must have as many axes as shape={self.shape}"
            )
        self.register_buffer("device_of", torch.zeros(()), persistent=False)

    def forward(self, index: Int[Tensor, " cell"] | None = None) -> Float[Tensor, "cell width"]:
        """Return the encoding of cells, numbered in row-major order; None: of all of them."""
        device = self.device_of.device
        if index is None:
            positions = grid_positions(self.shape, device)
        else:
            positions = cell_positions(index.to(device), self.shape)
        features = fourier_features(positions, self.num_bands, self.max_resolution)
        return features.to(self.device_of.dtype)


class LearnedPositions(PositionEncoding):
    """One learned vector per cell, optionally projected.

    Args:
        shape: Cells per axis.
        width: Features of the learned vectors.
        projected: Features after a projection; None: no projection.
        init: Initial weights of the projection.
    """

    def __init__(
        self,
        shape: Sequence[int],
        width: int,
        projected: int | None = None,
        init: LinearInit = "truncated",
    ) -> None:
        super().__init__(shape, width if projected is None else projected)
        self.table = learned_array(math.prod(shape), width)
        self.project = nn.Identity() if projected is None else linear(width, projected, init)

    def forward(self, index: Int[Tensor, " cell"] | None = None) -> Float[Tensor, "cell width"]:
        """Return the encoding of cells, numbered in row-major order; None: of all of them."""
        return self.project(self.table if index is None else self.table[index])
