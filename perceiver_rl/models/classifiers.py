"""Image and audio classification: one learned query asks for the classes (Perceiver IO, app. A)."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

from perceiver_rl.models.inputs import ImageInput, ImageInputConfig, SoundInput
from perceiver_rl.nn import LearnedQueries, Module, PerceiverConfig, PerceiverIO


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageClassifierConfig:
    """Sizes of an image classifier; the defaults are the paper's with Fourier positions.

    Args:
        image: How an image becomes rows.
        perceiver: Sizes of the Perceiver.
        query_width: Features of the query that asks for the classes.
        num_classes: Classes.
    """

    image: ImageInputConfig = field(default_factory=ImageInputConfig)
    perceiver: PerceiverConfig = field(default_factory=lambda: PerceiverConfig(num_blocks=8))
    query_width: int = 1024
    num_classes: int = 1000


class ImageClassifier(Module):
    """Images to class logits: ``[B, C, H, W] -> [B, classes]``."""

    def __init__(self, config: ImageClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.input = ImageInput(config.image)
        self.queries = LearnedQueries(1, config.query_width)
        self.perceiver = PerceiverIO(
            self.input.width, config.query_width, config.perceiver, config.num_classes
        )

    def forward(
        self, images: Float[Tensor, "batch channel row column"]
    ) -> Float[Tensor, "batch class"]:
        """Classify images, which the published models expect normalized per channel."""
        rows = self.input(images)
        return self.perceiver(rows, self.queries(rows)).squeeze(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioClassifierConfig:
    """Sizes of an audio classifier of raw waveforms; the defaults are AudioSet's.

    The paper gives latents, depth and number of parameters (25.0M); the patches and bands are those
    with which a classifier of the waveform alone has as many.

    Args:
        samples: Length of a waveform; AudioSet's is 1.28 s of 48 kHz.
        samples_per_patch: Samples per row.
        bands: Frequencies of the positions.
        perceiver: Sizes of the Perceiver.
        query_width: Features of the query that asks for the classes.
        num_classes: Classes; a clip may have several.
    """

    samples: int = 61_440
    samples_per_patch: int = 128
    bands: int = 192
    perceiver: PerceiverConfig = field(
        default_factory=lambda: PerceiverConfig(
            num_latents=512, latent_width=512, num_self_attends=12
        )
    )
    query_width: int = 1024
    num_classes: int = 527


class AudioClassifier(Module):
    """Waveforms to class logits: ``[B, S] -> [B, classes]``."""

    def __init__(self, config: AudioClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.input = SoundInput(config.samples, config.samples_per_patch, config.bands)
        self.queries = LearnedQueries(1, config.query_width)
        self.perceiver = PerceiverIO(
            self.input.width, config.query_width, config.perceiver, config.num_classes
        )

    def forward(self, sound: Float[Tensor, "batch sample"]) -> Float[Tensor, "batch class"]:
        """Classify waveforms of samples between -1 and 1."""
        rows = self.input(sound)
        return self.perceiver(rows, self.queries(rows)).squeeze(1)
