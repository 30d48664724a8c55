"""Queries, debug commands, saved games, several players, time that passes by itself."""

from __future__ import annotations

import math
import threading
from typing import Any

import pytest

from perceiver_rl.envs.sc2api.protocol import api, debug, query

from .conftest import Client


def melee(client: Client, *, realtime: bool = False) -> None:
    create = api.RequestCreateGame(random_seed=1, realtime=realtime)
    create.local_map.map_path = "Melee/Flat64.SC2Map"
    create.player_setup.add(type=1)
    create.player_setup.add(type=2, difficulty=1, race=1)
    client.ask("create_game", create)
    client.ask("join_game", race=1, options=api.InterfaceOptions(raw=True, score=True))


def command(client: Client, **content: Any) -> Any:
    return client.respond(debug=api.RequestDebug(debug=[debug.DebugCommand(**content)]))


def test_units_are_made_changed_and_killed_by_debug_commands(client: Client) -> None:
    melee(client)
    made = {"unit_type": 48, "owner": 1, "pos": {"x": 32, "y": 32}, "quantity": 3}
    assert not command(client, create_unit=made).error
    tags = [unit.tag for unit in client.units(1) if unit.unit_type == 48]
    assert len(tags) == 3
    command(client, unit_value={"unit_value": 2, "value": 7, "unit_tag": tags[0]})
    command(client, kill_unit={"tag": [tags[1]]})
    observation = client.observe().observation.raw_data
    life = {unit.tag: unit.health for unit in observation.units if unit.unit_type == 48}
    assert life == {tags[0]: 7, tags[2]: 45}
    assert list(observation.event.dead_units) == [tags[1]]


@pytest.mark.parametrize(
    "content",
    [
        {"game_state": 11},
        {"test_process": {"test": 1}},
        {"create_unit": {"unit_type": 77, "owner": 1, "pos": {"x": 1, "y": 1}, "quantity": 1}},
        {"create_unit": {"unit_type": 48, "owner": 1, "pos": {"x": 1, "y": 1}, "quantity": 10**6}},
        {"unit_value": {"unit_value": 2, "value": 7, "unit_tag": 99}},
    ],
)
def test_debug_commands_that_the_engine_lacks_are_errors(
    client: Client, content: dict[str, Any]
) -> None:
    melee(client)
    assert "stand-in" in command(client, **content).error[0]


def test_a_surrender_ends_the_game(client: Client) -> None:
    melee(client)
    command(client, end_game={"end_result": 1})
    results = {r.player_id: r.result for r in client.observe().player_result}
    assert results == {1: 2, 2: 1}
    assert client.status == 5


def test_the_map_can_be_shown(client: Client) -> None:
    melee(client)
    assert not client.units(4)
    command(client, game_state=1)
    assert len(client.units(4)) == 13


def test_queries_measure_ways_abilities_and_sites(client: Client) -> None:
    melee(client)
    worker = next(unit for unit in client.units(1) if unit.unit_type == 45)
    hall = next(unit for unit in client.units(1) if unit.unit_type == 18)
    request = query.RequestQuery()
    way = request.pathing.add()
    way.start_pos.x = way.start_pos.y = 10
    way.end_pos.x = way.end_pos.y = 20
    out = request.pathing.add()
    out.start_pos.x = out.start_pos.y = 10
    out.end_pos.x = 1000
    for unit in (worker, hall):
        request.abilities.add(unit_tag=unit.tag)
    for x, y in ((hall.pos.x, hall.pos.y), (32.0, 32.0)):
        site = request.placements.add(ability_id=319)
        site.target_pos.x, site.target_pos.y = x, y
    response = client.ask("query", request)
    assert math.isclose(response.pathing[0].distance, math.hypot(10, 10), rel_tol=1e-6)
    assert response.pathing[1].distance == 0
    offered = [{each.ability_id for each in unit.abilities} for unit in response.abilities]
    assert 295 in offered[0]
    assert 319 not in offered[0]  # too expensive at the start
    assert 524 in offered[1]
    assert [site.result for site in response.placements] == [44, 1]


def test_ways_go_around_walls(client: Client) -> None:
    client.play("corridor")
    request = query.RequestQuery()
    way = request.pathing.add()
    way.start_pos.x, way.start_pos.y = 10, 5
    way.end_pos.x, way.end_pos.y = 22, 5
    assert client.ask("query", request).pathing[0].distance > 18


def test_a_saved_game_goes_on_where_it_was(client: Client) -> None:
    melee(client)
    client.step(100)
    client.ask("quick_save")
    before = {unit.tag: (unit.pos.x, unit.pos.y) for unit in client.units(1)}
    client.step(150)
    client.ask("quick_load")
    assert client.observe().observation.game_loop == 100
    assert {unit.tag: (unit.pos.x, unit.pos.y) for unit in client.units(1)} == before


def test_without_a_saved_game_there_is_nothing_to_load(client: Client) -> None:
    melee(client)
    assert "nothing was saved" in client.respond(quick_load=api.RequestQuickLoad()).error[0]


@pytest.mark.parametrize("name", ["start_replay", "replay_info", "map_command"])
def test_what_there_is_not_is_answered_with_the_protocols_error(client: Client, name: str) -> None:
    melee(client)
    assert client.ask(name).HasField("error")


def test_time_passes_by_itself_in_realtime(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("perceiver_rl.envs.sc2api.game.time.monotonic", lambda: now[0])
    melee(client, realtime=True)
    assert client.observe().observation.game_loop == 0
    now[0] += 10 / 22.4 + 1e-6
    assert client.observe().observation.game_loop == 10
    assert client.step(100) == 10  # nobody steps it
    assert "away" in client.respond(observation=api.RequestObservation(game_loop=10**6)).error[0]


def test_an_observation_in_realtime_can_wait_for_a_loop(client: Client) -> None:
    melee(client, realtime=True)
    assert client.ask("observation", game_loop=4).observation.game_loop >= 4


def test_two_processes_play_one_game(free_port: int) -> None:
    clients = [Client(), Client()]
    create = api.RequestCreateGame(random_seed=1)
    create.local_map.map_path = "Flat64.SC2Map"
    create.player_setup.add(type=1)
    create.player_setup.add(type=1)
    clients[0].ask("create_game", create)
    ports = api.PortSet(game_port=free_port, base_port=free_port)
    join = api.RequestJoinGame(race=1, options=api.InterfaceOptions(raw=True), server_ports=ports)

    def together(*calls: Any) -> list[Any]:
        answers: list[Any] = [None] * len(calls)

        def run(index: int) -> None:
            answers[index] = calls[index]()

        threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return answers

    joined = together(*(lambda c=c: c.ask("join_game", join) for c in clients))
    assert [answer.player_id for answer in joined] == [1, 2]
    assert together(*(lambda c=c: c.step(12) for c in clients)) == [12, 12]
    for client in clients:
        units = client.units(1)
        assert len(units) == 13
        assert not client.units(4)
    clients[1].ask("leave_game")
    assert clients[1].status == 1
    clients[0].step(8)  # nobody is waited for any more
