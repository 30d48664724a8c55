"""The battles by name, those whose teams are drawn, and walls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perceiver_rl.envs import BatchedEnv, Scenario
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.engine.units import UNIT_NAMES, UNITS
from perceiver_rl.envs.scenarios import SCENARIOS, Draw, find_scenario, point
from perceiver_rl.envs.scenarios.battles import RACES
from perceiver_rl.spaces import ContractError

BATTLES = [name for name in SCENARIOS if name.startswith("Battle-")]
STEP_LIMITS = {
    "2m_vs_1z": 150,
    "3m": 60,
    "8m": 120,
    "25m": 150,
    "5m_vs_6m": 70,
    "8m_vs_9m": 120,
    "10m_vs_11m": 150,
    "27m_vs_30m": 180,
    "2s3z": 120,
    "3s5z": 150,
    "3s5z_vs_3s6z": 170,
    "1c3s5z": 180,
    "3s_vs_3z": 150,
    "3s_vs_4z": 200,
    "3s_vs_5z": 250,
    "6h_vs_8z": 150,
    "2s_vs_1sc": 300,
    "MMM": 150,
    "MMM2": 180,
    "bane_vs_bane": 200,
    "2c_vs_64zg": 400,
    "corridor": 400,
    "so_many_baneling": 100,
}


@pytest.mark.parametrize("name", STEP_LIMITS)
def test_battles_of_smac_have_its_step_limits_and_as_many_units_as_their_names_say(
    name: str,
) -> None:
    scenario = SCENARIOS[f"Battle-{name}"]
    assert scenario.step_limit == STEP_LIMITS[name]
    letters = {"m": "marine", "s": "stalker", "z": "zealot", "c": "colossus", "h": "hydralisk"}
    letters |= {"sc": "spine_crawler", "zg": "zergling"}
    sides = name.split("_vs_")
    for side, team in zip((sides[0], sides[-1]), (scenario.own, scenario.enemy), strict=True):
        counted = 0
        for unit, count in team:
            short = next(key for key, value in {**letters, unit: unit}.items() if value == unit)
            counted += f"{count}{short}" in side
        assert counted == len(team) or not name[0].isdigit()


def test_battles_named_without_numbers_have_the_teams_of_smac() -> None:
    teams = {
        name: (dict(SCENARIOS[f"Battle-{name}"].own), dict(SCENARIOS[f"Battle-{name}"].enemy))
        for name in ("MMM", "MMM2", "bane_vs_bane", "corridor", "so_many_baneling")
    }
    mmm = {"medivac": 1, "marauder": 2, "marine": 7}
    swarm = {"zergling": 20, "baneling": 4}
    assert teams == {
        "MMM": (mmm, mmm),
        "MMM2": (mmm, {"medivac": 1, "marauder": 3, "marine": 8}),
        "bane_vs_bane": (swarm, swarm),
        "corridor": ({"zealot": 6}, {"zergling": 24}),
        "so_many_baneling": ({"zealot": 7}, {"baneling": 32}),
    }


@pytest.mark.parametrize("name", BATTLES)
def test_every_battle_starts_with_all_units_apart_and_keeps_its_space(name: str) -> None:
    env = BatchedEnv(name, 2, opponent="attack-nearest")
    own, total = env.scenario.own_slots, env.scenario.slots
    observation = env.reset([1, 2])
    assert (env.games[:, [f.OWN_ALIVE, f.ENEMY_ALIVE]] == [own, total - own]).all()
    x, y = env.units[0, f.X, :total], env.units[0, f.Y, :total]
    assert len(np.unique(np.stack([x, y], axis=1), axis=0)) == total
    action = np.zeros((2, env.action_space.nvec.size), dtype=np.int64)
    for _ in range(30):
        for row in range(2):
            one: Any = {key: value[row] for key, value in observation.items()}
            assert env.observation_space.contains(one)
        observation = env.step(action).observation


def drawn(race: str, games: int = 300) -> BatchedEnv:
    env = BatchedEnv(f"Battle-{race}_5_vs_6", games)
    env.reset(range(games))
    return env


@pytest.mark.parametrize("race", list(RACES))
def test_teams_are_drawn_with_the_chances_of_the_race_and_the_enemy_has_ours(race: str) -> None:
    env = drawn(race)
    kinds = env.units[:, f.KIND].astype(int)
    np.testing.assert_array_equal(kinds[:, :5], kinds[:, 5:10])
    for name, chance in RACES[race].chances:
        share = (kinds[:, :5] == UNIT_NAMES.index(name)).mean()
        assert abs(share - chance) < 0.05
    assert {UNIT_NAMES[kind] for kind in kinds[:, 10]} == set(dict(RACES[race].chances))


def test_no_team_is_of_medivacs_alone() -> None:
    draw = Draw(chances=(("marine", 0.2), ("medivac", 0.8)), never_alone=("medivac",))
    scenario = find_scenario("Battle-terran_2_vs_2")
    env = BatchedEnv(type(scenario)(**fields_of(scenario) | {"draw": draw}), 500)
    env.reset(range(500))
    kinds = env.units[:, f.KIND, :2]
    assert (kinds == UNIT_NAMES.index("marine")).any(axis=1).all()
    assert (kinds == UNIT_NAMES.index("medivac")).any(axis=1).mean() > 0.5


def fields_of(scenario: Any) -> dict[str, Any]:
    return {name: getattr(scenario, name) for name in scenario.__dataclass_fields__}


def test_half_of_the_teams_are_reflected_and_the_others_surrounded() -> None:
    env = drawn("protoss")
    x, y = env.units[:, f.X], env.units[:, f.Y]
    reflected = np.isclose(x[:, 5:10], 32 - x[:, :5]).all(1) & (y[:, 5:10] == y[:, :5]).all(1)
    assert 0.4 < reflected.mean() < 0.6
    assert (x[reflected, :5] < 16).all()
    assert (x[reflected, 10] > 16).all()
    inner = np.hypot(x[~reflected, :5] - 16, y[~reflected, :5] - 16)
    outer = np.hypot(x[~reflected, 5:11] - 16, y[~reflected, 5:11] - 16)
    assert inner.max() < 6
    assert outer.min() > 5
    corners = {
        len({(a > 16, b > 16) for a, b in zip(x[row, 5:11], y[row, 5:11], strict=True)})
        for row in np.flatnonzero(~reflected)
    }
    assert corners == {1, 2, 3, 4}


def test_a_drawn_battle_depends_on_its_seed_alone() -> None:
    many = drawn("zerg", 20)
    alone = BatchedEnv("Battle-zerg_5_vs_6", 1)
    alone.reset([13])
    np.testing.assert_array_equal(alone.units[0], many.units[13])
    assert (many.units[0] != many.units[1]).any()


@pytest.mark.parametrize("race", list(RACES))
def test_the_reward_of_a_won_drawn_battle_totals_20_whatever_was_drawn(race: str) -> None:
    env = BatchedEnv(f"Battle-{race}_3_vs_2", 40, opponent="no-op")
    env.reset(range(40))
    total = np.zeros(40)
    action = np.zeros((40, env.action_space.nvec.size), dtype=np.int64)
    action[:, :4] = [3, 1, 1, 1]
    while not env.finished.all():
        target = (env.units[:, f.HEALTH, 3:5] > 0).argmax(1)
        action[:, -2] = 3 + target
        total += env.step(action).reward
    gone = (env.games[:, f.ENEMY_ALIVE] == 0) & (env.games[:, f.OWN_ALIVE] > 0)
    assert gone.sum() > 5
    np.testing.assert_allclose(total[gone], 20, atol=1e-3)
    assert total.max() < 20.001


@pytest.mark.parametrize(("weak", "outcome"), [(0, "loss"), (2, "win")])
def test_a_side_that_only_has_medivacs_left_has_lost(weak: int, outcome: str) -> None:
    team = (("marine", 1), ("medivac", 1))
    places = ((point(14, 16), point(18, 16)),)
    env = BatchedEnv(Scenario(name="few", own=team, enemy=team, places=places, step_limit=9), 1)
    env.reset([0])
    env.units[0, f.HEALTH, weak] = 0.25
    action = np.zeros((1, env.action_space.nvec.size), dtype=np.int64)
    action[0, [0, 1, 5]] = 3, 1, 2
    (info,) = env.step(action).infos
    assert info["outcome"] == outcome
    assert env.units[0, f.HEALTH, weak + 1] == 150


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Battle-teran_5_vs_5", "unknown race 'teran'.*did you mean 'terran'"),
        ("Battle-zerg_0_vs_5", "own team is empty"),
        ("Battle-zerg_5_vs_0", "enemy team is empty"),
        ("Battle-zerg_900_vs_900", "1800 unit slots, at most 1024"),
        ("Battle-9m", "unknown scenario 'Battle-9m'"),
    ],
)
def test_a_battle_that_cannot_be_is_an_error(name: str, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        find_scenario(name)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        ({"chances": (("marine", 0.5),)}, "add up to 1"),
        ({"chances": (("marin", 1.0),)}, "unknown unit type 'marin'"),
        ({"chances": (("medivac", 1.0),), "never_alone": ("medivac",)}, "may be a team alone"),
        ({"chances": (("marine", 1.0),), "surrounded": 2.0}, "surrounded must be in"),
    ],
)
def test_a_draw_that_makes_no_sense_is_an_error(draw: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        Draw(**draw)


def test_a_battle_of_512_units_is_fought() -> None:
    env = BatchedEnv("Battle-256m", 1)
    assert env.scenario.slots == 512
    env.reset([0])
    action = np.zeros((1, env.action_space.nvec.size), dtype=np.int64)
    action[0, 0] = 4
    action[0, 1:257] = 1
    action[0, -1] = 8 * 16 + 12
    for _ in range(40):
        env.step(action)
    assert env.games[0, f.OWN_LOST] > 20
    assert env.games[0, f.ENEMY_LOST] > 20


def walled(arena: Any, unit: str, box: tuple[float, float, float, float]) -> Any:
    game = arena((unit, "marine"), ("marine",), gap=20)
    game.put(1, f.X, 1)
    game.rules = np.concatenate([game.rules, np.array(box, dtype=np.float32)])
    return game


def test_a_unit_slides_along_a_wall_that_it_walks_against(arena: Any) -> None:
    game = walled(arena, "marine", (12, 10, 14, 20))
    game.order(0, f.MOVE, goal=(20.0, 24.0))
    game.run(20)
    assert game.get(0, f.X) == 12 - 0.375
    risen = game.get(0, f.Y)
    game.run(10)
    assert game.get(0, f.X) == 12 - 0.375
    assert game.get(0, f.Y) > risen + 0.5


def test_nobody_on_the_ground_enters_a_wall_and_a_medivac_flies_over_it(arena: Any) -> None:
    game = walled(arena, "zealot", (12, 10, 14, 22))
    game.order(0, f.MOVE, goal=(20.0, 16.0))
    game.run(100)
    assert (game.get(0, f.X), game.get(0, f.Y)) == (11.5, 16)
    game = walled(arena, "medivac", (12, 10, 14, 22))
    game.order(0, f.MOVE, goal=(20.0, 16.0))
    game.run(100)
    assert game.get(0, f.X) == 20


def test_weapons_reach_over_walls(arena: Any) -> None:
    game = walled(arena, "marine", (12, 10, 14, 22))
    game.put(2, f.X, 15)
    game.order(0, f.ATTACK, target=2)
    game.run(20)
    assert game.get(2, f.HEALTH) < 45


def test_in_the_corridor_everybody_passes_between_the_walls() -> None:
    env = BatchedEnv("Battle-corridor", 4, opponent="attack-nearest")
    env.reset(range(4))
    action = np.zeros((4, env.action_space.nvec.size), dtype=np.int64)
    radius = UNITS["zergling"].radius
    inside = 0
    for _ in range(60):
        env.step(action)
        x, y = env.units[:, f.X, 6:30], env.units[:, f.Y, 6:30]
        within = (env.units[:, f.HEALTH, 6:30] > 0) & (x > 14) & (x < 18)
        assert (y[within] >= 13 + radius - 1e-4).all()
        assert (y[within] <= 19 - radius + 1e-4).all()
        inside += within.sum()
    assert inside > 100
    assert (env.games[:, f.OWN_LOST] > 0).all()
