"""Entity encoders behind one interface: a set in, one vector per entity and one for all out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor, nn

from perceiver_rl.nn import (
    Activation,
    EntityTransformer,
    Layout,
    Module,
    PerceiverConfig,
    PerceiverIO,
    TransformerConfig,
    activation_layer,
    layout_of,
    linear,
    weighted_sum,
)


class EntityEncoding(NamedTuple):
    """What an encoder says about a set of entities.

    Attributes:
        per_entity: ``[B, N, W]``, permutation-equivariant; rows of absent entities are arbitrary.
        pooled: ``[B, W]``, permutation-invariant.
    """

    per_entity: Float[Tensor, "batch entity width"]
    pooled: Float[Tensor, "batch width"]


class EntityEncoder(Module, ABC):
    """Tokens of entities -> trunk -> per-entity and pooled embeddings.

    The trunk is what differs between encoders. After it comes AlphaStar's tail, the same for all
    (Perceiver IO, appendix B): ``per_entity = ReLU(linear(ReLU(trunk)))`` and
    ``pooled = ReLU(linear(mean of the trunk over the entities that exist))``.

    Attributes:
        token_width: Features of a token that :meth:`forward` expects.
        width: Features of both outputs.
    """

    def __init__(self, token_width: int, width: int) -> None:
        super().__init__()
        self.token_width = token_width
        self.width = width
        self.per_entity = nn.Sequential(nn.ReLU(), linear(width, width), nn.ReLU(inplace=True))
        self.pooled = nn.Sequential(linear(width, width), nn.ReLU())

    @abstractmethod
    def trunk(self, rows: Float[Tensor, "row token"], layout: Layout) -> Float[Tensor, "row width"]:
        """Relate the entities of each set to one another."""

    def forward(
        self,
        tokens: Float[Tensor, "batch entity token"],
        mask: Bool[Tensor, "batch entity"],
    ) -> EntityEncoding:
        """Encode a set; without any entity the mean is zero and everything stays finite.

        Args:
            tokens: One row per entity slot; rows of absent entities may hold anything finite.
            mask: True where an entity exists.
        """
        layout = layout_of(mask)
        rows = self.trunk(layout.gather(tokens), layout)
        per_entity = layout.scatter(self.per_entity(rows))
        return EntityEncoding(per_entity, self.pooled(_mean(layout.pad(rows), layout.mask)))


def _mean(
    rows: Float[Tensor, "batch slot width"], present: Bool[Tensor, "batch slot"] | None
) -> Float[Tensor, "batch width"]:
    """Return each set's mean row; zero where there is none."""
    if present is None:
        return rows.mean(1)
    share = present.to(rows.dtype) / present.sum(1, keepdim=True).clamp(min=1)
    return weighted_sum(share, rows)


class PerceiverEntityEncoder(EntityEncoder):
    """Perceiver IO, decoded with one query per entity: the entity's own features.

    A token holds the decoder's query (``width`` features) and, if ``kv_width`` is given, the
    encoder's input beside it: two linear embeddings of the same raw features. Without ``kv_width``
    the query is the input as well.

    Args:
        width: Features of queries and outputs.
        config: Sizes of the Perceiver.
        kv_width: Features of the encoder's input (Perceiver IO, table 6, uses 128).
    """

    def __init__(self, width: int, config: PerceiverConfig, kv_width: int | None = None) -> None:
        super().__init__(width + (kv_width or 0), width)
        self.kv_width = kv_width
        self.perceiver = PerceiverIO(kv_width or width, width, config)

    def trunk(self, rows: Float[Tensor, "row token"], layout: Layout) -> Float[Tensor, "row width"]:
        """Read all entities into the latents, then ask for each entity."""
        return self._ask(rows, rows, layout)

    def ask(
        self,
        tokens: Float[Tensor, "batch entity token"],
        queries: Float[Tensor, "batch entity token"],
        mask: Bool[Tensor, "batch entity"],
    ) -> Float[Tensor, "batch entity width"]:
        """Read the entities into the latents, then ask for each by another token than its own.

        What a query's token hides must come out of the latents.
        """
        layout = layout_of(mask)
        rows = self._ask(layout.gather(tokens), layout.gather(queries), layout)
        return layout.scatter(self.per_entity(rows))

    def _ask(
        self, rows: Float[Tensor, "row token"], asked: Float[Tensor, "row token"], layout: Layout
    ) -> Float[Tensor, "row width"]:
        if not self.kv_width:
            return self.perceiver.relate_rows(rows, asked, layout)
        return self.perceiver.relate_rows(rows[:, self.width :], asked[:, : self.width], layout)


class TransformerEntityEncoder(EntityEncoder):
    """AlphaStar's entity Transformer."""

    def __init__(self, width: int, config: TransformerConfig) -> None:
        super().__init__(width, width)
        self.transformer = EntityTransformer(width, config)

    def trunk(self, rows: Float[Tensor, "row token"], layout: Layout) -> Float[Tensor, "row width"]:
        """Let every entity attend to every entity."""
        return self.transformer.relate_rows(rows, layout)


@dataclass(frozen=True, slots=True, kw_only=True)
class MlpConfig:
    """Sizes of the per-entity MLP: hidden layers of the encoder's width."""

    num_layers: int = 2
    activation: Activation = "relu"

    def __post_init__(self) -> None:
        if self.num_layers < 1:
            raise ValueError(f"num_layers must be at least 1, not {self.num_layers}")


class MlpEntityEncoder(EntityEncoder):
    """Every entity by itself: the control that shows what relating entities is worth.

    Entities meet only in the pooled output.
    """

    def __init__(self, width: int, config: MlpConfig) -> None:
        super().__init__(width, width)
        layers: list[nn.Module] = []
        for _ in range(config.num_layers):
            layers += [activation_layer(config.activation), linear(width, width)]
        self.mlp = nn.Sequential(*layers)

    def trunk(self, rows: Float[Tensor, "row token"], layout: Layout) -> Float[Tensor, "row width"]:
        """Transform every entity by itself."""
        return self.mlp(rows)
