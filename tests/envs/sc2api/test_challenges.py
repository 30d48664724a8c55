"""The maps of the StarCraft Multi-Agent Challenge, asked as its environment asks.

It creates the game once, counts the living of each side to see who has won, and begins the next
episode by killing everybody that is left.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perceiver_rl.envs.sc2api.catalog import UNIT_IDS
from perceiver_rl.envs.sc2api.maps import CHALLENGES
from perceiver_rl.envs.sc2api.protocol import api, debug
from perceiver_rl.envs.scenarios import SCENARIOS

from .conftest import Client

OWN, ENEMY = 1, 4
MOVE, ATTACK, HEAL = 16, 23, 386


def kill_everybody(client: Client) -> None:
    tags = [unit.tag for unit in client.units() if unit.health > 0]
    command = debug.DebugCommand(kill_unit={"tag": tags})
    client.ask("debug", api.RequestDebug(debug=[command]))
    client.step(2)


def types(units: list[Any]) -> list[int]:
    return sorted(unit.unit_type for unit in units)


def test_all_maps_of_the_challenge_are_there() -> None:
    assert len(CHALLENGES) == 23


@pytest.mark.parametrize("name", CHALLENGES)
def test_both_teams_are_set_out_again_when_all_are_dead(client: Client, name: str) -> None:
    scenario = SCENARIOS[f"Battle-{name}"]
    client.play(name, seed=1)
    enemies = sorted(UNIT_IDS[unit.name][0] for unit in scenario.enemy_units)
    tags: set[int] = set()
    for _ in range(3):
        own = client.units(OWN)
        assert len(own) == len(scenario.own_units)
        assert types(client.units(ENEMY)) == enemies
        assert not tags & {unit.tag for unit in client.units()}
        tags |= {unit.tag for unit in client.units()}
        client.step()
        kill_everybody(client)
    assert client.status == 3


@pytest.mark.parametrize("name", ["3m", "2s3z", "1c3s5z", "MMM", "bane_vs_bane"])
def test_our_types_are_the_maps_own_in_the_order_of_their_names(client: Client, name: str) -> None:
    scenario = SCENARIOS[f"Battle-{name}"]
    client.play(name)
    own = client.units(OWN)
    first = min(unit.unit_type for unit in own)
    assert first not in {unit_id for unit_id, _ in UNIT_IDS.values()}
    names = sorted({unit.name for unit in scenario.own_units})
    health = {unit.name: unit.health for unit in scenario.own_units}
    for unit in own:
        assert unit.health_max == health[names[unit.unit_type - first]]
    data = client.ask("data", unit_type_id=True)
    known = {unit.unit_id: unit.name for unit in data.units}
    assert known[first].endswith("_RL")


def test_ours_hold_their_fire_until_told_and_the_enemy_comes(client: Client) -> None:
    client.play("3m")
    for _ in range(30):
        client.step()
    assert all(unit.health == unit.health_max for unit in client.units(ENEMY))
    assert sum(unit.health for unit in client.units(OWN)) < 3 * 45


def test_focused_fire_wins_and_the_game_goes_on(client: Client) -> None:
    client.play("8m", seed=2)
    for _ in range(120):
        enemies = client.units(ENEMY)
        own = client.units(OWN)
        if not enemies or not own:
            break
        nearest = min(enemies, key=lambda unit: (unit.pos.x, unit.health))
        request = api.RequestAction()
        for unit in own:
            command = request.actions.add().action_raw.unit_command
            command.ability_id, command.target_unit_tag = ATTACK, nearest.tag
            command.unit_tags.append(unit.tag)
        client.ask("action", request)
        client.step()
    assert not enemies
    assert own
    kill_everybody(client)
    assert len(client.units(OWN)) == len(client.units(ENEMY)) == 8


def test_a_medivac_heals_whom_it_is_told_to(client: Client) -> None:
    client.play("MMM", seed=1)
    medivac = max(client.units(OWN), key=lambda unit: unit.energy_max)
    marines = [unit for unit in client.units(OWN) if unit.health_max == 45]
    for unit in marines:
        wound = {"unit_value": 2, "value": 20, "unit_tag": unit.tag}
        client.ask("debug", api.RequestDebug(debug=[debug.DebugCommand(unit_value=wound)]))
    chosen = marines[-1].tag
    assert client.command(HEAL, [medivac.tag], on=chosen) == 1
    client.step(16)
    life = {unit.tag: unit.health for unit in client.units(OWN)}
    assert life[chosen] > 25
    assert all(life[unit.tag] == 20 for unit in marines[:-1])
    assert client.command(HEAL, [medivac.tag], on=client.units(ENEMY)[0].tag) != 1


def test_terrain_is_told_as_grids_of_the_map(client: Client) -> None:
    client.play("corridor")
    start = client.ask("game_info").start_raw
    size = start.map_size.x, start.map_size.y
    assert size == (32, 32)
    assert start.pathing_grid.bits_per_pixel == 1
    bits = np.unpackbits(np.frombuffer(start.pathing_grid.data, np.uint8)).reshape(size[::-1])
    assert not bits[5, 16]  # in the wall, [y, x]
    assert bits[16, 16]  # in the passage
    assert len(start.terrain_height.data) == 32 * 32


def test_units_move_by_small_steps_as_they_are_told(client: Client) -> None:
    client.play("3s5z")
    unit = client.units(OWN)[0]
    assert client.command(MOVE, [unit.tag], at=(unit.pos.x, unit.pos.y + 2)) == 1
    client.step()
    moved = next(each for each in client.units(OWN) if each.tag == unit.tag)
    assert moved.pos.y > unit.pos.y + 0.5
