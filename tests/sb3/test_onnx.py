"""Exported policies act as in torch, for batches of any size, and obey the masks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from gymnasium import spaces
from jaxtyping import config
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.env_util import make_vec_env

from perceiver_rl.envs import make_vec
from perceiver_rl.sb3 import EntityPolicy, RecurrentEntityPolicy, export_onnx
from perceiver_rl.sb3.onnx import noise_width, sample_with_noise
from perceiver_rl.spaces import SelectEntity


@pytest.fixture(autouse=True)
def _no_checks_of_shapes() -> Iterator[None]:
    """An exported graph has sizes that are no numbers, which beartype refuses."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


def session(path: Path) -> Any:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def policy_for(env: Any, **kwargs: Any) -> Any:
    torch.manual_seed(2)
    policy = EntityPolicy(env.observation_space, env.action_space, lambda _: 1e-3, **kwargs)
    with torch.no_grad():  # far from uniform, so that a mistake would show
        for parameter in policy.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return policy


def batch_of(env: Any, count: int) -> dict[str, Any]:
    rows = [env.reset(seed=seed)[0] for seed in range(count)]
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


def tensors(batch: dict[str, Any]) -> dict[str, torch.Tensor]:
    return {key: torch.as_tensor(value) for key, value in batch.items()}


CASES = [("perceiver", "independent"), ("transformer", "pointer"), ("mlp", "independent")]


@pytest.mark.parametrize(("encoder", "selection"), CASES)
def test_the_greedy_action_and_the_value_are_those_of_torch(
    muster: Any, tmp_path: Path, encoder: str, selection: str
) -> None:
    env = muster()
    share = encoder != "mlp"
    policy = policy_for(env, encoder=encoder, selection=selection, share_features_extractor=share)
    export_onnx(policy, tmp_path / "policy.onnx")
    assert list(tmp_path.iterdir()) == [tmp_path / "policy.onnx"]
    graph = session(tmp_path / "policy.onnx")
    for count in (1, 3, 200):
        batch = batch_of(env, count)
        actions, values = graph.run(["action", "value"], batch)
        np.testing.assert_array_equal(actions, policy.predict(batch, deterministic=True)[0])
        with torch.no_grad():
            expected = policy.predict_values(tensors(batch)).squeeze(-1)
        torch.testing.assert_close(torch.from_numpy(values), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("encoder", "selection"), CASES[:2])
def test_noise_decides_as_in_torch_and_masks_are_obeyed(
    muster: Any, tmp_path: Path, encoder: str, selection: str
) -> None:
    env = muster()
    policy = policy_for(env, encoder=encoder, selection=selection)
    export_onnx(policy, tmp_path / "policy.onnx", sampling=True)
    batch = batch_of(env, 300)
    noise = np.random.default_rng(3).random((300, noise_width(policy)), np.float32)
    (actions,) = session(tmp_path / "policy.onnx").run(["action"], {**batch, "noise": noise})
    expected = sample_with_noise(policy, tensors(batch), torch.from_numpy(noise))
    # Where two choices are closer than rounding, they may differ.
    assert (actions == expected.numpy()).all(1).mean() > 0.99
    assert len({tuple(action) for action in actions.tolist()}) > 10
    for at, action in enumerate(actions):
        env.action_space.check_legal(action, {key: value[at] for key, value in batch.items()})


@pytest.mark.slow
@pytest.mark.parametrize("selection", ["independent", "pointer"])
def test_noise_draws_from_the_policys_own_distribution(muster: Any, selection: str) -> None:
    policy = policy_for(muster(2), selection=selection)
    row = tensors({key: value[:1] for key, value in batch_of(muster(2), 1).items()})
    many = {key: value.expand(40_000, *value.shape[1:]) for key, value in row.items()}
    noise = torch.rand(40_000, noise_width(policy), generator=torch.Generator().manual_seed(0))
    drawn, counts = sample_with_noise(policy, many, noise).unique(dim=0, return_counts=True)
    rows = {key: value.expand(len(drawn), *value.shape[1:]) for key, value in row.items()}
    with torch.no_grad():
        _, log_prob, _ = policy.evaluate_actions(rows, drawn)
    torch.testing.assert_close(counts / 40_000, log_prob.exp(), rtol=0, atol=0.015)


def test_many_slots_of_which_few_are_filled_need_no_packing(tmp_path: Path) -> None:
    env = make_vec("perceiver_rl/Battle-25m-v0", num_envs=3, seed=0)
    policy = policy_for(env)
    export_onnx(policy, tmp_path / "policy.onnx")
    batch: Any = env.reset()
    batch["entity_mask"][0, 5:] = 0
    batch["entities"][0, 5:] = 0
    (actions,) = session(tmp_path / "policy.onnx").run(["action"], batch)
    np.testing.assert_array_equal(actions, policy.predict(batch, deterministic=True)[0])


def test_other_action_spaces_are_exported_greedily(muster: Any, tmp_path: Path) -> None:
    env = muster()
    env.action_space = SelectEntity(5)
    kept = {k: v for k, v in env.observation_space.spaces.items() if "type" not in k}
    kept.pop("target_mask")
    env.observation_space = spaces.Dict(kept)
    policy = policy_for(env)
    export_onnx(policy, tmp_path / "policy.onnx")
    batch = {key: value for key, value in batch_of(muster(), 9).items() if key in kept}
    (actions,) = session(tmp_path / "policy.onnx").run(["action"], batch)
    np.testing.assert_array_equal(actions, policy.predict(batch, deterministic=True)[0])
    with pytest.raises(ValueError, match="needs a UnitActionSpace, not SelectEntity"):
        export_onnx(policy, tmp_path / "policy.onnx", sampling=True)


def test_what_cannot_be_exported_is_refused(muster: Any, tmp_path: Path) -> None:
    path = tmp_path / "policy.onnx"
    with pytest.raises(ValueError, match="unrolled over 40 entities"):
        export_onnx(policy_for(muster(40), selection="pointer"), path)
    env = make_vec_env(muster, n_envs=2)
    recurrent: Any = RecurrentPPO(RecurrentEntityPolicy, env, n_steps=8, batch_size=16).policy
    with pytest.raises(ValueError, match="recurrent"):
        export_onnx(recurrent, path)
    with pytest.raises(ValueError, match="entity policies, not Linear"):
        export_onnx(torch.nn.Linear(1, 1), path)  # type: ignore[arg-type]
    assert not path.exists()
