"""Training runs: what they leave, how they stop, go on, and repeat."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from perceiver_rl.agents.checkpoint import describe
from perceiver_rl.agents.config import EnvConfig, PolicyConfig, TrainConfig
from perceiver_rl.agents.errors import CheckpointError, RunError
from perceiver_rl.agents.main import main
from perceiver_rl.agents.progress_log import Progress, read_rows
from perceiver_rl.agents.run_folder import RunFolder, read_json
from perceiver_rl.agents.strict_yaml import read_settings
from perceiver_rl.agents.train import train
from perceiver_rl.interrupt import StopRequest, stop_on_signals
from perceiver_rl.sb3.archive import read_tensors
from perceiver_rl.sb3.safe import POLICY

Run = Callable[..., Any]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return read_tensors(folder / "checkpoint.zip", POLICY)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_a_run_leaves_settings_checkpoint_progress_and_logs(run: Run, tiny: TrainConfig) -> None:
    result = run()
    assert result == (tiny.runs / "tiny", 128, True)
    files = RunFolder(result.folder)
    assert read_settings(files.config, TrainConfig) == tiny
    assert describe(files.checkpoint).num_timesteps == 128
    assert [row.steps for row in read_rows(files.progress)] == [64, 128]
    (log,) = files.tensorboard.glob("events.*")
    for part in ("action_type", "selection", "target_unit", "target_cell"):
        assert f"entropy/{part}".encode() in log.read_bytes()
    summary = read_json(files.summary)
    assert summary is not None
    assert summary["steps"] == 128
    assert summary["parameters"] > summary["encoder_parameters"] > 0
    assert summary["encoder_flops"] > 0
    assert summary["steps_per_second"] > 0


def test_progress_counts_every_finished_game_once(run: Run) -> None:
    folder = run(steps=640).folder
    rows = read_rows(folder / "progress.csv")
    games = sum(row.games for row in rows)
    steps = sum(row.games * (row.length_mean or 0) for row in rows)
    assert games > 0
    assert 640 - 4 * 60 <= steps <= 640  # four games of at most 60 steps are still under way
    assert all((row.win_rate is None) == (row.games == 0) for row in rows)
    assert [row.seconds for row in rows] == sorted(row.seconds for row in rows)


def test_a_mini_game_leaves_the_win_rate_empty(run: Run) -> None:
    env = EnvConfig(id="perceiver_rl/DefeatRoaches-v0", opponent="random", num_envs=4)
    rows = read_rows(run(env=env, steps=1024).folder / "progress.csv")
    assert sum(row.games for row in rows) > 0
    assert {row.win_rate for row in rows} == {None}
    assert any(row.return_mean is not None for row in rows)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(run: Run) -> None:
    one = weights(run(name="one").folder)
    assert same(one, weights(run(name="two").folder))
    assert not same(one, weights(run(name="three", seed=1).folder))


def test_training_changes_the_weights(run: Run) -> None:
    assert not same(weights(run(name="short", steps=64).folder), weights(run(name="long").folder))


def test_a_resumed_run_counts_on_and_keeps_its_rows(run: Run) -> None:
    run()
    result = run(resume=True, steps=256)
    assert (result.steps, result.finished) == (256, True)
    assert describe(result.folder / "checkpoint.zip").num_timesteps == 256
    assert [row.steps for row in read_rows(result.folder / "progress.csv")] == [64, 128, 192, 256]


def test_resuming_a_finished_run_changes_nothing(run: Run) -> None:
    before = weights(run().folder)
    result = run(resume=True)
    assert (result.steps, result.finished) == (128, True)
    assert same(weights(result.folder), before)


def test_a_stop_drops_the_rollout_under_way_and_leaves_a_checkpoint(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perceiver_rl.agents.training_callback.REPORT_SECONDS", 0.0)
    stop = StopRequest()

    def stop_in_the_second_rollout(progress: Progress) -> None:
        stop.requested = progress.steps > 64

    result = run(stop=stop, report=stop_in_the_second_rollout, steps=1280, checkpoint_every=10**6)
    assert (result.steps, result.finished) == (64, False)
    assert describe(result.folder / "checkpoint.zip").num_timesteps == 64
    assert [row.steps for row in read_rows(result.folder / "progress.csv")] == [64]
    assert not (result.folder / "summary.json").exists()
    assert run(resume=True).steps == 128


def test_a_stopped_run_goes_on_as_if_it_had_not_been_stopped(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perceiver_rl.agents.training_callback.REPORT_SECONDS", 0.0)
    straight = run(name="straight", steps=256)
    stop = StopRequest()

    def stop_in_the_third_rollout(progress: Progress) -> None:
        stop.requested = progress.steps > 140

    run(name="stopped", steps=256, stop=stop, report=stop_in_the_third_rollout)
    resumed = run(name="stopped", steps=256, resume=True)
    assert same(weights(straight.folder), weights(resumed.folder))
    games = [
        [(row.steps, row.games, row.return_mean) for row in read_rows(one.folder / "progress.csv")]
        for one in (straight, resumed)
    ]
    assert games[0] == games[1]


def test_a_run_goes_on_with_new_games_in_another_environment(run: Run) -> None:
    run()
    other = EnvConfig(num_envs=8, opponent="random")
    assert run(resume=True, steps=256, env=other).steps == 256


def test_a_stop_before_the_first_update_leaves_a_checkpoint_too(run: Run) -> None:
    result = run(stop=StopRequest(requested=True))
    assert (result.steps, result.finished) == (0, False)
    assert run(resume=True).finished


def test_rows_that_the_checkpoint_does_not_know_are_dropped(run: Run) -> None:
    folder = run().folder
    with (folder / "progress.csv").open("a") as file:
        file.write("192,9.0,0,,,,100\n")
    run(resume=True, steps=192)
    seconds = [row.seconds for row in read_rows(folder / "progress.csv")]
    assert len(seconds) == 3
    assert seconds[-1] != 9.0


def test_a_checkpoint_is_written_at_least_as_often_as_asked(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    monkeypatch.setattr(
        "perceiver_rl.agents.training_callback.save",
        lambda model, path, config, state: saved.append(model.num_timesteps),
    )
    run(steps=320, checkpoint_every=100)
    assert saved == [128, 256, 320]


def test_a_new_run_never_overwrites_an_old_one(run: Run) -> None:
    folder = run().folder
    before = (folder / "checkpoint.zip").read_bytes()
    with pytest.raises(RunError, match=r"already holds a checkpoint.*--resume"):
        run()
    assert (folder / "checkpoint.zip").read_bytes() == before


def test_a_run_without_checkpoint_cannot_be_resumed(run: Run) -> None:
    with pytest.raises(RunError, match=r"holds no checkpoint\.zip"):
        run(resume=True)


def test_a_run_cannot_go_on_with_another_network(run: Run) -> None:
    run()
    with pytest.raises(CheckpointError, match="expected encoder 'mlp', found 'perceiver'"):
        run(resume=True, policy=PolicyConfig(encoder="mlp"))


def test_the_command_trains_and_resumes_a_run_that_has_moved(
    tiny: TrainConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tiny)
    assert "perceiver-rl evaluate" in capsys.readouterr().err
    (tmp_path / "tiny").rename(tmp_path / "moved")
    moved = str(tmp_path / "moved" / "checkpoint.zip")
    assert main(["train", "--resume", moved, "--steps", "192"]) == 0
    assert describe(tmp_path / "moved" / "checkpoint.zip").num_timesteps == 192
    assert read_settings(tmp_path / "moved" / "config.yaml", TrainConfig) == replace(
        tiny, name="moved", steps=192
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_leaves_a_checkpoint_to_resume_from(tmp_path: Path, number: int) -> None:
    options = "--steps 1000000000 --env.num-envs 4 --ppo.n-steps 16 --ppo.batch-size 32"
    words = ["train", "--name", "long", "--runs", str(tmp_path), *options.split()]
    rows = tmp_path / "long" / "progress.csv"
    with subprocess.Popen(
        [sys.executable, "-m", "perceiver_rl", *words], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            while not rows.exists() and process.poll() is None:
                time.sleep(0.05)
            process.send_signal(number)
            _, shown = process.communicate(timeout=300)
        finally:
            process.kill()
    assert process.returncode == 130, shown
    assert "Traceback" not in shown
    assert "--resume" in shown
    assert describe(tmp_path / "long" / "checkpoint.zip").num_timesteps > 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.usefixtures("interruptible")
def test_the_first_signal_is_a_request_and_the_second_an_interrupt() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stop_on_signals() as stop:
        assert not stop.requested
        signal.raise_signal(signal.SIGINT)
        assert stop.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop_on_signals() as stop:
            signal.raise_signal(signal.SIGINT)
            assert not stop.requested
    finally:
        signal.signal(signal.SIGINT, before)
