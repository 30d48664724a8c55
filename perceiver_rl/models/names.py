"""Names of parameters in other implementations, translated to this project's.

Two are known: transformers' ``PerceiverFor...`` and DeepMind's published Haiku parameters. Each has
a list of patterns; a name that no pattern fits stays as it is, and loading reports it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

Rules = tuple[tuple[str, str], ...]

_ENCODER, _PROCESSOR = "perceiver.encoder.cross_attend", "perceiver.processor.self_attends"
_DECODER = "perceiver.decoder.cross_attend"

_TRANSFORMERS: Rules = (
    (r"^perceiver\.embeddings\.latents$", "perceiver.encoder.latents"),
    (r"^perceiver\.encoder\.cross_attention\.", f"{_ENCODER}."),
    (r"^perceiver\.encoder\.self_attends\.", f"{_PROCESSOR}."),
    (r"^perceiver\.decoder\.(?:decoder\.)?decoding_cross_attention\.", f"{_DECODER}."),
    (r"^perceiver\.decoder\.(?:decoder\.)?final_layer\.", "perceiver.decoder.output."),
    (
        r"^perceiver\.decoder\.modalities\.label\.decoder\.output_position_encodings\.position_em"
        r"beddings$",
        "queries.parts.label.positions.table",
    ),
    (
        r"^perceiver\.decoder\.(?:decoder\.)?output_position_encodings\.position_embeddings$",
        "queries.positions.table",
    ),
    (r"^perceiver\.decoder\.padding\.", "queries.pad.padding."),
    (r"^embedding_decoder\.bias$", "bias"),
    (r"^perceiver\.input_preprocessor\.embeddings\.weight$", "input.embed.weight"),
    (
        r"^perceiver\.input_preprocessor\.position_embeddings\.(?:weight|position_embeddings)$",
        "input.positions.table",
    ),
    (r"^perceiver\.input_preprocessor\.positions_projection\.", "input.positions.project."),
    (r"^perceiver\.input_preprocessor\.convnet_1x1\.", "input.stem."),
    (r"^perceiver\.input_preprocessor\.convnet\.conv\.", "input.stem.conv."),
    (r"^perceiver\.input_preprocessor\.convnet\.batchnorm\.", "input.stem.norm."),
    (r"^perceiver\.input_preprocessor\.conv_after_patches\.", "project."),
    (r"^perceiver\.input_preprocessor\.padding\.", "pad.padding."),
    (r"^perceiver\.input_preprocessor\.mask\.", "mask."),
    (r"^perceiver\.output_postprocessor\.modalities\.(\w+)\.classifier\.", r"outputs.\1."),
    # Inside a block.
    (r"\.attention\.self\.(query|key|value)\.", r".attention.\1."),
    (r"\.attention\.output\.dense\.", ".attention.output."),
    (r"(self_attends\.\d+)\.attention\.self\.layernorm1\.", r"\1.norm."),
    (r"\.attention\.self\.layernorm1\.", ".query_norm."),
    (r"\.attention\.self\.layernorm2\.", ".key_norm."),
    (r"\.layernorm\.", ".mlp_norm."),
    (r"\.mlp\.dense1\.", ".mlp.layers.0."),
    (r"\.mlp\.dense2\.", ".mlp.layers.2."),
)

_DECODERS = r"^(?:(?:classification|flow|multimodal)_decoder/~/)?basic_decoder"
_HAIKU: Rules = (
    (
        r"^(?:perceiver_)?encoder/~/trainable_position_encoding/pos_embs$",
        "perceiver.encoder.latents",
    ),
    (r"^(?:perceiver_)?encoder/~/cross_attention/", f"{_ENCODER}/"),
    (r"^(?:perceiver_)?encoder/~/self_attention/", f"{_PROCESSOR}.0/"),
    (r"^(?:perceiver_)?encoder/~/self_attention_(\d+)/", rf"{_PROCESSOR}.\1/"),
    (_DECODERS + r"/cross_attention/", f"{_DECODER}/"),
    (_DECODERS + r"/output/", "perceiver.decoder.output/"),
    (_DECODERS + r"/~/trainable_position_encoding/pos_embs$", "queries.positions.table"),
    (r"^embed/embeddings$", "input.embed.weight"),
    (r"^embedding_decoder/bias$", "bias"),
    (
        r"^(?:image_preprocessor/~_build_network_inputs/)?trainable_position_encoding/pos_embs$",
        "input.positions.table",
    ),
    (
        r"^image_preprocessor/~_build_network_inputs/position_encoding_projector/linear/",
        "input.positions.project/",
    ),
    (r"^image_preprocessor/~/conv2_d/", "input.stem/"),
    (r"^image_preprocessor/~/conv2_d_downsample/~/conv/", "input.stem.conv/"),
    (
        r"^image_preprocessor/~/conv2_d_downsample/~/batchnorm/~/mean_ema/average$",
        "input.stem.norm.running_mean",
    ),
    (
        r"^image_preprocessor/~/conv2_d_downsample/~/batchnorm/~/var_ema/average$",
        "input.stem.norm.running_var",
    ),
    (r"^image_preprocessor/~/conv2_d_downsample/~/batchnorm/", "input.stem.norm/"),
    (r"^image_preprocessor/patches_linear/", "project/"),
    (r"^multimodal_preprocessor/(\w+)_padding/pos_embs$", r"pad.padding.\1"),
    (r"^multimodal_preprocessor/(\w+)_mask_token/pos_embs$", r"mask.\1"),
    (r"^multimodal_decoder/~decoder_query/(\w+)_padding/pos_embs$", r"queries.pad.padding.\1"),
    (r"^audio_postprocessor/linear/", "outputs.audio/"),
    (r"^projection_postprocessor/linear/", "outputs.image/"),
    (r"^classification_postprocessor/linear/", "outputs.label/"),
    # Inside a block.
    (r"/attention/linear/", ".attention.query/"),
    (r"/attention/linear_1/", ".attention.key/"),
    (r"/attention/linear_2/", ".attention.value/"),
    (r"/attention/linear_3/", ".attention.output/"),
    (r"(self_attends\.\d+)/layer_norm/", r"\1.norm/"),
    (r"(self_attends\.\d+)/layer_norm_1/", r"\1.mlp_norm/"),
    (r"/layer_norm/", ".query_norm/"),
    (r"/layer_norm_1/", ".key_norm/"),
    (r"/layer_norm_2/", ".mlp_norm/"),
    (r"/mlp/linear/", ".mlp.layers.0/"),
    (r"/mlp/linear_1/", ".mlp.layers.2/"),
    (r"/(?:w|scale)$", ".weight"),
    (r"/(?:b|offset)$", ".bias"),
)
_HAIKU_MULTIMODAL: Rules = (
    (
        r"^classification_decoder/~/basic_decoder/~/trainable_position_encoding/pos_embs$",
        "queries.parts.label.positions.table",
    ),
    *_HAIKU,
)
_UNUSED = re.compile(r"batchnorm/~/(?:mean|var)_ema/(?:counter|hidden)$")


def translated(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights under this project's names, whichever of the three namings they have.

    Haiku's have slashes and their matrices the other way round; transformers' all lie below
    ``perceiver.embeddings``, ``perceiver.input_preprocessor`` and so on.
    """
    if any("/" in name for name in state):
        rules = _HAIKU_MULTIMODAL if any("multimodal" in name for name in state) else _HAIKU
        return {
            _renamed(name, rules): _from_haiku(name, tensor)
            for name, tensor in state.items()
            if not _UNUSED.search(name)
        }
    if "perceiver.embeddings.latents" in state:
        return {_renamed(name, _TRANSFORMERS): _flat(tensor) for name, tensor in state.items()}
    return dict(state)


def _renamed(name: str, rules: Rules) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def _flat(tensor: Tensor) -> Tensor:
    """Return a 1x1 convolution as the linear layer that it is."""
    is_pointwise = tensor.ndim == 4 and tensor.shape[2:] == (1, 1)
    return tensor.flatten(1) if is_pointwise else tensor


def _from_haiku(name: str, tensor: Tensor) -> Tensor:
    if "batchnorm" in name:
        return tensor.flatten()
    if name.endswith("/w") and tensor.ndim == 4:  # rows, columns, in, out
        return _flat(tensor.permute(3, 2, 0, 1))
    return tensor.t() if name.endswith("/w") else tensor
