"""Gathering, building, training: the rules of CollectMineralsAndGas and BuildMarines."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from perceiver_rl.envs import BatchedEnv
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.engine import task_fields as t
from perceiver_rl.envs.engine.gathering import UNLOAD_LOOPS
from perceiver_rl.envs.engine.objects import ENTITY_NAMES, entity_kind

HALL, FIRST_FREE = 12, 13


class Base:
    """One scenario's games, ordered by the names of its action types."""

    def __init__(self, name: str, games: int = 1) -> None:
        self.env = BatchedEnv(name, games)
        self.names = self.env.action_space.names
        self.step = self.env.reset(range(games))
        self.own = self.env.scenario.own_slots
        self.units = self.env.units
        self.games = self.env.games

    def order(
        self, name: str, selected: tuple[int, ...] = (), unit: int = 0, at: Any = (33, 28)
    ) -> Any:
        left, bottom, right, top = self.env.scenario.playable
        column = int((at[0] - left) / (right - left) * 16)
        row = int((at[1] - bottom) / (top - bottom) * 16)
        action = np.zeros((self.env.num_envs, self.env.action_space.nvec.size), dtype=np.int64)
        action[:, 0] = self.names.index(name)
        action[:, [1 + slot for slot in selected]] = 1
        action[:, -2:] = unit, row * 16 + column
        return self.env.step(action)

    def wait(self, loops: int) -> None:
        for _ in range(math.ceil(loops / 8)):
            self.order("no_op")

    def kind(self, slot: int) -> str:
        return ENTITY_NAMES[int(self.units[0, f.KIND, slot])]

    def legal(self, name: str, game: int = 0) -> bool:
        step = self.order("no_op")
        return bool(step.observation["action_type_mask"][game, self.names.index(name)])

    @property
    def money(self) -> int:
        return int(self.games[0, t.MINERALS])


@pytest.fixture
def gas() -> Base:
    return Base("CollectMineralsAndGas")


@pytest.fixture
def marines() -> Base:
    return Base("BuildMarines")


def test_the_base_is_where_the_map_puts_it() -> None:
    base = Base("CollectMineralsAndGas", 100)
    assert [base.kind(slot) for slot in range(13)] == ["scv"] * 12 + ["command_center"]
    kinds = [base.kind(slot) for slot in range(64, 84)]
    assert kinds == ["mineral_field"] * 16 + ["geyser"] * 4
    np.testing.assert_allclose(base.units[:, [f.X, f.Y], HALL], [[29.83, 28.01]] * 100)
    side = base.units[:, f.X, 0] - 29.83
    assert 25 < (side > 0).sum() < 75
    np.testing.assert_allclose(abs(side), 3.5, atol=1e-5)
    np.testing.assert_allclose(abs(base.units[:, f.X, 1] - 29.83), 4.5, atol=1e-5)
    rows = base.units[0, f.Y, :12] - 28.01
    np.testing.assert_allclose(rows, np.repeat([2.5, 1.5, 0.5, -0.5, -1.5, -2.5], 2), atol=1e-5)
    assert base.money == 50
    assert base.games[0, [t.SUPPLY, t.SUPPLY_CAP]].tolist() == [12, 15]
    assert sorted(map(tuple, base.units[0, [f.X, f.Y], 80:84].T)) == [
        (26.5, 20.5),
        (26.5, 34.5),
        (39.5, 20.5),
        (39.5, 34.5),
    ]


def test_a_trip_is_walk_mine_walk_unload_and_brings_5_minerals(gas: Base) -> None:
    # From the hall's edge to the field's: both ways with 2.5 cells/s2, neither reaches full speed.
    way = math.hypot(29.83 - 24, 28.01 - 27.5) - 2.75 - 1.0 - 2 * 0.375
    loops = 2 * 2 * math.sqrt(way / (2.5 / 256)) + 2.786 * 16 + float(UNLOAD_LOOPS)
    gas.order("gather", (0,), 67)
    for _ in range(40):
        gas.order("no_op")
    times = []
    for _ in range(240):
        before = gas.money
        gas.order("no_op")
        if gas.money > before:
            assert gas.money == before + 5
            times.append(int(gas.games[0, f.LOOP]))
    trip = (times[-1] - times[0]) / (len(times) - 1)
    assert trip == pytest.approx(loops, rel=0.05)


