"""Whole games against the built-in opponent: any map for two players that PySC2 knows.

There is no proxy of these. An entity is whatever the raw interface shows, an action one of PySC2's
general raw functions, legal where one of our units has the ability now.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

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
    ActionType,
    Column,
    ContractError,
    EntitySpace,
    UnitAction,
    UnitActionSpace,
    observation_space,
)

from ..batched_step import Observation
from . import ids
from .compat import Client
from .game import Game
from .game_env import GameEnv, Verdict, game_options, result_of
from .orders import Command, Given
from .tags import ENEMY, NEUTRAL, OWN, Regions, TagTable

GRID: Final = (32, 32)
ROWS: Final = 512
MOST_CELLS: Final = 256  # width of the largest maps
MOST_LIFE: Final = 3000.0
MOST_COOLDOWN: Final = 100.0
MOST_CONTENTS: Final = 2250.0
FULL_PURSE: Final = 2000
MOST_SUPPLY: Final = 200
SCALARS_SEEN: Final = ("time_left", "minerals", "gas", "supply_used", "supply_cap", "idle_workers")
_SIDES: Final = {ids.SELF: OWN, ids.ENEMY: ENEMY, ids.NEUTRAL: NEUTRAL}
_TARGETS: Final = {"raw_cmd": "none", "raw_cmd_pt": "point", "raw_cmd_unit": "unit"}
_OUTCOMES: Final = {ids.VICTORY: ("win", 1.0), ids.DEFEAT: ("loss", -1.0)}


class Vocabulary(NamedTuple):
    """PySC2's numbers for units and abilities, as categories and action types.

    Args:
        kinds: Category of each unit type; 0 is for all that PySC2 does not know.
        functions: PySC2's function of each action type.
        general: The general ability of each ability.
        orders: Category of each general ability; 0 is for no order.
    """

    kinds: Mapping[int, int]
    functions: tuple[Any, ...]
    general: Mapping[int, int]
    orders: Mapping[int, int]

    def types(self) -> tuple[ActionType, ...]:
        """Return the action types."""
        return tuple(_action_type(each) for each in self.functions)


@lru_cache(maxsize=1)
def vocabulary(client: Client) -> Vocabulary:
    """Return what PySC2 calls everything."""
    tables = (client.units.Neutral, client.units.Protoss, client.units.Terran, client.units.Zerg)
    numbers = sorted({int(unit) for table in tables for unit in table})
    known = list(client.actions.RAW_FUNCTIONS)
    # A general function stands for all of its like; autocasts are left out.
    functions = [
        each
        for each in known
        if not each.general_id and each.function_type.__name__ != "raw_autocast"
    ]
    general = {each.ability_id: each.general_id or each.ability_id for each in known}
    abilities = sorted({ability for ability in general.values() if ability})
    return Vocabulary(
        kinds={number: at + 1 for at, number in enumerate(numbers)},
        functions=tuple(functions),
        general=general,
        orders={ability: at + 1 for at, ability in enumerate(abilities)},
    )


def _action_type(function: Any) -> ActionType:
    kind = function.function_type.__name__
    if kind == "raw_move_camera":
        return ActionType(function.name, target="point")
    target: Any = _TARGETS.get(kind, "none")
    selects = kind in _TARGETS
    return ActionType(function.name, selects=selects, target=target, queueable=selects)


def melee_columns(words: Vocabulary) -> tuple[Column, ...]:
    """Return the columns of an entity."""
    return (
        Column("alliance", "category", size=3),
        Column("unit_type", "category", size=len(words.kinds) + 1),
        Column("x", low=0, high=MOST_CELLS, unit="cell"),
        Column("y", low=0, high=MOST_CELLS, unit="cell"),
        Column("health", low=0, high=MOST_LIFE, unit="hit point"),
        Column("health_ratio", low=0, high=1),
        Column("shield", low=0, high=MOST_LIFE, unit="hit point"),
        Column("shield_ratio", low=0, high=1),
        Column("energy", low=0, high=MOST_SUPPLY, unit="energy"),
        Column("weapon_cooldown", low=0, high=MOST_COOLDOWN, unit="loop"),
        Column("order", "category", size=len(words.orders) + 1),
        Column("orders", low=0, high=10, unit="order"),
        Column("build_progress", low=0, high=1),
        Column("contents", low=0, high=MOST_CONTENTS),
        Column("is_flying", "binary"),
        Column("is_snapshot", "binary"),
    )


class MeleeEnv(GameEnv):
    """A game against the built-in opponent, won or lost: a reward of 1 or -1 at its end.

    Args:
        map_name: A map for two players that PySC2 knows, such as ``Simple64``.
        max_entities: Rows of the observation: half of them ours, a quarter each the enemy's and
            those of nobody.
        illegal: ``refuse`` drops and counts what the masks forbid, ``error`` raises.
        **options: Of :class:`~perceiver_rl.envs.pysc2.options.GameOptions`.

    Raises:
        ContractError: If PySC2 is not installed, there is no such map or option, or the map is for
            one player.
    """

    def __init__(
        self,
        map_name: str,
        max_entities: int = ROWS,
        illegal: str = "refuse",
        **options: Any,
    ) -> None:
        if max_entities < 4:
            raise ContractError(f"max_entities must be at least 4, not {max_entities}")
        game = Game(map_name, game_options(options))
        if game.map.players == 1:
            raise ContractError(f"{map_name} is for one player; its environment is SC2Env")
        self._words = vocabulary(game.client)
        entities = EntitySpace(melee_columns(self._words), max_entities)
        actions = UnitActionSpace(self._words.types(), max_entities, GRID, queued=True)
        scalars = spaces.Box(0.0, 1.0, (len(SCALARS_SEEN),), np.float32)
        super().__init__(game, observation_space(entities, actions, scalars), actions, illegal)
        quarter = max_entities // 4
        regions = Regions(max_entities - 2 * quarter, quarter, quarter)
        self._tags = TagTable(regions)
        self._limit = game.map.game_steps_per_episode or game.client.env.MAX_STEP_COUNT
        self._columns = len(entities.columns)
        self._aimed = np.array([kind.target == "unit" for kind in actions.types])
        self._hidden_units = 0
        self._view: Observation = {}

    def _begin(self, response: Any) -> None:
        self._tags.clear()
        self._read(response, over=False)

    def _read(self, response: Any, over: bool) -> None:
        raw = response.observation.raw_data
        units = [unit for unit in raw.units if unit.alliance in _SIDES]
        self._hidden_units = self._tags.update(
            [(unit.tag, _SIDES[unit.alliance]) for unit in units], set(raw.event.dead_units)
        )
        placed = [(row, unit) for unit in units if (row := self._tags.row(unit.tag)) is not None]
        rows = self.actions.max_entities
        entities = np.zeros((rows, self._columns), np.float32)
        present, ours, visible = np.zeros((3, rows), np.int8)
        for row, unit in placed:
            entities[row] = self._entity(unit)
            present[row] = 1
            ours[row] = not over and unit.alliance == ids.SELF
            visible[row] = not over and unit.display_type == ids.VISIBLE
        own_tags = [unit.tag for row, unit in placed if ours[row]]
        legal = self._legal(own_tags, bool(visible.any()))
        self._view = {
            ENTITIES: entities,
            ENTITY_MASK: present,
            SCALARS: self._scalars(response.observation),
            ACTION_TYPE_MASK: legal,
            SELECTABLE_MASK: ours,
            TARGET_MASK: ((legal & self._aimed)[:, None] * visible).astype(np.int8),
        }

    def _entity(self, unit: Any) -> tuple[float, ...]:
        first = unit.orders[0].ability_id if unit.orders else 0
        return (
            _SIDES[unit.alliance],
            self._words.kinds.get(unit.unit_type, 0),
            unit.pos.x,
            unit.pos.y,
            min(unit.health, MOST_LIFE),
            unit.health / unit.health_max if unit.health_max else 0.0,
            min(unit.shield, MOST_LIFE),
            unit.shield / unit.shield_max if unit.shield_max else 0.0,
            min(unit.energy, MOST_SUPPLY),
            min(max(unit.weapon_cooldown, 0.0), MOST_COOLDOWN),
            self._words.orders.get(self._words.general.get(first, first), 0),
            min(len(unit.orders), 10),
            min(unit.build_progress, 1.0),
            min(unit.mineral_contents + unit.vespene_contents, MOST_CONTENTS),
            unit.is_flying,
            unit.display_type != ids.VISIBLE,
        )

    def _legal(self, own_tags: list[int], somebody: bool) -> NDArray[np.int8]:
        """Return ``[A]``: what some unit of ours has the ability for, and what needs none."""
        found = self.game.abilities(own_tags) if own_tags else set()
        general = {self._words.general.get(ability, ability) for ability in found}
        aims = {"none": True, "point": bool(own_tags), "unit": somebody}
        return np.array(
            [
                aims[kind.target] and (not kind.selects or each.ability_id in general)
                for kind, each in zip(self.actions.types, self._words.functions, strict=True)
            ],
            np.int8,
        )

    def _scalars(self, observation: Any) -> NDArray[np.float32]:
        common = observation.player_common
        shares = (
            1 - observation.game_loop / self._limit,
            common.minerals / FULL_PURSE,
            common.vespene / FULL_PURSE,
            common.food_used / MOST_SUPPLY,
            common.food_cap / MOST_SUPPLY,
            common.idle_worker_count / max(common.food_workers, 1),
        )
        return np.clip(np.array(shares, np.float32), 0, 1)

    def _give(self, action: UnitAction) -> Given:
        kind, function = self.actions.types[action.action_type], self._words.functions
        goal = None if action.target_cell is None else self._middle(action.target_cell)
        if not kind.selects:
            return Given((Command(None, goal=goal),) if goal else (), 0)
        view = self._latest
        mine = [row for row in action.selected if view[SELECTABLE_MASK][row]]
        strangers = len(action.selected) - len(mine)
        legal = bool(view[ACTION_TYPE_MASK][action.action_type]) and bool(mine)
        target = None
        if action.target_unit is not None:
            legal = legal and bool(view[TARGET_MASK][action.action_type, action.target_unit])
            target = self._tags.tag(action.target_unit)
        if not legal:
            return Given((), max(len(action.selected), 1))
        tags = tuple(tag for row in mine if (tag := self._tags.tag(row)) is not None)
        ability = function[action.action_type].ability_id
        return Given((Command(ability, tags, target, goal, action.queued),), strangers)

    def _middle(self, cell: tuple[int, int]) -> tuple[float, float]:
        area = self.game.playable_area
        rows, columns = self.actions.grid or GRID
        x = area.p0.x + (area.p1.x - area.p0.x) * (cell[1] + 0.5) / columns
        y = area.p0.y + (area.p1.y - area.p0.y) * (cell[0] + 0.5) / rows
        return x, y

    def _take_in(self, response: Any, ended: bool) -> Verdict:
        outcome, reward = _OUTCOMES.get(result_of(response) or 0, ("draw", 0.0))
        decided = result_of(response) is not None
        truncated = not decided and (ended or response.observation.game_loop >= self._limit)
        self._read(response, over=decided or truncated)
        info = {
            "outcome": outcome,
            "is_success": outcome == "win",
            "game_loops": int(response.observation.game_loop),
        }
        return Verdict(reward if decided else 0.0, decided, truncated, info)

    def _observe(self) -> Observation:
        return dict(self._view)

    def _end(self) -> None:
        self._view[SELECTABLE_MASK] = np.zeros_like(self._view[SELECTABLE_MASK])
        self._view[TARGET_MASK] = np.zeros_like(self._view[TARGET_MASK])
        self._view[ACTION_TYPE_MASK] = self._legal([], somebody=False)

    @property
    def _hidden_now(self) -> int:
        return self._hidden_units
