"""Entity columns to embeddings, and the entity encoders behind one interface."""

from perceiver_rl.entities.build import (
    ENCODERS,
    EncoderName,
    EntityConfig,
    build_encoder,
    configured,
)
from perceiver_rl.entities.columns import BoxScaler, ColumnExpander, columns_of
from perceiver_rl.entities.encoders import (
    EntityEncoder,
    EntityEncoding,
    MlpConfig,
    MlpEntityEncoder,
    PerceiverEntityEncoder,
    TransformerEntityEncoder,
)
from perceiver_rl.entities.spatial import (
    ScatterConnection,
    SpatialConfig,
    SpatialEncoder,
    SpatialEncoding,
)

__all__ = [
    "ENCODERS",
    "BoxScaler",
    "ColumnExpander",
    "EncoderName",
    "EntityConfig",
    "EntityEncoder",
    "EntityEncoding",
    "MlpConfig",
    "MlpEntityEncoder",
    "PerceiverEntityEncoder",
    "ScatterConnection",
    "SpatialConfig",
    "SpatialEncoder",
    "SpatialEncoding",
    "TransformerEntityEncoder",
    "build_encoder",
    "columns_of",
    "configured",
]
