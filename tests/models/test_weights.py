"""Weights of others: their names, their files, and files that mean harm."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from perceiver_rl.models import (
    ImageClassifier,
    ImageClassifierConfig,
    ImageInputConfig,
    MaskedLanguageModel,
    MultimodalAutoencoder,
    OpticalFlow,
    WeightsError,
    encode_text,
    load_weights,
)
from perceiver_rl.nn import Attention, CrossAttentionBlock, PerceiverConfig, PerceiverIO

Tree = dict[str, dict[str, NDArray[Any]]]


def dense(layer: nn.Linear) -> dict[str, NDArray[Any]]:
    return {"w": layer.weight.detach().numpy().T, "b": layer.bias.detach().numpy()}


def norm(layer: nn.LayerNorm) -> dict[str, NDArray[Any]]:
    return {"scale": layer.weight.detach().numpy(), "offset": layer.bias.detach().numpy()}


def vectors(parameter: torch.Tensor) -> dict[str, NDArray[Any]]:
    return {"pos_embs": parameter.detach().numpy()}


def haiku_block(name: str, block: Any) -> Tree:
    """A block as the published code names its parts: numbered in the order they are made."""
    attention: Attention = block.attention
    layers = (attention.query, attention.key, attention.value, attention.output)
    tree: Tree = {}
    for number, layer in enumerate(layers):
        tree[f"{name}/attention/linear{f'_{number}' if number else ''}"] = dense(layer)
    norms = [block.mlp_norm]
    is_cross = isinstance(block, CrossAttentionBlock)
    norms = [block.query_norm, block.key_norm, *norms] if is_cross else [block.norm, *norms]
    for number, layer in enumerate(norms):
        tree[f"{name}/layer_norm{f'_{number}' if number else ''}"] = norm(layer)
    tree[f"{name}/mlp/linear"] = dense(block.mlp.layers[0])
    tree[f"{name}/mlp/linear_1"] = dense(block.mlp.layers[2])
    return tree


def haiku(perceiver: PerceiverIO, encoder: str, decoder: str) -> Tree:
    tree: Tree = {f"{encoder}/~/trainable_position_encoding": vectors(perceiver.encoder.latents)}
    tree |= haiku_block(f"{encoder}/~/cross_attention", perceiver.encoder.cross_attend)
    for number, block in enumerate(perceiver.processor.self_attends):
        tree |= haiku_block(f"{encoder}/~/self_attention{f'_{number}' if number else ''}", block)
    tree |= haiku_block(f"{decoder}/cross_attention", perceiver.decoder.cross_attend)
    if isinstance(perceiver.decoder.output, nn.Linear):
        tree[f"{decoder}/output"] = dense(perceiver.decoder.output)
    return tree


def haiku_language(model: MaskedLanguageModel) -> Tree:
    queries = model.queries.positions.state_dict()["table"]
    return {
        **haiku(model.perceiver, "perceiver_encoder", "basic_decoder"),
        "embed": {"embeddings": model.input.embed.weight.detach().numpy()},
        "trainable_position_encoding": vectors(model.input.positions.table),
        "basic_decoder/~/trainable_position_encoding": vectors(queries),
        "embedding_decoder": {"bias": model.bias.detach().numpy()},
    }


def haiku_flow(model: OpticalFlow) -> Tree:
    tree = haiku(model.perceiver, "perceiver_encoder", "flow_decoder/~/basic_decoder")
    return {**tree, "image_preprocessor/patches_linear": dense(model.project)}


def haiku_autoencoder(model: MultimodalAutoencoder) -> Tree:
    tree = haiku(model.perceiver, "encoder", "multimodal_decoder/~/basic_decoder")
    state = model.state_dict()
    for name in ("audio", "image", "label"):
        tree[f"multimodal_preprocessor/{name}_padding"] = vectors(state[f"pad.padding.{name}"])
        tree[f"multimodal_preprocessor/{name}_mask_token"] = vectors(state[f"mask.{name}"])
        key = f"multimodal_decoder/~decoder_query/{name}_padding"
        tree[key] = vectors(state[f"queries.pad.padding.{name}"])
    last = {"audio": "audio", "image": "projection", "label": "classification"}
    for name, kind in last.items():
        layer = model.outputs[name]
        assert isinstance(layer, nn.Linear)
        tree[f"{kind}_postprocessor/linear"] = dense(layer)
    label = state["queries.parts.label.positions.table"]
    tree["classification_decoder/~/basic_decoder/~/trainable_position_encoding"] = vectors(label)
    return tree


def haiku_conv(model: ImageClassifier) -> dict[str, Tree]:
    decoder = "classification_decoder/~/basic_decoder"
    tree = haiku(model.perceiver, "perceiver_encoder", decoder)
    state = {name: x.numpy() for name, x in model.state_dict().items()}
    queries = torch.from_numpy(state["queries.positions.table"])
    tree[f"{decoder}/~/trainable_position_encoding"] = vectors(queries)
    stem = "image_preprocessor/~/conv2_d_downsample/~"
    tree[f"{stem}/conv"] = {"w": state["input.stem.conv.weight"].transpose(2, 3, 1, 0)}
    flat = (1, 1, 1, -1)
    tree[f"{stem}/batchnorm"] = {
        "scale": state["input.stem.norm.weight"].reshape(flat),
        "offset": state["input.stem.norm.bias"].reshape(flat),
    }
    averages: Tree = {
        f"{stem}/batchnorm/~/{name}_ema": {
            "average": state[f"input.stem.norm.running_{name}"].reshape(flat),
            "counter": np.int32(7),  # type: ignore[dict-item]
            "hidden": np.zeros(3),
        }
        for name in ("mean", "var")
    }
    return {"params": tree, "state": averages}


def haiku_learned(model: ImageClassifier) -> Tree:
    decoder = "classification_decoder/~/basic_decoder"
    state = {name: x.detach() for name, x in model.state_dict().items()}
    pixel = state["input.stem.weight"].numpy().T[None, None]  # rows, columns, in, out
    prefix = "image_preprocessor/~_build_network_inputs"
    projection = model.input.positions.get_submodule("project")
    assert isinstance(projection, nn.Linear)
    return {
        **haiku(model.perceiver, "perceiver_encoder", decoder),
        f"{decoder}/~/trainable_position_encoding": vectors(state["queries.positions.table"]),
        "image_preprocessor/~/conv2_d": {"w": pixel, "b": state["input.stem.bias"].numpy()},
        f"{prefix}/trainable_position_encoding": vectors(state["input.positions.table"]),
        f"{prefix}/position_encoding_projector/linear": dense(projection),
    }


def same(model: nn.Module, other: nn.Module) -> None:
    for name, parameter in model.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(parameter, other.state_dict()[name]), name


def cleared(model: nn.Module) -> nn.Module:
    twin = pickle.loads(pickle.dumps(model))
    assert isinstance(twin, nn.Module)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    return twin


@pytest.mark.parametrize("kind", ["language", "flow", "autoencoder"])
def test_deepminds_pickles_of_arrays_are_read(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(kind)
    make: Any = {"language": haiku_language, "flow": haiku_flow, "autoencoder": haiku_autoencoder}
    path = tmp_path / "published.pickle"
    path.write_bytes(pickle.dumps(make[kind](model)))
    same(load_weights(cleared(model), path), model)


def test_the_published_pixel_layer_and_learned_positions_are_read(
    tiny: PerceiverConfig, tmp_path: Path
) -> None:
    image = ImageInputConfig(
        size=(4, 4), stem="conv1x1", stem_width=5, positions="learned", position_width=6
    )
    config = ImageClassifierConfig(image=image, perceiver=tiny, query_width=6, num_classes=3)
    model, path = ImageClassifier(config), tmp_path / "learned.pickle"
    path.write_bytes(pickle.dumps({"params": haiku_learned(model), "state": {}}))
    same(load_weights(ImageClassifier(config), path), model)


def test_batch_norm_averages_of_the_published_image_model_are_read(
    tiny: PerceiverConfig, tmp_path: Path
) -> None:
    image = ImageInputConfig(size=(8, 8), stem="conv", stem_width=4, bands=2)
    config = ImageClassifierConfig(image=image, perceiver=tiny, query_width=6, num_classes=3)
    model = ImageClassifier(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    model.train()(torch.randn(4, 3, 8, 8))  # moves the averages
    path = tmp_path / "conv.pickle"
    path.write_bytes(pickle.dumps(haiku_conv(model), protocol=5))
    fresh = ImageClassifier(config)
    same(load_weights(fresh, path), model)


@pytest.mark.parametrize("suffix", [".safetensors", ".bin", ".pt", ".npz"])
def test_any_safe_kind_of_file_is_read(
    suffix: str, language: MaskedLanguageModel, tmp_path: Path
) -> None:
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(language.state_dict(), path)
    elif suffix == ".npz":
        flat = {
            f"{a}/{b}": x for a, part in haiku_language(language).items() for b, x in part.items()
        }
        np.savez(path, **flat)  # type: ignore[arg-type]
    else:
        torch.save(language.state_dict(), path)
    same(load_weights(cleared(language), path), language)


class Bomb:
    """Would run when it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> Any:
        return Path.touch, (self.proof,)


