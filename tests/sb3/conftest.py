"""A small environment whose optimum is known."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from numpy.typing import NDArray

from perceiver_rl.spaces import (
    ActionType,
    Column,
    EntitySpace,
    UnitActionSpace,
    observation_space,
)

Observation = dict[str, NDArray[Any]]


class Muster(gym.Env[Observation, NDArray[np.int64]]):
    """Select exactly the marked friends and aim at the one marked enemy; one step per episode.

    Between two and N entities exist; rows beyond are padding. Reward: 1 for each friend on the
    right side of the selection (as a fraction), plus 1 for the right target; ``no_op`` gives 0.
    The best return is 2.
    """

    action_space: UnitActionSpace
    observation_space: spaces.Dict  # type: ignore[assignment]  # gymnasium's Dict is not generic here

    def __init__(self, max_entities: int = 5) -> None:
        columns = [
            Column("friend", "binary"),
            Column("marked", "binary"),
            Column("x", low=-1, high=1),
        ]
        self.action_space = UnitActionSpace(
            [
                ActionType("no_op"),
                ActionType("attack", selects=True, target="unit"),
                ActionType("go", selects=True, target="point"),
            ],
            max_entities,
            grid=(2, 2),
        )
        self.observation_space = observation_space(
            EntitySpace(columns, max_entities),
            self.action_space,
            scalars=spaces.Box(0, 1, (2,), np.float32),
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        slots, rng = self.action_space.max_entities, self.np_random
        count = int(rng.integers(2, slots + 1))
        present = np.zeros(slots, bool)
        present[rng.permutation(slots)[:count]] = True
        order = rng.permutation(np.flatnonzero(present))
        enemies = order[: max(1, count // 2)]
        friends = order[max(1, count // 2) :]
        self.target = int(enemies[0])
        self.wanted = np.zeros(slots, bool)
        self.wanted[friends[: int(rng.integers(1, len(friends) + 1))]] = True
        self.friends = np.isin(np.arange(slots), friends)
        rows = np.zeros((slots, 3), np.float32)
        rows[friends, 0] = 1
        rows[self.wanted, 1] = 1
        rows[self.target, 1] = 1
        rows[present, 2] = rng.uniform(-1, 1, count)
        targets = np.zeros((3, slots), np.int8)
        targets[1, enemies] = 1
        return {
            "entities": rows,
            "entity_mask": present.astype(np.int8),
            "scalars": rng.random(2).astype(np.float32),
            "action_type_mask": np.array([1, 1, 0], np.int8),
            "selectable_mask": self.friends.astype(np.int8),
            "target_mask": targets,
        }, {}

    def step(
        self, action: NDArray[np.int64]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        order = self.action_space.decode(action)
        reward = 0.0
        if order.action_type == 1:
            selected = np.isin(np.arange(self.action_space.max_entities), order.selected)
            reward = float((selected == self.wanted)[self.friends].mean())
            reward += float(order.target_unit == self.target)
        observation, info = self.reset()
        return observation, reward, True, False, info


@pytest.fixture
def muster() -> type[Muster]:
    return Muster
