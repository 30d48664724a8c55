"""Spaces survive a trip through JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from perceiver_rl.envs import make_vec
from perceiver_rl.sb3.space_json import space_from_json, space_to_json
from perceiver_rl.spaces import ActionType, ContractError, SelectEntity, UnitActionSpace

BOXES: list[spaces.Space[Any]] = [
    spaces.Box(-np.inf, np.inf, (2, 3), np.float32),
    spaces.Box(np.array([0.1, -np.inf]), np.array([1 / 3, 5.0]), dtype=np.float64),
    spaces.Box(0, 255, (3, 8, 8), np.uint8),
    spaces.Box(-(2**62), 2**62, (), np.int64),
    spaces.Discrete(4),
    SelectEntity(6),
    UnitActionSpace(
        [ActionType("a", queueable=True), ActionType("b", target="point", delays=False)],
        max_entities=3,
        grid=(2, 2),
        queued=True,
        max_delay=5,
    ),
    spaces.MultiDiscrete([3, 2]),
    spaces.MultiBinary(5),
    spaces.MultiBinary([2, 3]),
]


def there_and_back(space: spaces.Space[Any]) -> spaces.Space[Any]:
    return space_from_json(json.loads(json.dumps(space_to_json(space), allow_nan=False)))


@pytest.mark.parametrize("space", BOXES, ids=str)
def test_a_standard_space_comes_back(space: spaces.Space[Any]) -> None:
    again = there_and_back(space)
    assert again == space
    assert type(again) is type(space)
    assert again.dtype == space.dtype


def test_the_spaces_of_a_battle_come_back_with_columns_and_action_types() -> None:
    env = make_vec("perceiver_rl/Battle-3m-v0", num_envs=1)
    again: Any = there_and_back(env.observation_space)
    assert again == env.observation_space
    assert list(again.spaces) == list(env.observation_space.spaces)  # type: ignore[attr-defined]
    assert again["entities"].columns == env.observation_space["entities"].columns  # type: ignore[index]
    actions: Any = there_and_back(env.action_space)
    assert (actions.types, actions.grid) == (env.action_space.types, env.action_space.grid)  # type: ignore[attr-defined]
    assert actions == env.action_space


@pytest.mark.parametrize(
    "space", [spaces.Discrete(3, start=1), spaces.Text(4), spaces.Tuple([spaces.Discrete(2)])]
)
def test_a_space_that_cannot_be_written_is_named(space: spaces.Space[Any]) -> None:
    with pytest.raises(ContractError, match="cannot write"):
        space_to_json(space)


@pytest.mark.parametrize(
    "content",
    [
        None,
        "Box",
        {},
        {"kind": "Sequence"},
        {"kind": "Box", "shape": [2]},
        {"kind": "Box", "shape": [2], "dtype": "object", "low": 0, "high": 1},
        {"kind": "Box", "shape": [3], "dtype": "float32", "low": [0, 1], "high": 1},
        {"kind": "Dict", "spaces": {"a": {"kind": "Discrete"}}},
        {"kind": "Discrete", "n": -1},
        {"kind": "EntitySpace", "columns": [{"name": "x"}], "max_entities": 3},
    ],
)
def test_a_description_of_no_space_is_refused(content: Any) -> None:
    with pytest.raises(ContractError, match="describes no space"):
        space_from_json(content)
