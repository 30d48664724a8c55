"""Parameters and FLOPs of the published models, beside the published figures.

python scripts/bench_models.py [MODEL ...]

Everything is counted on torch's meta device, which has shapes and no numbers, so it takes seconds
and no memory. FLOPs are those of one forward pass of one sample with attention in its plain form, a
multiply and an add counted apart. The autoencoder decodes what it decodes in training: 512 patches
of sound, 512 pixels and the label.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from perceiver_rl.models import (
    PUBLISHED,
    AudioClassifier,
    ImageClassifier,
    MaskedLanguageModel,
    MultimodalAutoencoder,
    OpticalFlow,
    TextClassifier,
    build_model,
)
from perceiver_rl.nn import count_flops

# Perceiver IO (arXiv 2107.14795), tables 1, 4, 7, 10 and section 4.2, in GFLOPs.
PUBLISHED_GFLOPS = {
    "language-bytes": 113.0,
    "language-bytes-plus": 241.0,
    "language-sentencepiece": 119.0,
    "flow-small": 987.0,
    "multimodal": 310.0,
    "image-fourier": 407.0,
    "image-learned": 407.0,
    "image-conv": 369.0,
    "image-fourier-large": 213.0,
    "image-conv-large": 176.0,
    "audio-raw": 52.9,
}
NOTES = {
    "language-sentencepiece": "25 GFLOPs of these are the logits of 32,000 tokens",
    "flow-small": "the published cost is this model's, not the main one's",
    "image-learned": "the published FLOPs are those of the Fourier model",
    "image-fourier-large": "the published FLOPs are not reproduced by 12 or 16 layers",
    "image-conv-large": "the published FLOPs are those of 12 layers",
    "audio-raw": "the published model reads video as well",
}


def a_forward_pass(model: nn.Module) -> Callable[[], object]:
    """Return what runs one sample of the model's own size."""
    if isinstance(model, MaskedLanguageModel | TextClassifier):
        language = model.input
        tokens = torch.zeros(1, language.max_length, dtype=torch.long)
        return lambda: model(tokens)
    if isinstance(model, ImageClassifier):
        image = model.config.image
        return lambda: model(torch.zeros(1, image.channels, *image.size))
    if isinstance(model, AudioClassifier):
        return lambda: model(torch.zeros(1, model.config.samples))
    if isinstance(model, OpticalFlow):
        flow = model.config
        return lambda: model(torch.zeros(1, 2, flow.channels, *flow.size))
    assert isinstance(model, MultimodalAutoencoder)
    config, some = model.config, torch.arange(512)
    index: dict[str, Tensor | None] = {"audio": some, "image": some, "label": None}
    return lambda: model(
        torch.zeros(1, config.frames, config.channels, *config.size),
        torch.zeros(1, config.samples),
        index=index,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", choices=[[], *PUBLISHED])
    names = parser.parse_args().models or list(PUBLISHED)
    table = Table(title="Perceiver IO's published models")
    for column in ("model", "parameters", "published", "GFLOPs", "published", "note"):
        table.add_column(column, justify="left" if column in ("model", "note") else "right")
    for name in names:
        with torch.device("meta"):
            model = build_model(name)
            flops = count_flops(a_forward_pass(model))
        parameters, published = sum(p.numel() for p in model.parameters()), PUBLISHED[name]
        table.add_row(
            name,
            f"{parameters / 1e6:.2f}M",
            "-" if published.parameters is None else f"{published.parameters:g}M",
            f"{flops / 1e9:.4g}",
            f"{PUBLISHED_GFLOPS[name]:g}" if name in PUBLISHED_GFLOPS else "-",
            NOTES.get(name, ""),
        )
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
