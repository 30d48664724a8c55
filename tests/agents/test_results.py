"""Arms, files, tables and pictures of a comparison."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from perceiver_rl.agents.plots import binned, plot_learning_curves, plot_win_rates
from perceiver_rl.agents.progress_log import ProgressRow
from perceiver_rl.agents.results import AgentResult, ArmResult, arms_of, as_csv, as_json
from perceiver_rl.agents.statistics import Games, wilson
from perceiver_rl.agents.tables import comparison_table, evaluation_table


def games(outcomes: str) -> Games:
    count = len(outcomes)
    return Games(outcomes=outcomes, returns=(10.0,) * count, lengths=(20,) * count)


def agent(arm: str | None, seed: int | None, outcomes: str, seconds: float = 10.0) -> AgentResult:
    facts = {
        "parameters": 1000, "encoder_parameters": 400, "encoder_flops": 2_500_000,
        "steps": 100, "seconds": seconds, "steps_per_second": 100 / seconds,
    }  # fmt: skip
    return AgentResult(
        name="script" if arm is None else f"{arm}-seed{seed}",
        arm=arm,
        seed=seed,
        games={"random": games(outcomes), "focus-fire": games(outcomes[::-1])},
        facts=facts if arm else {},
    )


AGENTS = [
    agent("perceiver", 0, "WWWW"),
    agent("mlp", 0, "LLLD"),
    agent("perceiver", 1, "WWLL", seconds=30.0),
    agent(None, None, "LLLL"),
]
PERCEIVER = ArmResult(name="perceiver", agents=(AGENTS[0], AGENTS[2]))


def test_arms_gather_their_seeds_and_leave_out_controls() -> None:
    assert arms_of(AGENTS) == [PERCEIVER, ArmResult(name="mlp", agents=(AGENTS[1],))]
    assert arms_of([]) == []


def test_an_arm_pools_its_games_and_shows_its_lowest_and_highest_seed() -> None:
    assert PERCEIVER.pooled("random").interval == wilson(6, 8)
    assert PERCEIVER.seed_range("random") == (0.5, 1.0)


def test_an_arms_speed_is_over_all_its_seeds_together() -> None:
    assert PERCEIVER.facts["steps_per_second"] == pytest.approx(200 / 40)


def test_json_holds_arms_and_every_game_of_every_agent() -> None:
    content = json.loads(json.dumps(as_json(AGENTS), allow_nan=False))
    assert [arm["arm"] for arm in content["arms"]] == ["perceiver", "mlp"]
    pooled = content["arms"][0]["opponents"]["random"]
    assert (pooled["games"], pooled["wins"], pooled["win_rate"]) == (8, 6, 0.75)
    assert (pooled["seed_win_rate_low"], pooled["seed_win_rate_high"]) == (0.5, 1.0)
    assert content["agents"][1]["opponents"]["random"]["outcomes"] == "LLLD"
    assert content["agents"][3]["training"] is None


def test_csv_has_a_row_per_arm_agent_and_control_and_opponent() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(AGENTS))))
    assert [row["kind"] for row in rows] == ["arm"] * 4 + ["agent"] * 6 + ["control"] * 2
    assert rows[0]["seeds"] == "0 1"
    assert float(rows[0]["win_rate"]) == 0.75
    assert rows[-1]["parameters"] == ""


def shown(table: object) -> str:
    console = Console(width=140, file=io.StringIO(), record=True)
    console.print(table)
    return console.export_text()


def test_the_table_shows_rates_intervals_and_cost() -> None:
    text = shown(comparison_table("perceiver_rl/Battle-3m-v0", AGENTS))
    low, high = wilson(6, 8)
    assert f"0.750 [{low:.2f}, {high:.2f}]" in text
    assert "0.50 to 1.00" in text
    assert "2.500" in text
    assert "script *" in text
    assert "proxy" in text


def test_games_without_a_winner_show_their_return() -> None:
    scored = Games(outcomes="", returns=(40.0, 60.0), lengths=(240, 240))
    assert "50.00" in shown(evaluation_table("DefeatRoaches", {"agent": {"no-op": scored}}))


def row(steps: int, count: int, win_rate: float | None) -> ProgressRow:
    return ProgressRow(
        steps=steps, seconds=1.0, games=count, return_mean=None if win_rate is None else 1.0,
        win_rate=win_rate, length_mean=None, steps_per_second=1.0,
    )  # fmt: skip


def test_learning_curves_weigh_rows_by_their_games() -> None:
    rows = [row(10, 1, 1.0), row(20, 3, 0.0), row(30, 0, None), row(40, 2, 0.5)]
    edges = np.array([0.0, 20.0, 30.0, 40.0])
    np.testing.assert_array_equal(binned(rows, edges, True), [0.25, np.nan, 0.5])


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("agents", [AGENTS, AGENTS[:1], AGENTS[3:], []])
def test_win_rates_are_drawn_for_any_agents(tmp_path: Path, agents: list[AgentResult]) -> None:
    path = tmp_path / "win_rates.png"
    plot_win_rates(path, agents, "title")
    assert pixels(path).shape[1] >= 1000


def test_bars_carry_the_intervals_of_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[list[float]] = []

    def errorbar(axes: Axes, x: object, y: list[float], **kwargs: Any) -> None:
        below, above = kwargs["yerr"]
        drawn.append([y[0] - below[0], y[0] + above[0]])

    monkeypatch.setattr(Axes, "errorbar", errorbar)
    plot_win_rates(tmp_path / "win_rates.png", AGENTS, "title")
    perceiver, mlp = (arm["opponents"]["random"] for arm in as_json(AGENTS)["arms"])
    expected = [
        *([arm["bootstrap_low"], arm["bootstrap_high"]] for arm in (perceiver, mlp)),
        list(wilson(0, 4)),
    ]
    np.testing.assert_allclose(drawn, expected, atol=1e-12)


def test_learning_curves_are_drawn_also_for_arms_without_rows(tmp_path: Path) -> None:
    rows = [row(64 * at, 2, at / 9) for at in range(1, 10)]
    path = tmp_path / "curves.png"
    plot_learning_curves(path, {"perceiver": [rows, rows[:5], []], "mlp": []}, "random")
    drawn = pixels(path)
    plot_learning_curves(path, {"perceiver": [], "mlp": []}, "random")
    empty = pixels(path)
    assert drawn.shape == empty.shape
    assert (drawn != empty).any()
