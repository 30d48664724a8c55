"""Scenarios in YAML files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perceiver_rl.envs import BatchedEnv, make_vec
from perceiver_rl.envs.scenarios import Draw, Waves, find_scenario, load_scenario
from perceiver_rl.spaces import ContractError

EXAMPLE = Path(__file__).parents[2] / "configs" / "scenarios" / "ambush.yaml"
GOOD = """\
own: {marine: 3}
enemy: {zergling: 4, baneling: 1}
places:
  - {own: [9, 16], enemy: [20, 10, 24, 20]}
step_limit: 50
"""


def write(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_example_is_played_by_its_path() -> None:
    env: Any = make_vec(str(EXAMPLE), num_envs=2, seed=0)
    observation = env.reset()
    assert observation["entities"].shape[:2] == (2, 29)
    for _ in range(5):
        observation = env.step(np.array([env.action_space.sample() for _ in range(2)]))[0]
    scenario = load_scenario(EXAMPLE)
    assert scenario.name == "ambush"
    assert scenario.own == (("marine", 8), ("medivac", 1))
    assert scenario.places[0] == ((8, 16, 8, 16), (22, 24, 24, 26))
    assert scenario.walls == ((12, 0, 18, 12), (12, 20, 18, 32))


def test_a_file_has_the_defaults_of_a_scenario_and_its_own_name(tmp_path: Path) -> None:
    scenario = find_scenario(write(tmp_path, GOOD))
    assert scenario.name == "mine"
    assert (scenario.opponent, scenario.map_size) == ("attack-nearest", (32, 32))
    assert find_scenario(write(tmp_path, GOOD + "name: other\n")).name == "other"


def test_a_file_can_say_all_that_a_scenario_can(tmp_path: Path) -> None:
    text = GOOD + (
        "map_size: [40, 36]\nplayable: [1, 2, 39, 34]\njitter: 1\nidle_units_fight: true\n"
        "own_offsets: [[0, 0], [0, 1], [1, 0], [1, 1]]\nopponent: focus-fire\n"
        "waves: {reinforcements: 1, capacity: 4, enemy_points: 5, own_points: -1}\n"
    )
    scenario = find_scenario(write(tmp_path, text))
    assert scenario.waves == Waves(reinforcements=1, capacity=4, enemy_points=5, own_points=-1)
    assert scenario.own_offsets[3] == (1.0, 1.0)
    assert (scenario.map_size, scenario.playable) == ((40, 36), (1, 2, 39, 34))
    BatchedEnv(scenario, 1).reset([0])


def test_a_file_can_draw_its_teams(tmp_path: Path) -> None:
    text = GOOD + "draw: {chances: {marine: 0.5, roach: 0.5}, surrounded: 1}\n"
    assert find_scenario(write(tmp_path, text)).draw == Draw(
        chances=(("marine", 0.5), ("roach", 0.5)), surrounded=1.0
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("step_limit", "step_limt", "unknown key 'step_limt'.*did you mean 'step_limit'"),
        ("step_limit: 50", "", r"lacks \['step_limit'\]"),
        ("step_limit: 50", "step_limit: soon", "step_limit must be a value of type int"),
        ("step_limit: 50", "step_limit: 0", "step_limit=0"),
        ("step_limit: 50", "step_limit: true", "step_limit must be a value of type int"),
        ("marine: 3", "marin: 3", "unknown unit type 'marin'.*did you mean 'marine'"),
        ("marine: 3", "marine: 0", "own team is empty"),
        ("marine: 3", "marine: 2.5", "own.marine must be a value of type int, not 2.5"),
        ("{marine: 3}", "[marine]", "own must map unit types to numbers"),
        ("marine: 3", "marine: 2000", "2005 unit slots, at most 1024"),
        ("own: [9, 16]", "own: [9]", "places.own needs 4 numbers"),
        ("own: [9, 16]", "own: [9, 99]", "within the playable area"),
        ("own: [9, 16], enemy", "own: [9, 16], foe", "unknown key 'foe'"),
        ("{own: [9, 16], enemy: [20, 10, 24, 20]}", "7", "a place must have the keys"),
        ("step_limit: 50", "step_limit: 50\nopponent: 3", "opponent must be a value of type str"),
        ("step_limit: 50", "step_limit: 50\nwalls: [[1, 1, 1.5, 9]]", "at least one cell thick"),
        ("step_limit: 50", "step_limit: 50\nwalls: 3", "walls must be a list"),
        ("step_limit: 50", "step_limit: 50\nplayable: [0, 0, 99, 9]", "within the map"),
        ("step_limit: 50", "step_limit: 50\nwaves: {}", "waves must be a mapping"),
        ("own:", "own: {", "cannot be read"),
        (GOOD, "- 1", "the file must be a mapping"),
        (GOOD, "", "the file must be a mapping"),
    ],
)
def test_a_file_that_makes_no_sense_is_an_error_that_names_file_and_key(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ContractError, match=message) as error:
        find_scenario(path)
    assert "mine.yaml" in str(error.value)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"nowhere\.yaml cannot be read"):
        make_vec(str(tmp_path / "nowhere.yaml"))


def test_an_unknown_opponent_of_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="unknown opponent 'elit'.*did you mean 'elite'"):
        BatchedEnv(write(tmp_path, GOOD + "opponent: elit\n"), 1)
