"""Image classification: digits of matplotlib's fonts, turned, stretched, shifted and noisy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn

from perceiver_rl.models import ImageClassifier, ImageClassifierConfig, ImageInputConfig
from perceiver_rl.nn import LearnedPositions, PerceiverConfig

from . import pictures
from .fitting import (
    Budget,
    DemoResult,
    accuracy,
    classify,
    parameters,
    rescale,
    seeded,
)

STEPS = 1200
SIZE = 16
_TRAINING_FONTS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif"),
    *("DejaVuSerif-Italic", "DejaVuSansMono-Bold", "STIXGeneral", "STIXGeneralBol", "cmr10"),
    *("cmtt10", "cmb10"),
)
_TEST_FONTS = ("cmss10", "cmti10", "STIXGeneralItalic", "DejaVuSerif-Bold")
_TRAINING, _TEST = 12_000, 2_000
_MEAN, _DEVIATION = 0.15, 0.3


def glyphs(fonts: tuple[str, ...]) -> Tensor:
    """Return ``[fonts, 10, 32, 32]`` digits in the middle of their squares."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    drawn = []
    for name in fonts:
        font = ImageFont.truetype(str(folder / f"{name}.ttf"), 26)
        for digit in "0123456789":
            square = Image.new("L", (32, 32))
            ImageDraw.Draw(square).text((16, 16), digit, fill=255, font=font, anchor="mm")
            drawn.append(np.asarray(square, dtype=np.float32) / 255)
    return torch.from_numpy(np.stack(drawn)).view(len(fonts), 10, 32, 32)


def digits(fonts: tuple[str, ...], count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return ``[count, 1, 16, 16]`` normalized images in random positions, and their digits."""
    squares = glyphs(fonts)
    font = torch.randint(len(fonts), (count,), generator=generator)
    label = torch.randint(10, (count,), generator=generator)
    draw = torch.rand(count, 6, generator=generator) * 2 - 1
    angle, stretch, shear = 0.2 * draw[:, 0], 1 + 0.15 * draw[:, 1:3], 0.1 * draw[:, 3]
    cosine, sine = angle.cos(), angle.sin()
    turn = torch.stack([cosine, -sine + shear, sine, cosine], 1).view(-1, 2, 2)
    matrix = torch.cat([turn * stretch[:, :, None], 0.15 * draw[:, 4:, None]], 2)
    grid = nn.functional.affine_grid(matrix, [count, 1, SIZE, SIZE], align_corners=False)
    source = squares[font, label].unsqueeze(1)
    images = nn.functional.grid_sample(source, grid, align_corners=False)
    noise = 0.1 * torch.randn(images.shape, generator=generator)
    return (images + noise - _MEAN) / _DEVIATION, label


def a_perceiver(stem: str) -> ImageClassifier:
    """Build a small classifier of one of the paper's three kinds."""
    kinds = {
        "Fourier": ImageInputConfig(size=(SIZE, SIZE), channels=1, bands=6),
        "learned": ImageInputConfig(
            size=(SIZE, SIZE),
            channels=1,
            stem="conv1x1",
            stem_width=16,
            positions="learned",
            position_width=24,
        ),
        "convolutional": ImageInputConfig(
            size=(SIZE, SIZE), channels=1, stem="conv", stem_width=24, bands=2
        ),
    }
    perceiver = PerceiverConfig(
        num_latents=16,
        latent_width=48,
        num_self_attends=2,
        num_blocks=2,
        self_heads=4,
        cross_heads=4,
        qk_channels=48,
    )
    model = ImageClassifier(
        ImageClassifierConfig(
            image=kinds[stem], perceiver=perceiver, query_width=48, num_classes=10
        )
    )
    positions = model.input.positions
    if isinstance(positions, LearnedPositions):
        rescale(1.0, positions.table)
    return model


def a_small_cnn() -> nn.Module:
    """Build two convolutions and two linear layers."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * (SIZE // 4) ** 2, 64), nn.ReLU(), nn.Linear(64, 10)),
    )


def run(budget: Budget) -> DemoResult:
    """Train the three kinds and two baselines alike, and test them on fonts that are new."""
    training = digits(_TRAINING_FONTS, _TRAINING, budget.generator(2))
    images, labels = digits(_TEST_FONTS, _TEST, budget.generator(3))
    builders: dict[str, Callable[[], nn.Module]] = {
        "Perceiver IO, Fourier": lambda: a_perceiver("Fourier"),
        "Perceiver IO, learned": lambda: a_perceiver("learned"),
        "Perceiver IO, convolutional": lambda: a_perceiver("convolutional"),
        "small CNN": a_small_cnn,
        "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(SIZE * SIZE, 10)),
    }
    rows: dict[str, tuple[float | None, ...]] = {}
    guesses: dict[str, Tensor] = {}
    for name, build in builders.items():
        model = seeded(budget.seed, build)
        seconds = classify(name, model, training, budget)
        share, guesses[name] = accuracy(model, images, labels)
        rows[name] = (share, parameters(model), seconds)
    most = int(torch.bincount(training[1]).argmax())
    rows["majority class"] = (float((labels == most).float().mean()), 0, None)
    picture = pictures.figure(10, 5)
    left, right = picture.subplots(1, 2)
    tiles = (images[:48, 0] * _DEVIATION + _MEAN).clamp(0, 1).view(6, 8, SIZE, SIZE).transpose(1, 2)
    pictures.show(left, tiles.reshape(6 * SIZE, 8 * SIZE), "digits of fonts that are new")
    first = next(iter(builders))
    names = [str(digit) for digit in range(10)]
    pictures.confusion(right, labels, guesses[first], names, first)
    return DemoResult(
        title="Image classification: digits",
        note=f"{_TEST} images of fonts that no network was trained on; {budget.steps} steps each",
        columns=("accuracy", "parameters", "CPU seconds"),
        rows=rows,
        figure=picture,
    )
