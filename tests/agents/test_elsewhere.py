"""Agents that learn and play elsewhere than on the proxy: on the stand-in, through PySC2."""

from __future__ import annotations

from pathlib import Path

import pytest

from perceiver_rl.agents.compare import compare
from perceiver_rl.agents.compare_config import CompareConfig
from perceiver_rl.agents.config import EnvConfig, EvaluateConfig, PPOConfig, TrainConfig
from perceiver_rl.agents.evaluate import evaluate
from perceiver_rl.agents.run_folder import read_json
from perceiver_rl.agents.train import train

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


def test_a_mini_game_is_compared_as_on_the_proxy(tmp_path: Path) -> None:
    config = CompareConfig(
        runs=tmp_path,
        backend="standin",
        steps=16,
        seeds=(0,),
        games=2,
        workers=1,
        controls=("no-op",),
        env=EnvConfig(id="MoveToBeacon", opponent="no-op", num_envs=1, options={"timeout": 60}),
        ppo=FEW_STEPS,
    )
    assert compare(config)
    content = read_json(config.folder / "results.json")
    assert content is not None
    assert content["backend"] == "stand-in"
    assert content["pictures"] == []  # the proxy could draw its own games only
    assert set(content["costs"]["scenarios"][""]["arms"]) == {"perceiver", "transformer"}