def test_the_income_of_a_worker_is_that_of_the_game() -> None:
    base = Base("BuildMarines")
    base.wait(480)
    before = base.games[0, t.GATHERED]
    base.wait(1920)
    # 58 per minute at Faster, which runs 1.4 times as fast; 12 workers for 2 minutes.
    assert base.games[0, t.GATHERED] - before == pytest.approx(58 / 1.4 * 12 * 2, rel=0.05)


def test_one_worker_mines_a_field_at_a_time_and_others_look_for_free_ones(gas: Base) -> None:
    gas.order("gather", tuple(range(12)), 67)
    for _ in range(60):
        gas.order("no_op")
        mining = gas.units[0, t.PHASE, :12] == t.MINE
        targets = gas.units[0, f.TARGET, :12][mining]
        assert len(set(targets)) == len(targets)
    assert len(set(gas.units[0, f.TARGET, :12])) > 6


def test_score_counts_what_is_gathered_not_what_is_kept(gas: Base) -> None:
    gas.order("gather", tuple(range(12)), 64)
    total = 0.0
    for _ in range(100):
        total += float(gas.order("no_op").reward[0])
    assert total == gas.money - 50 > 0
    gas.order("train_scv", (HALL,))
    assert gas.games[0, f.SCORE] >= total


def test_an_scv_costs_50_minerals_and_272_loops_and_uses_supply(gas: Base) -> None:
    step = gas.order("train_scv", (HALL,))
    assert gas.money == 0
    assert gas.games[0, t.SUPPLY] == 13
    left = step.observation["entities"][0, HALL, gas.env.entity_space.index("training_left")]
    assert left == pytest.approx(1 - 8 / 272)
    gas.wait(272 - 16)
    assert gas.units[0, f.HEALTH, FIRST_FREE] == 0
    gas.wait(8)
    assert gas.kind(FIRST_FREE) == "scv"
    assert gas.units[0, t.TRAINING, HALL] == 0


def test_a_new_scv_goes_to_mine_where_the_rally_point_is(gas: Base) -> None:
    gas.order("rally", (HALL,), at=(41, 24.5))
    gas.order("train_scv", (HALL,))
    gas.wait(280)
    assert gas.units[0, f.ORDER, FIRST_FREE] == t.GATHER
    assert gas.units[0, f.X, int(gas.units[0, f.TARGET, FIRST_FREE])] > 40


@pytest.mark.parametrize(
    ("name", "kind", "cost", "loops"),
    [("build_supply_depot", "supply_depot", 100, 480), ("build_barracks", "barracks", 150, 1040)],
)
def test_a_structure_costs_its_price_when_begun_and_stands_after_its_time(
    marines: Base, name: str, kind: str, cost: int, loops: int
) -> None:
    marines.units[0, f.ORDER, :12] = f.IDLE
    marines.games[0, t.MINERALS] = cost
    marines.order(name, tuple(range(13)), at=(38, 28))
    assert (marines.units[0, f.ORDER, :12] == t.BUILD).sum() == 1
    while marines.units[0, f.HEALTH, FIRST_FREE] == 0:
        assert marines.money == cost
        marines.order("no_op")
    begun = int(marines.games[0, f.LOOP])
    assert marines.money == 0
    assert marines.kind(FIRST_FREE) == kind
    assert marines.units[0, f.HEALTH, FIRST_FREE] < 0.2 * marines.units[0, f.MAX_HEALTH, FIRST_FREE]
    while marines.units[0, t.UNBUILT, FIRST_FREE] > 0:
        marines.order("no_op")
    assert marines.games[0, f.LOOP] - begun == pytest.approx(loops, abs=8)
    assert marines.units[0, f.HEALTH, FIRST_FREE] == marines.units[0, f.MAX_HEALTH, FIRST_FREE]
    assert marines.games[0, t.SUPPLY_CAP] == (23 if kind == "supply_depot" else 15)
    assert (marines.units[0, f.ORDER, :12] == f.IDLE).all()


