"""Our actions become the game's commands: one per selection; what is forbidden is not sent."""

from typing import Any

import numpy as np
import pytest

from perceiver_rl.envs.contract import make_contract
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.pysc2 import ids
from perceiver_rl.envs.pysc2.orders import Command, Given, give
from perceiver_rl.envs.pysc2.state import GameState
from perceiver_rl.envs.scenarios import SCENARIOS
from perceiver_rl.spaces import UnitAction

from .messages import response, unit

pytest.importorskip("s2clientprotocol")


class Table:
    """A game in which actions are given by name."""

    def __init__(self, name: str, *units: Any, **values: Any) -> None:
        self.scenario = SCENARIOS[name]
        contract = make_contract(self.scenario)
        self.space = contract.actions
        self.state = GameState(self.scenario, contract)
        self.state.read(response(list(units), **values), over=False)

    def give(
        self,
        name: str,
        *rows: int,
        target: int | None = None,
        cell: tuple[int, int] | None = None,
    ) -> Given:
        kind = self.space.index(name)
        action = UnitAction(kind, rows, target, cell)
        return give(action, self.space, self.state, self.state.observe())


def battle() -> Table:
    marines = [unit("marine", tag, health=45) for tag in (11, 12, 13)]
    return Table("DefeatRoaches", *marines, unit("roach", 21, ids.ENEMY, health=145))


ROACH_ROW = SCENARIOS["DefeatRoaches"].own_slots


def test_a_selection_is_one_command_with_all_its_tags() -> None:
    given = battle().give("attack", 0, 2, target=ROACH_ROW)
    assert given == Given((Command(ids.ATTACK, (11, 13), target=21),), 0)


@pytest.mark.parametrize(
    ("name", "ability"),
    [("stop", ids.STOP), ("hold", ids.HOLD), ("move", ids.MOVE), ("attack_move", ids.ATTACK)],
)
def test_each_order_has_the_games_ability(name: str, ability: int) -> None:
    cell = (0, 15) if "move" in name else None
    (command,) = battle().give(name, 1, cell=cell).commands
    assert command.ability == ability
    assert command.tags == (12,)
    left, bottom, right, top = SCENARIOS["DefeatRoaches"].playable
    if cell is not None:
        expected = (left + (right - left) * 15.5 / 16, bottom + (top - bottom) * 0.5 / 16)
        assert command.goal == pytest.approx(expected)


def test_no_op_sends_nothing() -> None:
    assert battle().give("no_op") == Given((), 0)


def test_rows_without_a_unit_of_ours_are_refused_and_the_others_obey() -> None:
    given = battle().give("stop", 0, 5, ROACH_ROW)
    assert given == Given((Command(ids.STOP, (11,)),), 2)


def test_a_target_that_is_none_is_refused_for_everybody_and_never_sent() -> None:
    assert battle().give("attack", 0, 1, target=2) == Given((), 2)
    assert battle().give("attack", 0, 1, target=ROACH_ROW + 3) == Given((), 2)


def test_a_target_that_has_gone_out_of_sight_is_refused() -> None:
    table = battle()
    table.state.read(response([unit("marine", 11, health=45)]), over=False)
    assert table.give("attack", 0, target=ROACH_ROW) == Given((), 1)


def test_an_order_to_nobody_is_refused_once() -> None:
    assert battle().give("stop") == Given((), 1)


def test_nothing_is_sent_once_the_game_is_over() -> None:
    table = battle()
    table.state.read(response([unit("marine", 11, health=45)]), over=True)
    assert table.give("stop", 0) == Given((), 0)


def test_queued_orders_are_queued() -> None:
    table = Table("MoveToBeacon", unit("marine", 11, health=45))
    (command,) = table.give("move_queued", 0, cell=(3, 3)).commands
    assert command.queued
    assert command.message().action_raw.unit_command.queue_command


def test_the_camera_moves_without_units() -> None:
    table = Table("FindAndDefeatZerglings", unit("marine", 11, health=45))
    (command,) = table.give("camera", cell=(0, 0)).commands
    centre = command.message().action_raw.camera_move.center_world_space
    assert (centre.x, centre.y) == command.goal == (11.375, 13)


