"""The game's raw observations, written into the engine's packed state.

The engine's own kernels then make of it what the policy sees, so the same facts give the same
observation and the same masks here and on the proxy.

The game tells less of the enemy than the proxy: neither orders nor targets nor cooldowns. Where
they are absent, an enemy is idle, has nobody as its target and is ready to attack.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..batched_env import VIEW_KEYS
from ..batched_step import Observation
from ..contract import Contract
from ..engine import fields as f
from ..engine import task_fields as t
from ..engine.economy_orders import MOST_IN_TRAINING
from ..engine.objects import all_stats, entity_kind, trade_table
from ..engine.observe import Views
from ..scenarios import Scenario
from ..tasks import make_task
from . import ids
from .tags import ENEMY, NEUTRAL, OWN, Regions, TagTable

_SIDES: Final = {ids.SELF: OWN, ids.ENEMY: ENEMY, ids.NEUTRAL: NEUTRAL}
_CAMERA_UNIT: Final = 1000  # the engine's cameras are in thousandths of a cell
_AT_SITE: Final = 1.0  # cells from the goal of a builder to the structure that it works at
_WHOLE: Final = 1.0


class GameState:
    """What is known of one running game.

    Args:
        scenario: The proxy of the same map.
        contract: Its spaces.
    """

    def __init__(self, scenario: Scenario, contract: Contract) -> None:
        self.scenario = scenario
        regions = Regions(scenario.own_slots, scenario.enemy_slots, scenario.neutral_slots)
        self.tags = TagTable(regions)
        self.units: NDArray[np.float32] = np.zeros((1, t.UNIT_FIELDS, scenario.slots), np.float32)
        self.games: NDArray[np.int64] = np.zeros((1, t.GAME_FIELDS), np.int64)
        self.trade = trade_table()
        self.hidden = 0
        """Units of the latest observation that have no row, or are of no known type."""
        self._contract = contract
        self._stats = all_stats()
        self._task = make_task(scenario)
        self._rows = np.zeros(1, np.int64)

    def clear(self) -> None:
        """Forget the last episode."""
        self.tags.clear()
        self.units[:] = 0
        self.games[:] = 0

    def read(self, response: Any, over: bool) -> None:
        """Take in a ``ResponseObservation``.

        Args:
            response: With raw data.
            over: Whether the game has ended.
        """
        raw = response.observation.raw_data
        present = [
            unit
            for unit in raw.units
            if unit.display_type == ids.VISIBLE and unit.alliance in _SIDES
        ]
        known = [unit for unit in present if self._kind(unit) is not None]
        homeless = self.tags.update(
            [(unit.tag, _SIDES[unit.alliance]) for unit in known], set(raw.event.dead_units)
        )
        self.hidden = homeless + len(present) - len(known)
        self.units[:] = 0
        self.units[0, f.TARGET] = f.NOBODY
        placed = [(row, unit) for unit in known if (row := self.tags.row(unit.tag)) is not None]
        for row, unit in placed:
            self._read_unit(row, unit)
        for row, unit in placed:
            self._read_orders(row, unit)
        self._read_game(response.observation, over)

    def _kind(self, unit: Any) -> int | None:
        """Return our kind of a unit, or None.

        Where the only things that belong to nobody are to be reached, they go by many numbers.
        """
        if unit.unit_type in ids.KIND_OF_UNIT:
            return ids.KIND_OF_UNIT[unit.unit_type]
        errand = self.scenario.task == "errand" and unit.alliance == ids.NEUTRAL
        return entity_kind(self.scenario.neutral[0][0]) if errand else None

    def _read_unit(self, row: int, unit: Any) -> None:
        fields = self.units[0, :, row]
        kind = self._kind(unit)
        assert kind is not None  # only units of known kinds have rows
        fields[f.FIRST_STAT : f.FIRST_STAT + self._stats.shape[1]] = self._stats[kind]
        fields[f.KIND] = kind
        fields[f.X], fields[f.Y] = unit.pos.x, unit.pos.y
        if unit.alliance == ids.NEUTRAL:  # present or not: their life means nothing
            fields[f.HEALTH] = fields[f.MAX_HEALTH]
        else:
            fields[f.HEALTH], fields[f.SHIELD] = unit.health, unit.shield
            fields[f.MAX_HEALTH] = unit.health_max or fields[f.MAX_HEALTH]
            fields[f.MAX_SHIELD] = unit.shield_max or fields[f.MAX_SHIELD]
        fields[f.ENERGY] = unit.energy
        fields[f.COOLDOWN] = unit.weapon_cooldown
        fields[t.SEEN] = 1
        fields[t.CONTENTS] = unit.mineral_contents or unit.vespene_contents
        if unit.build_progress < _WHOLE:
            fields[t.UNBUILT] = (_WHOLE - unit.build_progress) * self.trade[kind, t.LOOPS]
        buffs = set(unit.buff_ids)
        fields[t.CARGO_GAS] = bool(buffs & ids.CARRIES_GAS)
        fields[t.CARGO] = bool(buffs & (ids.CARRIES_MINERALS | ids.CARRIES_GAS))

    def _read_orders(self, row: int, unit: Any) -> None:
        fields = self.units[0, :, row]
        verbs = [ids.VERB_OF_ABILITY.get(order.ability_id, f.IDLE) for order in unit.orders]
        target = unit.engaged_target_tag
        if t.TRAIN in verbs:
            fields[t.TRAINING] = min(len(verbs), MOST_IN_TRAINING)
            self._read_training(fields, unit.orders[0].progress)
        elif verbs:
            fields[t.QUEUED] = min(len(verbs) - 1, t.QUEUE_LENGTH)
            self._read_order(fields, verbs[0], unit.orders[0])
            target = target or unit.orders[0].target_unit_tag
        aimed = self.tags.row(target) if target else None
        fields[f.TARGET] = f.NOBODY if aimed is None else aimed

    def _read_training(self, fields: NDArray[np.float32], progress: float) -> None:
        product = int(self.trade[int(fields[f.KIND]), t.TRAINS])
        if product >= 0 and 0 < progress < _WHOLE:
            fields[t.TRAIN_LEFT] = (_WHOLE - progress) * self.trade[product, t.LOOPS]

    def _read_order(self, fields: NDArray[np.float32], verb: int, order: Any) -> None:
        aimed_at_point = order.HasField("target_world_space_pos")
        if verb == t.PATROL:  # the engine patrols by attack-moves that turn back
            fields[t.PATROLS] = 1
        if verb == t.PATROL or (verb == f.ATTACK and aimed_at_point):
            verb = f.ATTACK_MOVE
        fields[f.ORDER] = verb
        if aimed_at_point:
            fields[f.GOAL_X] = order.target_world_space_pos.x
            fields[f.GOAL_Y] = order.target_world_space_pos.y
        if verb == t.BUILD and self._is_being_built(order):
            fields[t.PHASE] = t.MINE

    def _is_being_built(self, order: Any) -> bool:
        """Return whether there is a structure in progress where an order wants one."""
        units = self.units[0]
        x, y = order.target_world_space_pos.x, order.target_world_space_pos.y
        over = self.tags.row(order.target_unit_tag) if order.target_unit_tag else None
        if over is not None:
            x, y = units[f.X, over], units[f.Y, over]
        near = np.hypot(units[f.X] - x, units[f.Y] - y) <= _AT_SITE
        return bool((near & (units[t.UNBUILT] > 0)).any())

    def _read_game(self, observation: Any, over: bool) -> None:
        game, common = self.games[0], observation.player_common
        own = self.scenario.own_slots
        enemies = slice(own, own + self.scenario.enemy_slots)
        alive, heals = self.units[0, f.HEALTH] > 0, self.units[0, f.HEAL] > 0
        game[f.LOOP] = min(observation.game_loop, self.scenario.loop_limit)
        game[f.OVER] = over
        game[f.OWN_ALIVE], game[f.ENEMY_ALIVE] = alive[:own].sum(), alive[enemies].sum()
        game[f.OWN_HEALERS] = (alive & heals)[:own].sum()
        game[f.ENEMY_HEALERS] = (alive & heals)[enemies].sum()
        game[f.SCORE] = observation.score.score
        game[t.MINERALS], game[t.GAS] = common.minerals, common.vespene
        game[t.SUPPLY], game[t.SUPPLY_CAP] = common.food_used, common.food_cap
        camera = observation.raw_data.player.camera
        game[t.CAMERA_X] = round(camera.x * _CAMERA_UNIT)
        game[t.CAMERA_Y] = round(camera.y * _CAMERA_UNIT)

    def observe(self) -> Observation:
        """Return what the policy sees; the arrays are new."""
        views = self._new_views()
        self._task.observe((self.units, self.games), self._rows, views)
        arrays: tuple[NDArray[Any], ...] = views
        return {key: array[0] for key, array in zip(VIEW_KEYS, arrays, strict=True)}

    def _new_views(self) -> Views:
        entities, kinds = self._contract.entities, len(self._contract.actions.types)
        rows = entities.max_entities
        return (
            np.zeros((1, rows, len(entities.columns)), np.float32),
            np.zeros((1, rows), np.int8),
            np.zeros((1, len(self._task.scalars())), np.float32),
            np.zeros((1, kinds), np.int8),
            np.zeros((1, rows), np.int8),
            np.zeros((1, kinds, rows), np.int8),
        )
