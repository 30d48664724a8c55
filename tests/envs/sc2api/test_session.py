"""Requests and their answers, from launch to the end of a game."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_rl.envs import BatchedEnv
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.sc2api.protocol import api

from .conftest import Client

ATTACK, MOVE = 3674, 16
OWN, ENEMY = 1, 4
LAUNCHED, INIT_GAME, IN_GAME, ENDED = 1, 2, 3, 5


def test_the_states_follow_one_another_as_in_the_protocol(client: Client) -> None:
    client.ask("ping")
    states = [client.status]
    create = api.RequestCreateGame(local_map=api.LocalMap(map_path="DefeatRoaches.SC2Map"))
    create.player_setup.add(type=1)
    client.ask("create_game", create)
    states.append(client.status)
    client.ask("join_game", race=1, options=api.InterfaceOptions(raw=True))
    states.append(client.status)
    client.step(1920)
    states.append(client.status)
    client.ask("restart_game")
    states.append(client.status)
    client.ask("leave_game")
    states.append(client.status)
    assert states == [LAUNCHED, INIT_GAME, IN_GAME, ENDED, IN_GAME, LAUNCHED]


def test_a_ping_says_that_it_is_a_stand_in(client: Client) -> None:
    ping = client.ask("ping")
    assert "stand-in" in ping.game_version
    assert ping.base_build == ping.data_build > 55958


@pytest.mark.parametrize("name", ["game_info", "observation", "step", "action", "restart_game"])
def test_what_needs_a_game_is_refused_without_one(client: Client, name: str) -> None:
    kind = getattr(api, "Request" + name.title().replace("_", ""))
    response = client.respond(**{name: kind()})
    assert "stand-in" in response.error[0]
    assert client.status == LAUNCHED


def test_an_unknown_map_is_an_error_that_names_the_known_ones(client: Client) -> None:
    create = api.RequestCreateGame(local_map=api.LocalMap(map_path="Nowhere.SC2Map"))
    create.player_setup.add(type=1)
    answer = client.ask("create_game", create)
    assert answer.error == api.ResponseCreateGame.InvalidMapPath
    assert "DefeatRoaches" in answer.error_details
    assert client.status == LAUNCHED


def test_the_units_are_those_of_the_proxy_with_the_same_seed(client: Client) -> None:
    client.play("DefeatRoaches", seed=11)
    env = BatchedEnv("DefeatRoaches", 1)
    env.reset([11])
    at = {(unit.pos.x, unit.pos.y) for unit in client.units()}
    units = env.units[0][:, env.units[0, f.HEALTH] > 0]
    assert at == {(float(x), float(y)) for x, y in zip(units[f.X], units[f.Y], strict=True)}
    assert [unit.unit_type for unit in client.units(ENEMY)] == [110] * 4


def test_tags_stay_with_their_units_and_the_dead_are_told_once(client: Client) -> None:
    client.play("DefeatRoaches", seed=1)
    marines = {unit.tag for unit in client.units(OWN)}
    roaches = [unit.tag for unit in client.units(ENEMY)]
    assert len(marines | set(roaches)) == 13
    dead: list[int] = []
    for _ in range(60):
        assert client.command(ATTACK, sorted(marines), on=roaches[0]) in (1, 36)
        client.step()
        observation = client.observe()
        raw = observation.observation.raw_data
        alive = {unit.tag for unit in raw.units}
        dead += raw.event.dead_units
        if roaches[0] in dead:
            break
    assert dead.count(roaches[0]) == 1
    assert roaches[0] not in alive
    assert alive <= marines | set(roaches)


def test_the_score_counts_kills_and_a_dead_army_ends_the_game(client: Client) -> None:
    client.play("DefeatRoaches", seed=2)
    while client.status == IN_GAME:
        tags = [unit.tag for unit in client.units(OWN)]
        enemies = client.units(ENEMY)
        client.command(ATTACK, tags, on=enemies[0].tag)
        client.step()
    observation = client.observe()
    assert observation.player_result[0].player_id == 1
    assert observation.player_result[0].result == 2
    assert observation.observation.score.score > 0
    assert "already ended" in client.respond(step=api.RequestStep(count=1)).error[0]


def test_time_out_is_a_victory(client: Client) -> None:
    client.play("MoveToBeacon")
    assert client.step(5000) == 1920
    assert client.observe().player_result[0].result == 1
    assert client.status == ENDED


def test_a_unit_goes_where_it_is_sent(client: Client) -> None:
    client.play("MoveToBeacon", seed=5)
    marine = client.units(OWN)[0]
    assert client.command(MOVE, [marine.tag], at=(30.25, 30.75)) == 1
    client.step(400)
    here = client.units(OWN)[0]
    assert np.allclose((here.pos.x, here.pos.y), (30.25, 30.75), atol=0.01)


@pytest.mark.parametrize(
    ("ability", "aim", "result"),
    [
        (ATTACK, {"on": 12345}, 36),  # nobody goes by that tag
        (99999, {}, 2),  # no such ability
        (MOVE, {}, 3),  # where to?
    ],
)
def test_what_cannot_be_done_is_told(
    client: Client, ability: int, aim: dict[str, int], result: int
) -> None:
    client.play("DefeatRoaches")
    tag = client.units(OWN)[0].tag
    assert client.command(ability, [tag], **aim) == result
    error = client.observe().action_errors[0]
    assert (error.unit_tag, error.ability_id, error.result) == (tag, ability, result)


def test_commands_to_units_of_others_are_refused(client: Client) -> None:
    client.play("DefeatRoaches")
    roach = client.units(ENEMY)[0].tag
    assert client.command(MOVE, [roach], at=(30.0, 30.0)) != 1


def test_carried_out_actions_are_told_back_once(client: Client) -> None:
    client.play("DefeatRoaches")
    tag = client.units(OWN)[0].tag
    client.command(MOVE, [tag], at=(30.0, 30.0))
    actions = client.observe().actions
    assert [action.action_raw.unit_command.ability_id for action in actions] == [MOVE]
    assert not client.observe().actions


def test_the_same_seed_is_the_same_game_and_a_restart_another_one() -> None:
    def layout(client: Client) -> list[tuple[float, float]]:
        return [(unit.pos.x, unit.pos.y) for unit in client.units()]

    one, two = Client(), Client()
    one.play("DefeatZerglingsAndBanelings", seed=4)
    two.play("DefeatZerglingsAndBanelings", seed=4)
    first = layout(one)
    assert first == layout(two)
    one.ask("restart_game")
    two.ask("restart_game")
    assert layout(one) == layout(two) != first


def test_the_interface_is_echoed(client: Client) -> None:
    options = api.InterfaceOptions(raw=True, score=True)
    options.feature_layer.width = 24
    for size in (options.feature_layer.resolution, options.feature_layer.minimap_resolution):
        size.x = size.y = 84
    client.play("DefeatRoaches", feature_layer=options.feature_layer)
    info = client.ask("game_info")
    assert info.options == options
    assert info.start_raw.map_size.x == 64
    assert len(info.start_raw.pathing_grid.data) == 64 * 64 // 8


def test_data_describes_every_unit_on_the_map(client: Client) -> None:
    client.play("CollectMineralsAndGas")
    data = client.ask("data", unit_type_id=True, ability_id=True)
    known = {unit.unit_id for unit in data.units}
    assert {unit.unit_type for unit in client.units()} <= known
    assert {1, 3674, 3794, 3665, 3793, 3795} <= {ability.ability_id for ability in data.abilities}


def test_an_economy_is_played_by_the_games_abilities(client: Client) -> None:
    client.play("BuildMarines", seed=3)
    hall = next(unit for unit in client.units(OWN) if unit.unit_type == 18)
    assert client.command(524, [hall.tag]) == 1
    assert client.command(524, [hall.tag]) == 9  # not enough minerals
    client.step(300)
    assert sum(unit.unit_type == 45 for unit in client.units(OWN)) == 13
    assert client.observe().observation.player_common.minerals > 0


def test_walks_wait_in_a_queue_and_what_cannot_wait_is_for_the_idle(client: Client) -> None:
    client.play("FindAndDefeatZerglings", seed=1)
    marine = client.units(OWN)[0].tag
    assert client.command(MOVE, [marine], at=(20.0, 20.0)) == 1
    assert client.command(ATTACK, [marine], at=(40.0, 20.0), queued=True) == 1
    assert client.command(17, [marine], at=(40.0, 40.0), queued=True) == 4
    assert client.command(18, [marine], queued=True) == 4
    unit = next(unit for unit in client.units(OWN) if unit.tag == marine)
    assert [order.ability_id for order in unit.orders] == [MOVE, 23]
    idle = client.units(OWN)[1].tag
    assert client.command(17, [idle], at=(40.0, 40.0), queued=True) == 1
