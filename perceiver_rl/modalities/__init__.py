"""Any Gymnasium observation as tokens for one Perceiver."""

from perceiver_rl.modalities.build import build_tokenizer, is_image, masks_of, parts_of
from perceiver_rl.modalities.config import ModalityConfig
from perceiver_rl.modalities.encoder import ObservationEncoder
from perceiver_rl.modalities.tokenizers import (
    CategoryTokenizer,
    ImageTokenizer,
    SetTokenizer,
    SymbolTokenizer,
    TextTokenizer,
    Tokenizer,
    Tokens,
    VectorTokenizer,
)

__all__ = [
    "CategoryTokenizer",
    "ImageTokenizer",
    "ModalityConfig",
    "ObservationEncoder",
    "SetTokenizer",
    "SymbolTokenizer",
    "TextTokenizer",
    "Tokenizer",
    "Tokens",
    "VectorTokenizer",
    "build_tokenizer",
    "is_image",
    "masks_of",
    "parts_of",
]
