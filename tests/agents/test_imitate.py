"""Behavioural cloning: what is learned, what a run leaves behind, and how it goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from perceiver_rl.agents.checkpoint import describe
from perceiver_rl.agents.cloning import Cloning, exchange_rows, read
from perceiver_rl.agents.cloning_config import CloningConfig
from perceiver_rl.agents.config import EnvConfig, EvaluateConfig, PolicyConfig, PPOConfig
from perceiver_rl.agents.demonstrations import Batch, open_demonstrations
from perceiver_rl.agents.demonstrations_config import RecordConfig
from perceiver_rl.agents.errors import CheckpointError, RunError
from perceiver_rl.agents.imitate import run_imitation
from perceiver_rl.agents.imitate_config import ImitateConfig
from perceiver_rl.agents.imitate_run import STATE
from perceiver_rl.agents.models import build_policy
from perceiver_rl.agents.play import play
from perceiver_rl.agents.players import contender
from perceiver_rl.agents.progress_log import Progress
from perceiver_rl.agents.recording import record
from perceiver_rl.interrupt import StopRequest
from perceiver_rl.sb3 import safe_load
from perceiver_rl.spaces import ENTITIES, ENTITY_MASK, TARGET_MASK


@pytest.fixture(scope="module")
def games(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demonstrations")
    record(RecordConfig(env="perceiver_rl/Battle-3m-v0", teacher="focus-fire", episodes=8), folder)
    return folder


@pytest.fixture
def config(tmp_path: Path, games: Path) -> ImitateConfig:
    return ImitateConfig(
        runs=tmp_path,
        device="cpu",
        demonstrations=games,
        teacher="focus-fire",
        episodes=8,
        env=EnvConfig(num_envs=4),
        cloning=CloningConfig(epochs=3, batch_size=64),
        ppo=PPOConfig(n_steps=16, batch_size=32),
    )


def cloning_of(games: Path, policy: PolicyConfig, **changes: Any) -> Cloning:
    demonstrations = open_demonstrations(games)
    torch.manual_seed(0)
    network = build_policy(policy, demonstrations.observation_space, demonstrations.action_space)
    return Cloning(network, demonstrations, CloningConfig(**changes), 0.99, seed=0)


@pytest.mark.parametrize("selection", ["independent", "pointer"])
@pytest.mark.parametrize("shared", [True, False])
def test_likelihood_and_critic_improve_on_what_was_learned(
    games: Path, selection: Any, shared: bool
) -> None:
    cloning = cloning_of(
        games,
        PolicyConfig(selection=selection, share_features_extractor=shared),
        epochs=6,
        batch_size=64,
        schedule="constant",
    )
    losses = [cloning.epoch(number) for number in range(6)]
    first, last = (each.means(False) for each in (losses[0], losses[-1]) if each is not None)
    assert last["nll"] < 0.7 * first["nll"]  # type: ignore[operator]
    assert last["value_error"] < first["value_error"]  # type: ignore[operator]


def test_the_loss_is_the_log_probability_that_the_policy_gives_the_actions(games: Path) -> None:
    cloning = cloning_of(games, PolicyConfig())
    steps = cloning.validating
    batch = cloning._batch(steps)
    observation, _ = cloning.policy.obs_to_tensor(batch.observation)
    actions = torch.from_numpy(batch.actions)
    with torch.no_grad():
        values, log_prob, _ = cloning.policy.evaluate_actions(observation, actions)
        _, own = read(cloning.policy, observation)
    assert cloning.validate().means(False)["nll"] == pytest.approx(
        -float(log_prob.mean()), rel=1e-5
    )
    torch.testing.assert_close(own, values.flatten())


def test_parts_are_counted_where_the_teacher_uses_them(games: Path) -> None:
    cloning = cloning_of(games, PolicyConfig())
    means = cloning.validate(with_agreement=True).means(with_agreement=True)
    assert means["nll_target_cell"] is None  # focus-fire attacks units only
    assert means["accuracy_target_cell"] is None
    for part in ("action_type", "selection", "target_unit"):
        assert 0 <= means[f"accuracy_{part}"] <= 1  # type: ignore[operator]


def test_without_weight_the_critic_does_not_learn(games: Path) -> None:
    cloning = cloning_of(games, PolicyConfig(), value_weight=0.0)
    before = [parameter.clone() for parameter in cloning.policy.value_net.parameters()]
    cloning.epoch(0)
    for old, new in zip(before, cloning.policy.value_net.parameters(), strict=True):
        torch.testing.assert_close(old, new, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("schedule", "half_way", "end"),
    [("constant", 1.0, 1.0), ("linear", 0.5, 0.0), ("cosine", 0.5, 0.0)],
)
def test_schedules(games: Path, schedule: Any, half_way: float, end: float) -> None:
    cloning = cloning_of(games, PolicyConfig(), schedule=schedule, learning_rate=2.0)
    rates = [cloning._learning_rate(done) for done in (0.0, 0.5, 1.0)]
    assert rates == pytest.approx([2.0, 2.0 * half_way, 2.0 * end])


def test_exchanged_rows_mean_the_same_step(games: Path) -> None:
    cloning = cloning_of(games, PolicyConfig())
    batch = cloning._batch(cloning.validating)
    mixed = exchange_rows(batch, np.random.default_rng(0), cloning.demonstrations.action_space)
    assert any((mixed.actions[:, 1:-2] != batch.actions[:, 1:-2]).any(1))
    for at in range(len(batch.returns)):
        assert _meaning(batch, at) == _meaning(mixed, at)


def _meaning(batch: Batch, at: int) -> tuple[Any, ...]:
    rows = batch.observation[ENTITIES][at]
    selected = batch.actions[at, 1:-2].astype(bool)
    legal = batch.observation[TARGET_MASK][at].astype(bool)
    named = [tuple(row) for row in rows]
    return (
        sorted(zip(named, batch.observation[ENTITY_MASK][at].tolist(), strict=True)),
        sorted(named[i] for i in np.flatnonzero(selected)),
        named[batch.actions[at, -2]] if batch.actions[at, 0] == 3 else None,
        [sorted(named[i] for i in np.flatnonzero(kind)) for kind in legal],
    )


def test_exchanged_rows_change_nothing_for_independent_selection(games: Path) -> None:
    cloning = cloning_of(games, PolicyConfig(selection="independent"))
    batch = cloning._batch(cloning.validating)
    mixed = exchange_rows(batch, np.random.default_rng(0), cloning.demonstrations.action_space)
    results = [cloning._score(each, 0.0, False)[1].nll for each in (batch, mixed)]
    np.testing.assert_allclose(results[0], results[1], rtol=1e-4, atol=1e-3)


def test_a_stopped_run_goes_on_bit_for_bit(
    config: ImitateConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perceiver_rl.agents.imitate_run.REPORT_SECONDS", 0.0)
    whole = run_imitation(replace(config, name="whole"), StopRequest())
    assert (whole.finished, whole.epochs) == (True, 3)
    stop = StopRequest()
    name = replace(config, name="stopped")

    def after_two_epochs(progress: Progress) -> None:
        stop.requested = progress.steps > 2 * progress.total / 3

    assert not run_imitation(name, stop, after_two_epochs).finished
    first = torch.load(name.folder / STATE, weights_only=True)
    assert first["progress"]["epochs"] == 2
    assert run_imitation(name, StopRequest()).finished
    states = [
        torch.load(config.runs / each / STATE, weights_only=True) for each in ("whole", "stopped")
    ]
    assert states[0]["progress"]["history"] == states[1]["progress"]["history"]
    for key, tensor in states[0]["policy"].items():
        assert torch.equal(tensor, states[1]["policy"][key]), key


def test_the_result_is_a_checkpoint_that_plays_and_opens_as_an_algorithm(
    config: ImitateConfig,
) -> None:
    result = run_imitation(config, StopRequest())
    path = result.folder / "checkpoint.zip"
    assert describe(path).settings == config.checkpoint_config()
    assert safe_load(path, device="cpu").num_timesteps == 0
    evaluation = EvaluateConfig(games=2, env=config.env.id)
    assert play(contender(str(path)), config.env.id, "no-op", evaluation).count == 2
    summary = json.loads((result.folder / "summary.json").read_text())
    assert summary["best_epoch"] < summary["epochs"] == len(summary["history"])
    best = summary["history"][summary["best_epoch"]]["validation/nll"]
    assert summary["validation"]["nll"] == pytest.approx(best, rel=1e-6)
    assert summary["demonstrations"]["episodes"] == 8
    assert list((result.folder / "tensorboard").iterdir())


def test_learning_ends_when_validation_gets_no_better(config: ImitateConfig) -> None:
    # A step size that destroys: the first epoch stays the best, or nearly.
    cloning = replace(config.cloning, epochs=40, patience=2, learning_rate=0.3)
    result = run_imitation(replace(config, cloning=cloning), StopRequest())
    summary = json.loads((result.folder / "summary.json").read_text())
    assert result.epochs < 40
    assert result.epochs - 1 - summary["best_epoch"] == 2


def test_a_folder_of_other_settings_is_not_continued(config: ImitateConfig) -> None:
    run_imitation(config, StopRequest())
    with pytest.raises(RunError, match="other settings"):
        run_imitation(replace(config, seed=1), StopRequest())


def test_selections_beyond_the_pointers_limit_are_refused_before_learning(
    config: ImitateConfig,
) -> None:
    pointer = PolicyConfig(selection="pointer", head_kwargs={"max_selected": 2})
    with pytest.raises(RunError, match=r"up to 3 units at once, more than the 2 .*max_selected: 3"):
        run_imitation(replace(config, policy=pointer), StopRequest())
    assert not (config.folder / STATE).exists()


def test_a_loss_that_is_not_finite_ends_the_run(config: ImitateConfig) -> None:
    reckless = replace(config, cloning=replace(config.cloning, learning_rate=1e30))
    with pytest.raises(RunError, match="validation loss of epoch 1 is .*learning_rate"):
        run_imitation(reckless, StopRequest())


def test_a_damaged_state_is_named(config: ImitateConfig) -> None:
    config.folder.mkdir()
    (config.folder / STATE).write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=STATE):
        run_imitation(config, StopRequest())
