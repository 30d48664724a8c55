"""Entity policies inside sb3-contrib's algorithms."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO, RecurrentPPO
from stable_baselines3.common.env_util import make_vec_env

from perceiver_rl.sb3 import MaskableEntityPolicy, RecurrentEntityPolicy
from perceiver_rl.spaces import ActionError

SELECTIONS = ["independent", "pointer"]
SIZES: dict[str, Any] = {"n_steps": 16, "batch_size": 32, "n_epochs": 2}


def a_batch(env: Any, count: int) -> dict[str, np.ndarray]:
    one = env()
    rows = [one.reset(seed=i)[0] for i in range(count)]
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


@pytest.fixture
def masking(muster: Any) -> Any:
    class Masking(muster):  # type: ignore[misc]
        """Forbids to select entity 0 and to aim at entity 1, besides the observation's masks."""

        def action_masks(self) -> np.ndarray:
            slots = self.action_space.max_entities
            selection = np.ones((slots, 2), bool)
            selection[0, 1] = False
            targets = np.ones(slots, bool)
            targets[1] = False
            return np.concatenate([np.ones(3, bool), selection.ravel(), targets, np.ones(4, bool)])

    return Masking


@pytest.mark.parametrize("selection", SELECTIONS)
def test_maskable_ppo_obeys_both_masks(masking: Any, selection: str) -> None:
    env = make_vec_env(masking, n_envs=4, seed=0)
    model: Any = MaskablePPO(
        MaskableEntityPolicy, env, policy_kwargs={"selection": selection}, device="cpu", **SIZES
    )
    model.learn(128)
    batch = a_batch(masking, 200)
    masks = np.tile(masking().action_masks(), (200, 1))
    free, _ = model.predict(batch)
    assert free[:, 1].any()
    actions, _ = model.predict(batch, action_masks=masks)
    assert not actions[:, 1].any()
    aimed = actions[:, 0] == 1
    others = batch["target_mask"][:, 1].copy()
    others[:, 1] = 0
    assert not ((actions[:, 6] == 1) & aimed & others.any(1)).any()
    for i, action in enumerate(actions):
        merged = {key: value[i].copy() for key, value in batch.items()}
        merged["selectable_mask"][0] = 0
        if others[i].any():  # otherwise no target is left, and entity 0 stands for none
            merged["target_mask"][:, 1] = 0
            model.action_space.check_legal(action, merged)


def test_maskable_ppo_trains_on_the_observations_masks_alone(muster: Any) -> None:
    env = make_vec_env(muster, n_envs=4, seed=0)
    MaskablePPO(MaskableEntityPolicy, env, device="cpu", **SIZES).learn(64, use_masking=False)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m: m[:, :-1], r"3 \+ 10 \+ 5 \+ 4 = 22 columns, got 21"),
        (lambda m: np.where(np.arange(22) == 3, False, m), "cannot force a selection"),
    ],
)
def test_masks_that_do_not_fit_are_refused(masking: Any, spoil: Any, message: str) -> None:
    env = make_vec_env(masking, n_envs=1)
    model: Any = MaskablePPO(MaskableEntityPolicy, env, device="cpu", **SIZES)
    masks = np.ones((2, 22), bool)
    with pytest.raises(ActionError, match=message):
        model.predict(a_batch(masking, 2), action_masks=spoil(masks))


@pytest.mark.parametrize("selection", SELECTIONS)
def test_recurrent_ppo_trains_with_masks_and_stays_finite(muster: Any, selection: str) -> None:
    env = make_vec_env(muster, n_envs=4, seed=0)
    model: Any = RecurrentPPO(
        RecurrentEntityPolicy,
        env,
        policy_kwargs={"selection": selection, "lstm_hidden_size": 16},
        device="cpu",
        **SIZES,
    )
    model.learn(128)
    assert all(bool(torch.isfinite(p).all()) for p in model.policy.parameters())
    batch = a_batch(muster, 100)
    actions, state = model.predict(batch)
    assert state is not None
    for i, action in enumerate(actions):
        model.action_space.check_legal(action, {key: value[i] for key, value in batch.items()})


def test_what_the_lstm_remembers_changes_the_policy(muster: Any) -> None:
    env = make_vec_env(muster, n_envs=1, seed=0)
    policy: Any = RecurrentPPO(RecurrentEntityPolicy, env, device="cpu", **SIZES).policy
    batch = a_batch(muster, 1)
    tensors, _ = policy.obs_to_tensor(batch)
    states = [torch.zeros(policy.lstm_hidden_state_shape) + fill for fill in (0.0, 1.0)]
    values = [
        policy.predict_values(tensors, (state, state), torch.zeros(1)).item() for state in states
    ]
    assert values[0] != values[1]


@pytest.mark.parametrize(
    ("algorithm", "policy"),
    [(MaskablePPO, MaskableEntityPolicy), (RecurrentPPO, RecurrentEntityPolicy)],
)
@pytest.mark.parametrize("share", [True, False])
def test_save_and_load_reproduce_actions(
    masking: Any, tmp_path: Path, algorithm: Any, policy: Any, share: bool
) -> None:
    env = make_vec_env(masking, n_envs=2, seed=0)
    kwargs: dict[str, Any] = {"share_features_extractor": share, "encoder": "mlp"}
    if policy is RecurrentEntityPolicy:
        kwargs["lstm_hidden_size"] = 8
    model = algorithm(policy, env, policy_kwargs=kwargs, device="cpu", **SIZES)
    model.learn(64)
    model.save(tmp_path / "model.zip")
    model.policy.save(tmp_path / "policy.pth")
    batch = a_batch(masking, 50)
    expected, _ = model.predict(batch, deterministic=True)
    for again in (
        algorithm.load(tmp_path / "model.zip", device="cpu").policy,
        policy.load(str(tmp_path / "policy.pth"), device="cpu"),
    ):
        np.testing.assert_array_equal(again.predict(batch, deterministic=True)[0], expected)


def test_arguments_of_another_policy_are_refused_by_name(muster: Any) -> None:
    env = muster()
    spaces = env.observation_space, env.action_space
    with pytest.raises(ValueError, match="unknown argument of MaskableEntityPolicy 'use_sde'"):
        MaskableEntityPolicy(*spaces, lambda _: 1e-3, use_sde=False)
    with pytest.raises(ValueError, match="RecurrentEntityPolicy 'lstm_hiden_size'.*hidden_size"):
        RecurrentEntityPolicy(*spaces, lambda _: 1e-3, lstm_hiden_size=3)


def test_what_a_recurrent_rollout_chose_can_be_trained_on(muster: Any) -> None:
    env = make_vec_env(muster, n_envs=2, seed=0)
    model: Any = RecurrentPPO(RecurrentEntityPolicy, env, device="cpu", **SIZES)
    observation, _ = model.policy.obs_to_tensor(env.reset())
    with torch.no_grad():
        chosen = model.policy(observation, model._last_lstm_states, torch.zeros(2))
    *first, states = chosen
    weight = torch.ones(1, requires_grad=True)
    for part in (*first, *states.pi, *states.vf):
        (part * weight).sum().backward()
    assert weight.grad is not None
