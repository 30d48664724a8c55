"""Feature extractors: entity observations to one vector, or to everything a policy head needs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from gymnasium import spaces
from jaxtyping import Bool, Float
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from perceiver_rl.entities import (
    BoxScaler,
    ColumnExpander,
    EntityAttention,
    EntityCells,
    ScatterConnection,
    SpatialConfig,
    SpatialEncoder,
    SpatialEncoding,
    attention_of,
    build_encoder,
    columns_of,
    configured,
)
from perceiver_rl.nn import Module, count_flops, linear
from perceiver_rl.sb3.observations import by_key
from perceiver_rl.sb3.presets import preset_named
from perceiver_rl.spaces import (
    ENTITIES,
    ENTITY_MASK,
    MINIMAP,
    SCALARS,
    ObservationError,
    check_observation_space,
)


class EntityFeatures(NamedTuple):
    """What an extractor knows about a batch of observations.

    Attributes:
        state: ``[B, features_dim]``, the whole observation as one vector.
        per_entity: ``[B, N, W]``, each entity in the light of the others.
        present: ``[B, N]``, True where an entity exists.
        scalars: ``[B, S]``, the embedded scalars; None if there are none.
        maps: Map skips ``[B, K, h, w]`` of the minimap's encoder; empty if there is no minimap.
    """

    state: Float[Tensor, "batch feature"]
    per_entity: Float[Tensor, "batch entity width"]
    present: Bool[Tensor, "batch entity"]
    scalars: Float[Tensor, "batch scalar"] | None = None
    maps: tuple[Float[Tensor, "batch channel row column"], ...] = ()


class EntityExtractor(Module, BaseFeaturesExtractor):
    """Encodes an entity observation into a state vector and one vector per entity.

    ``entities`` -> columns expanded -> linear -> entity encoder; the pooled entities, the scalars
    and the minimap (where the space has them) are joined by an MLP into the state. Where the preset
    says so and entities have bounded columns ``x`` and ``y``, their embeddings are first drawn into
    the minimap.

    Args:
        observation_space: A Dict with at least ``entities`` and ``entity_mask``, or a plain
            ``Box [N, F]``, in which a row of zeros is an absent entity.
        features_dim: Features of the state; default: the preset's core width.
        encoder: ``perceiver``, ``transformer`` or ``mlp``.
        preset: Named sizes, ``tiny`` or ``alphastar``.
        encoder_kwargs: Fields of the encoder's own config to set differently, for instance
            ``dict(num_latents=8)``.
        spatial_kwargs: Fields of ``SpatialConfig`` to set differently.
        twice_differentiable: Attend without torch's fused kernel, whose gradient has no gradient;
            for algorithms that differentiate twice, such as TRPO.

    Raises:
        ObservationError: If the space has missing, unknown or misshapen keys.
        ValueError: If a name is unknown or sizes do not fit.
    """

    def __init__(  # noqa: PLR0913 - one keyword per setting
        self,
        observation_space: spaces.Space[Any],
        features_dim: int | None = None,
        encoder: str = "perceiver",
        preset: str = "tiny",
        encoder_kwargs: Mapping[str, Any] | None = None,
        *,
        spatial_kwargs: Mapping[str, Any] | None = None,
        twice_differentiable: bool = False,
    ) -> None:
        space = check_observation_space(observation_space)
        sizes = preset_named(preset)
        core_width = sizes.core_width if features_dim is None else features_dim
        super().__init__(observation_space, core_width)
        self._space = space
        self._twice_differentiable = twice_differentiable
        entities = space[ENTITIES]
        if not isinstance(entities, spaces.Box):
            raise ObservationError(f"{ENTITIES!r} must be an EntitySpace or a Box, got {entities}")
        self.expand = ColumnExpander(columns_of(entities))
        self.encoder = build_encoder(encoder, sizes.entities, encoder_kwargs)
        self.embed = linear(self.expand.out_features, self.encoder.token_width)
        joined = self.encoder.width
        self.scalars, self.scalar_width = _scalar_encoder(space, sizes.scalar_width)
        self.minimap = _minimap_encoder(
            space, self.encoder.width, configured(sizes.spatial, spatial_kwargs or {}, "spatial")
        )
        _check_spatial(self.minimap, spatial_kwargs or {})
        joined += self.scalar_width or 0
        joined += self.minimap.width if self.minimap else 0
        layers: list[nn.Module] = []
        for _ in range(sizes.core_layers):
            layers += [linear(joined, core_width), nn.ReLU()]
            joined = core_width
        self.core = nn.Sequential(*layers)

    def encode(self, observations: Mapping[str, Tensor] | Tensor) -> EntityFeatures:
        """Encode a batch of preprocessed observations; finite even where no entity exists."""
        observations = by_key(observations)
        present = observations[ENTITY_MASK] > 0.5
        tokens = self.expand.embed(observations[ENTITIES], self.embed)
        with twice_differentiable() if self._twice_differentiable else nullcontext():
            encoding = self.encoder(tokens, present)
        parts, scalars, maps = [encoding.pooled], None, ()
        if self.scalars is not None:
            scalars = self.scalars(observations[SCALARS])
            parts.append(scalars)
        if self.minimap is not None:
            vector, maps = self.minimap(
                observations[MINIMAP], observations[ENTITIES], encoding.per_entity, present
            )
            parts.append(vector)
        state = self.core(torch.cat(parts, dim=-1))
        return EntityFeatures(state, encoding.per_entity, present, scalars, maps)

    @property
    def entity_space(self) -> spaces.Box:
        """The space of the entities; one without names for its columns is no ``EntitySpace``."""
        space = self._space[ENTITIES]
        assert isinstance(space, spaces.Box)  # checked by the constructor
        return space

    def attention(self, observations: Mapping[str, Tensor] | Tensor) -> EntityAttention | None:
        """Return what the entity encoder attends to; None for one that relates no entities."""
        observations = by_key(observations)
        tokens = self.expand.embed(observations[ENTITIES], self.embed)
        return attention_of(self.encoder, tokens, observations[ENTITY_MASK] > 0.5)

    @property
    def map_shape(self) -> tuple[int, int, int, int] | None:
        """Channels, rows and columns of a map skip, and how many there are; None without a map."""
        return self.minimap.encoder.skip_shape if self.minimap else None

    def forward(self, observations: Mapping[str, Tensor] | Tensor) -> EntityFeatures:
        """Return the structured features that :class:`EntityPolicy` reads."""
        return self.encode(observations)

    def count_encoder_flops(self, num_entities: int) -> int:
        """Count the encoder's FLOPs for one observation whose entities all exist.

        The linear embedding of the columns is not part of the encoder.
        """
        tokens = torch.zeros(1, num_entities, self.encoder.token_width, device=_device(self))
        mask = torch.ones(1, num_entities, dtype=torch.bool, device=tokens.device)
        return count_flops(lambda: self.encoder(tokens, mask))


def twice_differentiable() -> AbstractContextManager[None]:
    """Return a context in which attention can be differentiated twice, at the price of speed."""
    return sdpa_kernel(SDPBackend.MATH)


def _device(module: nn.Module) -> torch.device:
    return next(module.parameters()).device


class _Minimap(Module):
    """The minimap's encoder behind the scatter connection, if there is one."""

    def __init__(
        self, encoder: SpatialEncoder, width: int, scatter: ScatterConnection | None
    ) -> None:
        super().__init__()
        self.width = width
        self.scatter = scatter
        self.encoder = encoder

    def forward(
        self, planes: Tensor, entities: Tensor, per_entity: Tensor, present: Tensor
    ) -> SpatialEncoding:
        if self.scatter is not None:
            drawn = self.scatter(entities, per_entity, present)
            planes = torch.cat([planes, drawn], dim=1)
        return self.encoder(planes)


