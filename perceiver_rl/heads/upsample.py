"""AlphaStar's location head: from the spatial encoder's map to the grid by convolutions."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from perceiver_rl.heads.config import HeadConfig
from perceiver_rl.heads.inputs import HeadInputs
from perceiver_rl.heads.targets import TargetCell
from perceiver_rl.nn import FilmResidualBlock, linear

# Channels that the embedding adds to the map.
_PLANES = 4


class UpsampleCell(TargetCell):
    """The embedding, laid out as planes, joins the map skips; the map grows until it is the grid.

    Gated residual blocks, scaled and shifted by the embedding, add the map skips from the last to
    the first; transposed convolutions double the map until no side is smaller than the grid's, and
    an interpolation fits what is left over. At AlphaStar's sizes these are 4 blocks and 4 doublings
    of 128, 64, 16 and 1 channels, from 16 x 16 to 256 x 256.

    Args:
        grid: Rows and columns of the grid.
        maps: Channels, rows and columns of a map skip, and how many there are.
        config: Sizes.
    """

    def __init__(
        self, grid: tuple[int, int], maps: tuple[int, int, int, int], config: HeadConfig
    ) -> None:
        super().__init__()
        self.grid = grid
        channels, rows, columns, self.num_skips = maps
        self.planes = nn.Unflatten(1, (_PLANES, rows, columns))
        self.from_context = linear(config.embedding_width, _PLANES * rows * columns)
        self.join = nn.Conv2d(_PLANES + channels, channels, kernel_size=1)
        self.blocks = nn.ModuleList(
            FilmResidualBlock(channels, config.embedding_width) for _ in range(config.cell_blocks)
        )
        doublings = 0
        while rows << doublings < grid[0] or columns << doublings < grid[1]:
            doublings += 1
        layers: list[nn.Module] = []
        for width in _widths(channels, doublings):
            layers += [nn.ReLU(), nn.ConvTranspose2d(channels, width, 4, stride=2, padding=1)]
            channels = width
        if not doublings:
            layers += [nn.ReLU(), nn.Conv2d(channels, 1, kernel_size=1)]
        self.grow = nn.Sequential(*layers)

    def forward(
        self, context: Float[Tensor, "batch embedding"], inputs: HeadInputs
    ) -> Float[Tensor, "batch cell"]:
        """Grow the map."""
        planes = self.planes(self.from_context(context))
        skips = inputs.maps[::-1]
        x = self.join(torch.cat([planes, skips[0]], dim=1).relu()).relu()
        for at, block in enumerate(self.blocks):
            # Where there are more blocks than skips, the last blocks have none.
            x = block(x + skips[at] if at < self.num_skips else x, context)
        logits = self.grow(x)
        if logits.shape[-2:] != self.grid:
            logits = functional.interpolate(logits, self.grid, mode="bilinear")
        return logits.flatten(1)


def _widths(channels: int, doublings: int) -> list[int]:
    """Return the channels after each doubling; the last is the one of the logits."""
    narrowing = [max(1, channels // 2), max(1, channels // 8), 1]
    return [channels] * (doublings - 3) + narrowing[max(0, 3 - doublings) :]
