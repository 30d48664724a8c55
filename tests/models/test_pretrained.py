"""Checkpoints of transformers by folder or by name; a folder stands in for the Hub."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from perceiver_rl.models import ImageClassifier, WeightsError, from_pretrained
from perceiver_rl.models.pretrained import model_of

CONFIG: dict[str, Any] = {
    "architectures": ["PerceiverForMaskedLM"],
    **{"num_latents": 3, "d_latents": 16, "num_self_attends_per_block": 1, "d_model": 8},
    **{"max_position_embeddings": 6, "qk_channels": 8, "v_channels": 16},
}


def write(folder: Path, weights: str = "model.safetensors") -> Path:
    """A checkpoint with this project's names, which load as well."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    state = model_of(CONFIG).state_dict()
    if weights.endswith(".bin"):
        torch.save(state, folder / weights)
    else:
        save_file(state, folder / weights)
    return folder


@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
def test_a_folder_is_read(weights: str, tmp_path: Path) -> None:
    model = from_pretrained(write(tmp_path, weights))
    assert not model.training
    assert model(torch.zeros(1, 6, dtype=torch.long)).shape == (1, 6, 262)


def test_a_repository_is_downloaded_by_one_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "deepmind" / "language-perceiver")
    asked: list[tuple[str, str | None]] = []

    class HfApi:
        def list_repo_files(self, repo_id: str, *, revision: str | None) -> list[str]:
            return [path.name for path in (tmp_path / repo_id).iterdir()]

    def hf_hub_download(repo_id: str, filename: str, *, revision: str | None) -> str:
        asked.append((filename, revision))
        return str(tmp_path / repo_id / filename)

    hub: Any = types.ModuleType("huggingface_hub")
    hub.HfApi, hub.hf_hub_download = HfApi, hf_hub_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    model = from_pretrained("deepmind/language-perceiver", revision="main")
    assert model(torch.zeros(1, 2, dtype=torch.long)).shape == (1, 2, 262)
    assert asked == [("config.json", "main"), ("model.safetensors", "main")]


def test_without_the_hubs_client_the_message_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"pip install 'perceiver-rl\[hub\]'"):
        from_pretrained("deepmind/language-perceiver")


def test_the_published_classes_are_counted_from_their_labels() -> None:
    labels = {str(i): f"LABEL_{i}" for i in range(7)}
    config = {**CONFIG, "id2label": labels, "num_cross_attention_heads": 1}
    config = {**config, "qk_channels": None, "v_channels": None}
    with torch.device("meta"):
        model = model_of({**config, "architectures": ["PerceiverForImageClassificationFourier"]})
    assert isinstance(model, ImageClassifier)
    assert model.config.num_classes == 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architectures": ["BertModel"]}, "config.json says 'BertModel', expected one of"),
        ({"architectures": None}, "config.json says '[?]'"),
        ({"hidden_act": "swish"}, "unknown hidden_act 'swish'"),
        ({"num_latents": "many"}, "config.json has a setting of a wrong kind"),
        ({"num_latents": 4}, r"'perceiver.encoder.latents' is \[3, 16\] in .* and \[4, 16\] in"),
    ],
)
def test_a_configuration_of_another_kind_is_refused(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    write(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, **changes}))
    with pytest.raises(WeightsError, match=message):
        from_pretrained(tmp_path)


def test_folders_without_weights_and_broken_configurations_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds none of"):
        from_pretrained(tmp_path)
    write(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsError, match="config.json is no JSON"):
        from_pretrained(tmp_path)
