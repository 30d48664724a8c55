"""The published Perceiver IO models: language, flow, multimodal autoencoding, images, audio."""

from perceiver_rl.models.classifiers import (
    AudioClassifier,
    AudioClassifierConfig,
    ImageClassifier,
    ImageClassifierConfig,
)
from perceiver_rl.models.flow import FlowConfig, OpticalFlow, tiled_flow
from perceiver_rl.models.inputs import ImageInputConfig
from perceiver_rl.models.language import (
    LanguageConfig,
    MaskedLanguageModel,
    TextClassifier,
    TextClassifierConfig,
)
from perceiver_rl.models.multimodal import AutoencoderConfig, MultimodalAutoencoder
from perceiver_rl.models.pretrained import from_pretrained
from perceiver_rl.models.published import GLUE, PUBLISHED, Published, build_model
from perceiver_rl.models.text import decode_text, encode_text
from perceiver_rl.models.weights import WeightsError, load_weights

__all__ = [
    "GLUE",
    "PUBLISHED",
    "AudioClassifier",
    "AudioClassifierConfig",
    "AutoencoderConfig",
    "FlowConfig",
    "ImageClassifier",
    "ImageClassifierConfig",
    "ImageInputConfig",
    "LanguageConfig",
    "MaskedLanguageModel",
    "MultimodalAutoencoder",
    "OpticalFlow",
    "Published",
    "TextClassifier",
    "TextClassifierConfig",
    "WeightsError",
    "build_model",
    "decode_text",
    "encode_text",
    "from_pretrained",
    "load_weights",
    "tiled_flow",
]
