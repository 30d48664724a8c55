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


def test_there_is_an_index_and_no_page_too_many(stored: Any) -> None:
    scores = {name: pages.read_scores(stored[name]["controls"]) for name in SCENARIOS}
    assert (PAGES / "index.md").read_text() == pages.index_page(SCENARIOS.values(), scores), AGAIN
    assert {page.stem for page in PAGES.glob("*.md")} == {*SCENARIOS, "index"}, AGAIN


def score(name: str, value: float, spread: float = 0.05) -> Any:
    low, high = max(value - spread, 0.0), value + spread
    return pages.Score(name, 64, value, low, high, 20.0)


@pytest.mark.parametrize(
    ("blind", "best", "counts_wins", "words"),
    [
        (0.2, 0.9, True, ""),
        (0.88, 0.9, True, "`no-op`, which acts blindly, comes near the best script, `elite`"),
        (0.95, 0.5, True, "`no-op`, which acts blindly"),
        (0.8, 0.95, True, ""),  # the intervals are apart
        (0.02, 0.04, True, "no control wins"),
        (0.02, 0.08, True, ""),  # far behind, though the intervals overlap
        (-1.0, 0.04, False, ""),  # a score is not a share
        (40.0, 40.0, False, "`no-op`, which acts blindly"),
    ],
)
def test_a_page_warns_where_scores_say_little(
    blind: float, best: float, counts_wins: bool, words: str
) -> None:
    scores = [score("no-op", blind), score("random", -2.0), score("kite", -3.0)]
    told = pages.verdict([*scores, score("elite", best)], counts_wins)
    assert told.startswith(words)
    assert bool(told) == bool(words)


def test_a_page_is_read_like_this() -> None:
    rows = [score("no-op", 0.7, 0.1), pages.Score("elite", 64, 0.75, 0.5, 0.9, 31.2)]
    page = pages.scenario_page(SCENARIOS["Battle-3m"], rows, "abc")
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
        "**Not informative:** `no-op`, which acts blindly,",
        "| `elite` | 64 | 0.75 [0.50, 0.90] | 31 |",
        "at commit abc.",
    ):
        assert line in page
