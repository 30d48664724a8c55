"""Exactly what transformers computes, with the same random weights.

The outputs of transformers are stored, made by ``scripts/make_reference.py``; where transformers is
installed they are computed anew as well, so that the stored ones cannot grow stale.
"""

from __future__ import annotations

import importlib.util
import json
import os
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from perceiver_rl.models import MultimodalAutoencoder, from_pretrained
from perceiver_rl.models.pretrained import LABEL_TASK

ROOT = Path(__file__).parents[2]
REFERENCE = Path(__file__).parent / "reference"


def load_script() -> Any:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "scripts/make_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make = load_script()
CASES: list[str] = list(make.CASES)


def stored(name: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Tensor]]:
    """What a model of transformers was made of, its configuration, and its outputs."""
    path = REFERENCE / f"{name}.safetensors"
    with safe_open(path, "pt") as file:
        about = {key: json.loads(text) for key, text in file.metadata().items() if text[0] == "{"}
    return about, about["config"], load_file(path)


def same_model(folder: Path, config: dict[str, Any], weights: dict[str, Tensor]) -> nn.Module:
    """Read a checkpoint as transformers would have written it."""
    (folder / "config.json").write_text(json.dumps(config))
    save_file(weights, folder / "model.safetensors")
    return from_pretrained(folder)


@torch.no_grad()
def answers(model: nn.Module, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """The outputs in transformers' shapes and units."""
    if isinstance(model, MultimodalAutoencoder):
        out = model(**inputs, index={**make.some_points(), "label": None})
        return {**out, "audio": out["audio"].flatten(1)}
    out = model(**inputs)
    if isinstance(out, dict):
        return {"logits": out[LABEL_TASK]}
    return {"logits": out / 20 if "frames" in inputs else out}


def compare(ours: dict[str, Tensor], theirs: dict[str, Tensor], mask: Tensor | None) -> None:
    assert sorted(ours) == sorted(theirs)
    for key, expected in theirs.items():
        found = ours[key]
        if mask is not None and expected.ndim == 3:
            # transformers answers queries of padding, which the reference and this model do not.
            found, expected = found[mask], expected[mask]
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_outputs_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    about, config, expected = stored(name)
    weights = {key: make.values(key, shape) for key, shape in about["weights"].items()}
    inputs = {key: make.sample(key, shape) for key, shape in about["inputs"].items()}
    ours = answers(same_model(tmp_path, config, weights), inputs)
    compare(ours, expected, inputs.get("mask"))


@pytest.mark.parametrize("name", CASES)
def test_stored_outputs_are_what_transformers_computes_today(name: str) -> None:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("transformers")
        _, _, _, computed = make.run(name)
    _, _, expected = stored(name)
    compare(computed, expected, None)


def test_the_two_forms_of_the_activation_differ(tmp_path: Path) -> None:
    about, config, exact = stored("language")
    weights = {key: make.values(key, shape) for key, shape in about["weights"].items()}
    inputs = {key: make.sample(key, shape) for key, shape in about["inputs"].items()}
    same_model(tmp_path, config, weights)
    tanh = answers(from_pretrained(tmp_path, activation="gelu_tanh"), inputs)
    difference = (tanh["logits"] - exact["logits"])[inputs["mask"]].abs().max()
    assert 1e-5 < float(difference) < 1e-2
