"""The observation's keys, and the check a policy makes of them."""

import pytest
from gymnasium import spaces

from perceiver_rl.spaces import (
    ActionType,
    Column,
    ContractError,
    EntitySpace,
    ObservationError,
    UnitActionSpace,
    check_observation_space,
    observation_space,
)

ENTITIES = EntitySpace([Column("x", low=0, high=1)], 4)
ACTIONS = UnitActionSpace([ActionType("no_op"), ActionType("stop", selects=True)], 4)


def test_holds_every_mask_in_the_shape_of_the_contract() -> None:
    space = observation_space(ENTITIES, ACTIONS, scalars=spaces.Box(0, 1, (3,)))
    assert {key: item.shape for key, item in space.items()} == {
        "action_type_mask": (2,),
        "entities": (4, 1),
        "entity_mask": (4,),
        "scalars": (3,),
        "selectable_mask": (4,),
        "target_mask": (2, 4),
    }
    assert check_observation_space(space) is space


def test_entities_and_actions_must_count_the_same() -> None:
    with pytest.raises(ContractError, match="holds 4 entities, the action space 5"):
        observation_space(ENTITIES, UnitActionSpace(ACTIONS.types, 5))


def test_a_plain_box_of_entities_is_enough() -> None:
    space = spaces.Dict(
        {"entities": spaces.Box(-1, 1, (4, 2)), "entity_mask": spaces.MultiBinary(4)}
    )
    assert check_observation_space(space) is space


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (spaces.Discrete(3), "expected a Dict observation space with the keys"),
        (spaces.Dict({"entities": ENTITIES}), r"missing observation keys \['entity_mask'\]"),
        (
            spaces.Dict({"entities": ENTITIES, "entity_masks": spaces.MultiBinary(4)}),
            "unknown observation key 'entity_masks'.*did you mean 'entity_mask'",
        ),
        (
            spaces.Dict({"entities": spaces.Box(0, 1, (4,)), "entity_mask": spaces.MultiBinary(4)}),
            r"'entities' must have shape \[N, F\], got \(4,\)",
        ),
        (
            spaces.Dict({"entities": ENTITIES, "entity_mask": spaces.MultiBinary(5)}),
            r"'entity_mask' must have shape \(4,\) like the rows of 'entities', got \(5,\)",
        ),
    ],
)
def test_what_a_policy_cannot_read_is_refused(space: spaces.Space, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ObservationError, match=message):
        check_observation_space(space)