@pytest.mark.parametrize("suffix", [".pickle", ".pkl", ".bin", ".pt", ".npz"])
def test_a_pickle_bomb_does_not_go_off(
    suffix: str, language: MaskedLanguageModel, tmp_path: Path
) -> None:
    proof, path = tmp_path / "ran", tmp_path / f"bomb{suffix}"
    content = {"embed": {"embeddings": Bomb(proof)}}
    if suffix in (".bin", ".pt"):
        torch.save(content, path)
    elif suffix == ".npz":
        np.savez(path, embed=np.array([Bomb(proof)], dtype=object))
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(WeightsError, match="bomb|only numpy arrays are admitted"):
        load_weights(language, path)
    assert not proof.exists()
    pickle.loads(pickle.dumps(content))  # it was a bomb
    assert proof.exists()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", ["os.system", "builtins.eval", "numpy.load", "functools.partial"])
def test_no_other_function_is_even_imported(kind: str, protocol: int, tmp_path: Path) -> None:
    module, name = kind.rsplit(".", 1)
    path = tmp_path / "call.pickle"
    path.write_bytes(b"c" + module.encode() + b"\n" + name.encode() + b"\n(S'x'\ntR.")
    with pytest.raises(WeightsError, match=f"the pickle asks for {kind}"):
        load_weights(nn.Linear(1, 1), path)


