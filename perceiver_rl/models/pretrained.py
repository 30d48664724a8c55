"""Models of transformers' checkpoints: their configuration, their weights, the Hub."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from perceiver_rl.models.classifiers import ImageClassifier, ImageClassifierConfig
from perceiver_rl.models.flow import FlowConfig, OpticalFlow
from perceiver_rl.models.inputs import ImageInputConfig
from perceiver_rl.models.language import (
    LanguageConfig,
    MaskedLanguageModel,
    TextClassifier,
    TextClassifierConfig,
)
from perceiver_rl.models.multimodal import AutoencoderConfig, MultimodalAutoencoder
from perceiver_rl.models.weights import WeightsError, load_weights, read_weights
from perceiver_rl.nn import Activation, PerceiverConfig

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_ACTIVATIONS: dict[str, Activation] = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
}
# What transformers' PerceiverConfig leaves out of config.json.
_DEFAULTS: dict[str, Any] = {
    **{"num_latents": 256, "d_latents": 1280, "d_model": 768, "num_blocks": 1},
    **{"num_self_attends_per_block": 26, "num_self_attention_heads": 8},
    **{"num_cross_attention_heads": 8, "qk_channels": None, "v_channels": None},
    **{"cross_attention_shape_for_attention": "kv", "use_query_residual": True},
    **{"self_attention_widening_factor": 1, "cross_attention_widening_factor": 1},
    **{"hidden_act": "gelu", "attention_probs_dropout_prob": 0.1, "vocab_size": 262},
    **{"max_position_embeddings": 2048, "image_size": 56, "train_size": [368, 496]},
    **{"num_frames": 16, "audio_samples_per_frame": 1920, "samples_per_patch": 16},
    **{"output_shape": [1, 16, 224, 224], "output_num_channels": 512, "num_labels": 2},
    "_label_trainable_num_channels": 1024,
}
LABEL_TASK = "label"
"""Name of the only task of a text classifier of transformers."""


def from_pretrained(
    name: str | Path, *, revision: str | None = None, activation: Activation | None = None
) -> nn.Module:
    """Return a model of a transformers checkpoint, for instance ``deepmind/language-perceiver``.

    transformers itself is not needed, and nothing of the files is executed.

    Args:
        name: A folder with ``config.json`` and weights, or a repository of the Hugging Face Hub.
        revision: A branch, tag or commit of the repository; None takes the latest.
        activation: Nonlinearity; None: what ``config.json`` says, the exact GELU for the published
            checkpoints. DeepMind trained them with ``gelu_tanh``.

    Returns:
        The model, in evaluation mode.

    Raises:
        WeightsError: If the configuration is of another kind, or the weights do not fit it.
        ImportError: If a repository is asked for and the extra ``hub`` is not installed.
        OSError: If a file cannot be read or downloaded.
    """
    config_file, weights_file = _local(Path(name)) or _download(str(name), revision)
    try:
        config = json.loads(config_file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WeightsError(f"{config_file} is no JSON: {error}") from error
    model = model_of(config, activation)
    state = read_weights(weights_file)
    if isinstance(model, TextClassifier):  # its last layer is the task's head
        state = {
            key.replace("perceiver.decoder.decoder.final_layer", f"heads.{LABEL_TASK}"): tensor
            for key, tensor in state.items()
        }
    return load_weights(model, state).eval()


def model_of(config: Mapping[str, Any], activation: Activation | None = None) -> nn.Module:
    """Return the model, with initial weights, that a ``config.json`` of transformers describes.

    Raises:
        WeightsError: If it describes none of the Perceivers.
    """
    architectures = config.get("architectures") or ["?"]
    build = _BUILDERS.get(architectures[0])
    if build is None:
        raise WeightsError(
            f"config.json says {architectures[0]!r}, expected one of {list(_BUILDERS)}"
        )
    full = {**_DEFAULTS, **config}
    if "id2label" in config and "num_labels" not in config:
        full["num_labels"] = len(config["id2label"])
    if full["hidden_act"] not in _ACTIVATIONS:
        raise WeightsError(f"unknown hidden_act {full['hidden_act']!r} in config.json")
    full["activation"] = activation or _ACTIVATIONS[full["hidden_act"]]
    try:
        return build(full)
    except (TypeError, KeyError) as error:
        raise WeightsError(f"config.json has a setting of a wrong kind: {error}") from error


def _perceiver(config: Mapping[str, Any], query_width: int, **decoder: Any) -> PerceiverConfig:
    as_queries = config["cross_attention_shape_for_attention"] == "q"
    settings: dict[str, Any] = {
        "decoder_heads": 1,
        "decoder_qk_channels": query_width if as_queries else None,
        **decoder,
    }
    return PerceiverConfig(
        num_latents=config["num_latents"],
        latent_width=config["d_latents"],
        num_self_attends=config["num_self_attends_per_block"],
        num_blocks=config["num_blocks"],
        self_heads=config["num_self_attention_heads"],
        cross_heads=config["num_cross_attention_heads"],
        widening=config["self_attention_widening_factor"],
        cross_widening=config["cross_attention_widening_factor"],
        decoder_widening=1,
        encoder_residual=config["use_query_residual"],
        cross_shape=config["cross_attention_shape_for_attention"],
        qk_channels=config["qk_channels"],
        v_channels=config["v_channels"],
        activation=config["activation"],
        attention_dropout=config["attention_probs_dropout_prob"],
        **settings,
    )


def _language(config: Mapping[str, Any], perceiver: PerceiverConfig) -> LanguageConfig:
    return LanguageConfig(
        vocabulary=config["vocab_size"],
        max_length=config["max_position_embeddings"],
        embed_width=config["d_model"],
        perceiver=perceiver,
    )


def _masked_language(config: Mapping[str, Any]) -> nn.Module:
    width = config["d_model"]
    perceiver = _perceiver(
        config,
        width,
        query_residual=False,
        decoder_heads=8,
        decoder_qk_channels=256,
        decoder_v_channels=width,
    )
    return MaskedLanguageModel(_language(config, perceiver))


def _text_classifier(config: Mapping[str, Any]) -> nn.Module:
    width = config["d_latents"]
    return TextClassifier(
        TextClassifierConfig(
            tasks={LABEL_TASK: config["num_labels"]},
            head="linear",
            language=_language(config, _perceiver(config, width)),
            query_width=width,
        )
    )


def _image_classifier(config: Mapping[str, Any], image: ImageInputConfig) -> nn.Module:
    return ImageClassifier(
        ImageClassifierConfig(
            image=image,
            perceiver=_perceiver(config, config["d_latents"]),
            query_width=config["d_latents"],
            num_classes=config["num_labels"],
        )
    )


def _image_learned(config: Mapping[str, Any]) -> nn.Module:
    size = _size(config["image_size"])
    return _image_classifier(
        config,
        ImageInputConfig(size=size, stem="conv1x1", stem_width=256, positions="learned"),
    )


def _image_fourier(config: Mapping[str, Any]) -> nn.Module:
    return _image_classifier(config, ImageInputConfig())


def _image_conv(config: Mapping[str, Any]) -> nn.Module:
    image = ImageInputConfig(stem="conv", padding="transformers", max_resolution=(56, 56))
    return _image_classifier(config, image)


def _flow(config: Mapping[str, Any]) -> nn.Module:
    width = 64 + 2 * (2 * 64 + 1)
    perceiver = _perceiver(config, width, query_residual=False)
    return OpticalFlow(FlowConfig(size=_size(config["train_size"]), perceiver=perceiver))


def _autoencoder(config: Mapping[str, Any]) -> nn.Module:
    _, frames, height, width = config["output_shape"]
    sizes = AutoencoderConfig(
        frames=frames,
        size=(height, width),
        samples=config["num_frames"] * config["audio_samples_per_frame"],
        samples_per_patch=config["samples_per_patch"],
        num_classes=config["num_labels"],
        label_query_width=config["_label_trainable_num_channels"],
        output_width=config["output_num_channels"],
        perceiver=_perceiver(
            config, 2 + config["_label_trainable_num_channels"], query_residual=False
        ),
    )
    return MultimodalAutoencoder(sizes)


def _size(size: Any) -> tuple[int, int]:
    rows, columns = (size, size) if isinstance(size, int) else size
    return int(rows), int(columns)


_BUILDERS: dict[str, Callable[[Mapping[str, Any]], nn.Module]] = {
    "PerceiverForMaskedLM": _masked_language,
    "PerceiverForSequenceClassification": _text_classifier,
    "PerceiverForImageClassificationLearned": _image_learned,
    "PerceiverForImageClassificationFourier": _image_fourier,
    "PerceiverForImageClassificationConvProcessing": _image_conv,
    "PerceiverForOpticalFlow": _flow,
    "PerceiverForMultimodalAutoencoding": _autoencoder,
}


def _local(folder: Path) -> tuple[Path, Path] | None:
    if not folder.is_dir():
        return None
    for name in _WEIGHTS:
        if (folder / name).exists():
            return folder / "config.json", folder / name
    raise WeightsError(f"{folder} holds none of {list(_WEIGHTS)}")


def _download(repo_id: str, revision: str | None) -> tuple[Path, Path]:
    try:
        import huggingface_hub
    except ImportError as error:
        message = f"{repo_id!r} is no folder, and the Hub needs: pip install 'perceiver-rl[hub]'"
        raise ImportError(message) from error
    files = huggingface_hub.HfApi().list_repo_files(repo_id, revision=revision)
    for name in _WEIGHTS:
        if name in files:
            config, weights = (
                huggingface_hub.hf_hub_download(repo_id, file, revision=revision)
                for file in ("config.json", name)
            )
            return Path(config), Path(weights)
    raise WeightsError(f"{repo_id} holds none of {list(_WEIGHTS)}")
