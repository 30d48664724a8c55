"""The game's observations become ours: types, places, life, orders, cargo, masks."""

from typing import Any

import numpy as np
import pytest

from perceiver_rl.envs.contract import make_contract
from perceiver_rl.envs.engine.objects import ENTITY_NAMES
from perceiver_rl.envs.pysc2 import ids
from perceiver_rl.envs.pysc2.state import GameState
from perceiver_rl.envs.scenarios import SCENARIOS

from .messages import response, unit

pytest.importorskip("s2clientprotocol")

ROACH, MARINE = 110, 48


def state_of(name: str) -> tuple[GameState, tuple[str, ...]]:
    """A game's state and the names of its columns."""
    scenario = SCENARIOS[name]
    contract = make_contract(scenario)
    return GameState(scenario, contract), tuple(each.name for each in contract.entities.columns)


def seen(name: str, message: Any) -> tuple[dict[str, Any], tuple[str, ...], GameState]:
    state, columns = state_of(name)
    state.read(message, over=False)
    return state.observe(), columns, state


def row(observation: dict[str, Any], columns: tuple[str, ...], at: int) -> dict[str, float]:
    return dict(zip(columns, observation["entities"][at].tolist(), strict=True))


def test_a_fighter_has_its_exact_place_life_and_cooldown() -> None:
    marine = unit(
        "marine", 7, at=(24.515625, 30.140625), health=12.5, health_max=45, weapon_cooldown=7.25
    )
    observation, columns, _ = seen("DefeatRoaches", response([marine]))
    ours = row(observation, columns, 0)
    assert (ours["alliance"], ours["unit_type"]) == (0, ENTITY_NAMES.index("marine"))
    assert (ours["x"], ours["y"]) == (24.515625, 30.140625)
    assert ours["health"] == 12.5
    assert ours["health_ratio"] == pytest.approx(12.5 / 45)
    assert ours["weapon_cooldown"] == 7.25
    assert ours["weapon_range"] == 5
    assert observation["entity_mask"].sum() == 1


def test_enemies_have_rows_after_all_of_ours_and_can_be_attacked() -> None:
    units = [unit("marine", 1, health=45), unit("roach", 2, ids.ENEMY, health=145, health_max=145)]
    observation, columns, state = seen("DefeatRoaches", response(units))
    at = state.scenario.own_slots
    assert row(observation, columns, at)["alliance"] == 1
    assert observation["target_mask"][3].nonzero()[0].tolist() == [at]
    assert observation["selectable_mask"].nonzero()[0].tolist() == [0]


@pytest.mark.parametrize(
    ("orders", "shown"),
    [
        ((), "idle"),
        (((16, (30.0, 30.0)),), "move"),
        (((3794, (30.0, 30.0)),), "move"),
        (((23, 9),), "attack"),
        (((23, (30.0, 30.0)),), "attack_move"),
        (((23, None),), "attack"),
        (((18, None),), "hold"),
        (((999, None),), "idle"),
    ],
)
def test_orders_are_read_from_abilities_and_targets(orders: Any, shown: str) -> None:
    units = [unit("marine", 1, health=45, orders=orders), unit("roach", 9, ids.ENEMY, health=145)]
    observation, columns, _ = seen("DefeatRoaches", response(units))
    names = ("idle", "move", "attack", "attack_move", "hold")
    assert names[int(row(observation, columns, 0)["order"])] == shown


def test_who_is_engaged_counts_its_attackers() -> None:
    units = [
        unit("marine", 1, health=45, engaged_target_tag=9),
        unit("marine", 2, health=45, orders=((23, 9),)),
        unit("roach", 9, ids.ENEMY, health=145, engaged_target_tag=2),
    ]
    observation, columns, state = seen("DefeatRoaches", response(units))
    assert row(observation, columns, state.scenario.own_slots)["attackers"] == 2
    assert row(observation, columns, 1)["attackers"] == 1


def test_snapshots_and_what_nobody_knows_are_not_shown_but_the_latter_are_counted() -> None:
    units = [
        unit("marine", 1, health=45),
        unit("roach", 2, ids.ENEMY, health=145, display=2),
        unit("roach", 3, ids.ENEMY, health=145, unit_type=99999),
    ]
    observation, _, state = seen("DefeatRoaches", response(units))
    assert observation["entity_mask"].sum() == 1
    assert state.hidden == 1


