"""Models are saved and loaded without pickle, and whatever does not fit is named."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.utils import LinearSchedule

from perceiver_rl.sb3 import (
    CheckpointError,
    EntityPolicy,
    MaskableEntityPolicy,
    RecurrentEntityPolicy,
    TorchDictRolloutBuffer,
    describe_checkpoint,
    safe_load,
    safe_save,
)
from perceiver_rl.sb3.archive import read_tensors, tensor_bytes
from perceiver_rl.sb3.safe import DESCRIPTION, OPTIMIZER, POLICY
from perceiver_rl.spaces import ObservationError

SIZES: dict[str, Any] = {"n_steps": 16, "batch_size": 32, "n_epochs": 1, "device": "cpu"}
LEARNERS: list[tuple[Any, Any, dict[str, Any]]] = [
    (PPO, EntityPolicy, {**SIZES, "learning_rate": LinearSchedule(1e-3, 1e-4, 0.5)}),
    (PPO, EntityPolicy, {**SIZES, "rollout_buffer_class": TorchDictRolloutBuffer}),
    (A2C, EntityPolicy, {"device": "cpu", "gamma": 0.9}),
    (A2C, EntityPolicy, {"device": "cpu", "use_rms_prop": False}),
    (MaskablePPO, MaskableEntityPolicy, {**SIZES, "clip_range_vf": 0.3}),
    (RecurrentPPO, RecurrentEntityPolicy, {**SIZES, "target_kl": 0.5}),
]


def learn(model: Any, steps: int) -> Any:
    masked = {"use_masking": False} if isinstance(model, MaskablePPO) else {}
    return model.learn(steps, reset_num_timesteps=False, **masked)


@pytest.fixture
def model(muster: Any) -> Any:
    env = make_vec_env(muster, n_envs=2, seed=0)
    return PPO(EntityPolicy, env, seed=0, **SIZES).learn(32)


@pytest.fixture
def path(model: Any, tmp_path: Path) -> Path:
    safe_save(model, tmp_path / "model.zip", about={"note": "hand-made"})
    return tmp_path / "model.zip"


def assert_same_weights(found: Any, expected: Any) -> None:
    for name, tensor in expected.policy.state_dict().items():
        torch.testing.assert_close(found.policy.state_dict()[name], tensor, rtol=0, atol=0)


def rewrite(path: Path, edit: Callable[[str, bytes], bytes | None]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: edit(name, archive.read(name)) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            if content is not None:
                archive.writestr(name, content)


def describe_anew(path: Path, change: Callable[[Any], object]) -> None:
    def edit(name: str, content: bytes) -> bytes:
        if name != DESCRIPTION:
            return content
        description = json.loads(content)
        change(description)
        return json.dumps(description).encode()

    rewrite(path, edit)


@pytest.mark.parametrize(("algorithm", "policy", "kwargs"), LEARNERS)
@pytest.mark.parametrize("share", [True, False])
def test_a_model_comes_back_whole_and_learns_on_alike(
    muster: Any, tmp_path: Path, algorithm: Any, policy: Any, kwargs: dict[str, Any], share: bool
) -> None:
    made = make_vec_env(muster, n_envs=2, seed=0)
    arguments = {"share_features_extractor": share, "encoder_kwargs": {}, "encoder": "mlp"}
    model = learn(algorithm(policy, made, policy_kwargs=arguments, seed=3, **kwargs), 32)
    safe_save(model, tmp_path / "model.zip")
    again = safe_load(tmp_path / "model.zip", make_vec_env(muster, n_envs=2, seed=7), device="cpu")
    assert type(again) is algorithm
    assert type(again.policy) is policy
    assert again.observation_space == model.observation_space
    assert (again.num_timesteps, again.seed, again.gamma) == (model.num_timesteps, 3, model.gamma)
    assert again.rollout_buffer_class is model.rollout_buffer_class if algorithm is PPO else True
    for progress in (1.0, 0.3):
        assert again.lr_schedule(progress) == model.lr_schedule(progress)
    # The same games and the same random numbers from here on.
    for one in (model, again):
        one.env.seed(11)
        one._last_obs = None
        torch.manual_seed(5)
        np.random.seed(5)  # noqa: NPY002 - stable-baselines3 draws minibatches with it
        if algorithm is RecurrentPPO:
            one._last_lstm_states = type(one._last_lstm_states)(
                *((torch.zeros_like(a), torch.zeros_like(b)) for a, b in one._last_lstm_states)
            )
        learn(one, 32)
    assert_same_weights(again, model)


def test_it_plays_without_an_environment_and_with_another_number_of_entities(
    muster: Any, model: Any, path: Path
) -> None:
    observation = model.env.reset()
    expected, _ = model.predict(observation, deterministic=True)
    np.testing.assert_array_equal(
        safe_load(path).predict(observation, deterministic=True)[0], expected
    )
    larger = make_vec_env(muster, n_envs=3, seed=0, env_kwargs={"max_entities": 9})
    actions, _ = safe_load(path, larger).learn(32).predict(larger.reset())
    assert actions.shape == (3, 3 + 9)


def test_what_stable_baselines_pickled_is_never_read(path: Path, model: Any) -> None:
    ours = (DESCRIPTION, POLICY, OPTIMIZER)
    rewrite(path, lambda name, content: content if name in ours else b"no pickle")
    assert describe_checkpoint(path)["about"] == {"note": "hand-made"}
    assert_same_weights(safe_load(path), model)


def test_stable_baselines_opens_the_file_as_its_own(path: Path, model: Any) -> None:
    assert_same_weights(PPO.load(path), model)


def test_a_cut_file_and_a_changed_byte_are_refused(path: Path) -> None:
    whole = path.read_bytes()
    for content in (whole[:-100], whole[: len(whole) // 2], b"", b"PK\x03\x04 nothing"):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="no whole zip file"):
            safe_load(path)
    at = whole.index(b"policy.safetensors") + 5000
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    with pytest.raises(CheckpointError, match=r"no whole zip file .*policy\.safetensors"):
        safe_load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no checkpoint .*absent\.zip"):
        safe_load(tmp_path / "absent.zip")
    with pytest.raises(CheckpointError, match="is a folder"):
        safe_load(tmp_path)


@pytest.mark.parametrize(("member", "word"), [(POLICY, "tensor '"), (OPTIMIZER, "lacks tensor '")])
def test_a_missing_tensor_is_named(path: Path, member: str, word: str) -> None:
    name = sorted(read_tensors(path, member))[3]
    tensors = {key: value for key, value in read_tensors(path, member).items() if key != name}
    rewrite(path, lambda at, content: tensor_bytes(tensors) if at == member else content)
    with pytest.raises(CheckpointError, match=word + name):
        safe_load(path)


@pytest.mark.parametrize("member", [POLICY, OPTIMIZER])
@pytest.mark.parametrize("shape", [(3,), (7, 7, 7)])
def test_a_tensor_of_another_shape_is_named(path: Path, member: str, shape: Any) -> None:
    tensors = read_tensors(path, member)
    name = next(key for key in sorted(tensors) if tensors[key].dim() == 2)
    tensors[name] = torch.zeros(shape)
    rewrite(path, lambda at, content: tensor_bytes(tensors) if at == member else content)
    with pytest.raises(CheckpointError, match=f"tensor '{name}'"):
        safe_load(path)


def test_a_tensor_of_another_type_is_named(path: Path) -> None:
    tensors = read_tensors(path, POLICY)
    name = next(iter(tensors))
    tensors[name] = tensors[name].double()
    rewrite(path, lambda at, content: tensor_bytes(tensors) if at == POLICY else content)
    with pytest.raises(CheckpointError, match=f"'{name}' of torch.float32, found torch.float64"):
        safe_load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(format=2), "newer perceiver-rl"),
        (lambda d: d.update(format="new"), "format is 'new'"),
        (lambda d: d.update(algorithm="PPOO"), "unknown algorithm 'PPOO'.*did you mean 'PPO'"),
        (lambda d: d["hyperparameters"].update(gama=1), "unknown argument of PPO 'gama'"),
        (lambda d: d["hyperparameters"].update(gamma={"eval": 1}), "unknown kind of value 'eval'"),
        (lambda d: d["hyperparameters"].update(policy="os.system"), "argument of PPO 'policy'"),
        (lambda d: d["policy_kwargs"].update(optimizer_class="os"), "no optimizer 'os'"),
        (lambda d: d["policy_kwargs"].update(colour=1), "colour"),
        (lambda d: d.update(rollout_buffer="Other"), "unknown rollout buffer 'Other'"),
        (lambda d: d.pop("observation_space"), "cannot read the spaces"),
        (lambda d: d["action_space"].update(kind="Lambda"), "cannot read the spaces"),
        (lambda d: d.pop("seed"), "incomplete or changed: KeyError 'seed'"),
        (lambda d: d.pop("optimizer"), "cannot read the optimizer's state"),
        (lambda d: d["optimizer"]["groups"][0].pop("lr"), "another optimizer"),
        (lambda d: d["counters"].pop("_n_updates"), "_n_updates"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(
    path: Path, change: Callable[[Any], object], message: str
) -> None:
    describe_anew(path, change)
    with pytest.raises(CheckpointError, match=message):
        safe_load(path)


def test_an_environment_with_other_columns_is_refused(muster: Any, path: Path) -> None:
    other = muster()
    del other.observation_space.spaces["scalars"]
    with pytest.raises(ObservationError, match="trained with the keys"):
        safe_load(path, other)


def test_what_needs_pickle_is_refused_when_saving(muster: Any, tmp_path: Path) -> None:
    env = make_vec_env(muster, n_envs=2)
    own = PPO(EntityPolicy, env, learning_rate=lambda left: left, **SIZES)
    with pytest.raises(CheckpointError, match="cannot save learning_rate=.*LinearSchedule"):
        safe_save(own, tmp_path / "model.zip")

    class Mine(EntityPolicy):
        pass

    with pytest.raises(CheckpointError, match="saved with the policy EntityPolicy, not with Mine"):
        safe_save(PPO(Mine, env, **SIZES), tmp_path / "model.zip")
    foreign = DQN("MlpPolicy", "CartPole-v1", device="cpu")
    with pytest.raises(CheckpointError, match="unknown algorithm 'DQN'"):
        safe_save(foreign, tmp_path / "model.zip")
    assert list(tmp_path.iterdir()) == []
