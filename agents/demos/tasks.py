"""Several questions about one text, as in the paper's multitask GLUE: by queries or by tokens."""

from __future__ import annotations

import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, replace
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

    def part(test: bool) -> Texts:
        return _bytes(_part(manual, test)), _bytes(_part(code, test))

    return part(test=False), part(test=True)


def _part(texts: list[str], test: bool) -> list[str]:
    return [text for at, text in enumerate(texts) if (at % 4 == 3) == test]


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


@dataclass
class _Examination:
    """Trains networks on the same pieces of text and examines them on the same others."""

    budget: Budget

    def __post_init__(self) -> None:
        self.training, test = library()
        self.tokens, self.labels = samples(test, _TEST_TEXTS, self.budget.generator(3))
        self.rows: dict[str, tuple[float | None, ...]] = {}

    def train(self, name: str, model: nn.Module) -> tuple[Labels, int, float]:
        """Return a network's guesses, its parameters and the CPU seconds that training took."""

        def loss(generator: torch.Generator) -> Tensor:
            pieces, truth = samples(self.training, BATCH, generator)
            answers: Mapping[str, Tensor] = model(pieces)
            losses = [
                nn.functional.cross_entropy(logits, truth[task]) for task, logits in answers.items()
            ]
            return torch.stack(losses).mean()

        seconds = fit(name, model, loss, self.budget)
        with torch.no_grad():
            guesses = {task: logits.argmax(1) for task, logits in model(self.tokens).items()}
        return guesses, parameters(model), seconds

    def score(
        self, name: str, guesses: Labels, size: int | None = None, seconds: float | None = None
    ) -> None:
        """Enter the shares of right guesses."""
        shares = [float((guesses[task] == self.labels[task]).float().mean()) for task in TASKS]
        self.rows[name] = (*shares, sum(shares) / len(shares), size, seconds)

    def train_task_by_task(self) -> tuple[Labels, int, float]:
        """Train a network for each task; return as :meth:`train` does."""
        guesses: Labels = {}
        size, seconds = 0, 0.0
        for task, classes in TASKS.items():
            config = TextClassifierConfig(tasks={task: classes})
            model = seeded(self.budget.seed, partial(a_classifier, config))
            found, its_size, spent = self.train(f"Perceiver IO, {task} alone", model)
            guesses |= found
            size, seconds = size + its_size, seconds + spent
        return guesses, size, seconds

    def most_frequent(self) -> Labels:
        """Guess what is right most often in training."""
        _, often = samples(self.training, 4000, self.budget.generator(2))
        return {task: often[task].mode().values.expand(_TEST_TEXTS) for task in TASKS}


def run(budget: Budget) -> DemoResult:
    """Train a network per task, one for all tasks in three ways, and a linear one."""
    examination = _Examination(budget)
    ways = {
        "Perceiver IO, queries": TextClassifierConfig(tasks=TASKS),
        "Perceiver IO, task tokens": TextClassifierConfig(tasks=TASKS, asks="tokens"),
        "Perceiver IO, one token": TextClassifierConfig(tasks=TASKS, asks="shared"),
    }
    for name, config in ways.items():
        model = seeded(budget.seed, partial(a_classifier, config))
        examination.score(name, *examination.train(name, model))
    examination.score("Perceiver IO, task by task", *examination.train_task_by_task())
    linear = seeded(budget.seed, Counts)
    examination.score("linear, counts of bytes", *examination.train("linear", linear))
    examination.score("majority class", examination.most_frequent())
    return DemoResult(
        title="Multitask: five questions about pieces of text",
        note=(
            f"accuracy on {_TEST_TEXTS} pieces of {LENGTH} bytes of pages and modules that are"
            f" new; {budget.steps} steps each"
        ),
        columns=(*TASKS, "mean", "parameters", "CPU seconds"),
        rows=examination.rows,
        figure=_drawn(examination.rows),
    )


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
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=3, frameon=False)
    return picture
