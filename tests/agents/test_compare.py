"""Comparisons: processes, failures, resumption, and the files of a whole run."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from perceiver_rl.agents.compare import compare
from perceiver_rl.agents.compare_config import CompareConfig
from perceiver_rl.agents.config import EnvConfig, PPOConfig
from perceiver_rl.agents.errors import ConfigError, RunError
from perceiver_rl.agents.process_pool import run_tasks
from perceiver_rl.agents.progress_log import Progress
from perceiver_rl.agents.run_folder import read_json, write_json
from perceiver_rl.agents.strict_yaml import read_settings
from perceiver_rl.agents.tasks import Task, tasks_of
from perceiver_rl.agents.train import TrainResult
from perceiver_rl.agents.worker import Done, Failed, GamesPlayed, Message, work
from perceiver_rl.interrupt import StopRequest

FILES = (
    "config.yaml", "results.json", "results.csv", "learning_curves.png", "win_rates.png",
    "report.html", "report.md", "report.json", "costs.json",
)  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> CompareConfig:
    return CompareConfig(
        runs=tmp_path,
        steps=128,
        seeds=(0,),
        opponents=("random",),
        controls=("no-op",),
        games=4,
        env=EnvConfig(num_envs=4),
        ppo=PPOConfig(n_steps=16, batch_size=32, n_epochs=1),
    )


# Spawned processes import what they run by its name, which a test module has not.
BEHAVIORS = """
import os, signal, time
from perceiver_rl.agents.worker import Done, GamesPlayed

def obey_or_die(task, connection):
    if task.name.startswith("perceiver"):
        os._exit(7)
    connection.send(GamesPlayed(1))
    connection.send(Done(True))

def hear_nothing(task, connection):
    connection.send(GamesPlayed(1))
    time.sleep(60)

def wait_to_be_stopped(task, connection):
    stopped = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
    connection.send(GamesPlayed(int(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)))
    while not stopped:
        time.sleep(0.01)
    connection.send(Done(False))
