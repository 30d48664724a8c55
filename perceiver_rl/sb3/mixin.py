"""What all entity policies have in common: encoder, unit-action head, masks, saving."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from perceiver_rl.entities import EntityCells, columns_of, configured
from perceiver_rl.heads import HeadInputs, InputSizes, UnitActionHead
from perceiver_rl.nn import KeptTogether, Module, linear
from perceiver_rl.sb3.action_heads import (
    ChoiceNet,
    EntityChoice,
    check_action_space,
    ordinary_net,
)
from perceiver_rl.sb3.actor import ActorCriticSplit, ActorFeatures, MaskedExtractor
from perceiver_rl.sb3.distribution import UnitActionDistribution
from perceiver_rl.sb3.entropy import EntropyMeter
from perceiver_rl.sb3.extractor import twice_differentiable
from perceiver_rl.sb3.observations import by_key, check_finite, check_shapes, check_some_legal
from perceiver_rl.sb3.presets import Preset, preset_named
from perceiver_rl.spaces import (
    ACTION_TYPE_MASK,
    ENTITIES,
    ENTITY_MASK,
    SELECTABLE_MASK,
    TARGET_MASK,
    ActionError,
    SelectEntity,
    UnitActionSpace,
    check_observation_space,
    unknown,
)

_ARGUMENTS = (
    "encoder",
    "selection",
    "preset",
    "core",
    "encoder_kwargs",
    "head_kwargs",
    "spatial_kwargs",
    "share_features_extractor",
    "normalize_images",
    "optimizer_class",
    "optimizer_kwargs",
)

_CORES = {
    "mlp": "EntityPolicy or MaskableEntityPolicy, with PPO, A2C or MaskablePPO",
    "lstm": "RecurrentEntityPolicy, with RecurrentPPO of sb3-contrib",
}

# What DQN, QRDQN, SAC, TD3 and TQC take from their policies first.
_OFF_POLICY = ("q_net", "quantile_net", "actor")


if TYPE_CHECKING:
    _Parent = ActorCriticPolicy
else:
    _Parent = object


class EntityPolicyMixin(Module, _Parent):
    """Turns a policy class of stable-baselines3 or sb3-contrib into an entity policy.

    Comes before the policy class among the bases. Arguments as :class:`EntityPolicy`'s.
    """

    _own_arguments: ClassVar[tuple[str, ...]] = ()
    """Arguments of the policy class that stay open to the user."""

    _core: ClassVar[str] = "mlp"
    """What joins entities, scalars and minimap: ``mlp``, or ``lstm`` after it."""

    def __init__(  # noqa: PLR0913 - the signature stable-baselines3 gives its policies
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        *,
        encoder: str = "perceiver",
        selection: str = "independent",
        preset: str = "tiny",
        core: str | None = None,
        encoder_kwargs: Mapping[str, Any] | None = None,
        head_kwargs: Mapping[str, Any] | None = None,
        spatial_kwargs: Mapping[str, Any] | None = None,
        share_features_extractor: bool = True,
        normalize_images: bool = True,
        optimizer_class: type[torch.optim.Optimizer] = torch.optim.Adam,
        optimizer_kwargs: dict[str, Any] | None = None,
        **own: Any,
    ) -> None:
        space = check_observation_space(observation_space)
        check_action_space(space, action_space, selection, head_kwargs or {})
        self._check_own(own)
        self._check_core(core)
        own = {**self._preset_arguments(preset_named(preset)), **own}
        self._dict_space = space
        # Read by _build, which the parent's constructor calls.
        self.encoder_name = encoder
        self.selection_name = selection
        self.preset_name = preset
        self.encoder_kwargs = dict(encoder_kwargs or {})
        self.head_kwargs = dict(head_kwargs or {})
        self.spatial_kwargs = dict(spatial_kwargs or {})
        self.temperature = 1.0
        self.entropy_meter: EntropyMeter | None = None
        self.own = dict(own)
        self._kept = KeptTogether()
        if optimizer_kwargs is None and optimizer_class is torch.optim.Adam:
            # The parent's default, in one kernel for all parameters instead of several for each.
            optimizer_kwargs = {"eps": 1e-5, "fused": True}
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            net_arch=[],
            ortho_init=False,
            features_extractor_class=MaskedExtractor,
            features_extractor_kwargs={
                "encoder": encoder,
                "preset": preset,
                "encoder_kwargs": self.encoder_kwargs,
                "spatial_kwargs": self.spatial_kwargs,
            },
            share_features_extractor=share_features_extractor,
            normalize_images=normalize_images,
            optimizer_class=optimizer_class,
            optimizer_kwargs=optimizer_kwargs,
            **own,
        )

    def _check_own(self, own: Mapping[str, Any]) -> None:
        known = (*_ARGUMENTS, *self._own_arguments)
        for name in own:
            if name not in self._own_arguments:
                raise ValueError(unknown(f"argument of {type(self).__name__}", name, known))
        if own.get("use_sde"):
            raise ValueError(
                f"{type(self).__name__} has no state-dependent exploration; use_sde must be False"
            )

    def _check_core(self, core: str | None) -> None:
        if core is not None and core not in _CORES:
            raise ValueError(unknown("core", core, list(_CORES)))
        if core is not None and core != self._core:
            raise ValueError(
                f"core={core!r} needs {_CORES[core]}; {type(self).__name__} has core={self._core!r}"
            )

    def _preset_arguments(self, preset: Preset) -> dict[str, Any]:
        """Return what a preset says about the policy class's own arguments."""
        return {}

    def __getattr__(self, name: str) -> Any:
        """Say what fits an algorithm that looks for a network this policy does not have."""
        if name in _OFF_POLICY:
            raise AttributeError(
                f"{type(self).__name__} has no {name!r}: it is an actor-critic policy for PPO, A2C"
                " and their kind. In DQN, QRDQN, SAC, TD3 or TQC use 'MultiInputPolicy' with"
                " policy_kwargs=dict(features_extractor_class=PerceiverExtractor)"
            )
        return super().__getattr__(name)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        """Return every constructor argument; the parent forgets ``share_features_extractor``."""
        return {
            "observation_space": self.observation_space,
            "action_space": self.action_space,
            "lr_schedule": self._dummy_schedule,
            "encoder": self.encoder_name,
            "selection": self.selection_name,
            "preset": self.preset_name,
            "core": self._core,
            "encoder_kwargs": self.encoder_kwargs,
            "head_kwargs": self.head_kwargs,
            "spatial_kwargs": self.spatial_kwargs,
            "share_features_extractor": self.share_features_extractor,
            "normalize_images": self.normalize_images,
            "optimizer_class": self.optimizer_class,
            "optimizer_kwargs": self.optimizer_kwargs,
            **self.own,
        }

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = ActorCriticSplit(self._core_width)  # type: ignore[assignment]

    def _build(self, lr_schedule: Schedule) -> None:
        """Build the head, the value network and the optimizer."""
        self._build_mlp_extractor()
        width = self.mlp_extractor.latent_dim_pi
        self._build_action_head(width)
        self.value_net = nn.Sequential(  # type: ignore[assignment]  # the parent's is one layer
            linear(width, width), nn.ReLU(), linear(width, 1)
        )
        learning_rate = lr_schedule(1)
        self.optimizer = self.optimizer_class(
            self.parameters(),
            lr=learning_rate,  # type: ignore[call-arg]  # every optimizer of torch has it
            **self.optimizer_kwargs,
        )

    def _build_action_head(self, width: int) -> None:
        """Build the head; an ordinary action space keeps the distribution of the parent."""
        sizes = configured(preset_named(self.preset_name).head, self.head_kwargs, "head")
        entity_width = self._entity_extractor.encoder.width
        if isinstance(self.action_space, UnitActionSpace):
            self.action_dist = UnitActionDistribution()
            self.entity_cells = self._build_entity_cells(self.action_space)
            self.action_net = self.action_dist.proba_distribution_net(
                self.action_space,
                InputSizes(
                    core=width,
                    entity=entity_width,
                    scalars=self._entity_extractor.scalar_width,
                    maps=self._entity_extractor.map_shape,
                    placed=self.entity_cells is not None,
                ),
                self.selection_name,
                sizes,
            )
        elif isinstance(self.action_space, SelectEntity):
            self.action_net = ChoiceNet(width, entity_width, sizes)
        else:
            log_std_init = getattr(self, "log_std_init", 0.0)
            self.action_net, log_std = ordinary_net(self.action_dist, width, log_std_init)
            if log_std is not None:
                self.log_std = log_std

    def _build_entity_cells(self, space: UnitActionSpace) -> EntityCells | None:
        """Return what says in which target cell an entity is, if the observation does."""
        entities = self._dict_space[ENTITIES]
        assert isinstance(entities, spaces.Box)  # checked by the constructor
        columns = columns_of(entities)
        if space.grid is None or not EntityCells.fits(columns):
            return None
        return EntityCells(columns, space.grid)

    @property
    def _core_width(self) -> int:
        """Features of the state that head and value network read."""
        return self.features_dim

    @property
    def _entity_extractor(self) -> MaskedExtractor:
        extractor = self.features_extractor
        assert isinstance(extractor, MaskedExtractor)  # set by the constructor
        return extractor

    def forward(self, obs: Any, *args: Any, **kwargs: Any) -> Any:
        """Choose actions for a rollout, as the parent does, after a check of the observations.

        Raises:
            ObservationError: If a number is not finite, or a mask leaves nothing to choose; names
                the key and the environment.
        """
        if torch.compiler.is_compiling():
            return super().forward(obs, *args, **kwargs)
        check_finite(obs, self._dict_space)
        self._check_masks(by_key(obs))
        if torch.is_grad_enabled():
            return super().forward(obs, *args, **kwargs)
        with torch.inference_mode(), self._kept:  # every operation is cheaper
            chosen = super().forward(obs, *args, **kwargs)
        # Such tensors cannot be used in training.
        return tuple(
            part.clone() if isinstance(part, Tensor) else tree_map(torch.clone, part)
            for part in chosen
        )

    def get_distribution(self, obs: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the distribution over actions, at the policy's temperature.

        Its gradient has a gradient, as TRPO needs.
        """
        context = twice_differentiable() if torch.is_grad_enabled() else self._kept
        with context:
            result = super().get_distribution(obs, *args, **kwargs)
        if self.temperature != 1:
            distribution: Any = result[0] if isinstance(result, tuple) else result
            distribution.apply_temperature(self.temperature)
        return result

    def set_temperature(self, temperature: float) -> None:
        """Make ``predict`` and ``get_distribution`` bolder (below 1) or more random (above 1).

        Divides the logits of every part of an action; with 0 the greedy action is certain. Rollouts
        and ``evaluate_actions`` keep temperature 1, so training does not change; it is not saved.

        Raises:
            ActionError: If the action space is no ``UnitActionSpace``.
            ValueError: If the temperature is negative or not finite.
        """
        if not isinstance(self.action_space, UnitActionSpace):
            raise ActionError(f"a temperature needs a UnitActionSpace, got {self.action_space}")
        if not 0 <= temperature < math.inf:
            raise ValueError(f"a temperature is at least 0 and finite, not {temperature}")
        self.temperature = float(temperature)

    def evaluate_actions(self, *args: Any, **kwargs: Any) -> Any:
        """Score actions as the parent does; tell the entropy meter, if there is one."""
        result = super().evaluate_actions(*args, **kwargs)
        if self.entropy_meter is not None and isinstance(self.action_dist, UnitActionDistribution):
            self.entropy_meter.add(self.action_dist)
        return result

    def _check_masks(self, observations: Mapping[str, Tensor]) -> None:
        if isinstance(self.action_space, UnitActionSpace):
            if ACTION_TYPE_MASK in observations:
                check_some_legal(observations[ACTION_TYPE_MASK], ACTION_TYPE_MASK, "action type")
        elif isinstance(self.action_space, SelectEntity):
            key = SELECTABLE_MASK if SELECTABLE_MASK in observations else ENTITY_MASK
            legal = (observations[key] > 0.5) & (observations[ENTITY_MASK] > 0.5)
            check_some_legal(legal, key, "entity")

    def _get_action_dist_from_latent(self, latent_pi: Any) -> Distribution:
        if isinstance(self.action_dist, UnitActionDistribution):
            assert isinstance(self.action_net, UnitActionHead)  # set by _build
            return self.action_dist.proba_distribution(self.head_inputs(latent_pi), self.action_net)
        features, masks = latent_pi
        if not isinstance(self.action_space, SelectEntity):
            return super()._get_action_dist_from_latent(features.state)
        legal = features.present
        if SELECTABLE_MASK in masks:
            legal = legal & (masks[SELECTABLE_MASK] > 0.5)
        choice: Any = EntityChoice(features.state, features.per_entity, legal)
        return super()._get_action_dist_from_latent(choice)

    def head_inputs(self, latent: ActorFeatures) -> HeadInputs:
        """Join the actor's features and the observation's masks into what the head reads."""
        features, masks = latent
        present = features.present
        num_types = len(self.action_space.types)  # type: ignore[attr-defined]
        batch, num_entities = present.shape
        types = _legal(masks, ACTION_TYPE_MASK, present, batch, num_types)
        selectable = _legal(masks, SELECTABLE_MASK, present, 1, num_entities)
        targets = _legal(masks, TARGET_MASK, present, 1, num_types, num_entities)
        return HeadInputs(
            core=features.state,
            per_entity=features.per_entity,
            types=types,
            selectable=selectable & present,
            targets=targets & present.unsqueeze(1),
            present=present,
            cell_of=self.entity_cells(masks[ENTITIES]) if self.entity_cells else None,
            scalars=features.scalars,
            maps=features.maps,
        )

    def obs_to_tensor(self, observation: Any) -> tuple[PyTorchObs, bool]:
        """Convert an observation as the parent does, after a check of its keys and shapes.

        Raises:
            ObservationError: Names the key, the shape that was expected and the one that came.
        """
        check_shapes(observation, self.observation_space)
        if isinstance(observation, Mapping):
            observation = dict(observation)
        return super().obs_to_tensor(observation)

    def count_encoder_flops(self) -> int:
        """Count the entity encoder's FLOPs for one observation with every entity slot filled."""
        shape = self._dict_space[ENTITIES].shape
        assert shape is not None  # checked by the constructor
        return self._entity_extractor.count_encoder_flops(shape[0])

    def encoder_parameters(self) -> int:
        """Count the entity encoder's parameters, the embedding of the columns not included."""
        return sum(p.numel() for p in self._entity_extractor.encoder.parameters())


def _legal(masks: Mapping[str, Tensor], key: str, present: Tensor, *shape: int) -> Tensor:
    """Return what a mask allows: without the mask, everything."""
    return masks[key] > 0.5 if key in masks else present.new_ones(shape)
