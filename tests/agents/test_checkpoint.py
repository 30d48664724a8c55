"""Checkpoints: whole or absent, readable without pickle, and clear about what does not fit."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from perceiver_rl.agents import checkpoint
from perceiver_rl.agents.config import EnvConfig, PolicyConfig, TrainConfig
from perceiver_rl.agents.errors import CheckpointError
from perceiver_rl.agents.models import (
    build_model,
    build_policy,
    load_policy,
    make_training_env,
)
from perceiver_rl.agents.space_parts import describe_spaces
from perceiver_rl.sb3 import safe_load
from perceiver_rl.sb3.archive import tensor_bytes
from perceiver_rl.sb3.safe import DESCRIPTION, OPTIMIZER, POLICY, distinct_tensors
from perceiver_rl.spaces import (
    ActionType,
    Column,
    EntitySpace,
    UnitActionSpace,
    observation_space,
)

Edit = Callable[[str, bytes], "bytes | None"]


@pytest.fixture
def model(tiny: TrainConfig) -> PPO:
    return build_model(tiny, make_training_env(tiny.env, tiny.seed))


@pytest.fixture
def path(tmp_path: Path, model: PPO, tiny: TrainConfig) -> Path:
    model.num_timesteps = 4711
    file = tmp_path / "checkpoint.zip"
    checkpoint.save(model, file, tiny)
    return file


def rewrite(path: Path, edit: Edit) -> None:
    """Change members of a zip file; None takes a member out."""
    with zipfile.ZipFile(path) as archive:
        members = {name: edit(name, archive.read(name)) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            if content is not None:
                archive.writestr(name, content)


def changed(name: str, **values: Any) -> Edit:
    def edit(member: str, content: bytes) -> bytes:
        if member != DESCRIPTION:
            return content
        description = json.loads(content)
        part = description["about"] if name in description["about"] else description
        part[name] = {**part[name], **values}
        return json.dumps(description).encode()

    return edit


def spaces_of(env: EnvConfig) -> tuple[Any, Any]:
    made = make_training_env(env, 0)
    return made.observation_space, made.action_space


def test_a_checkpoint_says_what_it_is(path: Path, tiny: TrainConfig) -> None:
    description = checkpoint.describe(path)
    assert description.settings == tiny
    assert description.num_timesteps == 4711
    assert description.backend == "proxy"
    assert description.versions["torch"] == str(torch.__version__)
    assert "health" in " ".join(description.spaces.values())


def test_weights_optimizer_and_count_come_back(path: Path, model: PPO, tiny: TrainConfig) -> None:
    other = build_model(replace(tiny, seed=9), make_training_env(tiny.env, 9))
    checkpoint.restore(other, path)
    assert other.num_timesteps == 4711
    for name, tensor in model.policy.state_dict().items():
        torch.testing.assert_close(other.policy.state_dict()[name], tensor, rtol=0, atol=0)


def test_the_optimizer_goes_on_where_it_was(run: Any, tiny: TrainConfig) -> None:
    folder = run().folder
    model = build_model(tiny, make_training_env(tiny.env, tiny.seed))
    checkpoint.restore(model, folder / "checkpoint.zip")
    steps = {float(state["step"]) for state in model.policy.optimizer.state.values()}
    assert steps == {4.0}  # two updates of 64 samples in minibatches of 32


def test_a_loaded_policy_plays_as_the_saved_one(path: Path, model: PPO) -> None:
    assert model.env is not None
    observation: Any = model.env.reset()
    description = checkpoint.describe(path)
    policy = load_policy(path, description, model.observation_space, model.action_space)
    expected, _ = model.predict(observation, deterministic=True)
    actions, _ = policy.predict(observation, deterministic=True)
    np.testing.assert_array_equal(actions, expected)


@pytest.mark.parametrize("load", [PPO.load, safe_load])
def test_it_opens_as_an_ordinary_algorithm(
    path: Path, model: PPO, load: Callable[[Path], PPO]
) -> None:
    loaded = load(path)
    assert loaded.num_timesteps == 4711
    for name, tensor in model.policy.state_dict().items():
        torch.testing.assert_close(loaded.policy.state_dict()[name], tensor, rtol=0, atol=0)


def test_a_failure_in_the_middle_leaves_the_old_checkpoint(
    path: Path, model: PPO, tiny: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def full(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
        assert archive.fp is not None
        archive.fp.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(OSError, match="no space left"):
        checkpoint.save(model, path, tiny)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


class Trap:
    """Pickled code that runs where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (_spring, ())


sprung: list[str] = []


def _spring() -> dict[str, Any]:
    sprung.append("code from the file has run")
    return {}


@pytest.mark.parametrize("member", [DESCRIPTION, POLICY, OPTIMIZER])
def test_code_in_a_checkpoint_never_runs(path: Path, model: PPO, member: str) -> None:
    trap = pickle.dumps(Trap())
    assert pickle.loads(trap) == {}  # it does run where pickle is trusted
    sprung.clear()
    rewrite(path, lambda name, content: trap if name == member else content)
    with pytest.raises(CheckpointError, match=member):
        checkpoint.restore(model, path)
    assert sprung == []


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*absent\.zip"):
        checkpoint.describe(tmp_path / "absent.zip")


