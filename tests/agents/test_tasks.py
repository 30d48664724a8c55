"""What a comparison consists of, and what of it is already done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from perceiver_rl.agents.compare_config import CompareConfig, ScenarioConfig
from perceiver_rl.agents.config import EnvConfig, PolicyConfig, PPOConfig, TrainConfig
from perceiver_rl.agents.errors import ConfigError
from perceiver_rl.agents.imitate_config import ImitateConfig
from perceiver_rl.agents.run_folder import write_json
from perceiver_rl.agents.statistics import Games
from perceiver_rl.agents.tasks import Task, phases, tasks_of

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


def test_games_that_are_kept_are_not_played_again_for_another_opponent(
    config: CompareConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perceiver_rl.agents.tasks.commit", lambda: "old")
    finish(tasks_of(config)[0])
    more = replace(config, opponents=("kite", *config.opponents))
    task = tasks_of(more)[0]
    assert task.missing_opponents() == ["kite"]
    assert task.games() is None
    monkeypatch.setattr("perceiver_rl.agents.tasks.commit", lambda: "new")
    theirs = replace(GAMES["random"], outcomes="LL")
    task.keep_games({"kite": theirs})
    assert task.games() == {"kite": theirs, **GAMES}
    assert list(task.games() or {}) == list(more.opponents)
    assert task.commits() == {"old", "new"}
    assert tasks_of(config)[0].games() == GAMES
    other = tasks_of(replace(more, games=3))[0]
    assert other.missing_opponents() == list(more.opponents)


def test_games_belong_to_one_training(config: CompareConfig) -> None:
    marks = {task.evaluation_fingerprint() for task in tasks_of(config)}
    other = {task.evaluation_fingerprint() for task in tasks_of(replace(config, steps=64))}
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


STAGED = CompareConfig(
    seeds=(0, 1),
    stages=("tuning", "scratch"),
    opponents=("random",),
    games=2,
    controls=("no-op",),
    arms={"perceiver": PolicyConfig()},
    scenarios={
        "small": ScenarioConfig(id="perceiver_rl/Battle-3m-v0", episodes=20),
        "large": ScenarioConfig(
            id="perceiver_rl/Battle-8m-v0", stages=("imitation",), games=4, opponent="elite"
        ),
    },
)


def staged(name: str) -> list[Task]:
    return tasks_of(STAGED.singles()[name], name)


def test_a_scenario_may_learn_by_settings_of_its_own() -> None:
    there = ScenarioConfig(id="perceiver_rl/Battle-3m-v0", ppo={"ent_coef": 0.5})
    both = replace(STAGED, scenarios={"own": there, "common": replace(there, ppo={})}).singles()
    assert both["own"].ppo == replace(STAGED.ppo, ent_coef=0.5)
    assert both["common"].ppo == STAGED.ppo
    with pytest.raises(ConfigError, match="did you mean 'ent_coef'"):
        replace(STAGED, scenarios={"own": replace(there, ppo={"ent_coeff": 0.5})})


def test_what_is_tuned_is_cloned_before_and_goes_on_with_the_clone() -> None:
    tasks = staged("small")
    assert [(task.name, task.stage) for task in tasks[:3]] == [
        ("perceiver-seed0-imitation", "imitation"),
        ("perceiver-seed0-tuning", "tuning"),
        ("perceiver-seed0", "scratch"),
    ]
    first, second = phases(tasks)
    assert {task.stage for task in first} == {"imitation", "scratch", None}
    assert {task.stage for task in second} == {"tuning"}
    for clone, tuned in zip(tasks[:6:3], tasks[1:6:3], strict=True):
        assert isinstance(tuned.training, TrainConfig)
        assert tuned.training.from_checkpoint == clone.files.checkpoint
        assert tuned.training.ppo == STAGED.tuning


def test_scenarios_say_what_differs_and_share_the_rest() -> None:
    small, large = STAGED.singles().values()
    assert (small.folder, large.folder) == (STAGED.folder / "small", STAGED.folder / "large")
    assert (small.episodes, large.episodes) == (20, STAGED.episodes)
    assert (small.games, large.games) == (2, 4)
    assert (small.env.opponent, large.env.opponent) == (STAGED.env.opponent, "elite")
    assert {task.title for task in staged("large")} == {
        "large/perceiver-seed0-imitation", "large/perceiver-seed1-imitation", "large/no-op",
    }  # fmt: skip


def test_all_agents_of_a_scenario_imitate_the_same_games() -> None:
    clones = [task.training for task in staged("small") if task.stage == "imitation"]
    assert len(clones) == 2
    folders = {each.demonstrations for each in clones if isinstance(each, ImitateConfig)}
    assert folders == {STAGED.folder / "small" / "demonstrations"}


def test_a_tuned_agent_is_trained_anew_when_its_clone_changes_but_not_when_it_moves(
    tmp_path: Path,
) -> None:
    def mark(config: CompareConfig) -> str:
        return tasks_of(config.singles()["small"], "small")[1].folder.name

    assert mark(replace(STAGED, runs=tmp_path)) == mark(STAGED)
    other = replace(STAGED.cloning, epochs=2)
    assert mark(replace(STAGED, cloning=other)) != mark(STAGED)
