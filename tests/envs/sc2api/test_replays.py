"""Replays: the same game again, seen as it was seen; and files that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_rl.envs.sc2api.protocol import api
from perceiver_rl.envs.sc2api.recording import Recording

from .conftest import Client

MOVE, ATTACK, TRAIN_SCV = 16, 3674, 524
IN_REPLAY, ENDED = 4, 5
OPTIONS = api.InterfaceOptions(raw=True, score=True)


def seen(client: Client) -> Any:
    """What a player sees, without what has just happened and whither units have just turned."""
    view = client.observe().observation
    view.raw_data.ClearField("event")
    for unit in view.raw_data.units:
        unit.ClearField("facing")
    return view


def battle(client: Client) -> list[Any]:
    """Play some of DefeatRoaches; returns what was seen every eight loops."""
    client.play("DefeatRoaches", seed=5)
    views = []
    for index in range(30):
        own, foes = client.units(1), client.units(4)
        if index % 3 == 0:
            client.command(ATTACK, [unit.tag for unit in own], on=foes[0].tag)
        else:
            client.command(MOVE, [own[index % len(own)].tag], at=(30.0 + index / 4, 28.0))
        client.step()
        views.append(seen(client))
    return views


def watch(client: Client, replay: bytes, **fields: Any) -> Any:
    return client.ask(
        "start_replay", replay_data=replay, options=OPTIONS, observed_player_id=1, **fields
    )


@pytest.mark.parametrize("step", [1, 8, 5])
def test_a_replay_is_the_same_game_whatever_the_steps(client: Client, step: int) -> None:
    views = battle(client)
    replay = client.ask("save_replay").data
    assert not watch(client, replay).HasField("error")
    assert client.status == IN_REPLAY
    shown = {}
    while client.status == IN_REPLAY:
        client.step(step)
        view = seen(client)
        shown[view.game_loop] = view
    assert client.status == ENDED
    for view in views:
        if view.game_loop in shown:
            assert shown[view.game_loop] == view
    assert len(set(shown) & {view.game_loop for view in views}) >= 6


def test_an_economy_is_replayed_with_its_computer(client: Client) -> None:
    create = api.RequestCreateGame(random_seed=3)
    create.local_map.map_path = "Flat64"
    create.player_setup.add(type=1)
    create.player_setup.add(type=2, difficulty=9, race=1)
    client.ask("create_game", create)
    client.ask("join_game", race=1, options=OPTIONS)
    hall = next(unit for unit in client.units(1) if unit.unit_type == 18)
    client.command(TRAIN_SCV, [hall.tag])
    client.step(1200)
    last = seen(client)
    replay = client.ask("save_replay").data
    watch(client, replay)
    assert client.step(5000) == 1200
    assert seen(client) == last
    assert client.observe().player_result[0].result == 4  # nobody has won


def test_nobody_acts_in_a_replay_or_records_it_again(client: Client) -> None:
    battle(client)
    watch(client, client.ask("save_replay").data)
    for request in ({"action": api.RequestAction()}, {"save_replay": api.RequestSaveReplay()}):
        assert "stand-in" in client.respond(**request).error[0]


def test_a_replay_says_what_is_in_it(client: Client) -> None:
    battle(client)
    replay = client.ask("save_replay").data
    info = client.ask("replay_info", replay_data=replay)
    assert (info.map_name, info.game_duration_loops) == ("DefeatRoaches", 240)
    assert "stand-in" in info.game_version


def test_a_replay_of_the_game_itself_is_refused(client: Client) -> None:
    answer = watch(client, b"MPQ\x1b and more")
    assert answer.error == api.ResponseStartReplay.InvalidReplayData
    assert client.ask("replay_info", replay_data=b"MPQ").HasField("error")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 2),
        ("map", "Nowhere"),
        ("seed", -1),
        ("loops", 10**9),
        ("events", [[5, 1, "action", ""], [4, 1, "action", ""]]),
        ("events", [[0, 7, "action", ""]]),
        ("events", [[0, 1, "exec", ""]]),
        ("events", "x"),
        ("joins", {"1": "%%%"}),
        ("setup", 3),
    ],
)
def test_damaged_replays_are_refused(client: Client, key: str, value: object) -> None:
    client.play("MoveToBeacon")
    client.step()
    content = json.loads(client.ask("save_replay").data)
    content[key] = value
    assert watch(client, json.dumps(content).encode()).HasField("error")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100) | st.text(max_size=100).map(str.encode))
def test_random_bytes_are_no_replay(content: bytes) -> None:
    with pytest.raises(ValueError, match="replay"):
        Recording.from_bytes(content)
