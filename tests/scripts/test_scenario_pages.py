"""The pages of scenarios say what the tables say."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from perceiver_rl.envs import BatchedEnv
from perceiver_rl.envs.controls import suitable_controls
from perceiver_rl.envs.scenarios import SCENARIOS

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "scenarios"
AGAIN = "run `python scripts/make_docs.py`"


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pages = load("scenario_pages")


@pytest.fixture(scope="module")
def stored() -> Any:
    return json.loads((PAGES / "scores.json").read_text())


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_a_page_is_what_the_tables_and_the_stored_scores_make(name: str, stored: Any) -> None:
    assert name in stored, AGAIN
    scores = pages.read_scores(stored[name]["controls"])
    expected = pages.scenario_page(SCENARIOS[name], scores, stored[name]["commit"])
    assert (PAGES / f"{name}.md").read_text() == expected, AGAIN
    assert (PAGES / "images" / f"{name}.png").exists(), AGAIN


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_a_page_has_the_scores_of_every_control_that_suits(name: str, stored: Any) -> None:
    measured = [row["control"] for row in stored[name]["controls"]]
    assert measured == list(suitable_controls(BatchedEnv(name, 1).action_space)), AGAIN


def test_there_is_an_index_and_no_page_too_many() -> None:
    assert (PAGES / "index.md").read_text() == pages.index_page(SCENARIOS.values()), AGAIN
    assert {page.stem for page in PAGES.glob("*.md")} == {*SCENARIOS, "index"}, AGAIN


def test_a_page_is_read_like_this() -> None:
    score = pages.Score("elite", 64, 0.75, 0.5, 0.9, 31.2)
    page = pages.scenario_page(SCENARIOS["Battle-3m"], [score], "abc")
    for line in (
        "| id | `perceiver_rl/Battle-3m-v0` |",
        "| who | 3 marine against 3 marine |",
        "| (9, 16) | (23, 16) |",
        "60 agent steps = 480 game loops = 30 s of the game at normal speed",
        "| `entities` | `[6, 12]` float32 | a row per entity, zeros where there is none;"
        " columns below |",
        "| `x` | scalar | 0 to 32 | cell | position |",
        "| 3 | `attack` | yes | unit | attacks that unit until it is dead |",
        "| `win` | 1 for a win; -1 for a loss |",
        "| `elite` | 64 | 0.75 [0.50, 0.90] | 31 |",
        "at commit abc.",
    ):
        assert line in page