"""


@pytest.fixture
def behaviors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "worker_behaviors.py").write_text(BEHAVIORS)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("worker_behaviors")
    del sys.modules["worker_behaviors"]


def test_a_process_that_dies_is_named_and_the_others_go_on(
    config: CompareConfig, behaviors: Any
) -> None:
    heard: dict[str, list[Message]] = {}
    run_tasks(
        tasks_of(config),
        2,
        StopRequest(),
        lambda task, message: heard.setdefault(task.name, []).append(message),
        behaviors.obey_or_die,
    )
    assert heard["perceiver-seed0"] == [Failed("its process ended with status 7")]
    assert heard["transformer-seed0"] == heard["no-op"] == [GamesPlayed(1), Done(True)]


def test_a_stop_reaches_running_tasks_and_keeps_waiting_ones_from_beginning(
    config: CompareConfig, behaviors: Any
) -> None:
    stop = StopRequest()
    heard: list[tuple[str, Message]] = []

    def listen(task: Task, message: Message) -> None:
        heard.append((task.name, message))
        stop.requested = True

    run_tasks(tasks_of(config), 1, stop, listen, behaviors.wait_to_be_stopped)
    only = "perceiver-seed0"
    assert heard == [(only, GamesPlayed(1)), (only, Done(False))]  # 1: it ignores Ctrl-C


def test_a_worker_that_ends_at_the_request_itself_has_not_failed(
    config: CompareConfig, behaviors: Any
) -> None:
    stop = StopRequest()
    heard: list[Message] = []

    def listen(task: Task, message: Message) -> None:
        heard.append(message)
        stop.requested = True

    run_tasks(tasks_of(config), 1, stop, listen, behaviors.hear_nothing)
    assert heard == [GamesPlayed(1), Done(False)]


def test_a_bug_in_a_worker_is_reported_in_one_line_and_its_traceback_kept(
    config: CompareConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("in the\nupdate")

    monkeypatch.setattr("perceiver_rl.agents.train.run_training", broken)
    task = tasks_of(config)[0]
    ours, theirs = multiprocessing.Pipe(duplex=False)
    work(task, theirs)
    message = ours.recv()
    ours.close()
    assert message.message.startswith("ZeroDivisionError: in the update (traceback in ")
    assert "Traceback" in task.files.error.read_text()


def test_a_worker_without_parent_stops(
    config: CompareConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def training(config: Any, resume: bool, stop: StopRequest, report: Any) -> Any:
        report(Progress(0, 1, 0.0, None))
        seen.append(stop.requested)
        return TrainResult(Path(), 0, False)

    monkeypatch.setattr("perceiver_rl.agents.train.run_training", training)
    ours, theirs = multiprocessing.Pipe(duplex=False)
    ours.close()
    work(tasks_of(config)[0], theirs)
    assert seen == [True]


@pytest.mark.slow
def test_a_comparison_leaves_all_files_and_is_not_repeated(
    config: CompareConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(config, ["perceiver-rl", "compare", "a b.yaml"])
    for name in FILES:
        assert (config.folder / name).stat().st_size > 0
    content = json.loads((config.folder / "results.json").read_text())
    assert [each["agent"] for each in content["agents"]] == [
        "perceiver-seed0", "transformer-seed0", "no-op",
    ]  # fmt: skip
    assert content["command"] == "perceiver-rl compare 'a b.yaml'"
    assert content["backend"] == "proxy"
    assert content["missing"] == []
    assert content["config"]["steps"] == 128
    assert {"commit", "versions", "machine", "created"} <= set(content)
    assert content["agents"][0]["opponents"]["random"]["games"] == 4
    before = {path: path.stat().st_mtime_ns for path in config.folder.glob("*/checkpoint.zip")}
    assert len(before) == 2
    capsys.readouterr()
    assert compare(config)
    again = {path: path.stat().st_mtime_ns for path in config.folder.glob("*/checkpoint.zip")}
    assert again == before
    captured = capsys.readouterr()
    assert "3 of 3 runs are already done" in captured.err
    assert "perceiver-seed0" in captured.out
    summary = next(config.folder.glob("perceiver-*/summary.json"))
    write_json(summary, {**(read_json(summary) or {}), "commit": "another"})
    assert compare(config)
    assert "different commits" in capsys.readouterr().err


@pytest.mark.slow
def test_all_scripts_that_can_play_are_the_controls_unless_others_are_named(
    config: CompareConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Task] = []
    monkeypatch.setattr(
        "perceiver_rl.agents.compare.run_tasks", lambda tasks, *_: asked.extend(tasks)
    )
    compare(replace(config, controls=None))
    assert [task.name for task in asked if task.arm is None] == [
        "no-op", "open-loop", "random", "attack-nearest", "focus-fire", "kite",
        "retreat-and-regroup", "elite",
    ]  # fmt: skip


def test_a_failed_run_is_reported_by_name_after_the_others_are_written(
    config: CompareConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = replace(config.arms["perceiver"], head_kwargs={"key_widht": 3})
    config = replace(config, arms={**config.arms, "perceiver": broken})
    with pytest.raises(RunError, match=r"1 of 3 runs failed: perceiver-seed0: .*key_width"):
        compare(config)
    content = json.loads((config.folder / "results.json").read_text())
    assert content["missing"] == ["perceiver-seed0"]
    assert "key_width" in content["failed"]["perceiver-seed0"]
    assert [arm["arm"] for arm in content["arms"]] == ["transformer"]


def test_a_size_that_no_encoder_has_is_refused_before_anything_is_trained(
    config: CompareConfig,
) -> None:
    broken = replace(config.arms["perceiver"], encoder_kwargs={"num_latent": 3})
    with pytest.raises(ConfigError, match="did you mean 'num_latents'"):
        compare(replace(config, arms={"perceiver": broken}))
    assert not config.folder.exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_saves_every_running_agent(config: CompareConfig, tmp_path: Path) -> None:
    options = "--steps 1000000000 --env.num-envs 4 --ppo.n-steps 16 --ppo.batch-size 32 --seeds 0"
    words = ["compare", "--runs", str(tmp_path), *options.split()]
    folder = tmp_path / "compare"
    with subprocess.Popen(
        [sys.executable, "-m", "perceiver_rl", *words],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            while len(list(folder.glob("*/progress.csv"))) < 2 and process.poll() is None:
                time.sleep(0.05)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all processes at once
            _, shown = process.communicate(timeout=300)
        finally:
            process.kill()
    assert process.returncode == 130, shown
    assert "Traceback" not in shown
    assert len(list(folder.glob("*/checkpoint.zip"))) == 2


@pytest.mark.slow
def test_the_small_experiment_goes_through_all_stages_and_says_what_they_show(
    tmp_path: Path,
) -> None:
    path = Path(__file__).parents[2] / "configs" / "paper_small.yaml"
    config = replace(read_settings(path, CompareConfig), runs=tmp_path, seeds=(0, 1))
    assert compare(config)
    content = json.loads((config.folder / "results.json").read_text())
    assert content["missing"] == []
    assert {(arm["scenario"], arm["stage"]) for arm in content["arms"]} == {
        ("Battle-3m", "imitation"), ("Battle-3m", "tuning"), ("Battle-3m", "scratch"),
        ("DefeatRoaches", "imitation"),
    }  # fmt: skip
    assert {claim["second"] for claim in content["claims"]} == {
        "transformer-independent", "elite", "focus-fire",
    }  # fmt: skip
    assert {each["scenario"] for each in content["scenarios"]} == {"Battle-3m", "DefeatRoaches"}
    clones = [each for each in content["agents"] if each["stage"] == "imitation"]
    assert all(each["training"]["validation"]["nll"] > 0 for each in clones)
