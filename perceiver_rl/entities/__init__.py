"""Entity columns to embeddings, and the entity encoders behind one interface."""

from perceiver_rl.entities.attention import (
    EntityAttention,
    LatentAttention,
    MutualAttention,
    attention_of,
)
from perceiver_rl.entities.build import (
    ENCODERS,
    EncoderName,
    EntityConfig,
    build_encoder,
    configured,
)
from perceiver_rl.entities.columns import UNBOUNDED, BoxScaler, ColumnExpander, columns_of
from perceiver_rl.entities.encoders import (
    EntityEncoder,
    EntityEncoding,
    MlpConfig,
    MlpEntityEncoder,
    PerceiverEntityEncoder,
    TransformerEntityEncoder,
)
from perceiver_rl.entities.spatial import (
    EntityCells,
    ScatterConnection,
    SpatialConfig,
    SpatialEncoder,
    SpatialEncoding,
)

__all__ = [
    "ENCODERS",
    "UNBOUNDED",
    "BoxScaler",
    "ColumnExpander",
    "EncoderName",
    "EntityAttention",
    "EntityCells",
    "EntityConfig",
    "EntityEncoder",
    "EntityEncoding",
    "LatentAttention",
    "MlpConfig",
    "MlpEntityEncoder",
    "MutualAttention",
    "PerceiverEntityEncoder",
    "ScatterConnection",
    "SpatialConfig",
    "SpatialEncoder",
    "SpatialEncoding",
    "TransformerEntityEncoder",
    "attention_of",
    "build_encoder",
    "columns_of",
    "configured",
]
