"""Which head decides, for each kind of action space, and which masks it reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gymnasium import spaces
from jaxtyping import Bool, Float
from stable_baselines3.common.distributions import DiagGaussianDistribution
from torch import Tensor, nn

from perceiver_rl.heads import SelectEntityHead
from perceiver_rl.spaces import (
    ACTION_TYPE_MASK,
    ENTITIES,
    SELECTABLE_MASK,
    TARGET_MASK,
    ActionError,
    ObservationError,
    SelectEntity,
    UnitActionSpace,
)

_MASKS = (ACTION_TYPE_MASK, SELECTABLE_MASK, TARGET_MASK)
_ORDINARY = (spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary, spaces.Box)


class EntityChoice(NamedTuple):
    """What the choice of one entity is decided from.

    Attributes:
        core: ``[B, C]``, the state as one vector.
        per_entity: ``[B, N, W]``, the encoder's embedding of each entity.
        legal: ``[B, N]``, True where an entity may be chosen.
    """

    core: Float[Tensor, "batch core"]
    per_entity: Float[Tensor, "batch entity width"]
    legal: Bool[Tensor, "batch entity"]


class ChoiceNet(SelectEntityHead):
    """The head as the ``action_net`` of a stable-baselines3 policy: one argument, logits out."""

    def forward(self, choice: EntityChoice) -> Tensor:  # type: ignore[override]
        """Return log-probabilities ``[B, N]``."""
        return super().forward(*choice)


def ordinary_net(distribution: Any, width: int, log_std_init: float) -> tuple[nn.Module, Any]:
    """Build the last layer of one of stable-baselines3's distributions.

    Returns:
        The layer, with small weights so that the untrained policy is nearly uniform, and the
        logarithm of the standard deviation, None for discrete actions.
    """
    if isinstance(distribution, DiagGaussianDistribution):
        net, log_std = distribution.proba_distribution_net(width, log_std_init)
    else:
        net, log_std = distribution.proba_distribution_net(width), None
    assert isinstance(net, nn.Linear)  # of every distribution of stable-baselines3
    nn.init.normal_(net.weight, std=0.01)
    nn.init.zeros_(net.bias)
    return net, log_std


def check_action_space(
    observation_space: spaces.Dict,
    action_space: spaces.Space[Any],
    selection: str,
    head_kwargs: Mapping[str, Any],
) -> None:
    """Check that a policy can act in a space, and that no mask or setting would be ignored.

    Raises:
        ActionError: If the action space is of no known kind, or holds another number of entities
            than the observation.
        ObservationError: If a mask has the wrong shape, or means nothing for these actions.
        ValueError: If a setting of the unit-action head is given for other actions.
    """
    if not isinstance(action_space, _ORDINARY):
        raise ActionError(
            f"an entity policy acts in a UnitActionSpace, SelectEntity or one of"
            f" {[kind.__name__ for kind in _ORDINARY]}, not in {action_space}"
        )
    entities = (observation_space[ENTITIES].shape or (0,))[0]
    if isinstance(action_space, UnitActionSpace | SelectEntity):
        _check_sizes(entities, action_space.max_entities)
    shapes: dict[str, tuple[int, ...]] = {}
    if isinstance(action_space, UnitActionSpace):
        types = len(action_space.types)
        shapes = dict(zip(_MASKS, ((types,), (entities,), (types, entities)), strict=True))
    elif selection != "independent":
        raise ValueError(f"selection={selection!r} needs a UnitActionSpace, got {action_space}")
    elif isinstance(action_space, SelectEntity):
        shapes = {SELECTABLE_MASK: (entities,)}
    elif head_kwargs:
        raise ValueError(f"head_kwargs need a UnitActionSpace or SelectEntity, got {action_space}")
    _check_masks(observation_space, action_space, shapes)


def _check_sizes(observed: int, acted_on: int) -> None:
    if observed != acted_on:
        raise ActionError(f"the observation holds {observed} entities, the action space {acted_on}")


def _check_masks(
    space: spaces.Dict, action_space: spaces.Space[Any], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    for key in _MASKS:
        if key not in space.spaces:
            continue
        if key not in shapes:
            raise ObservationError(
                f"{key!r} would forbid nothing in {action_space}: leave it out of the observation,"
                " or mask actions with MaskablePPO"
            )
        if space[key].shape != shapes[key]:
            raise ObservationError(
                f"{key!r} must have shape {shapes[key]} for {action_space}, got {space[key].shape}"
            )