def test_pickles_of_every_protocol_give_their_arrays(tmp_path: Path) -> None:
    layer = nn.Linear(2, 3)
    tree = {"weight": layer.weight.detach().numpy(), "bias": layer.bias.detach().numpy()}
    for protocol in range(6):
        path = tmp_path / f"{protocol}.pkl"
        path.write_bytes(pickle.dumps(tree, protocol=protocol))
        same(load_weights(nn.Linear(2, 3), path), layer)


@pytest.mark.parametrize(
    ("suffix", "content", "message"),
    [
        (".safetensors", b"\x00", "is no safetensors file, or damaged"),
        (".safetensors", b"\xff" * 16, "is no safetensors file, or damaged"),
        (".bin", b"rubbish", "holds more than weights, or is damaged"),
        (".npz", b"PK\x03\x04", "is no npz file of numbers, or damaged"),
        (".npz", b"", "is no npz file of numbers, or damaged"),
        (".pickle", b"", "is no pickle of numpy arrays, or damaged"),
        (".pickle", pickle.dumps({"a": "text"}), "holds str at 'a', expected an array"),
        (".pickle", pickle.dumps([1]), "holds list at '', expected arrays"),
        (".pickle", pickle.dumps({"a": np.array([{}], dtype=object)}), "expected an array"),
        (".zip", b"", "is of no known kind, expected one of"),
    ],
)
def test_a_damaged_file_is_refused_with_its_name(
    suffix: str, content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=f"weights{suffix}.*{message}|{message}"):
        load_weights(nn.Linear(1, 1), path)


def test_weights_that_do_not_fit_name_keys_and_both_shapes(language: MaskedLanguageModel) -> None:
    before = {name: x.clone() for name, x in language.state_dict().items()}
    state = {name: torch.ones_like(x) for name, x in before.items()}
    del state["bias"]
    state["surplus"] = torch.ones(1)
    state["input.embed.weight"] = torch.ones(10, 6)
    with pytest.raises(WeightsError) as caught:
        load_weights(language, state)
    message = str(caught.value)
    assert "do not fit MaskedLanguageModel: missing ['bias']; unknown ['surplus']" in message
    assert "'input.embed.weight' is [10, 6] in the weights and [262, 6] in the model" in message
    same(language, _with(language, before))


def _with(model: nn.Module, state: dict[str, torch.Tensor]) -> nn.Module:
    twin = cleared(model)
    twin.load_state_dict(state)
    return twin


def test_a_loaded_model_answers_as_the_one_it_came_from(
    language: MaskedLanguageModel, tmp_path: Path
) -> None:
    path = tmp_path / "published.pickle"
    path.write_bytes(pickle.dumps(haiku_language(language)))
    text = encode_text(["same text"], 12)
    twin = load_weights(cleared(language), path)
    torch.testing.assert_close(twin(*text), language(*text))
