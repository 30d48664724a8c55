"""Every explicit order is reached through the action space of some scenario, and shows."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_rl.envs import BatchedEnv
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.engine import task_fields as t
from perceiver_rl.envs.scenarios import SCENARIOS
from perceiver_rl.envs.task_contract import ORDERS
from perceiver_rl.spaces import UnitAction

HUNT, GAS, MARINES = "FindAndDefeatZerglings", "CollectMineralsAndGas", "BuildMarines"
CELL = (8, 9)  # right of the middle, where a second town hall fits
FIELD, GEYSER = 64, 80  # slots in the gas scenario

DOES = {
    "no_op": ("Battle-8m", "idle"),
    "stop": ("Battle-8m", "idle"),
    "move": ("Battle-8m", "move"),
    "attack": ("Battle-8m", "attack"),
    "attack_move": ("Battle-8m", "attack_move"),
    "hold": ("Battle-8m", "hold"),
    "patrol": (HUNT, "patrol"),
    "gather": (GAS, "gather"),
    "build_refinery": (GAS, "build"),
    "build_supply_depot": (GAS, "build"),
    "build_command_center": (GAS, "build"),
    "build_barracks": (MARINES, "build"),
}


def start(name: str) -> BatchedEnv:
    env = BatchedEnv(name, 1, illegal="error")
    env.reset([0])
    if name in (GAS, MARINES):
        env.games[0, t.MINERALS] = 1000
        env.observe()
    return env


def give(env: BatchedEnv, name: str, who: int = 0, unit: int | None = None) -> None:
    """Give an order through the action space; what the masks forbid raises."""
    kind = ORDERS[name].kind
    action = UnitAction(
        action_type=env.action_space.index(name),
        selected=(who,) if kind.selects else (),
        target_unit=unit if kind.target == "unit" else None,
        target_cell=CELL if kind.target == "point" else None,
    )
    env.step(env.action_space.encode(action)[None])


def test_every_order_is_offered_by_some_registered_scenario() -> None:
    assert {name for each in SCENARIOS.values() for name in each.orders} == set(ORDERS)


@pytest.mark.parametrize("name", list(DOES))
def test_a_unit_does_what_it_was_told(name: str) -> None:
    scenario, does = DOES[name]
    env = start(scenario)
    if name == "stop":
        give(env, "move")
    targets = {"attack": 8, "gather": FIELD, "build_refinery": GEYSER}
    give(env, name, unit=targets.get(name))
    column = env.entity_space.index("order")
    assert t.ORDERS[int(env.observe()["entities"][0, 0, column])] == does


@pytest.mark.parametrize("name", ["move_queued", "attack_move_queued"])
def test_a_queued_order_waits_and_is_then_carried_out(name: str) -> None:
    env = start(HUNT)
    env.units[0, f.X, 3:28], env.units[0, f.Y, 3:28] = 11, 13
    env.units[0, [f.X, f.Y], 0] = 30, 28
    give(env, "move")
    goal = env.units[0, f.GOAL_X, 0]
    give(env, name)
    column = env.entity_space.index("queued_orders")
    assert env.observe()["entities"][0, 0, column] == 1
    env.units[0, f.X, 0] = goal
    give(env, "no_op")
    assert env.observe()["entities"][0, 0, column] == 0


def test_a_town_hall_trains_and_rallies() -> None:
    env = start(GAS)
    give(env, "rally", who=12)
    give(env, "train_scv", who=12)
    column = env.entity_space.index("training")
    assert env.observe()["entities"][0, 12, column] == 1


def test_a_barracks_trains_marines() -> None:
    env = start(MARINES)
    give(env, "build_barracks")
    while not env.observe()["action_type_mask"][0, env.action_space.index("train_marine")]:
        give(env, "no_op")
    give(env, "train_marine", who=13)
    assert env.observe()["entities"][0, 13, env.entity_space.index("training")] == 1


def test_the_camera_moves() -> None:
    env = start(HUNT)
    before = env.observe()["scalars"].copy()
    give(env, "camera")
    assert not np.array_equal(env.observe()["scalars"][:, 1:], before[:, 1:])


@pytest.mark.parametrize(("order", "heals"), [("no_op", 1), ("attack_move", 1), ("move", 0)])
def test_a_medivac_heals_by_itself_unless_it_moves(order: str, heals: int) -> None:
    env = BatchedEnv("Battle-MMM", 1, opponent="no-op", illegal="error")
    env.reset([0])
    env.units[0, f.HEALTH, 1] = 60  # a marauder beside it
    medivac = int(np.flatnonzero(env.units[0, f.HEAL] > 0)[0])
    before = float(env.units[0, f.ENERGY, medivac])
    give(env, order, who=medivac)
    assert (env.units[0, f.HEALTH, 1] > 60) == bool(heals)
    assert (env.units[0, f.ENERGY, medivac] < before) == bool(heals)


def test_an_order_to_attack_is_aimed_at_enemies_alone() -> None:
    env = BatchedEnv("Battle-MMM", 1)
    observation = env.reset([0])
    targets = observation["target_mask"][0, env.action_space.index("attack")]
    assert targets[:10].sum() == 0
    assert targets[10:20].sum() == 10
