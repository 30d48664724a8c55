"""Writes the small reference outputs of transformers' Perceivers that the tests compare with.

python scripts/make_reference.py          # needs the extra "bench"

Each file of tests/models/reference holds the outputs of one small model of transformers, and in its
metadata the configuration and the shapes of weights and inputs, whose values follow from their
names. So the files are small, and the tests compare without transformers.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from perceiver_rl.models.inputs import neighbourhoods

FOLDER = Path(__file__).parent.parent / "tests" / "models" / "reference"
SMALL: dict[str, Any] = {
    **{"num_latents": 5, "d_latents": 16, "num_blocks": 2, "num_self_attends_per_block": 2},
    **{"num_self_attention_heads": 4, "num_cross_attention_heads": 2},
    "attention_probs_dropout_prob": 0.0,
}
TEXT = {"max_position_embeddings": 12, "d_model": 24}
ONE_HEAD = {"num_cross_attention_heads": 1}
Inputs = dict[str, Tensor]


def values(name: str, shape: Sequence[int]) -> Tensor:
    """Return the values of a weight or an input of a name: uniform, of a layer's usual size."""
    if name.endswith("num_batches_tracked"):
        return torch.zeros((), dtype=torch.long)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    uniform = torch.from_numpy(2 * rng.random(tuple(shape), dtype=np.float32) - 1)
    if len(shape) > 1:
        return uniform * math.sqrt(3 / math.prod(shape[1:]))
    is_gain = name.endswith("running_var") or ("norm" in name and name.endswith("weight"))
    return 0.2 * uniform + (1.0 if is_gain else 0.0)


def sample(name: str, shape: Sequence[int]) -> Tensor:
    """Return an input of a name; the second of two texts ends in padding."""
    if name == "tokens":
        return (261 * (values(name, shape) + 1) / 2).long().clamp(0, 261)
    if name == "mask":
        mask = torch.ones(*shape, dtype=torch.bool)
        mask[1, 7:] = False
        return mask
    return values(name, shape) * math.sqrt(math.prod(shape[1:]))


def tokens(_: Any) -> Inputs:
    """Two texts, one of them padded."""
    return {"tokens": sample("tokens", (2, 12)), "mask": sample("mask", (2, 12))}


def image(size: int) -> Callable[[Any], Inputs]:
    """An image."""
    return lambda _: {"images": sample("images", (1, 3, size, size))}


def frames(config: Any) -> Inputs:
    """Two frames."""
    return {"frames": sample("frames", (1, 2, 3, *config.train_size))}


def video(config: Any) -> Inputs:
    """A video with sound."""
    samples = config.num_frames * config.audio_samples_per_frame
    size = (1, config.num_frames, 3, config.image_size, config.image_size)
    return {"image": sample("image", size), "audio": sample("audio", (1, samples))}


def asked(name: str, inputs: Inputs, config: Any) -> dict[str, Any]:
    """Return the arguments that transformers' model takes."""
    if "tokens" in inputs:
        return {"inputs": inputs["tokens"], "attention_mask": inputs["mask"].long()}
    if "images" in inputs:
        return {"inputs": inputs["images"]}
    if "frames" in inputs:  # transformers takes the pixels' neighbourhoods
        pair = inputs["frames"].unbind(1)
        patches = [neighbourhoods(frame).permute(0, 3, 1, 2) for frame in pair]
        return {"inputs": torch.stack(patches, dim=1)}
    given = {"image": inputs["image"], "audio": inputs["audio"][..., None]}
    given["label"] = torch.zeros(1, config.num_labels)
    return {"inputs": given, "subsampled_output_points": {**some_points(), "label": None}}


def some_points() -> dict[str, Tensor]:
    """Return which pixels and patches of sound the autoencoder is asked for."""
    return {"image": torch.arange(0, 128, 3), "audio": torch.arange(0, 8, 3)}


CASES: dict[str, tuple[str, dict[str, Any], Callable[[Any], Inputs]]] = {
    "language": ("PerceiverForMaskedLM", {**TEXT, "qk_channels": 8, "v_channels": 16}, tokens),
    "language-tanh": ("PerceiverForMaskedLM", {**TEXT, "hidden_act": "gelu_new"}, tokens),
    "language-wide": (
        "PerceiverForMaskedLM",
        {
            **TEXT,
            "cross_attention_shape_for_attention": "q",
            "self_attention_widening_factor": 3,
            "cross_attention_widening_factor": 2,
            "use_query_residual": False,
        },
        tokens,
    ),
    "text-classifier": ("PerceiverForSequenceClassification", {**TEXT, "num_labels": 3}, tokens),
    "image-learned": (
        "PerceiverForImageClassificationLearned",
        {**ONE_HEAD, "image_size": 8, "num_labels": 3},
        image(8),
    ),
    "image-fourier": (
        "PerceiverForImageClassificationFourier",
        {**ONE_HEAD, "num_labels": 3},
        image(224),
    ),
    "image-conv": (
        "PerceiverForImageClassificationConvProcessing",
        {**ONE_HEAD, "num_labels": 3},
        image(224),
    ),
    "flow": ("PerceiverForOpticalFlow", {**ONE_HEAD, "train_size": [6, 8]}, frames),
    "multimodal": (
        "PerceiverForMultimodalAutoencoding",
        {
            **ONE_HEAD,
            **{"num_frames": 2, "image_size": 8, "output_shape": [1, 2, 8, 8]},
            **{"audio_samples_per_frame": 16, "samples_per_patch": 4, "num_labels": 5},
            **{"output_num_channels": 12, "_label_trainable_num_channels": 20},
        },
        video,
    ),
}


def run(name: str) -> tuple[dict[str, Any], dict[str, Tensor], Inputs, dict[str, Tensor]]:
    """Return configuration, weights, inputs and outputs of one small model of transformers."""
    import transformers

    kind, changes, make_inputs = CASES[name]
    config = transformers.PerceiverConfig(**{**SMALL, **changes})
    model = getattr(transformers, kind)(config).eval()
    weights = {key: values(key, x.shape) for key, x in model.state_dict().items()}
    model.load_state_dict(weights)
    inputs = make_inputs(config)
    with torch.no_grad():
        logits = model(**asked(name, inputs, config)).logits
    outputs = logits if isinstance(logits, Mapping) else {"logits": logits}
    return {"architectures": [kind], **SMALL, **changes}, weights, inputs, dict(outputs)


def main() -> None:
    """Write all files."""
    import transformers

    FOLDER.mkdir(exist_ok=True)
    for name in CASES:
        config, weights, inputs, outputs = run(name)
        about = {
            "config": json.dumps(config),
            "weights": json.dumps({key: list(x.shape) for key, x in weights.items()}),
            "inputs": json.dumps({key: list(x.shape) for key, x in inputs.items()}),
            "transformers": transformers.__version__,
        }
        path = FOLDER / f"{name}.safetensors"
        save_file({key: x.contiguous() for key, x in outputs.items()}, path, about)
        spread = {key: round(float(x.std()), 3) for key, x in outputs.items()}
        print(f"{path.name}: {path.stat().st_size} bytes, standard deviations {spread}")


if __name__ == "__main__":
    main()
