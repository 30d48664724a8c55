"""EntityPolicy inside stable-baselines3's own algorithms."""

import copy
import inspect
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

from perceiver_rl.sb3 import EntityPolicy
from perceiver_rl.spaces import (
    ActionError,
    ActionType,
    Column,
    EntitySpace,
    ObservationError,
    UnitActionSpace,
    observation_space,
)

ENCODERS = ["perceiver", "transformer", "mlp"]
SELECTIONS = ["independent", "pointer"]


def a_model(env: Any, algorithm: Any = PPO, seed: int = 0, **kwargs: Any) -> Any:
    sizes = {"n_steps": 16, "batch_size": 64, "n_epochs": 2} if algorithm is PPO else {}
    vec = make_vec_env(env, n_envs=4, seed=seed)
    return algorithm(EntityPolicy, vec, seed=seed, policy_kwargs=kwargs, device="cpu", **sizes)


def observations(env: type[gym.Env[Any, Any]], count: int) -> dict[str, np.ndarray]:
    one = env()
    rows = [one.reset(seed=i)[0] for i in range(count)]
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


@pytest.mark.parametrize("algorithm", [PPO, A2C])
@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("selection", SELECTIONS)
def test_every_encoder_and_selection_trains_in_every_algorithm(
    muster: Any, algorithm: type[BaseAlgorithm], encoder: str, selection: str
) -> None:
    model = a_model(muster, algorithm, encoder=encoder, selection=selection)
    before = [p.clone() for p in model.policy.parameters()]
    model.learn(128)
    after = list(model.policy.parameters())
    assert any(bool((a != b).any()) for a, b in zip(before, after, strict=True))
    assert all(bool(torch.isfinite(p).all()) for p in after)


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("deterministic", [True, False])
def test_actions_are_always_legal(muster: Any, selection: str, deterministic: bool) -> None:
    model = a_model(muster, selection=selection)
    batch = observations(muster, 200)
    actions, _ = model.predict(batch, deterministic=deterministic)
    for i, action in enumerate(actions):
        model.action_space.check_legal(action, {key: value[i] for key, value in batch.items()})


@pytest.mark.parametrize("encoder", ["perceiver", "transformer"])
@pytest.mark.parametrize("selection", SELECTIONS)
def test_decisions_follow_every_change_of_the_weights(
    muster: Any, encoder: str, selection: str
) -> None:
    torch.manual_seed(0)
    policy = a_model(muster, encoder=encoder, selection=selection).policy
    obs, _ = policy.obs_to_tensor(observations(muster, 16))

    def decided(by: EntityPolicy) -> list[torch.Tensor]:
        torch.manual_seed(1)
        with torch.no_grad():
            return [*by(obs), by.get_distribution(obs).mode()]

    for parameter in policy.parameters():
        decided(policy)
        parameter.data.add_(torch.randn_like(parameter), alpha=0.1)
        fresh = copy.deepcopy(policy)
        for result, expected in zip(decided(policy), decided(fresh), strict=True):
            assert torch.equal(result, expected)


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("selection", SELECTIONS)
def test_save_and_load_reproduce_actions_and_values_exactly(
    muster: Any, tmp_path: Path, share: bool, selection: str
) -> None:
    settings: dict[str, Any] = {
        "encoder": "transformer",
        "selection": selection,
        "share_features_extractor": share,
        "encoder_kwargs": {"num_layers": 2},
        "head_kwargs": {"key_width": 8},
    }
    model = a_model(muster, **settings)
    model.learn(64)  # actor and critic differ from now on
    batch = observations(muster, 50)
    model.save(tmp_path / "model.zip")
    model.policy.save(tmp_path / "policy.pth")
    tensors, _ = model.policy.obs_to_tensor(batch)
    actions, _ = model.predict(batch, deterministic=True)
    for policy in (
        PPO.load(tmp_path / "model.zip", device="cpu").policy,
        EntityPolicy.load(str(tmp_path / "policy.pth"), device="cpu"),
    ):
        np.testing.assert_array_equal(policy.predict(batch, deterministic=True)[0], actions)
        with torch.no_grad():
            assert torch.equal(policy.predict_values(tensors), model.policy.predict_values(tensors))


def test_every_constructor_argument_survives_policy_save() -> None:
    space, actions = _spaces()
    policy = EntityPolicy(space, actions, lambda _: 1e-3)
    asked = set(inspect.signature(EntityPolicy.__init__).parameters) - {"self", "own"}
    assert asked == set(policy._get_constructor_parameters())


def _spaces() -> tuple[spaces.Dict, UnitActionSpace]:
    actions = UnitActionSpace([ActionType("a"), ActionType("b", selects=True)], 4)
    return observation_space(EntitySpace([Column("x", low=0, high=1)], 4), actions), actions


def test_the_same_seed_gives_the_same_training_run(muster: Any) -> None:
    def weights_after_training(seed: int) -> torch.Tensor:
        policy = a_model(muster, seed=seed).learn(128).policy
        return torch.cat([p.detach().flatten() for p in policy.parameters()])

    first, second, other = (weights_after_training(seed) for seed in (3, 3, 4))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_masks_that_are_not_there_forbid_nothing() -> None:
    space, actions = _spaces()
    bare = spaces.Dict({key: space[key] for key in ("entities", "entity_mask")})
    policy = EntityPolicy(bare, actions, lambda _: 1e-3)
    batch: dict[str, Any] = {
        "entities": np.zeros((300, 4, 1), np.float32),
        "entity_mask": np.tile(np.array([1, 0, 1, 1], np.int8), (300, 1)),
    }
    drawn, _ = policy.predict(batch)
    assert set(drawn[:, 0]) == {0, 1}
    assert drawn[:, 1:5].any(0).tolist() == [True, False, True, True]


