"""The ``inspect`` command: what it says about a decision, and the page it writes."""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO

from perceiver_rl.agents.command_line import parse
from perceiver_rl.agents.config import EvaluateConfig, PolicyConfig
from perceiver_rl.agents.errors import CheckpointError, ConfigError
from perceiver_rl.agents.inspect_config import InspectConfig
from perceiver_rl.agents.inspection import inspect_agent
from perceiver_rl.agents.inspection_decision import decide
from perceiver_rl.agents.inspection_page import packed
from perceiver_rl.agents.main import main
from perceiver_rl.agents.models import build_policy
from perceiver_rl.agents.play import play
from perceiver_rl.agents.players import contender
from perceiver_rl.agents.seeds import EVAL_SEED
from perceiver_rl.entities import LatentAttention
from perceiver_rl.envs import BatchedEnv, make_vec
from perceiver_rl.sb3 import EntityPolicy, MaskableEntityPolicy, safe_save

BATTLE = "perceiver_rl/Battle-3m-v0"
MOVE, ATTACK = 2, 3


def a_policy(batch: BatchedEnv, **changes: Any) -> EntityPolicy:
    torch.manual_seed(0)
    policy = build_policy(PolicyConfig(**changes), batch.observation_space, batch.action_space)
    policy.set_training_mode(False)
    return policy


def only(batch: BatchedEnv, kind: int) -> Any:
    """Return the first observation of a game in which one action type is legal."""
    observation = batch.reset([0])
    observation["action_type_mask"][:] = 0
    observation["action_type_mask"][0, kind] = 1
    return observation


@torch.no_grad()
def scores(policy: EntityPolicy, observation: Any, actions: Any) -> Any:
    """Return the log-probability of each of some actions in one observation."""
    tensors: Any
    tensors, _ = policy.obs_to_tensor(observation)
    repeated = {key: value.expand(len(actions), *value.shape[1:]) for key, value in tensors.items()}
    return policy.evaluate_actions(repeated, torch.from_numpy(actions))[1].numpy()


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("selection", ["independent", "pointer"])
def test_a_decision_is_the_one_that_predict_makes(selection: str, deterministic: bool) -> None:
    batch = BatchedEnv(BATTLE, 1)
    policy = a_policy(batch, selection=selection)
    observation = batch.reset([0])
    for seed in range(5):
        torch.manual_seed(seed)
        decision = decide(policy, observation, deterministic)
        torch.manual_seed(seed)
        predicted, _ = policy.predict(dict(observation), deterministic=deterministic)
        assert decision.action.tolist() == predicted[0].tolist()
        tensors, _ = policy.obs_to_tensor(dict(observation))
        with torch.no_grad():
            assert decision.value == pytest.approx(float(policy.predict_values(tensors)))
        total = sum(part.log_prob for part in decision.parts.values())
        (score,) = scores(policy, observation, decision.action[None])
        assert total == pytest.approx(score, rel=1e-5)
        assert decision.type_probs.sum() == pytest.approx(1, rel=1e-5)
        observation = batch.step(decision.action[None]).observation


def test_membership_is_the_probability_of_all_sets_that_hold_a_unit() -> None:
    batch = BatchedEnv(BATTLE, 1)
    policy = a_policy(batch)
    observation = only(batch, MOVE)
    observation["selectable_mask"][0, 1] = 0
    decision = decide(policy, observation, True)
    every = list(itertools.product(range(256), ((1, 0), (0, 1), (1, 1))))
    actions = np.zeros((len(every), len(decision.action)), np.int64)
    for action, (cell, (first, third)) in zip(actions, every, strict=True):
        action[[0, 1, 3, -1]] = MOVE, first, third, cell
    probs = np.exp(scores(policy, observation, actions))
    expected = (actions[:, 1:7] * probs[:, None]).sum(0)
    assert probs.sum() == pytest.approx(1, rel=1e-4)
    assert decision.membership is not None
    np.testing.assert_allclose(decision.membership, expected, rtol=1e-4)
    assert decision.picks is None


