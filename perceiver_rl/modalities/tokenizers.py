"""From one part of an observation to tokens: rows of features, of which some may be absent.

Parts come as stable-baselines3 preprocesses them: categories as one-hot vectors, images divided by
255, everything as floats.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from perceiver_rl.entities import ColumnExpander
from perceiver_rl.nn import FourierPositions, Module, linear
from perceiver_rl.spaces import Column


class Tokens(NamedTuple):
    """Tokens of a batch.

    Attributes:
        rows: ``[B, M, W]``.
        mask: ``[B, M]``, True where a token exists; None: all do.
    """

    rows: Float[Tensor, "batch token width"]
    mask: Bool[Tensor, "batch token"] | None = None


class Tokenizer(Module, ABC):
    """Turns a part of an observation into tokens.

    Attributes:
        width: Features of a token.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    @abstractmethod
    def forward(self, part: Tensor, mask: Tensor | None = None) -> Tokens:
        """Return the tokens of a batch; a mask says which rows of a set exist."""


def _offset(*shape: int) -> Tensor:
    """Return initial offsets of tokens, as large as numbers of 1 make a token.

    What reads tokens standardizes them. Without an offset that would leave of numbers alone their
    ratios, and small numbers could not be told from large ones.
    """
    return nn.init.trunc_normal_(torch.empty(shape), std=1.0, a=-2.0, b=2.0)


class VectorTokenizer(Tokenizer):
    """A vector of numbers: neighbours in groups, each group with a projection of its own.

    Args:
        size: Numbers, after flattening.
        scaler: What brings the numbers to about [-1, 1].
        width: Features of a token.
        group: Numbers per token.
    """

    def __init__(self, size: int, scaler: nn.Module, width: int, group: int) -> None:
        super().__init__(width)
        self.size = size
        self.scaler = scaler
        self.tokens = math.ceil(size / group)
        self.filling = self.tokens * group - size
        layers = [linear(group, width) for _ in range(self.tokens)]
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(_offset(self.tokens, width))

    def forward(self, part: Tensor, mask: Tensor | None = None) -> Tokens:
        """Return ``[B, ceil(D / group), W]``."""
        numbers = self.numbers(part)
        if self.filling:
            numbers = functional.pad(numbers, (0, self.filling))
        groups = numbers.unflatten(1, (self.tokens, -1)).transpose(0, 1)
        rows = torch.baddbmm(self.bias.unsqueeze(1), groups, self.weight.transpose(1, 2))
        return Tokens(rows.transpose(0, 1))

    def numbers(self, part: Tensor) -> Float[Tensor, "batch number"]:
        """Return the scaled numbers themselves."""
        return self.scaler(part).reshape(part.shape[0], -1)


class CategoryTokenizer(Tokenizer):
    """One-hot categories: a learned vector for each value of each component, a token each.

    Args:
        sizes: Values of each component.
        width: Features of a token.
    """

    def __init__(self, sizes: list[int], width: int) -> None:
        super().__init__(width)
        self.sizes = sizes
        self.embed = nn.ModuleList(linear(size, width) for size in sizes)
        # One of the inputs is 1: as large a token as that of a whole row of numbers.
        for layer, size in zip(self.embed, sizes, strict=True):
            layer.get_parameter("weight").data.mul_(math.sqrt(size))

    def forward(self, part: Tensor, mask: Tensor | None = None) -> Tokens:
        """Return ``[B, components, W]`` of one-hot vectors side by side."""
        parts = part.reshape(part.shape[0], -1).split(self.sizes, dim=1)
        rows = [layer(one) for layer, one in zip(self.embed, parts, strict=True)]
        return Tokens(torch.stack(rows, dim=1))