def finished(base: Base, kind: str, slot: int, at: tuple[float, float]) -> None:
    from perceiver_rl.envs.engine.objects import all_stats, trade_table
    from perceiver_rl.envs.engine.place import put

    point = (np.float32(at[0]), np.float32(at[1]))
    put(base.units, (0, slot), entity_kind(kind), point, (all_stats(), trade_table()))


def test_a_marine_costs_50_minerals_and_400_loops_and_is_worth_one_point(marines: Base) -> None:
    finished(marines, "barracks", FIRST_FREE, (38.5, 28.5))
    marines.units[0, f.ORDER, :12] = f.IDLE
    marines.order("train_marine", (FIRST_FREE,))
    assert marines.money == 0
    rewards = [float(marines.order("no_op").reward[0]) for _ in range(50)]
    assert sum(rewards) == 1
    assert rewards.index(1) == 48
    assert marines.kind(14) == "marine"


def test_new_units_make_room_for_one_another(marines: Base) -> None:
    finished(marines, "barracks", FIRST_FREE, (38.5, 28.5))
    marines.games[0, t.MINERALS] = 150
    for _ in range(3):
        marines.order("train_marine", (FIRST_FREE,))
    marines.wait(3 * 400 + 40)
    x, y = marines.units[0, [f.X, f.Y], 14:17]
    for one, two in ((0, 1), (0, 2), (1, 2)):
        assert math.hypot(x[one] - x[two], y[one] - y[two]) > 0.7


def test_the_structure_with_least_to_do_trains(marines: Base) -> None:
    finished(marines, "barracks", FIRST_FREE, (38.5, 23.5))
    finished(marines, "barracks", FIRST_FREE + 1, (38.5, 32.5))
    marines.games[0, t.MINERALS] = 1000
    for _ in range(3):
        marines.order("train_marine", (FIRST_FREE, FIRST_FREE + 1))
    assert marines.units[0, t.TRAINING, FIRST_FREE : FIRST_FREE + 2].tolist() == [2, 1]


def test_training_stops_at_the_supply_limit_and_in_a_full_queue(marines: Base) -> None:
    marines.games[0, t.MINERALS] = 10_000
    infos = [marines.order("train_scv", (HALL,)).infos[0] for _ in range(6)]
    assert infos == [{}] * 5 + [{"refused_orders": 1}]
    marines.wait(272 * 6)
    assert marines.games[0, [t.SUPPLY, t.SUPPLY_CAP]].tolist() == [15, 15]
    assert marines.units[0, t.TRAINING, HALL] == 2
    assert not marines.legal("train_scv")


def test_gas_comes_from_a_finished_refinery_four_at_a_time(gas: Base) -> None:
    gas.games[0, t.MINERALS] = 75
    assert gas.order("gather", (0,), 80).infos[0] == {"refused_orders": 1}
    gas.order("build_refinery", (0, 1), 80)
    while gas.units[0, f.HEALTH, FIRST_FREE] == 0:
        gas.order("no_op")
    assert gas.money == 0
    assert gas.units[0, f.HEALTH, 80] == 0
    assert gas.kind(FIRST_FREE) == "refinery"
    gas.wait(480 + 8)
    assert (gas.units[0, f.ORDER, :2] == t.GATHER).sum() == 1  # its builder begins by itself
    while gas.games[0, t.GAS] == 0:
        gas.order("no_op")
    assert gas.games[0, t.GAS] == 4
    assert gas.units[0, t.CONTENTS, FIRST_FREE] == 2250 - 4
    assert gas.money == 0


def test_an_empty_field_vanishes_and_its_worker_goes_to_another(gas: Base) -> None:
    gas.units[0, t.CONTENTS, 67] = 3
    gas.order("gather", (0,), 67)
    while gas.money == 50:
        gas.order("no_op")
    assert gas.money == 53
    assert gas.units[0, f.HEALTH, 67] == 0
    gas.wait(200)
    assert gas.money == 58