def test_a_command_says_all_of_it_in_the_games_words() -> None:
    message = Command(ids.ATTACK, (1 << 40, 2), target=1 << 33).message().action_raw.unit_command
    assert message.ability_id == 3674
    assert list(message.unit_tags) == [1 << 40, 2]
    assert message.target_unit_tag == 1 << 33
    assert not message.queue_command
    point = Command(ids.MOVE, (1,), goal=(24.5, 30.25)).message().action_raw.unit_command
    assert (point.target_world_space_pos.x, point.target_world_space_pos.y) == (24.5, 30.25)
    assert not point.HasField("target_unit_tag")


def base(minerals: int = 500, **values: Any) -> Table:
    """Workers in rows 0 and 1, a town hall in row 2."""
    units = [
        unit("scv", 1, health=45, at=(22.0, 30.0)),
        unit("scv", 2, health=45, at=(40.0, 30.0)),
        unit("command_center", 3, health=1500, at=(29.83, 28.0)),
        unit("mineral_field", 4, ids.NEUTRAL, mineral_contents=1800, at=(23.0, 25.0)),
        unit("geyser", 5, ids.NEUTRAL, vespene_contents=2250, at=(26.5, 34.5)),
    ]
    units += values.pop("more", [])
    values = {"food_used": 12, "food_cap": 15, **values}
    return Table("CollectMineralsAndGas", *units, minerals=minerals, **values)


FIELD_ROW = SCENARIOS["CollectMineralsAndGas"].own_slots


def test_only_workers_gather() -> None:
    given = base().give("gather", 0, 1, 2, target=FIELD_ROW)
    assert given == Given((Command(295 + 3371, (1, 2), target=4),), 0)


def test_the_nearest_of_the_selected_workers_builds_on_the_grid() -> None:
    (command,) = base().give("build_supply_depot", 0, 1, cell=(10, 15)).commands
    assert (command.ability, command.tags) == (319, (2,))
    assert command.goal is not None
    assert np.mod(command.goal, 1).tolist() == [0, 0]


def test_a_refinery_is_built_over_a_geyser() -> None:
    (command,) = base().give("build_refinery", 0, 1, target=FIELD_ROW + 1).commands
    assert (command.ability, command.tags, command.target) == (320, (1,), 5)


def test_what_cannot_be_paid_for_is_refused_once() -> None:
    assert base(minerals=10).give("build_supply_depot", 0, 1, cell=(8, 8)) == Given((), 1)
    assert base(minerals=10).give("train_scv", 2) == Given((), 1)


def test_structures_train_and_workers_do_not() -> None:
    assert base().give("train_scv", 0, 2) == Given((Command(524, (3,)),), 0)
    assert base().give("train_scv", 0) == Given((), 1)


def test_the_least_busy_of_the_selected_structures_trains() -> None:
    busy = unit("barracks", 6, health=1000, orders=((560, None),))
    free = unit("barracks", 7, health=1000)
    table = Table("BuildMarines", busy, free, minerals=500, food_used=1, food_cap=15)
    assert table.give("train_marine", 0, 1).commands == (Command(560, (7,)),)


def test_halls_and_barracks_rally_by_an_ability_each() -> None:
    hall = unit("command_center", 6, health=1500)
    barracks = unit("barracks", 7, health=1000)
    table = Table("BuildMarines", hall, barracks, minerals=500)
    workers, units = table.give("rally", 0, 1, cell=(0, 0)).commands
    assert (workers.ability, workers.tags) == (ids.RALLY_WORKERS, (6,))
    assert (units.ability, units.tags) == (ids.RALLY_UNITS, (7,))
    assert workers.goal == units.goal


def test_a_worker_at_its_structure_takes_no_order_until_it_is_done() -> None:
    depot = unit("supply_depot", 8, health=50, build_progress=0.5, at=(40.0, 30.0))
    builder = unit("scv", 9, health=45, at=(40.5, 30.0), orders=((319, (40.0, 30.0)),))
    table = base(more=[depot, builder])
    row = table.state.tags.row(9)
    assert row is not None
    assert table.give("gather", row, target=FIELD_ROW) == Given((), 1)


def test_refused_orders_leave_the_state_as_it_was() -> None:
    table = battle()
    before = table.state.units.copy()
    table.give("attack", 0, target=1)
    np.testing.assert_array_equal(table.state.units, before)
    assert table.state.games[0, f.REFUSED] == 0
