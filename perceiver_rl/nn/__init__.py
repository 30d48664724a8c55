"""Perceiver IO, the entity Transformer and their parts; needs torch only."""

from perceiver_rl.nn.absorbed import plain_attention
from perceiver_rl.nn.attention import Attention
from perceiver_rl.nn.blocks import (
    Activation,
    CrossAttentionBlock,
    FeedForward,
    SelfAttentionBlock,
    activation_layer,
)
from perceiver_rl.nn.flops import count_flops
from perceiver_rl.nn.init import LinearInit, learned_array, linear
from perceiver_rl.nn.kept import Kept, KeptTogether, is_little
from perceiver_rl.nn.kernels import constant, row_products, weighted_sum
from perceiver_rl.nn.layout import Dense, Layout, Packed, layout_of
from perceiver_rl.nn.module import Module
from perceiver_rl.nn.perceiver_io import (
    PerceiverConfig,
    PerceiverDecoder,
    PerceiverEncoder,
    PerceiverIO,
    PerceiverProcessor,
)
from perceiver_rl.nn.positions import (
    FourierPositions,
    LearnedPositions,
    PositionEncoding,
    cell_positions,
    fourier_features,
    grid_positions,
)
from perceiver_rl.nn.queries import (
    InputQueries,
    LearnedQueries,
    ModalityPadding,
    MultimodalQueries,
    PositionQueries,
    Queries,
    TaskQueries,
)
from perceiver_rl.nn.recorded import Recording, recorded_attention
from perceiver_rl.nn.residual import (
    ConvResidualBlock,
    FilmResidualBlock,
    GatedLinearUnit,
    ResidualBlock,
)
from perceiver_rl.nn.transformer import EntityTransformer, TransformerConfig

__all__ = [
    "Activation",
    "Attention",
    "ConvResidualBlock",
    "CrossAttentionBlock",
    "Dense",
    "EntityTransformer",
    "FeedForward",
    "FilmResidualBlock",
    "FourierPositions",
    "GatedLinearUnit",
    "InputQueries",
    "Kept",
    "KeptTogether",
    "Layout",
    "LearnedPositions",
    "LearnedQueries",
    "LinearInit",
    "ModalityPadding",
    "Module",
    "MultimodalQueries",
    "Packed",
    "PerceiverConfig",
    "PerceiverDecoder",
    "PerceiverEncoder",
    "PerceiverIO",
    "PerceiverProcessor",
    "PositionEncoding",
    "PositionQueries",
    "Queries",
    "Recording",
    "ResidualBlock",
    "SelfAttentionBlock",
    "TaskQueries",
    "TransformerConfig",
    "activation_layer",
    "cell_positions",
    "constant",
    "count_flops",
    "fourier_features",
    "grid_positions",
    "is_little",
    "layout_of",
    "learned_array",
    "linear",
    "plain_attention",
    "recorded_attention",
    "row_products",
    "weighted_sum",
]
