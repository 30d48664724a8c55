"""What a comparison consists of, and what of it is already done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from perceiver_rl.agents.config import CompareConfig, EnvConfig, PolicyConfig, PPOConfig
from perceiver_rl.agents.errors import ConfigError
from perceiver_rl.agents.run_folder import write_json
from perceiver_rl.agents.statistics import Games
from perceiver_rl.agents.tasks import Task, tasks_of

GAMES = {"random": Games(outcomes="WL", returns=(20.0, 3.0), lengths=(20, 30))}


@pytest.fixture
def config(tmp_path: Path) -> CompareConfig:
    return CompareConfig(
        runs=tmp_path, seeds=(0, 1), opponents=("random",), games=2, controls=("no-op", "elite")
    )


def finish(task: Task) -> None:
    write_json(task.files.summary, {"steps": 1})
    task.files.checkpoint.touch()
    task.finish_training()
    task.keep_games(GAMES)


def test_arms_take_turns_seed_by_seed_and_controls_come_last(config: CompareConfig) -> None:
    assert [task.name for task in tasks_of(config)] == [
        "perceiver-seed0", "transformer-seed0", "perceiver-seed1", "transformer-seed1",
        "no-op", "elite",
    ]  # fmt: skip


def test_every_agent_plays_the_same_games(config: CompareConfig) -> None:
    assert len({repr(task.evaluation) for task in tasks_of(config)}) == 1


def test_the_default_arms_differ_in_the_encoder_only() -> None:
    perceiver, transformer = CompareConfig().arms.values()
    assert replace(transformer, encoder="perceiver") == perceiver


def test_a_finished_task_is_recognized_and_a_new_one_is_not(config: CompareConfig) -> None:
    for task in tasks_of(config):
        assert task.is_done() is False
        finish(task)
        assert task.is_done() is True
        assert task.games() == GAMES


def test_trained_but_not_played_is_not_done(config: CompareConfig) -> None:
    task = tasks_of(config)[0]
    finish(task)
    task.files.paired_games.unlink()
    assert task.is_trained()
    assert not task.is_done()


@pytest.mark.parametrize(
    "changed",
    [
        {"steps": 64},
        {"env": EnvConfig(num_envs=128)},
        {"ppo": PPOConfig(gamma=0.5)},
        {"arms": {"perceiver": PolicyConfig(selection="pointer")}},
    ],
)
def test_other_settings_of_the_training_get_another_folder(
    config: CompareConfig, changed: dict[str, object]
) -> None:
    task = tasks_of(config)[0]
    other = tasks_of(replace(config, **changed))[0]  # type: ignore[arg-type]
    assert other.name == task.name
    assert other.folder != task.folder


@pytest.mark.parametrize("changed", [{"games": 3}, {"deterministic": False}, {"eval_seed": 2**31}])
def test_other_games_are_played_again_without_new_training(
    config: CompareConfig, changed: dict[str, object]
) -> None:
    finish(tasks_of(config)[0])
    other = tasks_of(replace(config, **changed))[0]  # type: ignore[arg-type]
    assert other.is_trained()
    assert other.games() is None


def test_games_belong_to_one_training(config: CompareConfig) -> None:
    marks = {task.evaluation_fingerprint for task in tasks_of(config)}
    other = {task.evaluation_fingerprint for task in tasks_of(replace(config, steps=64))}
    assert len(marks) == 6
    assert len(marks & other) == 2  # those of the controls


def test_where_results_lie_does_not_decide_whether_they_are_done(
    config: CompareConfig, tmp_path: Path
) -> None:
    finish(tasks_of(config)[0])
    (tmp_path / "compare").rename(tmp_path / "moved")
    assert tasks_of(replace(config, name="moved", workers=7))[0].is_done()


def test_a_damaged_result_is_not_done(config: CompareConfig) -> None:
    task = tasks_of(config)[-1]
    finish(task)
    task.files.paired_games.write_text("{")
    assert not task.is_done()


def test_a_task_knows_the_commits_it_was_made_at(
    config: CompareConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = tasks_of(config)[0]
    assert task.commits() == set()
    monkeypatch.setattr("perceiver_rl.agents.tasks.commit", lambda: "abc")
    finish(task)
    assert task.commits() == {"abc"}
    write_json(task.files.summary, {"commit": "older"})
    assert task.commits() == {"abc", "older"}


@pytest.mark.parametrize("name", ["", "a/b", "a b"])
def test_an_arm_must_be_the_name_of_a_folder(name: str) -> None:
    with pytest.raises(ConfigError, match="name of a folder"):
        CompareConfig(arms={name: PolicyConfig()})


def test_seeds_must_be_distinct_and_there_must_be_some() -> None:
    with pytest.raises(ConfigError, match="distinct"):
        CompareConfig(seeds=(1, 1))
    with pytest.raises(ConfigError, match="seeds must be at least 1"):
        CompareConfig(seeds=())
