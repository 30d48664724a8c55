"""What does not change in a game: the map, and the numbers of units and abilities."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..engine.objects import ENTITY_NAMES, TRADES, entity_type
from ..engine.unit_statistics import UnitType
from .catalog import (
    ABILITIES,
    ABILITY_OF_ID,
    ALL_ABILITIES,
    BUILD_ABILITY,
    STRUCTURE_ATTRIBUTES,
    STRUCTURES,
    TRAIN_ABILITY,
    UNIT_IDS,
)
from .protocol import api
from .view import Seat
from .world import Place, World

RACES: Final = {"terran": 1, "zerg": 2, "protoss": 3}
RANDOM_RACE: Final = 4
ATTRIBUTES: Final = {
    "light": 1,
    "armored": 2,
    "biological": 3,
    "mechanical": 4,
    "massive": 7,
    "structure": 8,
}
GROUND: Final = 1
ANY: Final = 3
LEVEL: Final = 127  # the height of flat ground


def describe_game(seat: Seat, setups: list[Any], path: str) -> Any:
    """Return a ``ResponseGameInfo``."""
    place = seat.world.place
    info = api.ResponseGameInfo(map_name=place.name, local_map_path=path)
    for player, setup in enumerate(setups, start=1):
        shown = info.player_info.add(player_id=player, type=setup.type)
        shown.race_requested = setup.race or RANDOM_RACE
        shown.player_name = setup.player_name
        if setup.HasField("difficulty"):
            shown.difficulty = setup.difficulty
            shown.ai_build = setup.ai_build
        if player == seat.player:
            shown.race_requested = seat.race
            shown.race_actual = seat.race if seat.race != RANDOM_RACE else RACES["terran"]
            shown.player_name = seat.name
    info.options.CopyFrom(seat.options)
    if seat.options.raw:
        _describe_ground(info.start_raw, seat)
    return info


def _describe_ground(start: Any, seat: Seat) -> None:
    place = seat.world.place
    left, bottom = seat.origin
    cropped = (left, bottom) != (0.0, 0.0)
    x0, y0, x1, y1 = (round(edge) for edge in place.playable)
    width, height = place.size
    area = (x0, y0, x1, y1) if cropped else (0, 0, width, height)
    open_ground = walkable(place)[area[1] : area[3], area[0] : area[2]]
    start.map_size.x, start.map_size.y = area[2] - area[0], area[3] - area[1]
    start.playable_area.p0.x, start.playable_area.p0.y = x0 - area[0], y0 - area[1]
    start.playable_area.p1.x, start.playable_area.p1.y = x1 - area[0], y1 - area[1]
    fill_bits(start.pathing_grid, open_ground)
    fill_bits(start.placement_grid, open_ground)
    fill_bytes(start.terrain_height, np.full(open_ground.shape, LEVEL, np.uint8))
    for player, (x, y) in enumerate(place.starts, start=1):
        if player != seat.player:
            start.start_locations.add(x=x - left, y=y - bottom)


def walkable(place: Place) -> NDArray[np.bool_]:
    """``[y, x]``: whether units on the ground can be in a cell; y grows upwards."""
    width, height = place.size
    left, bottom, right, top = place.playable
    x, y = np.arange(width) + 0.5, (np.arange(height) + 0.5)[:, None]
    free = (x > left) & (x < right) & (y > bottom) & (y < top)
    for x0, y0, x1, y1 in place.walls:
        free &= ~((x > x0) & (x < x1) & (y > y0) & (y < y1))
    return free


def fill_bits(image: Any, grid: NDArray[np.bool_]) -> None:
    """Write a picture of one bit per cell."""
    image.bits_per_pixel = 1
    image.size.x, image.size.y = grid.shape[1], grid.shape[0]
    image.data = np.packbits(grid).tobytes()


def fill_bytes(image: Any, grid: NDArray[np.uint8]) -> None:
    """Write a picture of one byte per cell."""
    image.bits_per_pixel = 8
    image.size.x, image.size.y = grid.shape[1], grid.shape[0]
    image.data = np.ascontiguousarray(grid).tobytes()


@cache
def _all_data() -> Any:
    data = api.ResponseData()
    for ability in ABILITIES:
        shown = data.abilities.add(
            ability_id=ability.id,
            link_name=ability.name,
            button_name=ability.button,
            friendly_name=f"{ability.name} {ability.button}",
            hotkey=ability.hotkey,
            available=True,
            target=ability.target,
            is_building=ability.id in BUILD_ABILITY.values(),
            allow_minimap=True,
        )
        if shown.is_building:
            shown.footprint_radius = TRADES[ability.product].half_width
        if ability.general:
            shown.remaps_to_ability_id = ability.general
    for number, general, name in ALL_ABILITIES:
        if number not in ABILITY_OF_ID:
            known = data.abilities.add(ability_id=number, link_name=name, friendly_name=name)
            known.available = True
            if general:
                known.remaps_to_ability_id = general
    for name in ENTITY_NAMES:
        _describe_unit(data.units.add(), name)
    data.upgrades.add(upgrade_id=0, name="Null")
    data.buffs.add(buff_id=0, name="Null")
    data.effects.add(effect_id=0, name="Null", friendly_name="")
    return data


def _describe_unit(shown: Any, name: str) -> None:
    kind = entity_type(name)
    shown.unit_id, shown.name = UNIT_IDS[name]
    shown.available = True
    shown.race = RACES.get(kind.race, 0)
    shown.sight_range = kind.sight
    shown.movement_speed = kind.speed
    shown.armor = kind.armor
    attributes = STRUCTURE_ATTRIBUTES if name in STRUCTURES else kind.attributes
    shown.attributes.extend(sorted(ATTRIBUTES[each] for each in attributes))
    if name in TRADES:
        trade = TRADES[name]
        shown.mineral_cost = trade.cost
        shown.build_time = trade.loops
        shown.food_required = trade.supply
        shown.food_provided = trade.gives
        shown.ability_id = {**BUILD_ABILITY, **TRAIN_ABILITY}.get(name, 0)
        shown.has_minerals = name in ("mineral_field", "mineral_shard")
        shown.has_vespene = name in ("geyser", "refinery")
    if kind.damage:
        _describe_weapon(shown.weapons.add(), kind)


def _describe_weapon(weapon: Any, kind: UnitType) -> None:
    weapon.type = ANY if kind.hits_air else GROUND
    weapon.damage = kind.damage
    weapon.attacks = kind.hits
    weapon.range = kind.weapon_range
    weapon.speed = kind.cooldown
    if kind.bonus:
        weapon.damage_bonus.add(attribute=ATTRIBUTES[kind.bonus_against], bonus=kind.bonus)


def describe_data(world: World, request: Any) -> Any:
    """Return a ``ResponseData`` with the tables that were asked for."""
    data = api.ResponseData()
    known = _all_data()
    for flag, table in (
        ("ability_id", "abilities"),
        ("unit_type_id", "units"),
        ("upgrade_id", "upgrades"),
        ("buff_id", "buffs"),
        ("effect_id", "effects"),
    ):
        if getattr(request, flag):
            getattr(data, table).extend(getattr(known, table))
    if request.unit_type_id:
        for number, name in world.own_types.items():
            shown = data.units.add()
            _describe_unit(shown, name)
            shown.unit_id, shown.name = number, f"{shown.name}_RL"
    return data
