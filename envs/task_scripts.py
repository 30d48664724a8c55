"""Scripts that play our side where the task is more than a fight.

Like every control they see the observation alone, and give one order per step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
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
)

from .engine import fields as f
from .engine.objects import entity_kind

Observation = Mapping[str, NDArray[Any]]

ENEMY: Final = 1
NEUTRAL: Final = 2
MADE: Final = ("scv", "command_center", "supply_depot", "barracks", "refinery")


class TaskScript(ABC):
    """What the scripts share: the meaning of columns and components.

    Args:
        entities: Columns of the entities.
        actions: The orders that there are.
        rng: Of the script's own choices.
    """

    def __init__(
        self, entities: EntitySpace, actions: UnitActionSpace, rng: np.random.Generator
    ) -> None:
        self.entities = entities
        self.actions = actions
        self.rng = rng

    def act(self, observation: Observation) -> NDArray[np.int64]:
        """Return legal actions ``[game, 3 + N]``."""
        actions = np.zeros((len(observation[ENTITIES]), self.actions.nvec.size), dtype=np.int64)
        for game in range(len(actions)):
            if observation[SELECTABLE_MASK][game].any():
                self.play({key: value[game] for key, value in observation.items()}, actions[game])
        return actions

    @abstractmethod
    def play(self, one: Observation, action: NDArray[np.int64]) -> None:
        """Write the action of one game, in which we have units; it is ``no_op`` so far."""

    def column(self, one: Observation, name: str) -> NDArray[np.float32]:
        """Return a column ``[N]`` of one game's entities."""
        values: NDArray[np.float32] = one[ENTITIES][:, self.entities.index(name)]
        return values

    def points(self, one: Observation) -> NDArray[np.float32]:
        """Return the positions ``[N, 2]`` of one game's entities."""
        return np.stack([self.column(one, "x"), self.column(one, "y")], axis=1)

    def order(self, action: NDArray[np.int64], name: str, who: Any, target: int = 0) -> None:
        """Write an order to units, aimed at an entity or nothing."""
        action[0] = self.actions.index(name)
        action[1 + np.atleast_1d(who)] = 1
        action[-2] = target

    def cell(self, point: NDArray[np.float32]) -> int:
        """Return the target cell of a point."""
        rows, columns = self.actions.grid or (1, 1)
        row = self._part("y", float(point[1]), rows)
        return row * columns + self._part("x", float(point[0]), columns)

    def _part(self, name: str, value: float, count: int) -> int:
        low, high = self.entities.columns[self.entities.index(name)].bounds
        return int(np.clip((value - low) / (high - low) * count, 0, count - 1))


class WalkToNearest(TaskScript):
    """Sends a unit to the object nearest to it, of those that no other unit is nearer to.

    An idle unit comes first; if all walk, one of them is drawn and sent anew.
    """

    def play(self, one: Observation, action: NDArray[np.int64]) -> None:
        """Order one unit to move."""
        ours = np.flatnonzero(one[SELECTABLE_MASK])
        things = np.flatnonzero((self.column(one, "alliance") == NEUTRAL) & (one[ENTITY_MASK] > 0))
        if not things.size:
            return
        idle = ours[self.column(one, "order")[ours] == f.IDLE]
        walker = idle[0] if idle.size else self.rng.choice(ours)
        points = self.points(one)
        apart = np.hypot(*(points[ours][:, None] - points[things][None]).transpose(2, 0, 1))
        mine = apart[ours == walker][0]
        near = mine + 100.0 * (mine > apart.min(0))
        self.order(action, "move", walker)
        action[-1] = self.cell(points[things[near.argmin()]])


class Search(TaskScript):
    """Attack-moves to the nearest enemy in sight; seeing none, goes round the map and looks.

    The round passes everything within nine cells, the sight of a marine: half a lap in the lower
    half of the map, half in the upper one.
    """

    ROUND: Final = np.array(
        [(1, 2), (3, 2), (5, 2), (7, 2), (7, 6), (5, 6), (3, 6), (1, 6)], dtype=np.float32
    )
    """In eighths of the playable area."""

    def play(self, one: Observation, action: NDArray[np.int64]) -> None:
        """Order all units to attack-move, unless they are on their round and see nobody."""
        ours = np.flatnonzero(one[SELECTABLE_MASK])
        foes = np.flatnonzero((self.column(one, "alliance") == ENEMY) & (one[ENTITY_MASK] > 0))
        points = self.points(one)
        middle = points[ours].mean(0)
        if foes.size:
            goal = points[foes[np.hypot(*(points[foes] - middle).T).argmin()]]
        elif (self.column(one, "order")[ours] == f.IDLE).any():
            bounds = [self.entities.columns[self.entities.index(axis)].bounds for axis in "xy"]
            (left, right), (bottom, top) = bounds
            scale = np.array([right - left, top - bottom], dtype=np.float32) / 8
            stops = self.ROUND * scale + np.array([left, bottom], dtype=np.float32)
            nearest = int(np.hypot(*(stops - middle).T).argmin())
            goal = stops[(nearest + 1) % len(stops)]
        else:
            return
        self.order(action, "attack_move", ours)
        action[-1] = self.cell(goal)