@pytest.mark.parametrize(
    ("name", "selected", "unit", "at", "money"),
    [
        ("build_supply_depot", (0,), 0, (38, 28), 99),  # too dear
        ("build_supply_depot", (0,), 0, (29.8, 28), 500),  # on the town hall
        ("build_supply_depot", (0,), 0, (24, 28), 500),  # on a field
        ("build_command_center", (0,), 0, (38.5, 25), 500),  # too near to resources
        ("build_supply_depot", (HALL,), 0, (38, 28), 500),  # a structure cannot build
        ("build_supply_depot", (64,), 0, (38, 28), 500),  # neutral, and nobody is left to do it
        ("build_refinery", (0,), 64, (38, 28), 500),  # not a geyser
        ("gather", (0,), 3, (38, 28), 500),  # not a source
        ("train_scv", (0,), 0, (38, 28), 500),  # a worker trains nobody
        ("train_scv", (HALL,), 0, (38, 28), 49),
        ("move", (HALL,), 0, (38, 28), 500),
        ("rally", (0,), 0, (38, 28), 500),
    ],
)
def test_an_order_that_nobody_can_carry_out_is_refused_and_changes_nothing(
    name: str, selected: tuple[int, ...], unit: int, at: Any, money: int
) -> None:
    base = Base("CollectMineralsAndGas", 2)
    base.games[:, t.MINERALS] = money
    base.wait(80)  # workers that start on top of a field step aside
    before = base.units.copy()
    infos = base.order(name, selected, unit, at).infos
    wrong = 2 if selected == (64,) else 1
    assert infos == [{"refused_orders": wrong}] * 2
    np.testing.assert_array_equal(base.units, before)
    assert base.games[:, t.MINERALS].tolist() == [money] * 2


def test_a_builder_whose_money_is_gone_gives_up_and_that_is_counted(marines: Base) -> None:
    marines.units[0, f.ORDER, :12] = f.IDLE
    marines.games[0, t.MINERALS] = 100
    marines.order("build_supply_depot", (0,), at=(40, 28))
    marines.games[0, t.MINERALS] = 10
    infos = [marines.order("no_op").infos[0] for _ in range(20)]
    assert infos.count({"refused_orders": 1}) == 1
    assert marines.units[0, f.ORDER, 0] == f.IDLE
    assert marines.money == 10


def test_units_walk_around_structures(marines: Base) -> None:
    marines.units[0, f.ORDER, :12] = f.IDLE
    marines.units[0, :, 1:12] = 0
    marines.units[0, f.X, 0], marines.units[0, f.Y, 0] = 34, 28.3
    marines.order("move", (0,), at=(26.3, 28.1))
    for _ in range(16):
        marines.order("no_op")
        dx, dy = marines.units[0, [f.X, f.Y], 0] - marines.units[0, [f.X, f.Y], HALL]
        assert math.hypot(dx, dy) >= 2.75 + 0.375 - 0.05
    assert marines.units[0, f.X, 0] < 27


def test_workers_of_build_marines_mine_from_the_start(marines: Base) -> None:
    assert (marines.units[0, f.ORDER, :12] == t.GATHER).all()
    assert marines.units[0, t.RALLIES, HALL] == 1
    marines.wait(200)
    assert marines.money > 50


def test_masks_follow_money_and_what_stands(marines: Base) -> None:
    assert marines.legal("train_scv")
    for name in ("build_supply_depot", "build_barracks", "train_marine"):
        assert not marines.legal(name)
    marines.games[0, t.MINERALS] = 150
    assert marines.legal("build_barracks")
    finished(marines, "barracks", FIRST_FREE, (38.5, 28.5))
    assert marines.legal("train_marine")
    marines.units[0, t.UNBUILT, FIRST_FREE] = 5
    assert not marines.legal("train_marine")


def test_scalars_tell_money_supply_and_idle_workers(gas: Base) -> None:
    gas.games[0, [t.MINERALS, t.GAS]] = 250, 2000
    gas.order("gather", (0, 1, 2), 64)
    scalars = gas.order("no_op").observation["scalars"][0]
    assert scalars.tolist() == pytest.approx([1 - 16 / 6720, 0.25, 1, 12 / 200, 15 / 200, 0.75])


def test_a_second_town_hall_fits_where_the_first_one_is_mirrored(gas: Base) -> None:
    gas.games[0, t.MINERALS] = 400
    assert gas.order("build_command_center", (0,), at=(35.5, 28.5)).infos == [{}]
    gas.wait(1600 + 120)
    assert gas.kind(FIRST_FREE) == "command_center"
    assert gas.games[0, t.SUPPLY_CAP] == 30
