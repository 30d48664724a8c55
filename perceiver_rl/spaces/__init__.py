"""The contract between environments and policies: entity observations, structured unit actions.

Needs numpy and Gymnasium only, so that an environment can use it without torch.

An observation is a :class:`gymnasium.spaces.Dict` with the keys of :func:`observation_space`; an
action is one row of a :class:`UnitActionSpace`. Axes: ``entity`` N, ``feature`` F, action type A,
grid rows G_r and columns G_c.
"""

from perceiver_rl.spaces._action_types import ActionType, UnitAction
from perceiver_rl.spaces._actions import UnitActionSpace
from perceiver_rl.spaces._entities import Column, EntitySpace
from perceiver_rl.spaces._errors import (
    ActionError,
    ContractError,
    ObservationError,
    nearest,
    unknown,
)
from perceiver_rl.spaces._keys import (
    ACTION_TYPE_MASK,
    ENTITIES,
    ENTITY_MASK,
    MINIMAP,
    OBSERVATION_KEYS,
    REQUIRED_KEYS,
    SCALARS,
    SELECTABLE_MASK,
    TARGET_MASK,
)
from perceiver_rl.spaces._observation import (
    check_keys,
    check_observation_space,
    observation_space,
)
from perceiver_rl.spaces._pad import PadObservation
from perceiver_rl.spaces._select import SelectEntity
from perceiver_rl.spaces._text import TextSpace

__all__ = [
    "ACTION_TYPE_MASK",
    "ENTITIES",
    "ENTITY_MASK",
    "MINIMAP",
    "OBSERVATION_KEYS",
    "REQUIRED_KEYS",
    "SCALARS",
    "SELECTABLE_MASK",
    "TARGET_MASK",
    "ActionError",
    "ActionType",
    "Column",
    "ContractError",
    "EntitySpace",
    "ObservationError",
    "PadObservation",
    "SelectEntity",
    "TextSpace",
    "UnitAction",
    "UnitActionSpace",
    "check_keys",
    "check_observation_space",
    "nearest",
    "observation_space",
    "unknown",
]