def test_a_folder_a_text_and_a_foreign_model_are_no_checkpoints(tmp_path: Path, path: Path) -> None:
    with pytest.raises(CheckpointError, match="is a folder"):
        checkpoint.describe(tmp_path)
    text = tmp_path / "notes.zip"
    text.write_text("not a zip file")
    with pytest.raises(CheckpointError, match="no whole zip file"):
        checkpoint.describe(text)
    rewrite(path, lambda name, content: None if name == DESCRIPTION else content)
    with pytest.raises(CheckpointError, match=r"it has no perceiver_rl\.json"):
        checkpoint.describe(path)


def test_a_checkpoint_that_was_cut_off_or_changed_is_refused(path: Path, model: PPO) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="no whole zip file"):
        checkpoint.describe(path)
    at = whole.index(b"perceiver_rl.json") + 200
    path.write_bytes(whole[:at] + b"#" + whole[at + 1 :])
    with pytest.raises(CheckpointError, match="no whole zip file"):
        checkpoint.describe(path)


def test_missing_or_damaged_tensors_are_named(path: Path, model: PPO) -> None:
    rewrite(path, lambda name, content: content[:100] if name == POLICY else content)
    with pytest.raises(CheckpointError, match=r"policy\.safetensors is damaged"):
        checkpoint.load_weights(model.policy, path)
    rewrite(path, lambda name, content: None if name == POLICY else content)
    with pytest.raises(CheckpointError, match=r"it has no policy\.safetensors"):
        checkpoint.load_weights(model.policy, path)


def test_a_file_of_a_newer_version_or_with_unknown_settings_is_refused(path: Path) -> None:
    def newer(name: str, content: bytes) -> bytes:
        return content.replace(b'"format": 1', b'"format": 2')

    rewrite(path, changed("config", colour="blue"))
    with pytest.raises(CheckpointError, match="unknown key 'colour'"):
        checkpoint.describe(path)
    rewrite(path, newer)
    with pytest.raises(CheckpointError, match="written by a newer perceiver-rl"):
        checkpoint.describe(path)


def test_another_encoder_is_named_as_expected_and_found(path: Path, tiny: TrainConfig) -> None:
    wanted = replace(tiny, policy=PolicyConfig(encoder="transformer"))
    with pytest.raises(CheckpointError, match="expected encoder 'transformer', found 'perceiver'"):
        checkpoint.check_policy(checkpoint.describe(path), wanted, path)


@pytest.mark.parametrize(
    "policy",
    [
        PolicyConfig(encoder="transformer"),
        PolicyConfig(selection="pointer"),
        PolicyConfig(encoder_kwargs={"num_latents": 3}),
    ],
)
def test_weights_of_another_architecture_name_the_first_tensor_that_differs(
    path: Path, tiny: TrainConfig, policy: PolicyConfig
) -> None:
    other = build_model(replace(tiny, policy=policy), make_training_env(tiny.env, 0))
    before = {name: tensor.clone() for name, tensor in other.policy.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"another architecture: (expected|found) tensor '"):
        checkpoint.load_weights(other.policy, path)
    for name, tensor in other.policy.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def test_other_spaces_are_refused_with_the_part_that_differs(path: Path) -> None:
    observation, action = spaces_of(EnvConfig(num_envs=1))
    rewrite(
        path,
        lambda name, content: (
            content.replace(b'"health"', b'"mana"') if name == DESCRIPTION else content
        ),
    )
    with pytest.raises(CheckpointError, match=r"entities column \d+ is mana .* in the checkpoint"):
        load_policy(path, checkpoint.describe(path), observation, action)


def toy_spaces(entities: int, types: tuple[str, ...] = ("no_op", "stop")) -> tuple[Any, Any]:
    columns = [Column("x", low=0, high=9, unit="cell"), Column("kind", "category", size=3)]
    actions = UnitActionSpace([ActionType(types[0]), ActionType(types[1], selects=True)], entities)
    return observation_space(EntitySpace(columns, entities), actions), actions


def test_a_policy_plays_with_other_numbers_of_entities(path: Path) -> None:
    description = replace(checkpoint.describe(path), spaces=describe_spaces(*toy_spaces(3)))
    small = build_policy(description.settings.policy, *toy_spaces(3))
    rewrite(
        path,
        lambda name, content: tensor_bytes(distinct_tensors(small)) if name == POLICY else content,
    )
    observations, actions = toy_spaces(8)
    policy = load_policy(path, description, observations, actions)
    chosen, _ = policy.predict(observations.sample())
    assert chosen.shape == (3 + 8,)


def test_the_number_of_entities_is_no_part_of_the_spaces_but_an_action_is() -> None:
    assert describe_spaces(*toy_spaces(3)) == describe_spaces(*toy_spaces(8))
    other = describe_spaces(*toy_spaces(3, ("no_op", "hold")))
    assert other["action type 1"] == "hold (selects units, target none)"
    assert other != describe_spaces(*toy_spaces(3))
    assert other["entities column 0"] == "x (scalar from 0 to 9 cell)"
    assert other["entities column 1"] == "kind (category of 3)"