def test_a_minimap_and_scalars_reach_the_policy() -> None:
    space, actions = _spaces()
    full = spaces.Dict(
        {
            **space.spaces,
            "minimap": spaces.Box(0, 1, (2, 16, 16), np.float32),
            "scalars": spaces.Box(0, 5, (3,), np.float32),
        }
    )
    torch.manual_seed(0)
    policy = EntityPolicy(full, actions, lambda _: 1e-3)
    zeros = {
        key: np.zeros((1, *(item.shape or ())), np.float32) for key, item in full.spaces.items()
    }
    for key in ("minimap", "scalars"):
        changed = {**zeros, key: np.ones_like(zeros[key])}
        values = [
            policy.predict_values(policy.obs_to_tensor(obs)[0]).item() for obs in (zeros, changed)
        ]
        assert values[0] != values[1], key


def test_padding_and_order_of_entities_change_neither_value_nor_log_prob(muster: Any) -> None:
    policy = a_model(muster).policy
    batch = observations(muster, 20)
    noisy = dict(batch)
    noise = np.random.default_rng(0).normal(size=batch["entities"].shape).astype(np.float32)
    noisy["entities"] = np.where(batch["entity_mask"][..., None] > 0, batch["entities"], noise)
    order = np.array([3, 0, 4, 1, 2])
    moved = {
        "entities": noisy["entities"][:, order],
        "entity_mask": batch["entity_mask"][:, order],
        "scalars": batch["scalars"],
        "action_type_mask": batch["action_type_mask"],
        "selectable_mask": batch["selectable_mask"][:, order],
        "target_mask": batch["target_mask"][:, :, order],
    }
    actions, _ = policy.predict(batch)
    moved_actions = actions.copy()
    moved_actions[:, 1:6] = actions[:, 1:6][:, order]
    moved_actions[:, 6] = np.where(actions[:, 0] == 1, np.argsort(order)[actions[:, 6]], 0)
    with torch.no_grad():
        one = policy.evaluate_actions(policy.obs_to_tensor(batch)[0], torch.tensor(actions))
        other = policy.evaluate_actions(policy.obs_to_tensor(moved)[0], torch.tensor(moved_actions))
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["perceiver", "transformer"])
@pytest.mark.parametrize("selection", SELECTIONS)
def test_ppo_learns_to_select_the_set_and_the_target(
    muster: Any, encoder: str, selection: str
) -> None:
    env = make_vec_env(muster, n_envs=32, seed=0)
    model = PPO(
        EntityPolicy,
        env,
        seed=0,
        device="cpu",
        n_steps=32,
        batch_size=256,
        n_epochs=4,
        learning_rate=3e-3,
        policy_kwargs={"encoder": encoder, "selection": selection},
    )
    before = np.mean(evaluate_policy(model, env, 200, warn=False, deterministic=False)[0])
    model.learn(26_000)
    after = np.mean(evaluate_policy(model, env, 200, warn=False)[0])
    assert before < 1.2
    assert after > 1.8  # of at most 2


def test_wrong_observation_spaces_are_refused_with_the_key() -> None:
    space, actions = _spaces()
    typo = {"entitys" if key == "entities" else key: value for key, value in space.spaces.items()}
    with pytest.raises(ObservationError, match="unknown observation key 'entitys'.*'entities'"):
        EntityPolicy(spaces.Dict(typo), actions, lambda _: 1e-3)
    without = spaces.Dict({key: space[key] for key in ("entities",)})
    with pytest.raises(ObservationError, match=r"missing observation keys \['entity_mask'\]"):
        EntityPolicy(without, actions, lambda _: 1e-3)
    with pytest.raises(ObservationError, match="expected a Dict observation space"):
        EntityPolicy(spaces.Box(0, 1, (3,)), actions, lambda _: 1e-3)


def test_wrong_observations_are_refused_with_key_and_shape(muster: Any) -> None:
    policy = a_model(muster).policy
    batch = observations(muster, 2)
    missing = {key: value for key, value in batch.items() if key != "scalars"}
    with pytest.raises(ObservationError, match="missing observation key 'scalars'"):
        policy.predict(missing)
    with pytest.raises(ObservationError, match="unknown observation key 'scalar'"):
        policy.predict({**missing, "scalar": batch["scalars"]})
    with pytest.raises(ObservationError, match=r"'entities': expected shape \(5, 3\)"):
        policy.predict({**batch, "entities": batch["entities"][:, :, :2]})


def test_wrong_action_spaces_and_names_are_refused() -> None:
    space, actions = _spaces()
    other = UnitActionSpace(actions.types, max_entities=7)
    with pytest.raises(ActionError, match="holds 4 entities, the action space 7"):
        EntityPolicy(space, other, lambda _: 1e-3)
    for name, value in (("encoder", "cnn"), ("selection", "ponter"), ("preset", "tinny")):
        with pytest.raises(ValueError, match=f"unknown {name} {value!r}"):
            EntityPolicy(space, actions, lambda _: 1e-3, **{name: value})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unknown head setting 'key_widht'.*'key_width'"):
        EntityPolicy(space, actions, lambda _: 1e-3, head_kwargs={"key_widht": 3})
    with pytest.raises(ValueError, match="use_sde must be False"):
        EntityPolicy(space, actions, lambda _: 1e-3, use_sde=True)
