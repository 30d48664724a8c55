"""Optical flow: every pixel asks where it goes with its own features (Perceiver IO, app. H)."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from perceiver_rl.models.inputs import neighbourhoods
from perceiver_rl.nn import (
    FourierPositions,
    InputQueries,
    Module,
    PerceiverConfig,
    PerceiverIO,
    linear,
)


def _flow_perceiver() -> PerceiverConfig:
    return PerceiverConfig(
        num_latents=2048,
        latent_width=512,
        num_self_attends=24,
        self_heads=16,
        query_residual=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowConfig:
    """Sizes of an optical flow model; the defaults are the paper's main model.

    Args:
        size: Rows and columns of a frame.
        channels: Of a frame.
        patch: Side of the neighbourhood that describes a pixel.
        width: Features that the two neighbourhoods of a pixel are projected to.
        bands: Frequencies per axis of the positions.
        scale: What a network output of 1 is in pixels; the published network divides by 100 and
            counts in units of 20 pixels.
        perceiver: Sizes of the Perceiver.
    """

    size: tuple[int, int] = (368, 496)
    channels: int = 3
    patch: int = 3
    width: int = 64
    bands: int = 64
    scale: float = 0.2
    perceiver: PerceiverConfig = field(default_factory=_flow_perceiver)


class OpticalFlow(Module):
    """Two frames to the flow of every pixel: ``[B, 2, C, H, W] -> [B, H, W, 2]``.

    The decoder's queries are its inputs: a pixel's features beside its position. The last layer
    starts at zero, so an untrained network sees no motion.
    """

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        self.project = linear(2 * config.channels * config.patch**2, config.width, "truncated")
        self.queries = InputQueries(config.width, FourierPositions(config.size, config.bands))
        width = self.queries.width
        self.perceiver = PerceiverIO(width, width, config.perceiver, 2, "zeros")

    def forward(
        self, frames: Float[Tensor, "batch 2 channel row column"], chunk: int | None = None
    ) -> Float[Tensor, "batch row column 2"]:
        """Return the motion from the first frame to the second.

        Args:
            frames: Two frames; the published model expects values between -1 and 1.
            chunk: Pixels that are decoded at once; None: all of them.

        Returns:
            Motion along columns and along rows, in pixels, by the convention of the training data.

        Raises:
            ValueError: If frames have another size.
        """
        expected = (2, self.config.channels, *self.config.size)
        if frames.shape[1:] != expected:
            raise ValueError(
                f"frames must be [B, {', '.join(map(str, expected))}], got {list(frames.shape)}"
            )
        first, second = (neighbourhoods(frame, self.config.patch) for frame in frames.unbind(1))
        features = self.project(torch.cat([first, second], dim=3).flatten(1, 2))
        rows = self.queries(features)
        latents = self.perceiver.encode(rows)
        parts = [rows] if chunk is None else list(rows.split(chunk, dim=1))
        flow = torch.cat([self.perceiver.decoder(part, latents) for part in parts], dim=1)
        return flow.unflatten(1, self.config.size) * self.config.scale


def tile_starts(length: int, tile: int, min_overlap: int) -> Int[Tensor, " tile"]:
    """Return where the fewest evenly spread tiles start that cover an axis.

    Args:
        length: Pixels of the axis.
        tile: Pixels of a tile.
        min_overlap: Least pixels that neighbours share.

    Raises:
        ValueError: If the axis is shorter than a tile, or tiles would have to overlap completely.
    """
    if length < tile:
        raise ValueError(f"an image of {length} pixels is smaller than the tile of {tile}")
    if not 0 <= min_overlap < tile:
        raise ValueError(f"min_overlap must lie between 0 and {tile - 1}, not {min_overlap}")
    steps = -(-(length - tile) // (tile - min_overlap))
    return torch.linspace(0, length - tile, steps + 1).round().long()


def tile_weights(size: tuple[int, int]) -> Float[Tensor, "row column"]:
    """Return each pixel's distance to the nearest edge of its tile, at least 1, in pixels."""
    rows, columns = (
        torch.minimum(torch.arange(1, n + 1), torch.arange(n, 0, -1)).float() for n in size
    )
    return torch.minimum(rows[:, None], columns[None, :])


@torch.no_grad()
def tiled_flow(
    model: OpticalFlow,
    frames: Float[Tensor, "batch 2 channel row column"],
    min_overlap: int = 20,
    chunk: int | None = None,
) -> Float[Tensor, "batch row column 2"]:
    """Return the flow of frames of any larger size, from overlapping tiles of the model's size.

    Where tiles overlap their flows are averaged, weighted by the distance to the tile's edge, where
    a tile does not see where its pixels go (Perceiver IO, appendix H).

    Args:
        model: The model.
        frames: Two frames, each axis at least as long as the model's.
        min_overlap: Least pixels that neighbouring tiles share.
        chunk: Pixels that are decoded at once; None: all of a tile's.

    Raises:
        ValueError: If the frames are smaller than a tile.
    """
    height, width = model.config.size
    weights = tile_weights(model.config.size).to(frames)[..., None]
    flow = frames.new_zeros(frames.shape[0], *frames.shape[-2:], 2)
    total = frames.new_zeros(*frames.shape[-2:], 1)
    for top in tile_starts(frames.shape[-2], height, min_overlap).tolist():
        for left in tile_starts(frames.shape[-1], width, min_overlap).tolist():
            rows, columns = slice(top, top + height), slice(left, left + width)
            flow[:, rows, columns] += weights * model(frames[..., rows, columns], chunk)
            total[rows, columns] += weights
    return flow / total
