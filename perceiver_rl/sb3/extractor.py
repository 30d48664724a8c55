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

from perceiver_rl.entities import BoxScaler, ColumnExpander, build_encoder, columns_of
from perceiver_rl.nn import count_flops, linear
from perceiver_rl.sb3.observations import by_key, check_finite
from perceiver_rl.sb3.presets import preset_named
from perceiver_rl.spaces import (
    ENTITIES,
    ENTITY_MASK,
    MINIMAP,
    SCALARS,
    ObservationError,
    check_observation_space,
)

_MINIMAP_WIDTH = 32


class EntityFeatures(NamedTuple):
    """What an extractor knows about a batch of observations.

    Attributes:
        state: ``[B, features_dim]``, the whole observation as one vector.
        per_entity: ``[B, N, W]``, each entity in the light of the others.
        present: ``[B, N]``, True where an entity exists.
    """

    state: Float[Tensor, "batch feature"]
    per_entity: Float[Tensor, "batch entity width"]
    present: Bool[Tensor, "batch entity"]


class EntityExtractor(BaseFeaturesExtractor):
    """Encodes an entity observation into a state vector and one vector per entity.

    ``entities`` -> columns expanded -> linear -> entity encoder; the pooled entities, the scalars
    and the minimap (where the space has them) are joined by an MLP into the state.

    Args:
        observation_space: A Dict with at least ``entities`` and ``entity_mask``, or a plain
            ``Box [N, F]``, in which a row of zeros is an absent entity.
        features_dim: Features of the state; default: the preset's core width.
        encoder: ``perceiver``, ``transformer`` or ``mlp``.
        preset: Named sizes, ``tiny`` or ``alphastar``.
        encoder_kwargs: Fields of the encoder's own config to set differently, for instance
            ``dict(num_latents=8)``.
        twice_differentiable: Attend without torch's fused kernel, whose gradient has no gradient;
            for algorithms that differentiate twice, such as TRPO.

    Raises:
        ObservationError: If the space has missing, unknown or misshapen keys.
        ValueError: If a name is unknown or sizes do not fit.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        features_dim: int | None = None,
        encoder: str = "perceiver",
        preset: str = "tiny",
        encoder_kwargs: Mapping[str, Any] | None = None,
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
        self.scale_scalars, width = _scalar_scaler(space)
        joined += width
        self.minimap, width = _minimap_encoder(space)
        joined += width
        layers: list[nn.Module] = []
        for _ in range(sizes.core_layers):
            layers += [linear(joined, core_width), nn.ReLU()]
            joined = core_width
        self.core = nn.Sequential(*layers)

    def encode(self, observations: Mapping[str, Tensor] | Tensor) -> EntityFeatures:
        """Encode a batch of preprocessed observations; finite even where no entity exists."""
        observations = by_key(observations)
        present = observations[ENTITY_MASK] > 0.5
        tokens = self.embed(self.expand(observations[ENTITIES]))
        with twice_differentiable() if self._twice_differentiable else nullcontext():
            encoding = self.encoder(tokens, present)
        parts = [encoding.pooled]
        if self.scale_scalars is not None:
            parts.append(self.scale_scalars(observations[SCALARS]))
        if self.minimap is not None:
            parts.append(self.minimap(observations[MINIMAP]))
        return EntityFeatures(self.core(torch.cat(parts, dim=-1)), encoding.per_entity, present)

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


class PerceiverExtractor(EntityExtractor):
    """The state vector alone, for any algorithm with ``MultiInputPolicy``.

    Pass it as ``policy_kwargs=dict(features_extractor_class=PerceiverExtractor)``, for PPO and A2C
    with ``ortho_init=False``, or they re-initialize its layers orthogonally. A plain ``Box [N, F]``
    needs ``MlpPolicy``. Arguments as :class:`EntityExtractor`'s, through
    ``features_extractor_kwargs``.
    """

    def forward(self, observations: Mapping[str, Tensor] | Tensor) -> Tensor:  # type: ignore[override]
        """Return the state ``[B, features_dim]``.

        Raises:
            ObservationError: If no gradient is wanted, as in rollouts, and a number is not finite.
        """
        if not torch.is_grad_enabled() and not torch.compiler.is_compiling():
            check_finite(observations, self._space)
        return self.encode(observations).state


def twice_differentiable() -> AbstractContextManager[None]:
    """Return a context in which attention can be differentiated twice, at the price of speed."""
    return sdpa_kernel(SDPBackend.MATH)


def _device(module: nn.Module) -> torch.device:
    return next(module.parameters()).device


def _scalar_scaler(space: spaces.Dict) -> tuple[BoxScaler | None, int]:
    """Return what scales the scalars, and how many there are."""
    if SCALARS not in space.spaces:
        return None, 0
    scalars = space[SCALARS]
    if not isinstance(scalars, spaces.Box) or len(scalars.shape) != 1:
        raise ObservationError(f"{SCALARS!r} must be a Box of shape [S], got {scalars}")
    return BoxScaler(scalars), scalars.shape[0]


def _minimap_encoder(space: spaces.Dict) -> tuple[nn.Module | None, int]:
    """Return a small convolutional encoder of the spatial planes, and its output's width."""
    if MINIMAP not in space.spaces:
        return None, 0
    minimap = space[MINIMAP]
    if not isinstance(minimap, spaces.Box) or len(minimap.shape) != 3:
        raise ObservationError(f"{MINIMAP!r} must be a Box of shape [C, H, W], got {minimap}")
    encoder = nn.Sequential(
        nn.Conv2d(minimap.shape[0], 16, kernel_size=3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, _MINIMAP_WIDTH, kernel_size=3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        linear(16 * _MINIMAP_WIDTH, _MINIMAP_WIDTH),
        nn.ReLU(),
    )
    return encoder, _MINIMAP_WIDTH