def _scalar_encoder(space: spaces.Dict, width: int) -> tuple[nn.Module | None, int | None]:
    """Return what scales the scalars (and embeds them in so many features), and its width."""
    if SCALARS not in space.spaces:
        return None, None
    scalars = space[SCALARS]
    if not isinstance(scalars, spaces.Box) or len(scalars.shape) != 1:
        raise ObservationError(f"{SCALARS!r} must be a Box of shape [S], got {scalars}")
    scaler = BoxScaler(scalars)
    if not width:
        return scaler, scalars.shape[0]
    first, second = linear(scalars.shape[0], width), linear(width, width)
    return nn.Sequential(scaler, first, nn.ReLU(), second, nn.ReLU()), width


def _minimap_encoder(space: spaces.Dict, width: int, config: SpatialConfig) -> _Minimap | None:
    """Return the encoder of the spatial planes, if there are any.

    Entities whose columns do not say where they are cannot be drawn; they go without.
    """
    if MINIMAP not in space.spaces:
        return None
    minimap, entities = space[MINIMAP], space[ENTITIES]
    if not isinstance(minimap, spaces.Box) or len(minimap.shape) != 3:
        raise ObservationError(f"{MINIMAP!r} must be a Box of shape [C, H, W], got {minimap}")
    assert isinstance(entities, spaces.Box)  # checked by the extractor
    planes, rows, columns = minimap.shape
    scatter = None
    if config.scatter_width and EntityCells.fits(columns_of(entities)):
        shape = (rows, columns)
        scatter = ScatterConnection(columns_of(entities), shape, width, config.scatter_width)
        planes += config.scatter_width
    return _Minimap(SpatialEncoder(planes, (rows, columns), config), config.width, scatter)


def _check_spatial(minimap: _Minimap | None, asked: Mapping[str, Any]) -> None:
    """Check that nothing was asked for that an observation cannot give.

    Raises:
        ObservationError: If there is no minimap, or nothing to draw into it.
    """
    if asked and minimap is None:
        raise ObservationError(
            f"spatial_kwargs={dict(asked)} need a {MINIMAP!r} in the observation"
        )
    if asked.get("scatter_width") and minimap is not None and minimap.scatter is None:
        raise ObservationError(
            "scatter_width needs entities with columns 'x' and 'y' that have a low and a high"
        )
