"""Small models, away from their initial values so that nothing hides behind a zero."""

from typing import TypeVar

import pytest
import torch
from torch import nn

from perceiver_rl.models import (
    AudioClassifier,
    AudioClassifierConfig,
    AutoencoderConfig,
    FlowConfig,
    LanguageConfig,
    MaskedLanguageModel,
    MultimodalAutoencoder,
    OpticalFlow,
)
from perceiver_rl.nn import PerceiverConfig

Model = TypeVar("Model", bound=nn.Module)


def moved(model: Model, by: float = 0.2) -> Model:
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(by * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture
def tiny() -> PerceiverConfig:
    return PerceiverConfig(num_latents=4, latent_width=8, num_self_attends=2, self_heads=2)


@pytest.fixture
def language(tiny: PerceiverConfig) -> MaskedLanguageModel:
    return moved(MaskedLanguageModel(LanguageConfig(max_length=12, embed_width=6, perceiver=tiny)))


@pytest.fixture
def flow(tiny: PerceiverConfig) -> OpticalFlow:
    return moved(OpticalFlow(FlowConfig(size=(6, 8), width=5, bands=3, perceiver=tiny)))


@pytest.fixture
def autoencoder(tiny: PerceiverConfig) -> MultimodalAutoencoder:
    config = AutoencoderConfig(
        frames=2,
        size=(8, 8),
        samples=24,
        samples_per_patch=4,
        num_classes=5,
        image_bands=3,
        audio_bands=2,
        label_query_width=10,
        output_width=7,
        perceiver=tiny,
    )
    return moved(MultimodalAutoencoder(config))


@pytest.fixture
def audio(tiny: PerceiverConfig) -> AudioClassifier:
    config = AudioClassifierConfig(
        samples=24, samples_per_patch=4, bands=3, perceiver=tiny, query_width=6, num_classes=3
    )
    return moved(AudioClassifier(config))
