"""Heads that choose what an order is aimed at: a unit or a cell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from perceiver_rl.heads.config import HeadConfig
from perceiver_rl.heads.inputs import HeadInputs
from perceiver_rl.nn import (
    CrossAttentionBlock,
    Kept,
    Module,
    fourier_features,
    grid_positions,
    is_little,
    linear,
    row_products,
)


class Affine(NamedTuple):
    """One or several linear layers in a row, as one."""

    weight: Float[Tensor, "outer inner"]
    bias: Float[Tensor, " outer"]


class TargetUnit(Module):
    """A pointer over entities: query from the embedding, keys from the entities."""

    def __init__(self, width: int, config: HeadConfig) -> None:
        super().__init__()
        self.key = linear(width, config.key_width)
        self.query = linear(config.embedding_width, config.key_width)
        self.scale = config.key_width**-0.5
        self._kept: Kept[Tensor] = Kept()

    def forward(
        self,
        context: Float[Tensor, "batch embedding"],
        per_entity: Float[Tensor, "batch entity width"],
    ) -> Float[Tensor, "batch entity"]:
        """Return the logit of each target, up to a number that is the same for all of them."""
        # The keys' projection moves to the one query, and their bias is the same for all.
        key = self._kept(lambda: (self.key.weight * self.scale).t(), self.key)
        return row_products(per_entity, functional.linear(self.query(context), key))

    def joins(self) -> tuple[nn.Linear, ...]:
        """Return the layers that :meth:`joined` depends on."""
        return self.key, self.query

    def joined(self) -> Affine:
        """Return what makes of an embedding the query for entities that are not projected."""
        key = self.key.weight.t() * self.scale
        return Affine(key @ self.query.weight, key @ self.query.bias)


class TargetCell(Module, ABC):
    """Chooses a cell of the grid."""

    @abstractmethod
    def forward(
        self, context: Float[Tensor, "batch embedding"], inputs: HeadInputs
    ) -> Float[Tensor, "batch cell"]:
        """Return the logit of each cell, in row-major order."""

    def beside(
        self, unit: TargetUnit, context: Float[Tensor, "batch embedding"], inputs: HeadInputs
    ) -> tuple[Float[Tensor, "batch entity"], Float[Tensor, "batch cell"]]:
        """Return the logits of the target units and those of the cells, from one embedding."""
        return unit(context, inputs.per_entity), self(context, inputs)


class _PositionedCell(TargetCell):
    """A decoder that knows cells by their Fourier positions: no parameter depends on the grid."""

    features: Tensor

    def __init__(self, grid: tuple[int, int], config: HeadConfig) -> None:
        super().__init__()
        features = fourier_features(grid_positions(grid), config.cell_bands, grid)
        self.register_buffer("features", features, persistent=False)


class PointerCell(_PositionedCell):
    """A pointer over the cells: query from the embedding, keys from Fourier positions."""

    def __init__(self, grid: tuple[int, int], config: HeadConfig) -> None:
        super().__init__(grid, config)
        self.key = nn.Sequential(
            linear(self.features.shape[1], config.hidden_width),
            nn.ReLU(),
            linear(config.hidden_width, config.key_width),
        )
        self.query = linear(config.embedding_width, config.key_width)
        self.scale = config.key_width**-0.5
        self._kept: Kept[Tensor] = Kept()

    def forward(
        self, context: Float[Tensor, "batch embedding"], inputs: HeadInputs
    ) -> Float[Tensor, "batch cell"]:
        """Compare the query with every position."""
        return functional.linear(self.query(context), self._keys())

    def _keys(self) -> Float[Tensor, "cell key_width"]:
        layers = self.key  # the positions never change
        return self._kept(lambda: layers(self.features) * self.scale, *layers)


class EntityCell(PointerCell):
    """The pointer over the cells, which points at the entities that are in them as well.

    The logit of an entity, from a second query and its embedding, is added to that of its cell. "Go
    where this entity is" takes one comparison of embeddings then, as a target unit does, and no
    writing down and matching of positions.
    """

    def __init__(self, grid: tuple[int, int], width: int, config: HeadConfig) -> None:
        super().__init__(grid, config)
        self.entity = TargetUnit(width, config)
        self._joined: Kept[Affine] = Kept()
        # With wide entities the one product takes more multiplications than the two.
        self._joins = width <= config.key_width and is_little(self._sources(self.entity))

    def forward(
        self, context: Float[Tensor, "batch embedding"], inputs: HeadInputs
    ) -> Float[Tensor, "batch cell"]:
        """Compare the queries with every position and every entity."""
        return self._pointed(
            super().forward(context, inputs), self.entity(context, inputs.per_entity), inputs
        )

    def beside(
        self, unit: TargetUnit, context: Float[Tensor, "batch embedding"], inputs: HeadInputs
    ) -> tuple[Float[Tensor, "batch entity"], Float[Tensor, "batch cell"]]:
        """Ask for units and cells at once; with gradients one after the other.

        For the small batches of rollouts, whose parameters stay the same: products of parameters
        that are not kept would cost more than they save.
        """
        apart = torch.is_grad_enabled() or torch.compiler.is_compiling()
        if apart or not self._joins or context.device.type != "cpu":
            return super().beside(unit, context, inputs)
        width = unit.key.in_features
        queries = functional.linear(context, *self._queries(unit))
        of_rows, of_cells = queries[:, : 2 * width], queries[:, 2 * width :]
        rows = inputs.per_entity.transpose(1, 2)
        pointed = torch.bmm(of_rows.unflatten(1, (2, width)), rows)
        units, entities = pointed.unbind(1)
        return units, self._pointed(functional.linear(of_cells, self._keys()), entities, inputs)

    def _queries(self, unit: TargetUnit) -> Affine:
        """Return what makes of an embedding a query for units, one for entities, one for cells."""
        return self._joined(partial(self._join, unit), *self._sources(unit))

    def _join(self, unit: TargetUnit) -> Affine:
        layers = (unit.joined(), self.entity.joined(), (self.query.weight, self.query.bias))
        return Affine(*(torch.cat(parts) for parts in zip(*layers, strict=True)))

    def _sources(self, unit: TargetUnit) -> list[nn.Linear]:
        return [self.query, *unit.joins(), *self.entity.joins()]

    def _pointed(
        self,
        logits: Float[Tensor, "batch cell"],
        pointed: Float[Tensor, "batch entity"],
        inputs: HeadInputs,
    ) -> Float[Tensor, "batch cell"]:
        """Add the logits of the entities that exist to those of their cells."""
        assert inputs.cell_of is not None  # the head's sizes say that it is there
        if inputs.present is not None:
            pointed = pointed * inputs.present
        return logits.scatter_add(1, inputs.cell_of, pointed.to(logits.dtype))


class QueryCell(_PositionedCell):
    """Perceiver IO's decoder with one position query per cell, which cross-attends to the entities.

    A query is the cell's Fourier position plus the embedding of what has been chosen so far; it
    reads where the entities are from their embeddings.
    """

    def __init__(self, grid: tuple[int, int], width: int, config: HeadConfig) -> None:
        super().__init__(grid, config)
        self.query = linear(self.features.shape[1], config.hidden_width)
        self.from_context = linear(config.embedding_width, config.hidden_width)
        self.cross_attend = CrossAttentionBlock(config.hidden_width, width, activation="relu")
        self.logit = linear(config.hidden_width, 1)

    def forward(
        self, context: Float[Tensor, "batch embedding"], inputs: HeadInputs
    ) -> Float[Tensor, "batch cell"]:
        """Ask for every cell; without any entity the positions and the context decide alone."""
        queries = self.query(self.features) + self.from_context(context).unsqueeze(1)
        read = self.cross_attend(queries, inputs.per_entity, inputs.present)
        return self.logit(read).squeeze(-1)
