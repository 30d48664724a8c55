"""The examples of the documentation run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from jaxtyping import config
from stable_baselines3 import PPO

from perceiver_rl.envs import BatchedEnv, Snapshot, make_vec
from perceiver_rl.envs.opponents import OPPONENTS
from perceiver_rl.sb3 import EntityPolicy

ROOT = Path(__file__).parents[1]


def blocks(page: str, language: str) -> list[str]:
    """Code of a page of the documentation."""
    text = (ROOT / "docs" / f"{page}.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_example_of_an_own_scenario_is_the_file_and_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    (yaml,) = blocks("own_scenario", "yaml")
    assert (ROOT / "configs" / "scenarios" / "ambush.yaml").read_text().endswith(yaml)
    found: dict[str, Any] = {}
    for code in blocks("own_scenario", "python"):
        exec(code, found)
    assert found["gauntlet"].enemy_slots == 5
    assert 0 <= found["wins"] <= 64


def test_the_examples_of_replays_and_snapshots_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    codes = blocks("replay_and_watch", "python")
    batch = BatchedEnv("Battle-3m", 2)

    def still(observation: Any) -> Any:
        return np.zeros((len(observation["entities"]), batch.action_space.nvec.size), int)

    found: dict[str, Any] = {
        **{"batch": batch, "seeds": [1, 2], "Path": Path, "act": still},
        **{"env": batch, "Snapshot": Snapshot, "gym": gym},
    }
    batch.reset([1, 2])
    for code in codes:
        if "render_mode" not in code:
            exec(code.replace("Battle-8m", "Battle-3m").replace(".mp4", ".gif"), found)
    assert (tmp_path / "games.npz").exists()
    assert (tmp_path / "game.gif").exists()
    assert found["env"].num_envs == 8


def test_the_examples_of_an_own_environment_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "examples")
    training, choosing = blocks("own_environment", "python")
    exec(training.replace("150_000", "64"), {})  # one rollout
    for seed in range(3):
        torch.manual_seed(seed)
        found: dict[str, Any] = {}
        exec(choosing, found)
        assert found["choice"] in (2, 5)


@pytest.mark.slow
def test_the_recipes_for_each_algorithm_run() -> None:
    found: dict[str, Any] = {}
    for code in blocks("algorithms", "python"):
        exec(re.sub(r"learn\([0-9_]+\)", "learn(64)", code), found)
    assert found["model"].num_timesteps == 64


def test_the_examples_of_any_observation_run() -> None:
    found: dict[str, Any] = {}
    for code in blocks("any_observation", "python"):
        exec(code, found)
    assert found["extractor"].features_dim == 128


PAGES = sorted((ROOT / "docs").rglob("*.md"))
TEXTS = {path: path.read_text() for path in [ROOT / "README.md", *PAGES]}


def links(path: Path) -> set[Path]:
    """Files and folders that a page links to."""
    found = re.findall(r"\]\(([^)#]+)[^)]*\)", TEXTS[path])
    return {(path.parent / link).resolve() for link in found if "://" not in link}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_the_documentation_lead_somewhere(path: Path) -> None:
    for link in links(path):
        assert link.exists(), link


def test_every_page_is_linked_from_the_readme_or_from_a_page_that_is() -> None:
    reached = {ROOT / "README.md"}
    while new := {link for path in reached for link in links(path)} & set(PAGES) - reached:
        reached |= new
    assert set(PAGES) <= reached, set(PAGES) - reached


def test_the_examples_of_opponents_run() -> None:
    found: dict[str, Any] = {}
    one, two, parallel = blocks("opponents", "python")
    for code in (one, two):
        exec(code, found)
    assert found["enemy_reward"].shape == (64,)
    exec(parallel, found)
    assert set(found["infos"]) == {"blue", "red"}


def test_the_ladder_names_every_opponent() -> None:
    text = (ROOT / "docs" / "opponents.md").read_text()
    assert tuple(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)) == tuple(OPPONENTS)


def test_the_examples_of_saving_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    for code in blocks("saving", "python"):
        # An exported graph has sizes that are no numbers, which the checks of shapes refuse.
        config.update("jaxtyping_disable", "export_onnx" in code)
        exec(code, found)
    config.update("jaxtyping_disable", False)
    assert found["model"].num_timesteps == 2048
    assert found["actions"].shape == (8, len(found["model"].action_space.nvec))


def test_the_examples_of_the_policy_run() -> None:
    found: dict[str, Any] = {}
    for code in blocks("policy", "python"):
        exec(code, found)
    assert found["model"].policy.temperature == 0.8


def test_the_example_of_attention_weights_runs() -> None:
    (code,) = blocks("inspection", "python")
    env = make_vec("perceiver_rl/Battle-3m-v0", num_envs=2, seed=0)
    model = PPO(EntityPolicy, env, n_steps=4, batch_size=8)
    found: dict[str, Any] = {"model": model, "observation": env.reset()}
    exec(code, found)
    assert found["found"].reads.shape == (2, 1, 4, 6)
    # Of the encoder, its latents and its decoder.
    assert len(found["weights"]) == 3
    assert all(weights.shape[0] == 2 for (weights,) in found["weights"].values())


def test_the_first_example_of_perceiver_io_runs() -> None:
    found: dict[str, Any] = {}
    exec(blocks("perceiver_io", "python")[0], found)
    assert found["outputs"].shape == (8, 600, 2)
