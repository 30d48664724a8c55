"""The published models by name: configurations of the paper and of its reference code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import nn

from perceiver_rl.models.classifiers import (
    AudioClassifier,
    AudioClassifierConfig,
    ImageClassifier,
    ImageClassifierConfig,
)
from perceiver_rl.models.flow import FlowConfig, OpticalFlow
from perceiver_rl.models.inputs import ImageInputConfig
from perceiver_rl.models.language import (
    LanguageConfig,
    MaskedLanguageModel,
    TextClassifier,
    TextClassifierConfig,
)
from perceiver_rl.models.multimodal import AutoencoderConfig, MultimodalAutoencoder
from perceiver_rl.nn import PerceiverConfig
from perceiver_rl.spaces import unknown

GLUE = {
    **{"cola": 2, "sst2": 2, "mrpc": 2, "qqp": 2, "stsb": 1},
    **{"mnli": 3, "qnli": 2, "rte": 2},
}
"""Classes of the tasks of the paper's multitask training; ``stsb`` is a regression."""


@dataclass(frozen=True, slots=True)
class Published:
    """A published model.

    Args:
        build: Makes it, with the reference's initial weights.
        parameters: Published number of parameters in millions; None where none is given.
        table: Where the paper reports it.
    """

    build: Callable[[], nn.Module]
    parameters: float | None
    table: str


def language_bytes() -> MaskedLanguageModel:
    """Build the language model on UTF-8 bytes: 26 layers of 256 latents."""
    return MaskedLanguageModel(LanguageConfig())


def language_bytes_plus() -> MaskedLanguageModel:
    """Build Perceiver IO++ on UTF-8 bytes: 40 layers of wider latents."""
    config = LanguageConfig()
    perceiver = replace(config.perceiver, num_self_attends=40, latent_width=1536, v_channels=1536)
    return MaskedLanguageModel(replace(config, perceiver=perceiver))


def language_sentencepiece() -> MaskedLanguageModel:
    """Build the language model on 512 SentencePiece tokens of a vocabulary of 32,000."""
    return MaskedLanguageModel(LanguageConfig(vocabulary=32_000, max_length=512))


def text_classifier() -> TextClassifier:
    """Build the multitask classifier on UTF-8 bytes, one query per GLUE task."""
    return TextClassifier(TextClassifierConfig(tasks=GLUE))


def optical_flow() -> OpticalFlow:
    """Build the main optical flow model: 24 layers of 2048 latents."""
    return OpticalFlow(FlowConfig())


def optical_flow_small() -> OpticalFlow:
    """Build the optical flow model of the published cost: 16 layers of 1024 latents."""
    config = FlowConfig()
    perceiver = replace(config.perceiver, num_latents=1024, num_self_attends=16)
    return OpticalFlow(replace(config, perceiver=perceiver))


def multimodal_autoencoder() -> MultimodalAutoencoder:
    """Build the autoencoder of video, sound and label for Kinetics-700, compressing 88x."""
    return MultimodalAutoencoder(AutoencoderConfig())


def image_fourier() -> ImageClassifier:
    """Build the ImageNet classifier on pixels with Fourier positions."""
    return ImageClassifier(ImageClassifierConfig())


def image_learned() -> ImageClassifier:
    """Build the ImageNet classifier on pixels with learned positions, without any 2D prior."""
    config = ImageClassifierConfig()
    image = ImageInputConfig(stem="conv1x1", stem_width=256, positions="learned")
    perceiver = replace(config.perceiver, query_residual=False)
    return ImageClassifier(replace(config, image=image, perceiver=perceiver))


def image_conv() -> ImageClassifier:
    """Build the ImageNet classifier behind one convolution and a max pool."""
    config = ImageClassifierConfig()
    return ImageClassifier(replace(config, image=ImageInputConfig(stem="conv")))


def _large() -> PerceiverConfig:
    return PerceiverConfig(num_self_attends=16, widening=4, cross_widening=1)


def image_fourier_large() -> ImageClassifier:
    """Build the ImageNet classifier that was pretrained on JFT, Fourier positions."""
    image = ImageInputConfig(stem="conv1x1", stem_width=256)
    return ImageClassifier(ImageClassifierConfig(image=image, perceiver=_large()))


def image_conv_large() -> ImageClassifier:
    """Build the ImageNet classifier that was pretrained on JFT, behind a convolution."""
    image = ImageInputConfig(stem="conv")
    return ImageClassifier(ImageClassifierConfig(image=image, perceiver=_large()))


def audio_raw() -> AudioClassifier:
    """Build the AudioSet classifier of raw waveforms."""
    return AudioClassifier(AudioClassifierConfig())


PUBLISHED: dict[str, Published] = {
    "language-bytes": Published(language_bytes, 201, "1"),
    "language-bytes-plus": Published(language_bytes_plus, 425, "1"),
    "language-sentencepiece": Published(language_sentencepiece, 223, "1"),
    "text-classifier": Published(text_classifier, None, "2"),
    "flow": Published(optical_flow, None, "3"),
    "flow-small": Published(optical_flow_small, 27.9, "16"),
    "multimodal": Published(multimodal_autoencoder, 20.0, "4"),
    "image-fourier": Published(image_fourier, 48.4, "7"),
    "image-learned": Published(image_learned, 62.3, "7"),
    "image-conv": Published(image_conv, 48.6, "7"),
    "image-fourier-large": Published(image_fourier_large, 212, "7"),
    "image-conv-large": Published(image_conv_large, 212, "7"),
    "audio-raw": Published(audio_raw, 25.0, "10"),
}


def build_model(name: str) -> nn.Module:
    """Build a published model by name, with initial weights.

    Raises:
        ValueError: If there is none of that name.
    """
    if name not in PUBLISHED:
        raise ValueError(unknown("model", name, list(PUBLISHED)))
    return PUBLISHED[name].build()
