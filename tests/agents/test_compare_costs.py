"""Costs, curves and pictures that a comparison adds to its results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from perceiver_rl.agents import compare_costs
from perceiver_rl.agents.compare_config import CompareConfig
from perceiver_rl.agents.compare_costs import costs_of, crossover, distinct_encoders
from perceiver_rl.agents.compare_curves import curves_of
from perceiver_rl.agents.config import EnvConfig, PolicyConfig, PPOConfig
from perceiver_rl.agents.game_pictures import draw_pictures
from perceiver_rl.agents.progress_log import ProgressRow, append_row
from perceiver_rl.agents.run_folder import write_json
from perceiver_rl.agents.statistics import Games
from perceiver_rl.agents.tasks import Task, tasks_of
from perceiver_rl.agents.train import run_training
from perceiver_rl.interrupt import StopRequest


@pytest.fixture
def config(tmp_path: Path) -> CompareConfig:
    return CompareConfig(
        runs=tmp_path,
        steps=64,
        seeds=(0, 1),
        opponents=("random",),
        controls=("no-op",),
        games=2,
        env=EnvConfig(num_envs=4),
        ppo=PPOConfig(n_steps=16, batch_size=32, n_epochs=1),
    )


@pytest.fixture
def tasks(config: CompareConfig) -> list[Task]:
    """All tasks of a comparison of which the first alone is trained and has played."""
    found = tasks_of(config, "here")
    first = found[0]
    run_training(first.training, False, StopRequest(), lambda _: None)  # type: ignore[arg-type]
    first.finish_training()
    first.keep_games({"random": Games(outcomes="WL", returns=(1.0, 0.0), lengths=(30, 40))})
    return found


def row(steps: int, win_rate: float | None) -> ProgressRow:
    return ProgressRow(
        steps=steps, seconds=1.0, games=4, return_mean=2.0, win_rate=win_rate, length_mean=9.0,
        steps_per_second=1.0,
    )  # fmt: skip


def test_arms_with_the_same_encoder_share_it() -> None:
    arms = {
        "p-i": PolicyConfig(),
        "p-p": PolicyConfig(selection="pointer"),
        "t": PolicyConfig(encoder="transformer"),
        "t2": PolicyConfig(encoder="transformer", encoder_kwargs={"num_layers": 2}),
    }
    assert distinct_encoders(arms) == {"perceiver": arms["p-i"], "t": arms["t"], "t2": arms["t2"]}


def test_the_crossover_has_a_time_per_encoder_and_number() -> None:
    encoders = {
        "mlp": PolicyConfig(encoder="mlp"),
        "transformer": PolicyConfig(encoder="transformer"),
    }
    times = crossover(encoders, (4, 256), seconds=0.0)
    assert [len(spent) for spent in times.values()] == [2, 2]
    assert times["transformer"][1] > times["transformer"][0] > 0


def test_costs_are_measured_once_and_again_where_something_changed(
    config: CompareConfig, tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_costs, "ENTITY_COUNTS", (4,))
    first = costs_of(config.folder, tasks, config.arms)
    assert list(first["scenarios"]) == ["here"]
    assert list(first["scenarios"]["here"]["arms"]) == ["perceiver"]
    assert set(first["crossover"]["milliseconds"]) == {"perceiver", "transformer"}

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("measured again")

    monkeypatch.setattr(compare_costs, "_measure", refuse)
    monkeypatch.setattr(compare_costs, "crossover", refuse)
    assert costs_of(config.folder, tasks, config.arms) == first
    with pytest.raises(AssertionError, match="measured again"):
        costs_of(config.folder, tasks, {"perceiver": config.arms["perceiver"]})
    monkeypatch.setattr(compare_costs, "machine", lambda: "another")
    with pytest.raises(AssertionError, match="measured again"):
        costs_of(config.folder, tasks, config.arms)


def test_pictures_show_a_game_of_an_agent_that_is_done(
    config: CompareConfig, tasks: list[Task]
) -> None:
    found = draw_pictures(config.folder, tasks)
    assert {each["agent"] for each in found} == {"perceiver-seed0"}
    assert [each["step"] for each in found][:3] == [0, 9, 18]
    assert found[-1]["step"] == found[-1]["steps"]
    for each in found:
        with Image.open(config.folder / each["file"]) as image:
            assert image.width == 480
    assert draw_pictures(config.folder, tasks[1:]) == []


def test_curves_hold_every_seed_that_has_begun(config: CompareConfig) -> None:
    tasks = tasks_of(config, "here")
    ours = [task for task in tasks if task.arm == "perceiver"]
    for task, rates in zip(ours, ((0.0, 0.5), (None, 1.0)), strict=True):
        task.folder.mkdir(parents=True)
        for steps, rate in zip((10, 20), rates, strict=True):
            append_row(task.files.progress, row(steps, rate))
    (curve,) = curves_of(tasks)
    assert (curve["arm"], curve["seeds"], curve["x"]) == ("perceiver", [0, 1], [5.0, 15.0])
    assert curve["values"] == [[0.0, 0.5], [None, 1.0]]
    assert curve["y_label"] == "win rate in training"


def test_an_arm_without_any_ended_game_has_no_curve(config: CompareConfig) -> None:
    tasks = tasks_of(config, "here")
    task = next(task for task in tasks if task.arm == "perceiver")
    task.folder.mkdir(parents=True)
    append_row(task.files.progress, replace(row(10, None), return_mean=None))
    assert curves_of(tasks) == []


def test_curves_of_clones_are_as_long_as_the_longest(config: CompareConfig) -> None:
    tasks = tasks_of(replace(config, stages=("imitation",), tuning=config.ppo), "here")
    ours = [task for task in tasks if task.arm == "transformer"]
    for task, losses in zip(ours, ([3.0, 2.0], [4.0]), strict=True):
        write_json(task.files.summary, {"history": [{"validation/nll": each} for each in losses]})
    (curve,) = curves_of(tasks)
    assert curve["x"] == [1, 2]
    assert curve["values"] == [[3.0, 2.0], [4.0, None]]
    assert curve["y_label"] == "validation NLL"
