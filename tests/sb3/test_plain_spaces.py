"""EntityPolicy where actions are ordinary, or one entity, or where observations are a plain Box."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from sb3_contrib import TRPO, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

from perceiver_rl.sb3 import (
    EntityPolicy,
    MaskableEntityPolicy,
    RecurrentEntityPolicy,
    load_resized,
)
from perceiver_rl.spaces import ActionError, ObservationError, SelectEntity

SLOTS = 6
SIZES: dict[str, Any] = {"n_steps": 8, "batch_size": 16, "n_epochs": 1}


class Pick(gym.Env[Any, Any]):
    """One step: reward 1 for the entity with the largest first column among the selectable ones.

    Any other action space than ``SelectEntity`` gets a reward that only keeps training going.
    """

    def __init__(
        self, actions: spaces.Space[Any] | None = None, plain: bool = False, slots: int = SLOTS
    ) -> None:
        self.plain = plain
        self.action_space = actions or SelectEntity(slots)
        rows = spaces.Box(-1, 1, (slots, 2), np.float32)
        keys: dict[str, spaces.Space[Any]] = {
            "entities": rows,
            "entity_mask": spaces.MultiBinary(slots),
        }
        if isinstance(self.action_space, SelectEntity):
            keys["selectable_mask"] = spaces.MultiBinary(slots)
        self.observation_space = rows if plain else spaces.Dict(keys)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        slots = self.observation_space["entities"].shape[0] if not self.plain else SLOTS  # type: ignore[index]
        rng = self.np_random
        present = np.zeros(slots, np.int8)
        present[rng.permutation(slots)[: int(rng.integers(2, slots + 1))]] = 1
        rows = rng.uniform(-1, 1, (slots, 2)).astype(np.float32) * present[:, None]
        selectable = present * rng.integers(0, 2, slots).astype(np.int8)
        if not selectable.any() or self.plain:
            selectable = present
        self.best = int(np.where(selectable > 0, rows[:, 0], -9).argmax())
        if self.plain:
            return rows, {}
        masks = {"entity_mask": present, "selectable_mask": selectable}
        return {
            "entities": rows,
            **{key: value for key, value in masks.items() if key in self.observation_space.spaces},  # type: ignore[attr-defined]
        }, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(np.asarray(action, self.action_space.dtype)), action
        reward = float(np.array_equal(action, self.best))
        return self.reset()[0], reward, True, False, {}

    def action_masks(self) -> np.ndarray:
        return np.ones(spaces.flatdim(self.action_space), bool)


ORDINARY = [
    spaces.Discrete(3),
    spaces.MultiDiscrete([2, 3]),
    spaces.MultiBinary(4),
    spaces.Box(-1, 1, (2,), np.float32),
]
ON_POLICY = [
    (PPO, EntityPolicy, SIZES),
    (A2C, EntityPolicy, {}),
    (TRPO, EntityPolicy, {"n_steps": 8, "batch_size": 8}),
    (RecurrentPPO, RecurrentEntityPolicy, SIZES),
]


def a_model(algorithm: Any, policy: Any, settings: dict[str, Any], **env: Any) -> Any:
    vec = make_vec_env(Pick, n_envs=2, seed=0, env_kwargs=env)
    kwargs = {"lstm_hidden_size": 8} if policy is RecurrentEntityPolicy else {}
    return algorithm(policy, vec, seed=0, device="cpu", policy_kwargs=kwargs, **settings)


@pytest.mark.parametrize("selection", ["independent", "pointer"])
def test_trpo_learns_in_a_unit_action_space(muster: Any, selection: str) -> None:
    env = make_vec_env(muster, n_envs=2, seed=0)
    sizes: dict[str, Any] = {"n_steps": 16, "batch_size": 16, "seed": 0, "device": "cpu"}
    model = TRPO(EntityPolicy, env, policy_kwargs={"selection": selection}, **sizes)
    before = [p.detach().clone() for p in model.policy.action_net.parameters()]
    model.learn(32)
    after = list(model.policy.action_net.parameters())
    assert all(bool(torch.isfinite(p).all()) for p in after)
    assert any(bool((a != b).any()) for a, b in zip(before, after, strict=True))
    assert 0 < model.logger.name_to_value["train/kl_divergence_loss"] < model.target_kl


def draws(env: Pick, count: int) -> Any:
    rows = [env.reset(seed=i)[0] for i in range(count)]
    if env.plain:
        return np.stack(rows)
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


@pytest.mark.parametrize(
    ("actions", "plain"), [(None, True), *((one, False) for one in (None, *ORDINARY))], ids=str
)
@pytest.mark.parametrize(("algorithm", "policy", "settings"), ON_POLICY)
def test_every_algorithm_learns_saves_and_loads_in_every_action_space(
    tmp_path: Path,
    algorithm: Any,
    policy: Any,
    settings: dict[str, Any],
    actions: Any,
    plain: bool,
) -> None:
    if algorithm is RecurrentPPO and isinstance(actions, spaces.MultiBinary):
        pytest.skip("RecurrentPPO cannot pad the int8 actions of a MultiBinary")
    model = a_model(algorithm, policy, settings, actions=actions, plain=plain)
    before = torch.cat([p.detach().flatten().clone() for p in model.policy.parameters()])
    model.learn(32)
    after = torch.cat([p.detach().flatten() for p in model.policy.parameters()])
    assert bool(torch.isfinite(after).all())
    assert not torch.equal(before, after)
    model.save(tmp_path / "model.zip")
    batch = draws(Pick(actions, plain), 9)
    expected, _ = model.predict(batch, deterministic=True)
    again, _ = algorithm.load(tmp_path / "model.zip", device="cpu").predict(
        batch, deterministic=True
    )
    np.testing.assert_array_equal(again, expected)


@pytest.mark.parametrize("actions", [None, *ORDINARY[:2]], ids=str)
def test_maskable_ppo_learns_in_every_discrete_action_space(actions: Any) -> None:
    model = a_model(MaskablePPO, MaskableEntityPolicy, SIZES, actions=actions)
    model.learn(32)
    assert all(bool(torch.isfinite(p).all()) for p in model.policy.parameters())


def test_maskable_ppo_chooses_only_what_both_masks_allow() -> None:
    policy: Any = MaskableEntityPolicy(*_spaces(), lambda _: 1e-3)
    batch = {
        "entities": np.ones((400, SLOTS, 2), np.float32),
        "entity_mask": np.tile(np.array([1, 1, 1, 1, 1, 0], np.int8), (400, 1)),
        "selectable_mask": np.tile(np.array([1, 0, 1, 1, 0, 1], np.int8), (400, 1)),
    }
    masks = np.tile(np.array([0, 1, 1, 1, 1, 1], bool), (400, 1))
    drawn, _ = policy.predict(batch, action_masks=masks)
    assert set(drawn.tolist()) == {2, 3}


def _spaces() -> tuple[spaces.Dict, SelectEntity]:
    env = Pick()
    assert isinstance(env.observation_space, spaces.Dict)
    assert isinstance(env.action_space, SelectEntity)
    return env.observation_space, env.action_space


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), order=st.permutations(range(SLOTS)))
def test_the_choice_of_an_entity_follows_the_entities(seed: int, order: list[int]) -> None:
    torch.manual_seed(0)
    policy = EntityPolicy(*_spaces(), lambda _: 1e-3)
    obs, _ = Pick().reset(seed=seed)
    moved = {key: value[order] for key, value in obs.items()}
    with torch.no_grad():
        probs, others = (
            policy.get_distribution(policy.obs_to_tensor(one)[0]).distribution.probs[0]
            for one in (obs, moved)
        )
    torch.testing.assert_close(others, probs[order])
    legal = torch.as_tensor(obs["entity_mask"] & obs["selectable_mask"]).bool()
    assert bool((probs[~legal] == 0).all())
    torch.testing.assert_close(probs[legal].sum(), torch.tensor(1.0))


def test_log_prob_and_entropy_of_a_choice_are_those_of_the_masked_categorical() -> None:
    policy = EntityPolicy(*_spaces(), lambda _: 1e-3)
    obs, _ = Pick().reset(seed=3)
    tensors, _ = policy.obs_to_tensor(obs)
    legal = np.flatnonzero(obs["entity_mask"] & obs["selectable_mask"])
    many = {key: value.expand(len(legal), *value.shape[1:]) for key, value in tensors.items()}  # type: ignore[union-attr]
    with torch.no_grad():
        _, log_prob, entropy = policy.evaluate_actions(many, torch.as_tensor(legal))
    assert entropy is not None
    torch.testing.assert_close(log_prob.exp().sum(), torch.tensor(1.0))
    torch.testing.assert_close(entropy[0], -(log_prob.exp() * log_prob).sum())


def test_a_policy_that_chooses_entities_moves_to_another_number_of_them(tmp_path: Path) -> None:
    a_model(PPO, EntityPolicy, SIZES).save(tmp_path / "six.zip")
    env = Pick(slots=11)
    model: Any = load_resized(tmp_path / "six.zip", env, device="cpu")
    actions, _ = model.predict(draws(env, 50))
    for i, action in enumerate(actions):
        observation = {key: value[i] for key, value in draws(env, 50).items()}
        env.action_space.check_legal(int(action), observation)  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize("plain", [False, True])
def test_ppo_learns_which_entity_to_choose(plain: bool) -> None:
    env = make_vec_env(Pick, n_envs=16, seed=0, env_kwargs={"plain": plain})
    sizes: dict[str, Any] = {"n_steps": 32, "batch_size": 128, "n_epochs": 4, "gamma": 0.0}
    model = PPO(EntityPolicy, env, seed=0, device="cpu", learning_rate=3e-3, **sizes)
    before = np.mean(evaluate_policy(model, env, 200, warn=False, deterministic=False)[0])
    model.learn(15_000)
    after = np.mean(evaluate_policy(model, env, 200, warn=False)[0])
    assert before < 0.6
    assert after > 0.9


def test_a_row_of_zeros_of_a_plain_box_is_an_absent_entity() -> None:
    torch.manual_seed(0)
    plain = EntityPolicy(Pick(plain=True).observation_space, SelectEntity(SLOTS), lambda _: 1e-3)
    keyed = EntityPolicy(*_spaces(), lambda _: 1e-3)
    keyed.load_state_dict(plain.state_dict())
    rows = draws(Pick(plain=True), 30)
    present = (rows != 0).any(-1).astype(np.int8)
    batch = {"entities": rows, "entity_mask": present, "selectable_mask": present}
    np.testing.assert_array_equal(
        plain.predict(rows, deterministic=True)[0], keyed.predict(batch, deterministic=True)[0]
    )


@pytest.mark.parametrize("share", [True, False])
def test_separate_encoders_survive_the_policys_own_save_and_load(
    tmp_path: Path, share: bool
) -> None:
    env = make_vec_env(Pick, n_envs=2, seed=0)
    kwargs = {"share_features_extractor": share}
    model = PPO(EntityPolicy, env, device="cpu", seed=0, policy_kwargs=kwargs, **SIZES)
    model.learn(32)  # actor and critic differ from now on
    model.policy.save(str(tmp_path / "policy.pth"))
    again = EntityPolicy.load(str(tmp_path / "policy.pth"), device="cpu")
    assert (again.pi_features_extractor is again.vf_features_extractor) is share
    tensors, _ = again.obs_to_tensor(draws(Pick(), 20))
    with torch.no_grad():
        for mine, theirs in zip(
            (again.predict_values(tensors), again.get_distribution(tensors).mode()),
            (model.policy.predict_values(tensors), model.policy.get_distribution(tensors).mode()),
            strict=True,
        ):
            assert torch.equal(mine, theirs)


def test_settings_and_masks_that_would_be_ignored_are_refused() -> None:
    space, entity = _spaces()

    def build(observations: spaces.Dict, actions: Any, **kwargs: Any) -> None:
        EntityPolicy(observations, actions, lambda _: 1e-3, **kwargs)

    with pytest.raises(ObservationError, match=r"'selectable_mask' would forbid nothing in Disc"):
        build(space, spaces.Discrete(3))
    with pytest.raises(ActionError, match="holds 6 entities, the action space 7"):
        build(space, SelectEntity(7))
    wrong = spaces.Dict({**space.spaces, "selectable_mask": spaces.MultiBinary(7)})
    with pytest.raises(ObservationError, match=r"'selectable_mask' must have shape \(6,\)"):
        build(wrong, entity)
    with pytest.raises(ValueError, match="selection='pointer' needs a UnitActionSpace"):
        build(space, entity, selection="pointer")
    bare = spaces.Dict({key: space[key] for key in ("entities", "entity_mask")})
    with pytest.raises(ValueError, match="head_kwargs need a UnitActionSpace or SelectEntity"):
        build(bare, spaces.Discrete(3), head_kwargs={"key_width": 3})
    with pytest.raises(ActionError, match="acts in a UnitActionSpace, SelectEntity or one of"):
        build(bare, spaces.Tuple([spaces.Discrete(2)]))
