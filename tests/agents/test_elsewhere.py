"""Agents that learn and play elsewhere than on the proxy: on the stand-in, through PySC2."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perceiver_rl.agents.checkpoint import describe
from perceiver_rl.agents.cloning_config import CloningConfig
from perceiver_rl.agents.compare import compare
from perceiver_rl.agents.compare_config import CompareConfig
from perceiver_rl.agents.config import EnvConfig, EvaluateConfig, PPOConfig, TrainConfig
from perceiver_rl.agents.demonstrations import open_demonstrations
from perceiver_rl.agents.demonstrations_config import RecordConfig
from perceiver_rl.agents.evaluate import evaluate
from perceiver_rl.agents.imitate import run_imitation
from perceiver_rl.agents.imitate_config import ImitateConfig
from perceiver_rl.agents.recording import record
from perceiver_rl.agents.run_folder import read_json
from perceiver_rl.agents.train import train
from perceiver_rl.interrupt import StopRequest

pytest.importorskip("pysc2")

FEW_STEPS = PPOConfig(n_steps=8, batch_size=8)
WHOLE_GAME = EnvConfig(
    id="perceiver_rl/sc2-Simple64-v0",
    opponent="easy",
    num_envs=1,
    options={"step_mul": 2240, "max_entities": 64, "race": "terran", "opponent": "zerg"},
)


def test_an_agent_learns_a_whole_game_and_meets_the_built_in_opponent(tmp_path: Path) -> None:
    config = TrainConfig(
        name="whole", runs=tmp_path, steps=16, backend="standin", env=WHOLE_GAME, ppo=FEW_STEPS
    )
    assert train(config).finished
    whole = (str(tmp_path / "whole"),)
    results = evaluate(
        EvaluateConfig(agents=whole, backend="standin", opponents=("easy", "elite"), games=2)
    )
    assert list(results) == ["whole", "no-op", "random"]
    for games in results["whole"].values():
        assert (games.count, games.backend) == (2, "stand-in")
    assert list(results["random"]) == ["easy", "elite"]


def test_what_is_learned_from_games_of_the_stand_in_is_tuned_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A script draws for all games of a batch at once, so batches must be as large as the proxy's.
    monkeypatch.setattr("perceiver_rl.agents.recording.processes", lambda games: games)
    env = EnvConfig(id="CollectMineralShards", opponent="no-op", num_envs=2)
    clone = ImitateConfig(
        name="clone",
        runs=tmp_path,
        backend="standin",
        teacher="walk-to-nearest",
        episodes=3,
        env=env,
        cloning=CloningConfig(epochs=1, batch_size=16),
        ppo=FEW_STEPS,
    )
    assert run_imitation(clone, StopRequest()).finished
    checkpoint = tmp_path / "clone" / "checkpoint.zip"
    assert describe(checkpoint).backend == "stand-in"
    here, there = (open_demonstrations(folder) for folder in _both(clone, tmp_path))
    assert (here.backend, there.backend) == ("stand-in", "proxy")
    every = np.arange(len(here))
    np.testing.assert_array_equal(here.actions(every), there.actions(every))
    np.testing.assert_array_equal(here.arrays["reward"], there.arrays["reward"])
    tuned = TrainConfig(
        name="tuned",
        runs=tmp_path,
        steps=16,
        backend="standin",
        from_checkpoint=checkpoint,
        env=env,
        ppo=FEW_STEPS,
    )
    assert train(tuned).finished


def _both(clone: ImitateConfig, runs: Path) -> tuple[Path, Path]:
    proxy = runs / "on the proxy"
    assert record(replace(clone.recording(), backend="proxy"), proxy)
    return clone.demonstrations_folder, proxy


def test_games_of_a_whole_game_are_kept_with_all_arguments(tmp_path: Path) -> None:
    config = RecordConfig(
        env=WHOLE_GAME.id,
        backend="standin",
        opponent="very_easy",
        teacher="random",
        episodes=2,
        options=WHOLE_GAME.options,
    )
    assert record(config, tmp_path)
    kept = open_demonstrations(tmp_path)
    assert kept.action_space.arguments == ("target_unit", "target_cell", "queued")
    actions = kept.actions(np.arange(len(kept)))
    assert actions[:, kept.action_space.position("queued")].max() == 1
    assert actions[:, 0].max() > 255  # more types of action than a byte can count
    for at, action in enumerate(actions):
        observation = kept.observation(np.array([at]))
        kept.action_space.check_legal(action, {key: part[0] for key, part in observation.items()})


def test_a_mini_game_is_compared_as_on_the_proxy(tmp_path: Path) -> None:
    config = CompareConfig(
        runs=tmp_path,
        backend="standin",
        stages=("imitation", "scratch"),
        teacher="walk-to-nearest",
        episodes=2,
        steps=16,
        seeds=(0,),
        games=2,
        workers=1,
        controls=("no-op",),
        env=EnvConfig(id="MoveToBeacon", opponent="no-op", num_envs=1, options={"timeout": 60}),
        ppo=FEW_STEPS,
        tuning=FEW_STEPS,
        cloning=CloningConfig(epochs=1),
    )
    assert compare(config)
    content = read_json(config.folder / "results.json")
    assert content is not None
    assert content["backend"] == "stand-in"
    assert content["pictures"] == []  # the proxy could draw its own games only
    assert set(content["costs"]["scenarios"][""]["arms"]) == {"perceiver", "transformer"}