def test_picks_are_the_conditional_probabilities_of_a_sequence() -> None:
    batch = BatchedEnv(BATTLE, 1)
    policy = a_policy(batch, selection="pointer")
    for seed in range(10):
        torch.manual_seed(seed)
        decision = decide(policy, only(batch, MOVE), False)
        picks = decision.picks
        assert picks is not None
        assert decision.selected is not None
        assert picks.slots == (*np.flatnonzero(decision.selected).tolist(), 6)
        np.testing.assert_allclose(picks.probs.sum(-1), 1, rtol=1e-5)
        assert not picks.probs[:, 3:6].any()  # the enemy's
        chosen = picks.probs[range(len(picks.slots)), picks.slots]
        log_probs = decision.parts["selection"].log_prob
        assert np.log(chosen).sum() == pytest.approx(log_probs, rel=1e-4, abs=1e-6)


def test_a_pointer_at_its_limit_needs_no_end_token() -> None:
    batch = BatchedEnv(BATTLE, 1)
    policy = a_policy(batch, selection="pointer", head_kwargs={"max_selected": 1})
    picks = decide(policy, only(batch, MOVE), True).picks
    assert picks is not None
    assert len(picks.slots) == len(picks.probs) == 1
    assert picks.slots[0] < 3


def test_targets_are_shown_where_the_action_has_them() -> None:
    batch = BatchedEnv(BATTLE, 1)
    policy = a_policy(batch)
    aimed, moved = (decide(policy, only(batch, kind), True) for kind in (ATTACK, MOVE))
    idle = decide(policy, only(batch, 0), True)
    assert aimed.target_probs is not None
    assert aimed.legal_targets is not None
    assert aimed.legal_targets.tolist() == [False] * 3 + [True] * 3
    assert aimed.target_unit == aimed.target_probs.argmax() == aimed.action[-2]
    assert aimed.target_probs[:3].tolist() == [0, 0, 0]
    assert aimed.cell_probs is None
    assert moved.cell_probs is not None
    assert moved.target_cell == moved.cell_probs.argmax() == moved.action[-1]
    assert (moved.target_probs, moved.target_unit) == (None, None)
    assert (idle.selected, idle.membership, idle.target_unit, idle.target_cell) == (None,) * 4
    assert set(idle.parts) == {"action_type"}
    assert idle.legal_types.tolist() == [True, False, False, False, False, False]


def test_numbers_survive_packing_within_a_level_of_their_row() -> None:
    numbers = np.random.default_rng(0).random((2, 3, 5)) * [[[1.0], [1e-4], [0.0]]]
    block = json.loads(json.dumps(packed(numbers)))
    levels = np.frombuffer(base64.b64decode(block["levels"]), np.uint8).reshape(block["shape"])
    largest = np.array(block["largest"]).reshape(2, 3, 1)
    assert (np.abs(levels / 255 * largest - numbers) <= largest * 0.0025).all()


