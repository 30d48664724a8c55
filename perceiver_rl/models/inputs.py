"""From images, video and sound to rows of features: what stands before the Perceiver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from perceiver_rl.nn import FourierPositions, LearnedPositions, Module, PositionEncoding, linear

Stem = Literal["pixels", "conv1x1", "conv"]
StemPadding = Literal["reference", "transformers"]


def blocks(
    video: Float[Tensor, "batch frame channel row column"], side: int
) -> Float[Tensor, "batch frame block_row block_column feature"]:
    """Cut frames into square blocks; features run over rows, columns, channels.

    Raises:
        ValueError: If the side does not divide the frames.
    """
    height, width = video.shape[-2:]
    if height % side or width % side:
        raise ValueError(f"blocks of {side} pixels do not fit frames of {height} x {width}")
    cut = video.unflatten(4, (-1, side)).unflatten(3, (-1, side))
    return cut.permute(0, 1, 3, 5, 4, 6, 2).flatten(4)


def neighbourhoods(
    images: Float[Tensor, "batch channel row column"], size: int = 3
) -> Float[Tensor, "batch row column feature"]:
    """Return every pixel's neighbourhood, zero outside; features over rows, columns, channels."""
    patches = functional.unfold(images, size, padding=size // 2)
    patches = patches.unflatten(1, (images.shape[1], size * size)).transpose(1, 2).flatten(1, 2)
    return patches.transpose(1, 2).unflatten(1, images.shape[-2:])


class ConvStem(Module):
    """A quarter of the resolution: 7x7 convolution of stride 2, batch norm, ReLU, 3x3 max pool.

    Args:
        channels: Of the image.
        width: Features.
        padding: ``reference`` pads as the published training code; ``transformers`` as that
            library, whose output of a 224-pixel image has 55 instead of 56 cells a side.
    """

    def __init__(self, channels: int, width: int, padding: StemPadding) -> None:
        super().__init__()
        self.padding = padding
        self.conv = nn.Conv2d(channels, width, 7, stride=2, bias=False)
        std = (49 * channels) ** -0.5
        nn.init.trunc_normal_(self.conv.weight, std=std, a=-2 * std, b=2 * std)
        self.norm = nn.BatchNorm2d(width)

    def cells(self, size: int) -> int:
        """Return the cells of an axis of ``size`` pixels."""
        half = -(-size // 2) if self.padding == "reference" else (size - 1) // 2 + 1
        return -(-half // 2) if self.padding == "reference" else (half - 3) // 2 + 1

    def forward(
        self, images: Float[Tensor, "batch channel row column"]
    ) -> Float[Tensor, "batch width cell_row cell_column"]:
        """Convolve."""
        if self.padding == "transformers":
            hidden = self.norm(self.conv(functional.pad(images, (3, 3, 3, 3)))).relu()
            return functional.max_pool2d(hidden, 3, 2)
        hidden = self.norm(self.conv(_padded_same(images, 7, 0.0))).relu()
        return functional.max_pool2d(_padded_same(hidden, 3, float("-inf")), 3, 2)


def _padded_same(
    x: Float[Tensor, "batch channel row column"], kernel: int, value: float
) -> Float[Tensor, "batch channel padded_row padded_column"]:
    """Pad for stride 2 so that half of the cells, rounded up, come out; more at the far end."""
    sides: list[int] = []
    for size in (x.shape[3], x.shape[2]):
        missing = max((-(-size // 2) - 1) * 2 + kernel - size, 0)
        sides += [missing // 2, missing - missing // 2]
    return functional.pad(x, sides, value=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInputConfig:
    """How an image becomes rows.

    Args:
        size: Rows and columns of the image.
        channels: Of the image.
        stem: ``pixels`` as they are, ``conv1x1`` every pixel through one layer, ``conv`` a
            :class:`ConvStem`.
        stem_width: Features after a convolution.
        positions: ``fourier`` or ``learned``; they are concatenated to the features.
        bands: Frequencies per axis of Fourier positions.
        max_resolution: Of Fourier positions; None: the cells after the stem.
        position_width: Features of learned positions, before and after their projection.
        padding: Of the convolutional stem.
    """

    size: tuple[int, int] = (224, 224)
    channels: int = 3
    stem: Stem = "pixels"
    stem_width: int = 64
    positions: Literal["fourier", "learned"] = "fourier"
    bands: int = 64
    max_resolution: tuple[int, int] | None = None
    position_width: int = 256
    padding: StemPadding = "reference"


class ImageInput(Module):
    """Images to rows of features and positions: ``[B, C, H, W] -> [B, cells, width]``."""

    def __init__(self, config: ImageInputConfig) -> None:
        super().__init__()
        self.config = config
        self.stem: nn.Module = nn.Identity()
        cells, features = config.size, config.channels
        if config.stem == "conv":
            conv = ConvStem(config.channels, config.stem_width, config.padding)
            cells = (conv.cells(config.size[0]), conv.cells(config.size[1]))
            self.stem, features = conv, config.stem_width
        elif config.stem == "conv1x1":
            self.stem, features = linear(config.channels, config.stem_width), config.stem_width
        self.positions: PositionEncoding = (
            FourierPositions(cells, config.bands, config.max_resolution)
            if config.positions == "fourier"
            else LearnedPositions(cells, config.position_width, config.position_width)
        )
        self.width = features + self.positions.width

    def forward(
        self, images: Float[Tensor, "batch channel row column"]
    ) -> Float[Tensor, "batch cell width"]:
        """Return one row per cell.

        Raises:
            ValueError: If images have another size.
        """
        expected = (self.config.channels, *self.config.size)
        if images.shape[1:] != expected:
            raise ValueError(
                f"images must be [B, {', '.join(map(str, expected))}], got {list(images.shape)}"
            )
        if self.config.stem == "conv":
            rows = self.stem(images).flatten(2).transpose(1, 2)
        else:
            rows = self.stem(images.flatten(2).transpose(1, 2))
        return with_positions(rows, self.positions)


def with_positions(
    rows: Float[Tensor, "batch cell feature"], positions: PositionEncoding
) -> Float[Tensor, "batch cell width"]:
    """Concatenate a grid's positions to its cells' features."""
    return torch.cat([rows, positions().to(rows.dtype).expand(rows.shape[0], -1, -1)], dim=2)


class SoundInput(Module):
    """A waveform to rows of samples and Fourier positions: ``[B, S] -> [B, S / P, width]``.

    Args:
        samples: S.
        samples_per_patch: P; must divide S.
        bands: Frequencies of the positions, up to Nyquist's of the samples.

    Raises:
        ValueError: If the patches do not divide the samples.
    """

    def __init__(self, samples: int, samples_per_patch: int, bands: int) -> None:
        super().__init__()
        if samples % samples_per_patch:
            raise ValueError(f"samples_per_patch={samples_per_patch} must divide samples={samples}")
        self.samples = samples
        self.samples_per_patch = samples_per_patch
        self.positions = FourierPositions((samples // samples_per_patch,), bands, (samples,))
        self.width = samples_per_patch + self.positions.width

    def forward(self, sound: Float[Tensor, "batch sample"]) -> Float[Tensor, "batch patch width"]:
        """Return one row per patch.

        Raises:
            ValueError: If the sound has another length.
        """
        if sound.shape[1] != self.samples:
            raise ValueError(f"sound must be [B, {self.samples}], got {list(sound.shape)}")
        return with_positions(sound.unflatten(1, (-1, self.samples_per_patch)), self.positions)