class ImageTokenizer(Tokenizer):
    """An image or spatial planes ``[C, H, W]``: square patches with Fourier positions.

    Args:
        shape: Channels, rows and columns.
        scaler: What brings the numbers to about [-1, 1].
        width: Features of a token, without the position.
        patch: Side of a patch; with 1 every pixel is a token.
        bands: Fourier bands per axis.
    """

    def __init__(
        self, shape: tuple[int, int, int], scaler: nn.Module, width: int, patch: int, bands: int
    ) -> None:
        channels, *sides = shape
        cells = [math.ceil(side / patch) for side in sides]
        positions = FourierPositions(cells, bands)
        super().__init__(width + positions.width)
        self.scaler = scaler
        self.positions = positions
        self.filling = [count * patch - side for count, side in zip(cells, sides, strict=True)]
        self.patches = nn.Conv2d(channels, width, patch, stride=patch)
        fan_in = linear(channels * patch * patch, width)
        self.patches.weight.data.copy_(fan_in.weight.data.view_as(self.patches.weight))
        nn.init.zeros_(self.patches.bias)  # type: ignore[arg-type]  # it has a bias

    def forward(self, part: Tensor, mask: Tensor | None = None) -> Tokens:
        """Return ``[B, cells, W]`` in row-major order; patches that stick out are filled up."""
        bottom, right = self.filling
        planes = functional.pad(self.scaler(part), (0, right, 0, bottom))
        rows = self.patches(planes).flatten(2).transpose(1, 2)
        positions = self.positions().to(rows).expand(rows.shape[0], -1, -1)
        return Tokens(torch.cat([rows, positions], dim=-1))


class SymbolTokenizer(Tokenizer):
    """A grid of whole numbers ``[C, H, W]``: a learned vector per value of each channel.

    Args:
        shape: Channels, rows and columns.
        sizes: Values of each channel.
        scale: What the numbers were divided by.
        width: Features of a token, without the position.
        bands: Fourier bands per axis.
    """

    first: Tensor

    def __init__(
        self,
        shape: tuple[int, int, int],
        sizes: Sequence[int],
        scale: float,
        width: int,
        bands: int,
    ) -> None:
        positions = FourierPositions(shape[1:], bands)
        super().__init__(width + positions.width)
        self.scale = scale
        self.last = [size - 1 for size in sizes]
        self.positions = positions
        self.embed = nn.Embedding(sum(sizes), width)
        nn.init.trunc_normal_(self.embed.weight, std=1.0, a=-2.0, b=2.0)
        first = torch.tensor([sum(sizes[:channel]) for channel in range(len(sizes))])
        self.register_buffer("first", first, persistent=False)

    def forward(self, part: Tensor, mask: Tensor | None = None) -> Tokens:
        """Return ``[B, cells, W]``: the sum over the channels; larger numbers count as the last."""
        values = (part * self.scale).round().long().clamp(min=0)
        last = torch.tensor(self.last, device=values.device)[:, None, None]
        numbers = values.minimum(last) + self.first[:, None, None]
        rows = self.embed(numbers.flatten(2)).sum(1)
        positions = self.positions().to(rows).expand(rows.shape[0], -1, -1)
        return Tokens(torch.cat([rows, positions], dim=-1))


class SetTokenizer(Tokenizer):
    """A set of rows ``[N, F]``: one token each, without a position, for their order means nothing.

    Args:
        columns: Of a row.
        width: Features of a token.
    """

    def __init__(self, columns: tuple[Column, ...], width: int) -> None:
        super().__init__(width)
        self.expand = ColumnExpander(columns)
        self.embed = linear(self.expand.out_features, width)
        self.embed.bias.data.copy_(_offset(width))

    def forward(self, part: Tensor, mask: Tensor | None = None) -> Tokens:
        """Return ``[B, N, W]``; without a mask a row of zeros does not exist."""
        present = (part != 0).any(-1) if mask is None else mask > 0.5
        return Tokens(self.expand.embed(part, self.embed), present)


class TextTokenizer(Tokenizer):
    """Bytes of a text ``[L]``: a learned vector per byte, with Fourier positions; 0 is no byte.

    Args:
        length: L.
        width: Features of a token, without the position.
        bands: Fourier bands.
    """

    def __init__(self, length: int, width: int, bands: int) -> None:
        positions = FourierPositions((length,), bands)
        super().__init__(width + positions.width)
        self.positions = positions
        self.embed = nn.Embedding(256, width)
        nn.init.trunc_normal_(self.embed.weight, std=1.0, a=-2.0, b=2.0)

    def forward(self, part: Tensor, mask: Tensor | None = None) -> Tokens:
        """Return ``[B, L, W]``."""
        letters = part.long().clamp(0, 255)
        rows = self.embed(letters)
        positions = self.positions().to(rows).expand(rows.shape[0], -1, -1)
        return Tokens(torch.cat([rows, positions], dim=-1), letters > 0)
