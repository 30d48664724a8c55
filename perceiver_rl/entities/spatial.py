"""The minimap's encoder, and the scatter connection that draws the entities into it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from perceiver_rl.nn import ConvResidualBlock, Module, linear
from perceiver_rl.spaces import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialConfig:
    """Sizes of the minimap's encoder; the defaults are small.

    Args:
        scatter_width: Planes that the entities are drawn into; 0 for none.
        stem: Channels of a first 1x1 convolution; 0 for none.
        channels: Channels after each convolution that halves the map.
        kernel: Size of these convolutions.
        blocks: Residual blocks after them; the output of each is a map skip.
        pooled: Side of the map that the vector is made from.
        width: Features of the vector.

    Raises:
        ValueError: If a size is too small.
    """

    scatter_width: int = 0
    stem: int = 0
    channels: Sequence[int] = (16, 32)
    kernel: int = 3
    blocks: int = 0
    pooled: int = 4
    width: int = 32

    def __post_init__(self) -> None:
        # Stored settings come back as lists, which are neither hashable nor equal to tuples.
        object.__setattr__(self, "channels", tuple(self.channels))
        for name in ("scatter_width", "stem", "blocks"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, not {getattr(self, name)}")
        if self.kernel not in (3, 4):
            raise ValueError(f"kernel must be 3 or 4, not {self.kernel}")
        if min(self.pooled, self.width, *self.channels) < 1 or not self.channels:
            raise ValueError(
                f"pooled={self.pooled}, width={self.width} and channels={self.channels} must be at"
                " least 1, and there must be channels"
            )


class SpatialEncoding(NamedTuple):
    """What the encoder says about a minimap.

    Attributes:
        vector: ``[B, W]``.
        skips: Maps ``[B, K, h, w]``, the last the deepest.
    """

    vector: Float[Tensor, "batch width"]
    skips: tuple[Float[Tensor, "batch channel row column"], ...]


class _Halving(Module):
    """A convolution of stride 2: from any side s to ceil(s / 2)."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.even = kernel == 4
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride=2, padding=1)

    def forward(
        self, x: Float[Tensor, "batch in row column"]
    ) -> Float[Tensor, "batch out half_row half_column"]:
        if self.even:
            x = functional.pad(x, (0, x.shape[-1] % 2, 0, x.shape[-2] % 2))
        return self.conv(x).relu()


class SpatialEncoder(Module):
    """Convolutions that halve the map, residual blocks, and a linear layer to a vector.

    AlphaStar's spatial encoder at ``stem=32, channels=(64, 128, 128), kernel=4, blocks=4,
    pooled=16, width=256``, from a map of 128 x 128.

    Args:
        planes: Channels of the map, the scattered ones included.
        shape: Rows and columns of the map.
        config: Sizes.
    """

    def __init__(self, planes: int, shape: tuple[int, int], config: SpatialConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if config.stem:
            layers += [nn.Conv2d(planes, config.stem, kernel_size=1), nn.ReLU()]
            planes = config.stem
        for channels in config.channels:
            layers.append(_Halving(planes, channels, config.kernel))
            planes = channels
        self.down = nn.Sequential(*layers)
        self.blocks = nn.ModuleList(ConvResidualBlock(planes) for _ in range(config.blocks))
        factor = 2 ** len(config.channels)
        rows, columns = (math.ceil(side / factor) for side in shape)
        self.skip_shape = (planes, rows, columns, max(1, config.blocks))
        """Channels, rows and columns of a map skip, and how many there are."""
        pooled = (min(config.pooled, rows), min(config.pooled, columns))
        self.vector = nn.Sequential(
            nn.AdaptiveAvgPool2d(pooled),
            nn.Flatten(),
            linear(planes * pooled[0] * pooled[1], config.width),
            nn.ReLU(),
        )

    def forward(self, planes: Float[Tensor, "batch channel row column"]) -> SpatialEncoding:
        """Encode a batch of maps."""
        x = self.down(planes)
        skips = []
        for block in self.blocks:
            x = block(x)
            skips.append(x)
        return SpatialEncoding(self.vector(x), tuple(skips) or (x,))


class EntityCells(Module):
    """Says in which cell of a grid over the map each entity is.

    Row 0 of the grid is at the low end of ``y``, column 0 at the low end of ``x``; an entity beyond
    the ends is in a cell at the border.

    Args:
        columns: The entities' columns; ``x`` and ``y`` are among them, with finite bounds.
        grid: Rows and columns of the grid.
    """

    low: Tensor
    scale: Tensor
    first: Tensor
    last: Tensor

    def __init__(self, columns: tuple[Column, ...], grid: tuple[int, int]) -> None:
        super().__init__()
        self.grid = grid
        sides_of = {"x": grid[1], "y": grid[0]}
        pair = {column.name: at for at, column in enumerate(columns) if column.name in sides_of}
        # A slice that takes both, in whichever order they come, which is faster than an index.
        start, end = pair.values()
        self._pair = slice(start, end + 1, end - start)
        self._x = list(pair).index("x")
        low, high = torch.tensor([columns[at].bounds for at in pair.values()]).unbind(-1)
        sides = torch.tensor([sides_of[name] for name in pair], dtype=torch.float32)
        for name, numbers in (
            ("low", low),
            ("scale", sides / (high - low)),
            ("first", torch.zeros(2)),
            ("last", sides - 1),
        ):
            self.register_buffer(name, numbers, persistent=False)

    @staticmethod
    def fits(columns: tuple[Column, ...]) -> bool:
        """Whether the columns say where an entity is: ``x`` and ``y``, both with finite bounds."""
        places = {column.name: column.bounds for column in columns if column.name in ("x", "y")}
        return len(places) == 2 and all(
            math.isfinite(low) and math.isfinite(high) for low, high in places.values()
        )

    def forward(
        self, entities: Float[Tensor, "batch entity feature"]
    ) -> Int[Tensor, "batch entity"]:
        """Return the cells in row-major order; those of padding rows are legal but mean nothing."""
        place = (entities[..., self._pair] - self.low).mul_(self.scale)
        cells = place.clamp_(self.first, self.last).long().unbind(-1)
        return torch.add(cells[self._x], cells[1 - self._x], alpha=self.grid[1])


class ScatterConnection(Module):
    """Draws the entities into planes of the map (AlphaStar, "scatter connections").

    Each entity's embedding is projected and added to the cell in which the entity is; entities in
    one cell add up.

    Args:
        columns: The entities' columns, as :class:`EntityCells` needs them.
        shape: Rows and columns of the map.
        width: Features of an entity's embedding.
        planes: How many planes.
    """

    def __init__(
        self,
        columns: tuple[Column, ...],
        shape: tuple[int, int],
        width: int,
        planes: int,
    ) -> None:
        super().__init__()
        self.shape = shape
        self.cells = EntityCells(columns, shape)
        self.project = nn.Sequential(linear(width, planes), nn.ReLU())

    def forward(
        self,
        entities: Float[Tensor, "batch entity feature"],
        per_entity: Float[Tensor, "batch entity width"],
        present: Bool[Tensor, "batch entity"],
    ) -> Float[Tensor, "batch plane row column"]:
        """Return the planes; absent entities leave no trace, whatever their rows hold."""
        cell = self.cells(entities).unsqueeze(-1)
        drawn = self.project(per_entity).masked_fill(~present.unsqueeze(-1), 0.0)
        planes = drawn.new_zeros(drawn.shape[0], self.shape[0] * self.shape[1], drawn.shape[-1])
        planes = planes.scatter_add(1, cell.expand_as(drawn), drawn)
        return planes.transpose(1, 2).unflatten(-1, self.shape)
