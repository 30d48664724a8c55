"""Several questions about one text, as in the paper's multitask GLUE: by queries or by tokens."""

from __future__ import annotations

import sysconfig
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from pydoc_data import topics

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from perceiver_rl.models import LanguageConfig, TextClassifier, TextClassifierConfig
from perceiver_rl.models.text import NUM_SPECIAL, NUM_TOKENS
from perceiver_rl.nn import PerceiverConfig

from . import pictures
from .fitting import BATCH, Budget, DemoResult, fit, parameters, rescale, seeded

STEPS = 1000
LENGTH = 64
TASKS: Mapping[str, int] = {"code": 2, "digit": 2, "capitals": 3, "blanks": 4, "first": 3}
"""Questions with their numbers of answers: is it code, is there a digit, how many capitals (none,
one, more), how many blanks (four ranges), does it begin with a letter, a blank or another byte."""
_MODULES = ("argparse", "ast", "csv", "difflib", "inspect", "json/decoder", "optparse", "tarfile")
_TEST_TEXTS = 1000
_MOST_BLANKS = (7, 10, 13)

Texts = tuple[Tensor, Tensor]
"""Manual and code as bytes ``[length]``."""
Labels = dict[str, Tensor]


def library() -> tuple[Texts, Texts]:
    """Return texts to learn from and others for tests: every fourth page and module."""
    modules = [Path(sysconfig.get_path("stdlib"), f"{name}.py") for name in _MODULES]
    manual = [topics.topics[name] for name in sorted(topics.topics)]
    code = [module.read_text(encoding="utf-8") for module in modules]
    parts = [
        tuple(
            _bytes([text for at, text in enumerate(texts) if (at % 4 == 3) == test])
            for texts in (manual, code)
        )
        for test in (False, True)
    ]
    return (parts[0][0], parts[0][1]), (parts[1][0], parts[1][1])


def _bytes(texts: list[str]) -> Tensor:
    # Without indentation and line breaks, which alone would tell code from prose.
    return torch.tensor(list(" ".join(" ".join(texts).split()).encode("utf-8")))


def samples(texts: Texts, count: int, generator: torch.Generator) -> tuple[Tensor, Labels]:
    """Return tokens ``[count, LENGTH]`` of pieces of both kinds, and the answers ``[count]``."""
    code = torch.rand(count, generator=generator) < 0.5
    longest = torch.tensor([len(text) - LENGTH for text in texts])[code.long()]
    start = (torch.rand(count, generator=generator) * longest).long()
    places = start[:, None] + torch.arange(LENGTH)
    manual, source = (text[places.clamp(max=len(text) - 1)] for text in texts)
    pieces = torch.where(code[:, None], source, manual)
    return pieces + NUM_SPECIAL, {"code": code.long(), **_answers(pieces)}


def _answers(pieces: Tensor) -> Labels:
    blank = pieces == ord(" ")
    capital = (pieces >= ord("A")) & (pieces <= ord("Z"))
    letter = capital | ((pieces >= ord("a")) & (pieces <= ord("z")))
    digit = (pieces >= ord("0")) & (pieces <= ord("9"))
    ranges = torch.bucketize(blank.sum(1), torch.tensor(_MOST_BLANKS))
    return {
        "digit": digit.any(1).long(),
        "capitals": capital.sum(1).clamp(max=2),
        "blanks": ranges,
        "first": torch.where(letter[:, 0], 0, torch.where(blank[:, 0], 1, 2)),
    }


def a_classifier(config: TextClassifierConfig) -> TextClassifier:
    """Build a small classifier for some tasks."""
    perceiver = PerceiverConfig(
        num_latents=16, latent_width=64, num_self_attends=2, self_heads=4, cross_heads=4
    )
    language = LanguageConfig(max_length=LENGTH, embed_width=64, perceiver=perceiver)
    model = TextClassifier(replace(config, head="linear", language=language, query_width=64))
    rescale(1.0, model.input.embed.weight, model.input.positions.table)
    return model


