"""The game as a player sees it: the protocol's observation."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ..engine import fields as f
from ..engine import task_fields as t
from ..engine.objects import ENTITY_NAMES, TRADES, entity_type
from . import catalog
from .describing import fill_bits, fill_bytes
from .layers import draw_colors, draw_layers, visibility_map
from .panels import show_abilities, show_panels
from .protocol import api, raw
from .view import Seat
from .world import CANT_BUILD_THERE, NEUTRAL

SELF: Final = 1
NEUTRAL_ALLIANCE: Final = 3
ENEMY: Final = 4
VISIBLE: Final = 1  # DisplayType
NOT_CLOAKED: Final = 3
CARRIES_MINERALS: Final = 271  # the game's buffs of workers with a load
CARRIES_GAS: Final = 274
VICTORY: Final = 1
DEFEAT: Final = 2
TIE: Final = 3

_GAS: Final = tuple(
    name in TRADES and TRADES[name].role in (t.GEYSER, t.REFINERY) for name in ENTITY_NAMES
)
_WORKS: Final = frozenset(
    kind for kind, name in enumerate(ENTITY_NAMES) if name in TRADES and TRADES[name].trains
)
_CATEGORY: Final = tuple(
    TRADES[name].role if name in TRADES else t.FIGHTER for name in ENTITY_NAMES
)


def _templates() -> tuple[Any, ...]:
    """Return a unit of each kind with all that never changes."""
    made = []
    for name in ENTITY_NAMES:
        kind = entity_type(name)
        made.append(
            raw.Unit(
                display_type=VISIBLE,
                radius=kind.radius,
                build_progress=1.0,
                cloak=NOT_CLOAKED,
                is_powered=name in TRADES,
                health_max=kind.health,
                shield_max=kind.shield,
                energy_max=kind.energy,
                is_flying=kind.flies,
            )
        )
    return tuple(made)


_TEMPLATES: Final = _templates()


def observe(seat: Seat) -> Any:
    """Return a ``ResponseObservation``; what happened since the last one is told once."""
    response = api.ResponseObservation()
    seat.forget_dead()
    observation = response.observation
    observation.game_loop = seat.world.loop
    _common(seat, observation.player_common)
    if seat.options.score:
        _score(seat, observation.score)
    if seat.options.raw:
        _raw(seat, observation.raw_data)
    if seat.options.HasField("feature_layer"):
        draw_layers(seat, observation.feature_layer_data)
    if seat.options.HasField("render"):
        draw_colors(seat, observation.render_data)
    if seat.sees_panels:
        show_panels(seat, observation.ui_data)
        show_abilities(seat, observation)
    _events(seat, response)
    _results(seat, response)
    return response


def _common(seat: Seat, common: Any) -> None:
    units, mine, purse = seat.world.units, seat.mine(), seat.world.purse(seat.player)
    kinds = units[f.KIND][mine].astype(np.int64)
    roles = np.array([_CATEGORY[kind] for kind in kinds], np.int64)
    idle = units[f.ORDER][mine] == f.IDLE
    army = int((roles == t.FIGHTER).sum())
    workers = int((roles == t.WORKER).sum())
    common.player_id = seat.player
    common.minerals = purse.minerals
    common.vespene = purse.gas
    common.food_cap = purse.supply_cap
    common.food_used = purse.supply or army + workers
    common.food_army = army
    common.food_workers = workers
    common.idle_worker_count = int((idle & (roles == t.WORKER)).sum())
    common.army_count = army
    common.warp_gate_count = 0
    common.larva_count = 0


def _score(seat: Seat, score: Any) -> None:
    score.score_type = 1  # Curriculum
    score.score = seat.world.score(seat.player)
    details = score.score_details
    purse = seat.world.purse(seat.player)
    details.collected_minerals = float(purse.minerals)
    details.collected_vespene = float(purse.gas)


def _raw(seat: Seat, data: Any) -> None:
    world, roster = seat.world, seat.roster
    left, bottom = seat.origin
    ground = visibility_map(seat)
    fill_bytes(data.map_state.visibility, ground)
    fill_bits(data.map_state.creep, np.zeros(ground.shape, np.bool_))
    data.player.camera.x = seat.camera[0] - left
    data.player.camera.y = seat.camera[1] - bottom
    seen = seat.sees()
    slots = seen.nonzero()[0]
    units = world.units
    columns = units[:, slots].T.tolist()
    on_screen = seat.on_screen()
    selected = set(seat.selection)
    types = world.types
    for slot, row in zip(slots.tolist(), columns, strict=True):
        owner = int(world.owners[slot])
        unit = data.units.add()
        unit.CopyFrom(_TEMPLATES[int(row[f.KIND])])
        unit.tag = int(roster.tags[slot])
        unit.unit_type = int(types[slot])
        unit.owner = owner
        unit.alliance = _alliance(owner, seat.player)
        position = unit.pos
        position.x, position.y, position.z = row[f.X] - left, row[f.Y] - bottom, 0.0
        unit.facing = float(roster.facing[slot])
        unit.is_on_screen = bool(on_screen[slot])
        unit.is_selected = slot in selected
        unit.health = row[f.HEALTH]
        unit.shield = row[f.SHIELD]
        unit.energy = row[f.ENERGY]
        unit.weapon_cooldown = max(row[f.COOLDOWN], 0.0)
        if row[f.TARGET] >= 0 and _CATEGORY[int(row[f.KIND])] == t.FIGHTER:
            unit.engaged_target_tag = int(roster.tags[int(row[f.TARGET])])
        if owner == seat.player:
            _orders(seat, unit, row)
        if world.has_tasks:
            _work(unit, row, owner == seat.player)
    data.event.dead_units.extend(seat.dead)


def _alliance(owner: int, player: int) -> int:
    if owner == player:
        return SELF
    return NEUTRAL_ALLIANCE if owner == NEUTRAL else ENEMY


def _orders(seat: Seat, unit: Any, row: list[float]) -> None:
    verb, target = int(row[f.ORDER]), int(row[f.TARGET])
    waits = seat.world.has_tasks and row[t.QUEUED] > 0
    if verb == f.IDLE and not waits:
        return
    order = unit.orders.add()
    if verb == f.IDLE:  # for one loop, between the order that is done and the one that waits
        order.ability_id = catalog.STOP_ABILITY
    elif verb == t.BUILD:
        order.ability_id = catalog.BUILD_ABILITY[ENTITY_NAMES[int(row[t.PRODUCT])]]
    elif verb == t.GATHER:
        carries = row[t.CARGO] > 0
        order.ability_id = catalog.RETURN_ABILITY if carries else catalog.SHOWN_ORDER[verb]
    elif seat.world.has_tasks and row[t.PATROLS] > 0:
        order.ability_id = catalog.PATROL_ABILITY
    else:
        order.ability_id = catalog.SHOWN_ORDER[verb]
    if verb in (f.ATTACK, t.GATHER) and target >= 0:
        order.target_unit_tag = int(seat.roster.tags[target])
    elif verb not in (f.HOLD, f.IDLE, f.ATTACK):  # whoever attacked the dead aims at nothing
        order.target_world_space_pos.x = row[f.GOAL_X]
        order.target_world_space_pos.y = row[f.GOAL_Y]
    if not seat.world.has_tasks:
        return
    for waiting in range(int(row[t.QUEUED])):
        entry = t.QUEUE + 3 * waiting
        later = unit.orders.add(ability_id=catalog.SHOWN_ORDER[int(row[entry])])
        later.target_world_space_pos.x = row[entry + 1]
        later.target_world_space_pos.y = row[entry + 2]


def _work(unit: Any, row: list[float], own: bool) -> None:
    """Add cargo, contents, and work in progress."""
    kind = int(row[f.KIND])
    name = ENTITY_NAMES[kind]
    if row[t.CONTENTS] > 0:
        if _GAS[kind]:
            unit.vespene_contents = int(row[t.CONTENTS])
        else:
            unit.mineral_contents = int(row[t.CONTENTS])
    if row[t.UNBUILT] > 0:
        unit.build_progress = 1.0 - row[t.UNBUILT] / TRADES[name].loops
    if row[t.CARGO] > 0:
        unit.buff_ids.append(CARRIES_GAS if row[t.CARGO_GAS] > 0 else CARRIES_MINERALS)
    if not own or kind not in _WORKS:
        return
    product = TRADES[name].trains
    for waiting in range(int(row[t.TRAINING])):
        order = unit.orders.add(ability_id=catalog.TRAIN_ABILITY[product])
        if waiting == 0 and row[t.TRAIN_LEFT] > 0:
            order.progress = 1.0 - row[t.TRAIN_LEFT] / TRADES[product].loops
    if row[t.RALLIES] > 0:
        unit.rally_targets.add().point.x = row[t.RALLY_X]
        unit.rally_targets[0].point.y = row[t.RALLY_Y]


def _events(seat: Seat, response: Any) -> None:
    response.actions.extend(seat.actions)
    for _ in range(seat.world.take_refusals(seat.player)):
        response.action_errors.add(result=CANT_BUILD_THERE)
    for tag, ability, result in seat.errors:
        response.action_errors.add(unit_tag=tag, ability_id=ability, result=result)
    for player, message in seat.chat:
        response.chat.add(player_id=player, message=message)
    seat.actions.clear()
    seat.errors.clear()
    seat.chat.clear()
    seat.dead.clear()


def _results(seat: Seat, response: Any) -> None:
    winner = seat.world.winner
    if winner is None:
        return
    for player in (1, 2):
        if player == 2 and not (seat.world.owners == 2).any():
            continue
        result = TIE if winner == 0 else (VICTORY if winner == player else DEFEAT)
        response.player_result.add(player_id=player, result=result)
