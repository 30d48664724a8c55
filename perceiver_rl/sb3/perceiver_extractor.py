"""The feature extractor for any algorithm and any observation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor

from perceiver_rl.entities import configured
from perceiver_rl.modalities import ObservationEncoder
from perceiver_rl.nn import Module
from perceiver_rl.sb3.extractor import EntityExtractor
from perceiver_rl.sb3.extractor import twice_differentiable as twice
from perceiver_rl.sb3.observations import check_all_finite, check_finite, drawn_from
from perceiver_rl.sb3.presets import preset_named
from perceiver_rl.spaces import ENTITIES, ENTITY_MASK, OBSERVATION_KEYS, check_observation_space

# Observations over which the mean of a new extractor's features is zero.
_DRAWN = 32


class PerceiverExtractor(Module, BaseFeaturesExtractor):
    """Any observation as one vector, for any algorithm with ``MlpPolicy`` or ``MultiInputPolicy``.

    Pass it as ``policy_kwargs=dict(features_extractor_class=PerceiverExtractor)``, for PPO and A2C
    with ``ortho_init=False``, or they re-initialize its layers orthogonally.

    A set of entities (a Dict with ``entities`` and ``entity_mask`` and nothing but the keys of the
    contract, or a plain ``Box [N, F]``) is read by :class:`EntityExtractor`. Of every other
    observation each part becomes tokens, and one Perceiver reads them all
    (:class:`~perceiver_rl.modalities.ObservationEncoder`): vectors, images and planes
    ``[C, H, W]``, categories, binaries, sets ``[N, F]`` and their masks, texts (``TextSpace``).

    Args:
        observation_space: Of the environment.
        features_dim: Features of the vector; default: the preset's core width.
        encoder: ``perceiver``; for a set of entities also ``transformer`` or ``mlp``.
        preset: Named sizes, ``tiny`` or ``alphastar``.
        encoder_kwargs: Fields of the encoder's own config to set differently, for instance
            ``dict(num_latents=8)``.
        spatial_kwargs: Fields of ``SpatialConfig``, for entities with a minimap.
        modality_kwargs: Fields of ``ModalityConfig``, for everything else.
        symbols: Parts that are grids of whole numbers ``[C, H, W]``: how many values each channel
            has, by key; the key of an observation that is no Dict is ``""``.
        twice_differentiable: Attend without torch's fused kernel, whose gradient has no gradient;
            for algorithms that differentiate twice, such as TRPO.

    Raises:
        ObservationError: If the space cannot be read; names the key.
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
        modality_kwargs: Mapping[str, Any] | None = None,
        symbols: Mapping[str, Sequence[int]] | None = None,
        twice_differentiable: bool = False,
    ) -> None:
        sizes = preset_named(preset)
        super().__init__(observation_space, features_dim or sizes.core_width)
        self._twice_differentiable = twice_differentiable
        self._entities: spaces.Dict | None = None
        if reads_entities(observation_space):
            _refuse("a set of entities", modality_kwargs=modality_kwargs, symbols=symbols)
            self._entities = check_observation_space(observation_space)
            self.reader: EntityExtractor | ObservationEncoder = EntityExtractor(
                observation_space,
                features_dim,
                encoder,
                preset,
                encoder_kwargs,
                spatial_kwargs=spatial_kwargs,
                twice_differentiable=twice_differentiable,
            )
            return
        _refuse("anything but a set of entities", spatial_kwargs=spatial_kwargs)
        if encoder != "perceiver":
            raise ValueError(
                f"encoder={encoder!r} reads sets of entities alone; this observation needs"
                " encoder='perceiver'"
            )
        config = configured(sizes.modalities, modality_kwargs or {}, "modality")
        perceiver = configured(config.perceiver, encoder_kwargs or {}, "perceiver")
        config = configured(config, {"perceiver": perceiver}, "modality")
        self.reader = ObservationEncoder(observation_space, self.features_dim, config, symbols)
        self.reader.center(drawn_from(observation_space, _DRAWN))

    def forward(self, observations: Mapping[str, Tensor] | Tensor) -> Tensor:
        """Return the vector ``[B, features_dim]``.

        Raises:
            ObservationError: If no gradient is wanted, as in rollouts, and a number is not finite.
        """
        if not torch.is_grad_enabled() and not torch.compiler.is_compiling():
            if self._entities is not None:
                check_finite(observations, self._entities)
            else:
                check_all_finite(observations)
        if isinstance(self.reader, EntityExtractor):
            return self.reader.encode(observations).state
        with twice() if self._twice_differentiable else nullcontext():
            return self.reader(observations)


def reads_entities(space: spaces.Space[Any]) -> bool:
    """Tell whether an observation is a set of entities by the contract."""
    if isinstance(space, spaces.Box):
        return len(space.shape) == 2
    if not isinstance(space, spaces.Dict):
        return False
    return {ENTITIES, ENTITY_MASK} <= set(space.spaces) <= set(OBSERVATION_KEYS)


def _refuse(what: str, **settings: Any) -> None:
    for name, value in settings.items():
        if value:
            raise ValueError(f"{name}={value!r} has no meaning for {what}")