class Counts(nn.Module):
    """A linear layer per task on the number of times that each byte occurs."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict(
            {name: nn.Linear(NUM_TOKENS, classes) for name, classes in TASKS.items()}
        )

    def forward(self, tokens: Tensor) -> Labels:
        """Answer everything about ``[B, LENGTH]``."""
        counts = nn.functional.one_hot(tokens, NUM_TOKENS).sum(1).float()
        return {name: layer(counts) for name, layer in self.layers.items()}


def run(budget: Budget) -> DemoResult:
    """Train a network per task, one for all tasks in three ways, and a linear one."""
    training, test = library()
    tokens, labels = samples(test, _TEST_TEXTS, budget.generator(3))
    rows: dict[str, tuple[float | None, ...]] = {}

    def trained(name: str, model: nn.Module) -> tuple[Labels, float]:
        def loss(generator: torch.Generator) -> Tensor:
            pieces, truth = samples(training, BATCH, generator)
            return torch.stack(
                [
                    nn.functional.cross_entropy(logits, truth[task])
                    for task, logits in model(pieces).items()
                ]
            ).mean()

        seconds = fit(name, model, loss, budget)
        with torch.no_grad():
            return {task: logits.argmax(1) for task, logits in model(tokens).items()}, seconds

    def scored(name: str, guesses: Labels, size: int | None, seconds: float | None) -> None:
        shares = [float((guesses[task] == labels[task]).float().mean()) for task in TASKS]
        rows[name] = (*shares, sum(shares) / len(shares), size, seconds)

    ways = {
        "Perceiver IO, queries": TextClassifierConfig(tasks=TASKS),
        "Perceiver IO, task tokens": TextClassifierConfig(tasks=TASKS, asks="tokens"),
        "Perceiver IO, one token": TextClassifierConfig(tasks=TASKS, asks="shared"),
    }
    for name, config in ways.items():
        model = seeded(budget.seed, partial(a_classifier, config))
        scored(name, *_sized(trained(name, model), model))
    alone: Labels = {}
    size, seconds = 0, 0.0
    for task, classes in TASKS.items():
        single = TextClassifierConfig(tasks={task: classes})
        model = seeded(budget.seed, partial(a_classifier, single))
        guesses, spent = trained(f"Perceiver IO, {task} alone", model)
        alone |= guesses
        size, seconds = size + parameters(model), seconds + spent
    scored("Perceiver IO, task by task", alone, size, seconds)
    linear = seeded(budget.seed, Counts)
    scored("linear, counts of bytes", *_sized(trained("linear", linear), linear))
    _, often = samples(training, 4000, budget.generator(2))
    most = {task: often[task].mode().values.expand(_TEST_TEXTS) for task in TASKS}
    scored("majority class", most, None, None)
    return DemoResult(
        title="Multitask: five questions about pieces of text",
        note=(
            f"accuracy on {_TEST_TEXTS} pieces of {LENGTH} bytes of pages and modules that are"
            f" new; {budget.steps} steps each"
        ),
        columns=(*TASKS, "mean", "parameters", "CPU seconds"),
        rows=rows,
        figure=_drawn(rows),
    )


def _sized(result: tuple[Labels, float], model: nn.Module) -> tuple[Labels, int, float]:
    return result[0], parameters(model), result[1]


def _drawn(rows: Mapping[str, tuple[float | None, ...]]) -> Figure:
    """Draw a bar per method and task."""
    picture = pictures.figure(10, 4)
    axes = picture.subplots()
    width = 0.8 / len(rows)
    for at, (name, numbers) in enumerate(rows.items()):
        shares = [number or 0.0 for number in numbers[: len(TASKS) + 1]]
        places = [place + (at - (len(rows) - 1) / 2) * width for place in range(len(shares))]
        axes.bar(places, shares, width, label=name)
    axes.set_xticks(range(len(TASKS) + 1), [*TASKS, "mean"])
    axes.set_ylim(0, 1)
    axes.set_ylabel("accuracy")
    axes.legend(loc="lower right", fontsize=8, framealpha=0.9)
    return picture
