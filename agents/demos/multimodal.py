"""Multimodal autoencoding: a moving shape that hums, and what it is, through one latent array."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from perceiver_rl.models import AutoencoderConfig, MultimodalAutoencoder
from perceiver_rl.models.multimodal import AUDIO, IMAGE, LABEL
from perceiver_rl.nn import PerceiverConfig

from . import pictures
from .fitting import Budget, DemoResult, fit, parameters, seeded

STEPS = 4000
FRAMES, SIDE, SAMPLES = 4, 16, 256
SHAPES = ("disc", "square", "cross", "ring")
_BATCH, _TRAINING, _TEST = 16, 2_000, 300
_PIXELS, _PATCHES = 192, 8


class Clips(NamedTuple):
    """Videos with sound.

    Attributes:
        image: ``[B, T, 3, H, W]`` in [0, 1].
        audio: ``[B, S]`` in [-1, 1].
        label: ``[B]``, the shape.
    """

    image: Tensor
    audio: Tensor
    label: Tensor


def clips(count: int, generator: torch.Generator) -> Clips:
    """Return clips: the label is the shape; the pitch follows the height that it starts at."""
    draw = torch.rand(count, 9, generator=generator)
    label = torch.randint(len(SHAPES), (count,), generator=generator)
    time = torch.arange(FRAMES).view(1, -1)
    x = 4 + 8 * draw[:, 0:1] + (3 * draw[:, 1:2] - 1.5) * time
    y = 4 + 8 * draw[:, 2:3] + (3 * draw[:, 3:4] - 1.5) * time
    cell = torch.arange(SIDE).float()
    across = (cell.view(1, 1, 1, -1) - x[..., None, None]).abs()
    down = (cell.view(1, 1, -1, 1) - y[..., None, None]).abs()
    far = (across.square() + down.square()).sqrt()
    distances = torch.stack(
        [
            far - 3.0,
            torch.maximum(across, down) - 2.6,
            torch.minimum(
                torch.maximum(across - 1.0, down - 3.5), torch.maximum(down - 1.0, across - 3.5)
            ),
            (far - 2.6).abs() - 0.9,
        ],
        dim=1,
    )
    inside = (0.5 - distances[torch.arange(count), label]).clamp(0, 1).unsqueeze(2)
    color = (0.4 + 0.6 * draw[:, 4:7]).view(count, 1, 3, 1, 1)
    back = (0.3 * draw[:, 7]).view(count, 1, 1, 1, 1)
    cycles = 2 + 6 * draw[:, 2:3]  # over the whole clip
    seconds = torch.arange(SAMPLES) / SAMPLES
    audio = (0.4 + 0.6 * draw[:, 8:9]) * (2 * math.pi * cycles * seconds).sin()
    return Clips(back + inside * (color - back), audio, label)


def a_perceiver() -> MultimodalAutoencoder:
    """Build a small model of the paper's kind, which keeps 768 numbers of a clip's 3,328."""
    config = AutoencoderConfig(
        frames=FRAMES,
        size=(SIDE, SIDE),
        block=4,
        samples=SAMPLES,
        samples_per_patch=16,
        num_classes=len(SHAPES),
        image_bands=6,
        audio_bands=16,
        label_query_width=32,
        output_width=64,
        perceiver=PerceiverConfig(
            num_latents=16,
            latent_width=48,
            num_self_attends=3,
            self_heads=4,
            cross_heads=8,
            qk_channels=64,
            decoder_heads=4,
            query_residual=False,
        ),
    )
    return MultimodalAutoencoder(config)


def psnr(guess: Tensor, truth: Tensor, peak: float) -> float:
    """Return the peak signal-to-noise ratio in decibels."""
    return 10 * math.log10(peak**2 / max(float((guess - truth).square().mean()), 1e-12))


def autoencoder_loss(
    model: MultimodalAutoencoder, part: Clips, generator: torch.Generator
) -> Tensor:
    """Return the loss of a minibatch, decoded at random points; half of the labels are hidden."""
    outputs = model.config.num_outputs
    pixels = torch.randperm(outputs[IMAGE], generator=generator)[:_PIXELS]
    patches = torch.randperm(outputs[AUDIO], generator=generator)[:_PATCHES]
    hidden = torch.rand(len(part.label), generator=generator) < 0.5
    index = {IMAGE: pixels, AUDIO: patches, LABEL: None}
    out = model(part.image, part.audio, part.label, {LABEL: hidden}, index)
    image = part.image.transpose(1, 2).flatten(2)[:, :, pixels].transpose(1, 2)
    audio = part.audio.unflatten(1, (outputs[AUDIO], -1))[:, patches]
    label = nn.functional.cross_entropy(out[LABEL], part.label)
    # Squares, because the median of a pixel that is mostly background would be the background.
    seen, heard = (out[IMAGE] - image).square().mean(), (out[AUDIO] - audio).square().mean()
    return 10 * seen + heard + 0.1 * label


class Linear(nn.Module):
    """The best linear autoencoder of a size (principal components), and a linear classifier."""

    def __init__(self, training: Clips, size: int) -> None:
        super().__init__()
        rows = self.rows(training)
        self.mean = rows.mean(0)
        self.axes = torch.svd_lowrank(rows - self.mean, size, niter=3)[2].t()
        self.layer = nn.Linear(rows.shape[1], len(SHAPES))

    @staticmethod
    def rows(part: Clips) -> Tensor:
        """Return video and sound in one row per clip."""
        return torch.cat([part.image.flatten(1), part.audio], dim=1)

    def reconstruct(self, part: Clips) -> tuple[Tensor, Tensor]:
        """Return video and sound."""
        rows = self.mean + (self.rows(part) - self.mean) @ self.axes.t() @ self.axes
        return rows[:, :-SAMPLES].view_as(part.image), rows[:, -SAMPLES:]


def run(budget: Budget) -> DemoResult:
    """Train the autoencoder; compare with a linear one, and with the mean of all clips."""
    training, test = clips(_TRAINING, budget.generator(2)), clips(_TEST, budget.generator(3))
    model = seeded(budget.seed, a_perceiver)
    assert isinstance(model, MultimodalAutoencoder)

    def some(generator: torch.Generator) -> Clips:
        at = torch.randint(_TRAINING, (_BATCH,), generator=generator)
        return Clips(*(part[at] for part in training))

    seconds = fit(
        "Perceiver IO",
        model,
        lambda generator: autoencoder_loss(model, some(generator), generator),
        budget,
    )
    latents = model.config.perceiver.num_latents * model.config.perceiver.latent_width
    linear = seeded(budget.seed, lambda: Linear(training, latents))
    assert isinstance(linear, Linear)

    def linear_loss(generator: torch.Generator) -> Tensor:
        part = some(generator)
        return nn.functional.cross_entropy(linear.layer(linear.rows(part)), part.label)

    fit("linear classifier", linear, linear_loss, budget)
    with torch.no_grad():
        out = model.reconstruct(model.encode(test.image, test.audio))
        picture_rows = {"video": test.image[:3], "Perceiver IO": out[IMAGE][:3]}
        video, audio = linear.reconstruct(test)
        guesses = linear.layer(linear.rows(test)).argmax(1)
    picture_rows["linear"] = video[:3]
    most = int(torch.bincount(training.label).argmax())
    mean_image = training.image.mean(0).expand_as(test.image)
    mean_audio = training.audio.mean(0).expand_as(test.audio)
    rows: dict[str, tuple[float | None, ...]] = {
        "Perceiver IO": (
            *_quality(test, out[IMAGE], out[AUDIO], out[LABEL].argmax(1)),
            latents,
            parameters(model),
            seconds,
        ),
        "principal components": (
            *_quality(test, video, audio, guesses),
            latents,
            None,
            None,
        ),
        "mean clip, majority": (
            *_quality(test, mean_image, mean_audio, torch.full_like(test.label, most)),
            0,
            None,
            None,
        ),
    }
    picture = pictures.figure(10, 6.5)
    _draw(picture, picture_rows, test.audio[:3], out[AUDIO][:3])
    return DemoResult(
        title="Multimodal autoencoding: shapes that move and hum",
        note=(
            f"PSNR in dB on {_TEST} new clips, accuracy of the hidden label; {budget.steps} steps;"
            " a clip has 3,328 numbers, of which so many are kept"
        ),
        columns=(
            *("video dB", "audio dB", "label"),
            *("kept", "parameters", "CPU seconds"),
        ),
        rows=rows,
        figure=picture,
    )


def _quality(test: Clips, image: Tensor, audio: Tensor, label: Tensor) -> tuple[float, ...]:
    right = float((label == test.label).float().mean())
    return psnr(image, test.image, 1.0), psnr(audio, test.audio, 2.0), right


def _draw(picture: Figure, videos: dict[str, Tensor], audio: Tensor, heard: Tensor) -> None:
    halves: Any = picture.subfigures(2, 1, height_ratios=[3, 2])
    top, bottom = halves
    for row, (name, video) in enumerate(videos.items()):
        for clip in range(3):
            axes = top.add_subplot(3, 3, 3 * row + clip + 1)
            strip = video[clip].clamp(0, 1).permute(2, 0, 3, 1).reshape(SIDE, FRAMES * SIDE, 3)
            pictures.show(axes, strip, name)
    for clip in range(3):
        axes = bottom.add_subplot(1, 3, clip + 1)
        axes.plot(audio[clip].numpy(), color="0.6", linewidth=2, label="sound")
        axes.plot(heard[clip].numpy(), color="#0072B2", linewidth=1, label="Perceiver IO")
        axes.set_yticks([])
        if clip == 0:
            axes.legend(fontsize=8, frameon=False, loc="upper right")
