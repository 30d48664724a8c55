"""Sharing models, with a folder in the place of the hub."""

from __future__ import annotations

import shutil
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

from perceiver_rl.sb3 import CheckpointError, EntityPolicy, load_from_hub, push_to_hub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for the hub's client: repositories are folders; its arguments are the real ones."""

    class HfApi:
        def __init__(self, token: str | None = None) -> None:
            self.token = token

        def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> None:
            (tmp_path / repo_id).mkdir(parents=True, exist_ok=exist_ok)

        def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> str:
            shutil.copytree(folder_path, tmp_path / repo_id, dirs_exist_ok=True)
            return f"hub/{repo_id}: {commit_message}"

        def list_repo_files(self, repo_id: str, *, revision: str | None) -> list[str]:
            return [path.name for path in (tmp_path / repo_id).iterdir()]

    class EnvironmentName(str):
        def __new__(cls, gym_id: str) -> EnvironmentName:
            return super().__new__(cls, gym_id.replace("/", "-"))

    class ModelName(str):
        def __new__(cls, algo_name: str, environment_name: str) -> ModelName:
            return super().__new__(cls, f"{algo_name}-{environment_name}")

        @property
        def filename(self) -> str:
            return f"{self}.zip"

    def hf_hub_download(*, repo_id: str, filename: str, revision: str | None) -> str:
        return str(tmp_path / repo_id / filename)

    module: Any = types.ModuleType("huggingface_hub")
    module.HfApi, module.hf_hub_download = HfApi, hf_hub_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    names: Any = types.ModuleType("huggingface_sb3")
    names.ModelName, names.EnvironmentName = ModelName, EnvironmentName
    monkeypatch.setitem(sys.modules, "huggingface_sb3", names)
    return tmp_path


@pytest.fixture
def model(muster: Any) -> Any:
    env = make_vec_env(muster, n_envs=2, seed=0)
    return PPO(EntityPolicy, env, n_steps=16, batch_size=32, n_epochs=1, device="cpu").learn(32)


def test_a_shared_model_comes_back_and_its_card_says_what_it_is(hub: Path, model: Any) -> None:
    where = push_to_hub(model, "me/muster", "own/Muster-v0")
    assert where == "hub/me/muster: Upload PPO for own/Muster-v0"
    files = {path.name for path in (hub / "me" / "muster").iterdir()}
    assert files == {"ppo-own-Muster-v0.zip", "README.md"}
    card = (hub / "me" / "muster" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: perceiver-rl")
    assert "# PPO on own/Muster-v0" in card
    assert "after 32 environment steps" in card
    assert 'load_from_hub("me/muster")' in card
    again = load_from_hub("me/muster", device="cpu")
    observation = model.env.reset()
    np.testing.assert_array_equal(
        again.predict(observation, deterministic=True)[0],
        model.predict(observation, deterministic=True)[0],
    )


def test_a_foreign_file_is_refused(hub: Path) -> None:
    (hub / "you").mkdir()
    (hub / "you" / "model.zip").write_bytes(b"pickle")
    with pytest.raises(CheckpointError, match="no whole zip file"):
        load_from_hub("you")
    (hub / "you" / "other.zip").write_bytes(b"pickle")
    with pytest.raises(CheckpointError, match="expected one zip file or a filename"):
        load_from_hub("you")
    with pytest.raises(CheckpointError, match=r"other\.zip is not a checkpoint"):
        load_from_hub("you", "other.zip")


def test_without_the_extra_its_name_is_told(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"perceiver-rl\[hub\]"):
        load_from_hub("me/muster")
