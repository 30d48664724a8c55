"""The entity policy: an entity encoder and a unit-action head as a stable-baselines3 policy."""

from __future__ import annotations

from typing import ClassVar

from stable_baselines3.common.policies import ActorCriticPolicy

from perceiver_rl.sb3.mixin import EntityPolicyMixin


class EntityPolicy(EntityPolicyMixin, ActorCriticPolicy):
    """Actor-critic policy for PPO and A2C on entity observations.

    In a ``UnitActionSpace`` it chooses an action type, then the units that receive the order, then
    its target, each choice conditioned on the earlier ones and masked by the observation
    (``action_type_mask``, ``selectable_mask``, ``target_mask``; one that is not there forbids
    nothing). In a ``SelectEntity`` it chooses one entity by a logit each, masked by
    ``selectable_mask``. In an ordinary Discrete, MultiDiscrete, MultiBinary or Box,
    stable-baselines3's own distribution reads the state.

    Args:
        observation_space: A Dict with at least ``entities`` and ``entity_mask``, or a plain
            ``Box [N, F]``, in which a row of zeros is an absent entity.
        action_space: One of these; the first two for as many entities as the observation has.
        lr_schedule: Learning rate as a function of the remaining progress.
        encoder: ``perceiver``, ``transformer`` or ``mlp``.
        selection: ``independent`` (one logit per entity) or ``pointer`` (AlphaStar's).
        preset: Named sizes, ``tiny`` or ``alphastar``.
        core: ``mlp``, or None for what the class has; ``lstm`` is ``RecurrentEntityPolicy``'s.
        encoder_kwargs: Fields of the encoder's own config to set differently.
        head_kwargs: Fields of ``HeadConfig`` to set differently.
        spatial_kwargs: Fields of ``SpatialConfig`` to set differently, for a minimap.
        log_std_init: Logarithm of the first standard deviation, for a Box of actions.
        use_sde: Must be False; algorithms pass it.
        share_features_extractor: Whether actor and critic share one encoder.
        normalize_images: As in stable-baselines3.
        optimizer_class: Adam by default, with eps 1e-5 as in stable-baselines3, and fused.
        optimizer_kwargs: Further arguments of the optimizer.

    Raises:
        ObservationError: If the observation space has missing, unknown or misshapen keys.
        ActionError: If the action space is of another kind or holds another number of entities.
        ValueError: If a name is unknown or sizes do not fit.
    """

    _own_arguments: ClassVar[tuple[str, ...]] = ("use_sde", "log_std_init")
