"""The AlphaStar entity Transformer: the baseline that the Perceiver is compared with."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor, nn

from perceiver_rl.nn.blocks import Activation, SelfAttentionBlock
from perceiver_rl.nn.layout import Dense, Layout
from perceiver_rl.nn.module import Module
from perceiver_rl.nn.norm import LayerNorm


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerConfig:
    """Sizes of the entity Transformer; the defaults are AlphaStar's.

    Args:
        num_layers: Self-attention blocks.
        heads: Heads per block.
        head_dim: Features per head.
        widening: Hidden width of the MLP in multiples of the stream's width.
        activation: Nonlinearity of the MLP.

    Raises:
        ValueError: If a size is less than 1.
    """

    num_layers: int = 3
    heads: int = 2
    head_dim: int = 128
    widening: int = 4
    activation: Activation = "relu"

    def __post_init__(self) -> None:
        for name in ("num_layers", "heads", "head_dim", "widening"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")


class EntityTransformer(Module):
    """Self-attention among all entities: ``[B, N, E] -> [B, N, E]``.

    Three layers of two heads of 128, width 256, MLP 1024 (AlphaStar, detailed architecture). The
    publication leaves the place of the layer norms open; they stand before each sub-layer and once
    at the end here, which trains without a warm-up and costs the same.
    """

    def __init__(self, width: int, config: TransformerConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            SelfAttentionBlock(
                width,
                heads=config.heads,
                qk_channels=config.heads * config.head_dim,
                widening=config.widening,
                activation=config.activation,
            )
            for _ in range(config.num_layers)
        )
        self.norm = LayerNorm(width)

    def forward(
        self,
        entities: Float[Tensor, "batch entity width"],
        mask: Bool[Tensor, "batch entity"] | None = None,
    ) -> Float[Tensor, "batch entity width"]:
        """Relate the entities that exist to one another; finite even if a sample has none."""
        layout = Dense(entities.shape[0], entities.shape[1], mask)
        return layout.scatter(self.relate_rows(layout.gather(entities), layout))

    def relate_rows(
        self, rows: Float[Tensor, "row width"], layout: Layout
    ) -> Float[Tensor, "row width"]:
        """Relate the rows of ragged sets, each to the rows of its own set."""
        for layer in self.layers:
            assert isinstance(layer, SelfAttentionBlock)  # nn.ModuleList forgets its type
            rows = layer.update_rows(rows, layout)
        return self.norm(rows)