def read(page: Path) -> Any:
    """Return the data of a page."""
    found = re.search(r'id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_page_shows_the_game_that_an_evaluation_counts(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    folder, page = run().folder, tmp_path / "deep" / "game.html"
    episode = inspect_agent(InspectConfig(agent=str(folder), output=page))
    (game,) = [play(contender(str(folder)), BATTLE, "attack-nearest", EvaluateConfig(games=1))]
    data = read(page)
    assert data["about"]["seed"] == EVAL_SEED
    assert data["about"]["outcome"][0].upper() == game.outcomes
    assert len(data["frames"]) == game.lengths[0] + 1
    assert sum(frame["reward"] for frame in data["frames"]) == pytest.approx(
        game.returns[0], abs=1e-2
    )
    assert data["frames"][-1]["decision"] is None
    first, decision = data["frames"][0], episode.frames[0].decision
    assert decision is not None
    assert [entity[0] for entity in first["entities"]] == list(range(6))
    assert first["picture"].startswith("data:image/webp;base64,")
    assert isinstance(decision.attention, LatentAttention)
    assert first["decision"]["attention"]["reads"]["shape"] == [1, 4, 6]
    assert first["decision"]["attention"]["answers"]["shape"] == [1, 6, 4]


def test_a_page_asks_for_nothing_outside_itself_and_is_not_large(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    page = tmp_path / "game.html"
    inspect_agent(InspectConfig(agent=str(run().folder), output=page))
    text = page.read_text()
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in text
    assert not re.search(r"<(link|iframe|script src|img)", text)
    assert page.stat().st_size < 5_000_000 * len(read(page)["frames"]) / 100


@pytest.mark.parametrize(("encoder", "kind"), [("transformer", "received"), ("mlp", None)])
def test_other_encoders_say_what_they_have(
    run: Callable[..., Any], tmp_path: Path, encoder: str, kind: str | None
) -> None:
    page = tmp_path / "game.html"
    folder = run(policy=PolicyConfig(encoder=encoder, selection="pointer")).folder  # type: ignore[arg-type]
    inspect_agent(InspectConfig(agent=str(folder), output=page, steps=3))
    data = read(page)
    assert len(data["frames"]) == 4
    assert data["about"]["outcome"] == "stopped after 3 steps"
    attention = data["frames"][0]["decision"]["attention"]
    assert (None if attention is None else [*attention]) == (kind and [kind])


def test_a_name_cannot_end_the_script_it_stands_in(run: Callable[..., Any], tmp_path: Path) -> None:
    folder, page = run().folder, tmp_path / "game.html"
    evil = tmp_path / "<script>alert(1)<"
    evil.mkdir()
    (evil / "checkpoint.zip").write_bytes((folder / "checkpoint.zip").read_bytes())
    inspect_agent(InspectConfig(agent=str(evil), output=page, steps=1))
    assert read(page)["about"]["agent"] == evil.name
    assert "<script>alert" not in page.read_text()


def test_sampled_games_repeat_with_their_seed(run: Callable[..., Any], tmp_path: Path) -> None:
    agent = str(run().folder)
    actions = []
    for seed in (7, 7, 8):
        config = InspectConfig(
            agent=agent, output=tmp_path / "a.html", seed=seed, deterministic=False, steps=5
        )
        frames = inspect_agent(config).frames[:-1]
        actions.append([frame.decision.action.tolist() for frame in frames if frame.decision])
    assert actions[0] == actions[1] != actions[2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--steps", "0"], "steps must be at least 1"),
        (["--seed", "-1"], "seed must lie between 0"),
        (["--output", "game.gif"], "output must end in .html"),
        (["--outputt", "game.html"], "did you mean --output"),
    ],
)
def test_settings_that_make_no_sense_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(["inspect", *words])


def test_what_cannot_be_inspected_is_said_in_one_line(
    run: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    agent = str(run().folder)
    capsys.readouterr()
    for words, message in (
        ([], "name an agent to inspect"),
        (["elite"], "is a script and has no network"),
        (["runs/nothing"], "there is no agent 'runs/nothing'"),
        ([agent, "--env", "MoveToBeacon"], "was made for other spaces"),
        ([agent, "--env", "Battle-3n"], "did you mean 'Battle-3m'"),
        ([agent, "--opponent", "elit"], "unknown opponent 'elit'"),
    ):
        assert main(["inspect", *words]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert message in error
    assert not (tmp_path / "inspect.html").exists()


def test_a_model_of_another_algorithm_is_refused(tmp_path: Path) -> None:
    env = make_vec(BATTLE, num_envs=2, seed=0)
    model = MaskablePPO(MaskableEntityPolicy, env, n_steps=4, batch_size=8)
    safe_save(model, tmp_path / "masked.zip")
    with pytest.raises(CheckpointError, match="saved by safe_save, not by a run"):
        inspect_agent(InspectConfig(agent=str(tmp_path / "masked.zip")))


def test_the_command_writes_the_page(
    run: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "game.html"
    assert main(["inspect", str(run().folder), "--output", str(page), "--steps", "2"]) == 0
    assert f"page: {page}" in capsys.readouterr().out
    assert len(read(page)["frames"]) == 3