def test_the_only_neutral_things_of_an_errand_go_by_any_number() -> None:
    beacon = unit("beacon", 5, ids.NEUTRAL, unit_type=54321, at=(35.0, 25.0))
    observation, columns, _ = seen("MoveToBeacon", response([unit("marine", 1, health=45), beacon]))
    found = row(observation, columns, 1)
    assert found["unit_type"] == ENTITY_NAMES.index("beacon")
    assert (found["x"], found["y"], found["alliance"]) == (35, 25, 2)


def test_skins_and_modes_of_a_type_are_that_type() -> None:
    units = [unit("mineral_field", 3, ids.NEUTRAL, unit_type=number) for number in (483, 146)]
    for tag, each in enumerate(units):
        each.tag = tag + 1
    observation, columns, state = seen("CollectMineralsAndGas", response(units))
    for at in range(2):
        kind = row(observation, columns, state.scenario.own_slots + at)["unit_type"]
        assert kind == ENTITY_NAMES.index("mineral_field")


def test_time_and_the_end_of_the_game_are_told() -> None:
    state, _ = state_of("DefeatRoaches")
    message = response([unit("marine", 1, health=45)], loop=480)
    state.read(message, over=False)
    assert state.observe()["scalars"][0] == pytest.approx(0.75)
    state.read(message, over=True)
    assert state.observe()["action_type_mask"].nonzero()[0].tolist() == [0]


def test_time_beyond_the_limit_is_no_time_left() -> None:
    observation, _, _ = seen("DefeatRoaches", response([unit("marine", 1, health=45)], loop=5000))
    assert observation["scalars"][0] == 0


def test_workers_carry_and_structures_train() -> None:
    units = [
        unit("scv", 1, health=45, buff_ids=[271], orders=((296, None),)),
        unit("scv", 2, health=45, buff_ids=[274]),
        unit("command_center", 3, health=1500, orders=((524, None), (524, None))),
        unit("supply_depot", 4, health=100, build_progress=0.25),
        unit("mineral_field", 5, ids.NEUTRAL, mineral_contents=1500),
    ]
    units[2].orders[0].progress = 0.5
    observation, columns, state = seen(
        "CollectMineralsAndGas", response(units, minerals=250, food_used=13, food_cap=15)
    )
    carrier, gas, hall, depot = (row(observation, columns, at) for at in range(4))
    assert (carrier["cargo"], carrier["order"]) == (1, 6)
    assert (gas["cargo"], gas["order"]) == (2, 0)
    assert (hall["training"], hall["training_left"]) == (2, 0.5)
    assert depot["unbuilt"] == 0.75
    assert row(observation, columns, state.scenario.own_slots)["contents"] == 1500
    assert observation["scalars"][1:5] == pytest.approx([0.25, 0, 13 / 200, 15 / 200])


def test_queued_orders_are_counted_and_a_patrol_is_shown() -> None:
    marine = unit("marine", 1, health=45, orders=((17, (30.0, 30.0)), (16, (31.0, 31.0))))
    observation, columns, _ = seen("MoveToBeacon", response([marine]))
    assert row(observation, columns, 0)["queued_orders"] == 1
    assert row(observation, columns, 0)["order"] == 5


def test_the_camera_is_seen_where_it_matters() -> None:
    message = response([unit("marine", 1, health=45, at=(20.0, 20.0))], camera=(21.0, 20.0))
    observation, columns, state = seen("FindAndDefeatZerglings", message)
    left, bottom, right, top = state.scenario.playable
    expected = [(21 - left) / (right - left), (20 - bottom) / (top - bottom)]
    assert observation["scalars"][3:] == pytest.approx(expected)
    assert row(observation, columns, 0)["on_screen"] == 1


@pytest.mark.parametrize("name", [name for name, each in SCENARIOS.items() if each.scored])
def test_what_is_observed_lies_in_the_space_of_the_proxy(name: str) -> None:
    scenario = SCENARIOS[name]
    contract = make_contract(scenario)
    state = GameState(scenario, contract)
    state.read(response([unit(scenario.own[0][0], 1, health=45)]), over=False)
    assert contract.observations.contains(state.observe())
    assert np.isfinite(state.observe()["entities"]).all()
