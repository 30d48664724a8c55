"""Scripts that play our side through the ordinary observations and actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from perceiver_rl.spaces import (
    ACTION_TYPE_MASK,
    ENTITIES,
    ENTITY_MASK,
    SCALARS,
    SELECTABLE_MASK,
    TARGET_MASK,
    ContractError,
    EntitySpace,
    UnitActionSpace,
    unknown,
)

from .battle import SCALAR_NAMES
from .memory import Memory, pack_stream, unpack_stream
from .opponents import TOUR, elite
from .pilot import Pilot
from .tactics import kite, retreat_and_regroup
from .task_scripts import TASK_SCRIPTS, check_suits, suits

ENEMY: Final = 1


class Control(Protocol):
    """Plays a batch of games from their observations alone."""

    def act(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Return legal actions ``[game, 3 + N]`` for an observation ``[game, ...]``."""
        ...


class _Script:
    """What the scripts share: the meaning of columns and components."""

    def __init__(
        self, entities: EntitySpace, actions: UnitActionSpace, rng: np.random.Generator
    ) -> None:
        self.entities = entities
        self.actions = actions
        self.rng = rng
        self._first_stream = pack_stream(rng)

    def memory(self) -> dict[str, NDArray[Any]]:
        """Return the state of the random stream."""
        return {"stream": pack_stream(self.rng)}

    def recall(self, memory: Memory) -> None:
        """Take back what :meth:`memory` has returned; without it, begin anew."""
        unpack_stream(self.rng, memory.get("stream", self._first_stream))

    def _still(self, count: int) -> NDArray[np.int64]:
        actions = np.zeros((count, self.actions.nvec.size), dtype=np.int64)
        actions[:, 0] = self.actions.index("no_op")
        return actions

    def _column(self, observation: Mapping[str, NDArray[Any]], name: str) -> NDArray[np.float32]:
        column: NDArray[np.float32] = observation[ENTITIES][..., self.entities.index(name)]
        return column

    def _present(
        self, observation: Mapping[str, NDArray[Any]]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return ``[game, N]``: whom we can order, and which entities are enemies."""
        enemies = self._column(observation, "alliance") == ENEMY
        return (
            observation[SELECTABLE_MASK].astype(bool),
            enemies & observation[ENTITY_MASK].astype(bool),
        )


class NoOp(_Script):
    """Gives no orders."""

    def act(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Return ``no_op`` for every game."""
        return self._still(len(observation[ENTITIES]))


class Random(_Script):
    """A uniformly random legal type, a random nonempty selection, uniformly random arguments."""

    def act(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Return random legal actions."""
        count = len(observation[ENTITIES])
        actions = self._still(count)
        actions[:, 0] = self._choose(observation[ACTION_TYPE_MASK])
        selectable = observation[SELECTABLE_MASK].astype(bool)
        chosen = selectable & (self.rng.random(selectable.shape) < 0.5)
        empty = np.flatnonzero(~chosen.any(1) & selectable.any(1))
        # An empty draw becomes one unit: a little more than its share, but legal.
        chosen[empty, self._choose(selectable[empty])] = True
        actions[:, self.actions.selection] = chosen
        targets = observation[TARGET_MASK][np.arange(count), actions[:, 0]]
        actions[:, self.actions.position("target_unit")] = self._choose(targets)
        for name in self.actions.arguments[1:]:
            size = self.actions.argument_size(name)
            actions[:, self.actions.position(name)] = self.rng.integers(size, size=count)
        return self.actions.canonical(actions)

    def _choose(self, legal: NDArray[Any]) -> NDArray[np.int64]:
        """Return a uniformly chosen legal index per row, 0 where none is legal."""
        scores = self.rng.random(legal.shape) * legal.astype(bool)
        return scores.argmax(1) if scores.size else np.zeros(len(legal), dtype=np.int64)


class AttackNearest(_Script):
    """All units attack-move to the enemy nearest to their middle; each fights whom it meets."""

    def act(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Return the order to attack-move, or ``no_op`` where a side is gone."""
        ours, enemies = self._present(observation)
        x, y = self._column(observation, "x"), self._column(observation, "y")
        members = np.maximum(ours.sum(1), 1)
        dx = x - ((x * ours).sum(1) / members)[:, None]
        dy = y - ((y * ours).sum(1) / members)[:, None]
        target = np.where(enemies, dx * dx + dy * dy, np.inf).argmin(1)
        actions = self._still(len(x))
        games = np.flatnonzero(ours.any(1) & enemies.any(1))
        actions[games, 0] = self.actions.index("attack_move")
        actions[games, self.actions.selection] = ours[games]
        actions[games, -1] = self._cell(x[games, target[games]], y[games, target[games]])
        return actions

    def _cell(self, x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the grid cell of a point."""
        rows, columns = self.actions.grid or (1, 1)
        column = self._share("x", x) * columns
        row = self._share("y", y) * rows
        return np.clip(row.astype(np.int64), 0, rows - 1) * columns + np.clip(
            column.astype(np.int64), 0, columns - 1
        )

    def _share(self, name: str, value: NDArray[np.float32]) -> NDArray[np.float32]:
        low, high = self.entities.columns[self.entities.index(name)].bounds
        return (value - np.float32(low)) / np.float32(high - low)


class FocusFire(_Script):
    """All units attack the one enemy that is weak and near.

    An enemy's worth is its life in hit points plus 5 per cell of its mean distance from our units:
    what a unit that walks for a cell's time could have shot off.
    """

    def act(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Return the order to attack, or ``no_op`` where a side is gone."""
        ours, enemies = self._present(observation)
        x, y = self._column(observation, "x"), self._column(observation, "y")
        reach = self._column(observation, "weapon_range")
        distance = np.hypot(x[:, :, None] - x[:, None, :], y[:, :, None] - y[:, None, :])
        walk = np.maximum(distance - reach[:, :, None] - 1.0, 0) * ours[:, :, None]
        walk = walk.sum(1) / np.maximum(ours.sum(1), 1)[:, None]
        life = self._column(observation, "health") + self._column(observation, "shield")
        target = np.where(enemies, life + 5.0 * walk, np.inf).argmin(1)
        actions = self._still(len(x))
        games = np.flatnonzero(ours.any(1) & enemies.any(1))
        actions[games, 0] = self.actions.index("attack")
        actions[games, self.actions.selection] = ours[games]
        actions[games, -2] = target[games]
        return actions


class OpenLoop(AttackNearest):
    """All units attack-move along a tour of the map that only depends on the time.

    What it reaches is what a scenario gives away to those who do not look.
    """

    def act(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Return the order to attack-move to the tour's point of this sixth of the episode."""
        passed = 1.0 - observation[SCALARS][:, SCALAR_NAMES.index("time_left")]
        leg = np.clip((passed * len(TOUR)).astype(np.int64), 0, len(TOUR) - 1)
        rows, columns = self.actions.grid or (1, 1)
        across, up = np.array(TOUR)[leg].T
        actions = self._still(len(leg))
        actions[:, 0] = self.actions.index("attack_move")
        actions[:, self.actions.selection] = observation[SELECTABLE_MASK]
        actions[:, -1] = (up * rows).astype(np.int64) * columns + (across * columns).astype(
            np.int64
        )
        actions[~observation[SELECTABLE_MASK].any(1)] = 0
        return actions


CONTROLS: Final[
    Mapping[str, Callable[[EntitySpace, UnitActionSpace, np.random.Generator], Control]]
] = {
    "no-op": NoOp,
    "open-loop": OpenLoop,
    "random": Random,
    "attack-nearest": AttackNearest,
    "focus-fire": FocusFire,
    "kite": partial(Pilot, tactic=kite),
    "retreat-and-regroup": partial(Pilot, tactic=retreat_and_regroup),
    "elite": partial(Pilot, tactic=elite),
    **TASK_SCRIPTS,
}


def suitable_controls(action_space: UnitActionSpace) -> tuple[str, ...]:
    """Return the names of the scripts whose orders an environment offers."""
    return tuple(name for name in CONTROLS if suits(name, action_space))


def make_control(
    name: str, observation_space: spaces.Dict, action_space: UnitActionSpace, seed: int
) -> Control:
    """Make a script that plays our side.

    Args:
        name: A key of :data:`CONTROLS`.
        observation_space: Of the environment; its entities must be an EntitySpace.
        action_space: Of the environment.
        seed: Of the script's own choices.

    Raises:
        ContractError: If there is no such script, it gives orders that the environment does not
            offer, or the entities' columns have no names.
    """
    if name not in CONTROLS:
        raise ContractError(unknown("control", name, tuple(CONTROLS)))
    check_suits(name, action_space)
    entities = observation_space[ENTITIES]
    if not isinstance(entities, EntitySpace):
        raise ContractError(f"a control needs an EntitySpace of entities, not {entities}")
    return CONTROLS[name](entities, action_space, np.random.default_rng(seed))


def control_player(
    name: str, observation_space: spaces.Dict, action_space: UnitActionSpace
) -> Control:
    """Make a script that plays the enemy through the contract: the opponent ``control:...``.

    Its chance is a stream of its own, which no script of our side shares.
    """
    return make_control(name, observation_space, action_space, seed=2**31)
