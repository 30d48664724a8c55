"""UnitActionSpace: structured actions as one MultiDiscrete."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from perceiver_rl.spaces import (
    ActionError,
    ActionType,
    ContractError,
    UnitAction,
    UnitActionSpace,
)

TYPES = [
    ActionType("no_op"),
    ActionType("attack", selects=True, target="unit"),
    ActionType("move", selects=True, target="point"),
]
SPACE = UnitActionSpace(types=TYPES, max_entities=4, grid=(2, 3))
TIMED = UnitActionSpace(
    [
        ActionType("no_op"),
        ActionType("build", target="point", queueable=True),
        ActionType("cry", selects=True, delays=False),
    ],
    max_entities=2,
    grid=(2, 3),
    queued=True,
    max_delay=5,
)


def test_components_are_type_then_one_bit_per_entity_then_both_targets() -> None:
    assert isinstance(SPACE, spaces.MultiDiscrete)
    assert SPACE.nvec.tolist() == [3, 2, 2, 2, 2, 4, 6]


def test_without_a_grid_the_cell_has_one_value() -> None:
    assert UnitActionSpace(TYPES[:2], 2).nvec.tolist() == [2, 2, 2, 2, 1]


def test_queued_and_delay_follow_the_targets_only_when_asked_for() -> None:
    assert TIMED.nvec.tolist() == [3, 2, 2, 2, 6, 2, 5]
    assert [TIMED.component(i) for i in range(7)] == [
        *("action_type", "selected_0", "selected_1"),
        *("target_unit", "target_cell", "queued", "delay"),
    ]
    types = TIMED.types
    assert UnitActionSpace(types, 2, (2, 3), queued=True).nvec.tolist() == [3, 2, 2, 2, 6, 2]
    assert UnitActionSpace(types, 2, (2, 3), max_delay=5).nvec.tolist() == [3, 2, 2, 2, 6, 5]


def test_each_type_says_whether_it_uses_queued_and_delay() -> None:
    assert TIMED.uses[:, 3:].tolist() == [[False, True], [True, True], [False, False]]
    full = np.array([[kind, 1, 1, 1, 5, 1, 4] for kind in range(3)])
    expected = [[0, 0, 0, 0, 0, 0, 4], [1, 0, 0, 0, 5, 1, 4], [2, 1, 1, 0, 0, 0, 0]]
    assert TIMED.canonical(full).tolist() == expected
    assert TIMED.decode(full[0]) == UnitAction(0, delay=4)
    assert TIMED.decode(full[1]) == UnitAction(1, target_cell=(1, 2), queued=True, delay=4)
    assert TIMED.decode(full[2]) == UnitAction(2, selected=(0, 1))


def test_a_vector_decodes_to_names_sets_and_cells() -> None:
    attack = SPACE.decode(np.array([1, 0, 1, 0, 1, 3, 5]))
    assert attack == UnitAction(1, selected=(1, 3), target_unit=3)
    move = SPACE.decode([2, 1, 0, 0, 0, 3, 4])
    assert move == UnitAction(2, selected=(0,), target_cell=(1, 1))
    assert SPACE.decode([0, 1, 1, 1, 1, 3, 5]) == UnitAction(0)


@given(seed=st.integers(0, 2**31), timed=st.booleans())
def test_encode_and_decode_are_inverse(seed: int, timed: bool) -> None:
    space = copy.deepcopy(TIMED if timed else SPACE)
    space.seed(seed)
    vector = space.sample()
    action = space.decode(vector)
    assert space.decode(space.encode(action)) == action
    np.testing.assert_array_equal(space.encode(action), space.canonical(vector))


def test_canonical_sets_unused_arguments_of_a_whole_batch_to_zero() -> None:
    batch = np.array([[0, 1, 1, 1, 1, 3, 5], [1, 1, 1, 1, 1, 3, 5], [2, 1, 1, 1, 1, 3, 5]])
    expected = [[0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 3, 0], [2, 1, 1, 1, 1, 0, 5]]
    assert SPACE.canonical(batch).tolist() == expected
    assert batch[0, 1] == 1  # the argument is not written to


def test_selected_entities_are_a_set() -> None:
    assert UnitAction(1, selected=(3, 1, 3)).selected == (1, 3)


def test_survives_copy_and_pickle() -> None:
    for space in (SPACE, TIMED):
        for other in (copy.deepcopy(space), pickle.loads(pickle.dumps(space))):
            assert other == space
            assert other.types == space.types
    assert UnitActionSpace(TIMED.types, 2, (2, 3), queued=True) != TIMED
    assert UnitActionSpace(TIMED.types, 2, (2, 3), queued=True, max_delay=4) != TIMED
    assert UnitActionSpace(TYPES[:2], 4, (2, 3)) != SPACE
    assert UnitActionSpace(TYPES, 4, (3, 2)) != SPACE


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        ([3, 0, 0, 0, 0, 0, 0], r"action_type=3 is not in \[0, 3\)"),
        ([1, 0, 2, 0, 0, 0, 0], r"selected_1=2 is not in \[0, 2\)"),
        ([1, 1, 0, 0, 0, 4, 0], r"target_unit=4 is not in \[0, 4\)"),
        ([2, 1, 0, 0, 0, 0, 6], r"target_cell=6 is not in \[0, 6\)"),
        ([2, 1, 0, 0, 0, 0, -1], r"target_cell=-1 is not in \[0, 6\)"),
        ([2, 1, 0], r"an action has shape \(7,\), got \(3,\)"),
        ([0.5] * 7, "an action holds integers, got float64"),
    ],
)
def test_a_vector_outside_the_space_is_refused_by_component(vector: Any, message: str) -> None:
    with pytest.raises(ActionError, match=message):
        SPACE.decode(np.array(vector))


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (UnitAction(7), r"action type 7 is not in \[0, 3\)"),
        (UnitAction(0, selected=(1,)), r"'no_op' selects no units, got \(1,\)"),
        (UnitAction(1, selected=(9,), target_unit=0), r"selected entity 9 is not in \[0, 4\)"),
        (UnitAction(1, selected=(0,)), "'attack' needs target_unit, got None"),
        (UnitAction(1, (0,), target_unit=0, target_cell=(0, 0)), "'attack' has no target_cell"),
        (UnitAction(1, (0,), target_unit=4), r"target_unit=4 is not in \[0, 4\)"),
        (UnitAction(2, (0,), target_cell=(2, 0)), r"cell \(2, 0\) is outside the grid \(2, 3\)"),
    ],
)
def test_an_action_that_no_vector_stands_for_is_refused(action: UnitAction, message: str) -> None:
    with pytest.raises(ActionError, match=message):
        SPACE.encode(action)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (UnitAction(0, queued=True), "'no_op' has no queued, got True"),
        (UnitAction(2, selected=(0,), delay=3), "'cry' has no delay, got 3"),
        (UnitAction(0, delay=5), r"delay=5 is not in \[0, 5\)"),
    ],
)
def test_timing_that_a_type_does_not_use_is_refused(action: UnitAction, message: str) -> None:
    with pytest.raises(ActionError, match=message):
        TIMED.encode(action)
    with pytest.raises(ActionError, match="actions of this space have no queued, got True"):
        SPACE.encode(UnitAction(0, queued=True))


OBSERVATION = {
    "entity_mask": np.array([1, 1, 1, 0]),
    "action_type_mask": np.array([1, 1, 0]),
    "selectable_mask": np.array([1, 1, 0, 0]),
    "target_mask": np.array([[0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]),
}


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        ([2, 1, 0, 0, 0, 0, 0], r"'move' is masked by action_type_mask.*\['no_op', 'attack'\]"),
        ([1, 1, 0, 1, 0, 2, 0], r"entities \[2\] are masked by selectable_mask"),
        ([1, 0, 0, 0, 0, 2, 0], "'attack' must select at least one entity"),
        ([1, 1, 0, 0, 0, 0, 0], "target unit 0 is masked by target_mask for 'attack'"),
    ],
)
def test_a_masked_action_is_refused_with_the_mask(vector: list[int], message: str) -> None:
    with pytest.raises(ActionError, match=message):
        SPACE.check_legal(vector, OBSERVATION)


def test_legal_actions_pass_the_check() -> None:
    SPACE.check_legal([0, 0, 0, 0, 0, 0, 0], OBSERVATION)
    SPACE.check_legal([1, 1, 1, 0, 0, 2, 0], OBSERVATION)


def test_without_masks_only_existence_counts() -> None:
    bare = {"entity_mask": OBSERVATION["entity_mask"]}
    SPACE.check_legal([2, 0, 0, 1, 0, 0, 0], bare)
    with pytest.raises(ActionError, match="selectable_mask"):
        SPACE.check_legal([2, 0, 0, 0, 1, 0, 0], bare)


def test_a_selecting_type_may_select_nobody_where_nobody_is_selectable() -> None:
    nobody = {**OBSERVATION, "selectable_mask": np.zeros(4)}
    SPACE.check_legal([1, 0, 0, 0, 0, 2, 0], nobody)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ActionType("a", target="cell"), "unknown target 'cell'"),  # type: ignore[arg-type]
        (lambda: UnitActionSpace([], 3), "types with distinct names"),
        (lambda: UnitActionSpace([TYPES[0]] * 2, 3), "types with distinct names"),
        (lambda: UnitActionSpace(TYPES[:1], 0), "max_entities must be at least 1, not 0"),
        (lambda: UnitActionSpace(TYPES, 3), "needs a grid"),
        (lambda: UnitActionSpace(TYPES, 3, (0, 4)), r"grid must be \(rows, columns\)"),
        (lambda: SPACE.index("atack"), "unknown action type 'atack'.*'attack'"),
        (lambda: UnitActionSpace(TYPES[:2], 3, queued=True), "needs an action type with queueable"),
        (lambda: UnitActionSpace(TYPES[:2], 3, max_delay=0), "max_delay must be at least 1"),
        (
            lambda: UnitActionSpace([ActionType("a", delays=False)], 3, max_delay=4),
            "max_delay=4 needs an action type with delays=True",
        ),
        (lambda: SPACE.position("delay"), "unknown argument 'delay'"),
    ],
)
def test_impossible_spaces_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        make()
