"""Audio classification of raw waveforms: tones whose class is their shape, not their pitch."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from perceiver_rl.models import AudioClassifier, AudioClassifierConfig
from perceiver_rl.nn import PerceiverConfig

from . import pictures
from .fitting import Budget, DemoResult, accuracy, classify, parameters, seeded

STEPS = 2000
SAMPLES, RATE = 1024, 8000
CLASSES = ("sine", "square", "saw", "rising", "falling", "tremolo", "two tones", "bursts")
_TRAINING, _TEST = 6_000, 2_000


def tones(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return ``[count, 1024]`` sounds of random pitch, phase, loudness and noise, and classes."""
    draw = torch.rand(count, 4, generator=generator)
    label = torch.randint(len(CLASSES), (count,), generator=generator)
    pitch = (150.0 * 4.0 ** draw[:, 0])[:, None]  # 150 to 600 Hz
    start = draw[:, 1:2]
    seconds = torch.arange(SAMPLES) / RATE
    half = 0.5 * SAMPLES / RATE
    cycles = start + pitch * seconds
    sweep = pitch * seconds * (seconds / half - 1) * 0.5
    angle = 2 * math.pi * cycles
    slow = 2 * math.pi * (draw[:, 2:3] + 25.0 * seconds)
    sounds = torch.stack(
        [
            angle.sin(),
            angle.sin().sign(),
            2 * (cycles % 1) - 1,
            (2 * math.pi * (cycles + sweep)).sin(),
            (2 * math.pi * (cycles - sweep)).sin(),
            angle.sin() * (1 + slow.sin()) / 2,
            (angle.sin() + (1.5 * angle).sin()) / 2,
            angle.sin() * (slow.sin() > 0),
        ],
        dim=1,
    )
    picked = sounds[torch.arange(count), label]
    loud = 0.3 + 0.7 * draw[:, 3:4]
    return loud * picked + 0.1 * torch.randn(picked.shape, generator=generator), label


def a_perceiver() -> AudioClassifier:
    """Build a small classifier of raw waveforms."""
    config = AudioClassifierConfig(
        samples=SAMPLES,
        samples_per_patch=16,
        bands=12,
        perceiver=PerceiverConfig(
            num_latents=24, latent_width=64, num_self_attends=3, self_heads=4
        ),
        query_width=64,
        num_classes=len(CLASSES),
    )
    return AudioClassifier(config)


class SmallConv(nn.Module):
    """Three strided convolutions over the waveform, averaged over time."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv1d(1, 24, 16, stride=4), nn.ReLU(), nn.Conv1d(24, 48, 8, stride=4), nn.ReLU()),
            *(nn.Conv1d(48, 64, 4, stride=2), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten()),
            nn.Linear(64, len(CLASSES)),
        )

    def forward(self, sound: Tensor) -> Tensor:
        """Classify ``[B, samples]``."""
        return self.layers(sound.unsqueeze(1))


class Spectrum(nn.Module):
    """A linear layer on the logarithm of the power spectrum."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(SAMPLES // 2 + 1, len(CLASSES))

    def forward(self, sound: Tensor) -> Tensor:
        """Classify ``[B, samples]``."""
        return self.layer((torch.fft.rfft(sound).abs().square() + 1e-3).log())


def run(budget: Budget) -> DemoResult:
    """Train the classifier and three baselines alike."""
    training = tones(_TRAINING, budget.generator(2))
    sounds, labels = tones(_TEST, budget.generator(3))
    builders = {
        "Perceiver IO, raw waveform": a_perceiver,
        "small CNN, raw waveform": SmallConv,
        "linear, log spectrum": Spectrum,
        "linear, raw waveform": lambda: nn.Linear(SAMPLES, len(CLASSES)),
    }
    rows: dict[str, tuple[float | None, ...]] = {}
    guesses: dict[str, Tensor] = {}
    for name, build in builders.items():
        model = seeded(budget.seed, build)
        seconds = classify(name, model, training, budget)
        share, guesses[name] = accuracy(model, sounds, labels)
        rows[name] = (share, parameters(model), seconds)
    most = int(torch.bincount(training[1]).argmax())
    rows["majority class"] = (float((labels == most).float().mean()), 0, None)
    picture = pictures.figure(10, 5)
    left, right = picture.subplots(1, 2)
    for at, name in enumerate(CLASSES):
        sound = sounds[int((labels == at).nonzero()[0])]
        left.plot(sound[:512].numpy() / 2.5 - at, linewidth=0.7)
        left.text(-8, -at, name, ha="right", va="center", fontsize=8)
    left.set_axis_off()
    left.set_title("one sound of each class, 64 ms", fontsize=9)
    pictures.confusion(
        right, labels, guesses["Perceiver IO, raw waveform"], CLASSES, "Perceiver IO"
    )
    return DemoResult(
        title="Audio classification: shapes of tones",
        note=f"{_TEST} new sounds of 128 ms; {budget.steps} steps each",
        columns=("accuracy", "parameters", "CPU seconds"),
        rows=rows,
        figure=picture,
    )