class Economist(TaskScript):
    """Lets every worker mine, trains workers, and spends the rest on what the scenario is for.

    Workers are spread over the fields nearest to the town hall, two to a field. Depots come before
    supply runs out; marines and barracks, or refineries, with what is left.
    """

    WORKERS: Final = 18
    BARRACKS: Final = 5

    def play(self, one: Observation, action: NDArray[np.int64]) -> None:
        """Give the most urgent order that is legal."""
        kinds = self.column(one, "unit_type").astype(int)
        ours = np.flatnonzero(one[SELECTABLE_MASK])
        mine = {name: ours[kinds[ours] == entity_kind(name)] for name in MADE}
        legal = {
            name for name, ok in zip(self.actions.names, one[ACTION_TYPE_MASK], strict=True) if ok
        }
        workers = mine["scv"]
        idle = workers[self.column(one, "order")[workers] == f.IDLE]
        if idle.size and "gather" in legal:
            self._mine(one, action, idle[0], mine["command_center"])
            return
        wanted = len(workers) + self.column(one, "training")[mine["command_center"]].sum()
        used, cap = one[SCALARS][3:5] * 200
        unbuilt = self.column(one, "unbuilt")[mine["supply_depot"]] > 0
        room = cap - used + 8 * unbuilt.sum()
        if "train_scv" in legal and wanted < self.WORKERS:
            self.order(action, "train_scv", mine["command_center"])
        elif "build_supply_depot" in legal and room < 2 + 2 * len(mine["barracks"]):
            self._build(one, action, "build_supply_depot", workers)
        elif "build_barracks" in legal and len(mine["barracks"]) < self.BARRACKS:
            self._build(one, action, "build_barracks", workers)
        elif "train_marine" in legal:
            self.order(action, "train_marine", mine["barracks"])
        elif "build_refinery" in legal and len(mine["refinery"]) < 2:
            geysers = np.flatnonzero(one[TARGET_MASK][self.actions.index("build_refinery")])
            self.order(action, "build_refinery", workers, int(geysers[0]))

    def _mine(
        self, one: Observation, action: NDArray[np.int64], worker: int, halls: NDArray[np.intp]
    ) -> None:
        fields = np.flatnonzero(
            self.column(one, "unit_type").astype(int) == entity_kind("mineral_field")
        )
        fields = fields[one[ENTITY_MASK][fields] > 0]
        points = self.points(one)
        apart = np.hypot(*(points[fields] - points[halls[0]]).T)
        near = fields[np.argsort(apart, kind="stable")][:8]
        self.order(action, "gather", worker, int(near[worker % len(near)]))

    def _build(
        self, one: Observation, action: NDArray[np.int64], name: str, workers: NDArray[np.intp]
    ) -> None:
        """Try a place drawn from the free side of the town hall."""
        rows, columns = self.actions.grid or (1, 1)
        self.order(action, name, workers)
        column = self.rng.integers(columns // 2 + 1, columns)
        action[-1] = self.rng.integers(rows) * columns + column


TASK_SCRIPTS: Final[Mapping[str, type[TaskScript]]] = {
    "walk-to-nearest": WalkToNearest,
    "search": Search,
    "economist": Economist,
}

_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "no-op": (),
    "random": (),
    "walk-to-nearest": ("move_queued",),
    "search": ("attack", "camera"),
    "economist": ("gather", "train_scv"),
}
_SHUNS: Final[Mapping[str, tuple[str, ...]]] = {"walk-to-nearest": ("attack", "gather")}
"""Orders that show that a scenario is about something that a control cannot do."""
_FIGHT: Final = ("attack", "attack_move")


def suits(name: str, actions: UnitActionSpace) -> bool:
    """Return whether an environment offers what a control does."""
    offered = set(actions.names)
    return offered.issuperset(_NEEDS.get(name, _FIGHT)) and offered.isdisjoint(_SHUNS.get(name, ()))


def check_suits(name: str, actions: UnitActionSpace) -> None:
    """Check that an environment offers what a control does.

    Raises:
        ContractError: If it does not; names what is missing.
    """
    missing = [need for need in _NEEDS.get(name, _FIGHT) if need not in actions.names]
    if missing:
        raise ContractError(
            f"control {name!r} gives the orders {missing}, this environment only offers"
            f" {list(actions.names)}"
        )
    if not suits(name, actions):
        raise ContractError(
            f"control {name!r} only walks, this environment offers {list(actions.names)}"
        )
