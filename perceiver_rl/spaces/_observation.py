"""Keys of an observation, the space they form, and the check a policy makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gymnasium import spaces

from perceiver_rl.spaces._actions import UnitActionSpace
from perceiver_rl.spaces._entities import EntitySpace
from perceiver_rl.spaces._errors import ContractError, ObservationError, unknown
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


def observation_space(
    entities: EntitySpace,
    actions: UnitActionSpace,
    scalars: spaces.Box | None = None,
    minimap: spaces.Box | None = None,
) -> spaces.Dict:
    """Build the observation space that belongs to an entity space and an action space.

    ========================= ======================= =============================================
    key                       space                   meaning
    ========================= ======================= =============================================
    ``entities``              ``EntitySpace [N, F]``  one row per entity, padded with zeros to N
    ``entity_mask``           ``MultiBinary(N)``      1 where the row holds an entity
    ``scalars``               ``Box [S]``             global features (optional)
    ``minimap``               ``Box [C, H, W]``       spatial planes (optional)
    ``action_type_mask``      ``MultiBinary(A)``      action types legal now
    ``selectable_mask``       ``MultiBinary(N)``      entities that may be selected
    ``target_mask``           ``MultiBinary([A, N])`` legal target units, per action type
    ========================= ======================= =============================================

    Raises:
        ContractError: If the two spaces do not hold the same number of entities.
    """
    if entities.max_entities != actions.max_entities:
        raise ContractError(
            f"the entity space holds {entities.max_entities} entities,"
            f" the action space {actions.max_entities}"
        )
    count = entities.max_entities
    keys: dict[str, spaces.Space[Any]] = {
        ENTITIES: entities,
        ENTITY_MASK: spaces.MultiBinary(count),
        ACTION_TYPE_MASK: spaces.MultiBinary(len(actions.types)),
        SELECTABLE_MASK: spaces.MultiBinary(count),
        TARGET_MASK: spaces.MultiBinary([len(actions.types), count]),
    }
    if scalars is not None:
        keys[SCALARS] = scalars
    if minimap is not None:
        keys[MINIMAP] = minimap
    return spaces.Dict(keys)


def check_observation_space(space: spaces.Space[Any]) -> spaces.Dict:
    """Return the space as a Dict if a policy can read it.

    Only ``entities`` and ``entity_mask`` are required; a mask that is not there forbids nothing.
    A plain ``Box [N, F]`` becomes a Dict of these two: there a row of zeros is an absent entity.

    Raises:
        ObservationError: If it is neither a Dict nor a ``Box [N, F]``, a required key is missing, a
            key is unknown, or the shapes of ``entities`` and ``entity_mask`` do not agree.
    """
    if isinstance(space, spaces.Box) and len(space.shape) == 2:
        space = spaces.Dict({ENTITIES: space, ENTITY_MASK: spaces.MultiBinary(space.shape[0])})
    if not isinstance(space, spaces.Dict):
        raise ObservationError(
            f"expected a Dict observation space with the keys {list(REQUIRED_KEYS)} and optionally"
            f" {list(OBSERVATION_KEYS[2:])}, or a Box [N, F], got {space}"
        )
    check_keys(space.spaces, OBSERVATION_KEYS)
    shape = space[ENTITIES].shape
    if shape is None or len(shape) != 2:
        raise ObservationError(f"{ENTITIES!r} must have shape [N, F], got {shape}")
    if space[ENTITY_MASK].shape != shape[:1]:
        raise ObservationError(
            f"{ENTITY_MASK!r} must have shape {shape[:1]} like the rows of {ENTITIES!r},"
            f" got {space[ENTITY_MASK].shape}"
        )
    return space


def check_keys(found: Iterable[str], known: Sequence[str]) -> None:
    """Check that the required keys are there and no key is unknown.

    Raises:
        ObservationError: Names the missing or unknown key and what was expected.
    """
    found = list(found)
    for key in found:
        if key not in known:
            raise ObservationError(unknown("observation key", key, known))
    missing = [key for key in REQUIRED_KEYS if key not in found]
    if missing:
        raise ObservationError(f"missing observation keys {missing}, got {found}")
