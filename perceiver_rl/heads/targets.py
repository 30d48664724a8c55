"""Heads that choose what an order is aimed at: a unit or a cell."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from perceiver_rl.heads.categorical import masked_log_softmax
from perceiver_rl.heads.config import HeadConfig
from perceiver_rl.nn import fourier_features, grid_positions, linear


class TargetUnit(nn.Module):
    """A pointer over entities: query from the embedding, keys from the entities."""

    def __init__(self, width: int, config: HeadConfig) -> None:
        super().__init__()
        self.key = linear(width, config.key_width)
        self.query = linear(config.embedding_width, config.key_width)
        self.scale = config.key_width**-0.5

    def forward(
        self,
        context: Float[Tensor, "batch embedding"],
        per_entity: Float[Tensor, "batch entity width"],
        targets: Bool[Tensor, "batch entity"],
    ) -> Float[Tensor, "batch entity"]:
        """Return the log-probability of each target; without any legal one, entity 0 has 0."""
        keys, query = self.key(per_entity), self.query(context)
        logits = torch.bmm(keys, query.unsqueeze(-1)).squeeze(-1) * self.scale
        return masked_log_softmax(logits, targets)


class TargetCell(nn.Module):
    """A pointer over the cells of a grid: query from the embedding, keys from Fourier positions.

    No parameter depends on the size of the grid.
    """

    features: Tensor

    def __init__(self, grid: tuple[int, int], config: HeadConfig) -> None:
        super().__init__()
        features = fourier_features(grid_positions(grid), config.cell_bands, grid)
        self.register_buffer("features", features, persistent=False)
        self.key = nn.Sequential(
            linear(features.shape[1], config.hidden_width),
            nn.ReLU(),
            linear(config.hidden_width, config.key_width),
        )
        self.query = linear(config.embedding_width, config.key_width)
        self.scale = config.key_width**-0.5

    def forward(
        self,
        context: Float[Tensor, "batch embedding"],
        cells: Bool[Tensor, "batch cell"] | None = None,
    ) -> Float[Tensor, "batch cell"]:
        """Return the log-probability of each cell, in row-major order.

        Args:
            context: The autoregressive embedding.
            cells: True where a cell is legal, None if all are; without any, cell 0 has 0.
        """
        logits = self.query(context) @ self.key(self.features).t() * self.scale
        return logits.log_softmax(-1) if cells is None else masked_log_softmax(logits, cells)
