"""What all demos share: how a network is trained, and what a demo gives."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

Report = Callable[[str, int, int], None]
"""Takes what is being trained, the steps done and the steps in total."""

BATCH = 64
_WARM_UP = 0.05


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What a demo gives.

    Args:
        title: Of the table.
        note: What the numbers are, and on what data.
        columns: Names of the numbers.
        rows: Numbers of each method, Perceivers first; None where a method has no such number.
        figure: The picture.
        text: Further lines for the terminal.
    """

    title: str
    note: str
    columns: tuple[str, ...]
    rows: Mapping[str, tuple[float | None, ...]]
    figure: Figure
    text: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """How long networks are trained, alike for all of a demo, and who is told.

    Args:
        steps: Minibatches.
        seed: Of data, weights and minibatches.
        report: Is told every few steps.
    """

    steps: int
    seed: int
    report: Report

    def generator(self, stream: int) -> torch.Generator:
        """Return a generator of its own for one use of the seed."""
        return torch.Generator().manual_seed(1000 * self.seed + stream)


def fit(
    name: str,
    model: nn.Module,
    loss: Callable[[torch.Generator], Tensor],
    budget: Budget,
    learning_rate: float = 2e-3,
) -> float:
    """Train a network with AdamW, a short warm-up and a cosine schedule.

    Args:
        name: For the progress bar.
        model: The network; afterwards in evaluation mode.
        loss: Draws a minibatch and returns its loss.
        budget: Steps and seed.
        learning_rate: The highest.

    Returns:
        CPU seconds.
    """
    decayed = [p for p in model.parameters() if p.ndim > 1]
    kept = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": kept, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share(step, budget.steps))
    generator, start = budget.generator(1), time.process_time()
    model.train()
    for step in range(budget.steps):
        optimizer.zero_grad()
        loss(generator).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 10 == 9 or step == budget.steps - 1:
            budget.report(name, step + 1, budget.steps)
    model.eval()
    return time.process_time() - start


def _share(step: int, steps: int) -> float:
    warm_up = max(1, int(_WARM_UP * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def parameters(model: nn.Module) -> int:
    """Return how many parameters a network has."""
    return sum(p.numel() for p in model.parameters())


def accuracy(model: nn.Module, inputs: Tensor, labels: Tensor) -> tuple[float, Tensor]:
    """Return a classifier's accuracy and its predictions."""
    with torch.no_grad():
        guesses = torch.cat([model(part).argmax(1) for part in inputs.split(256)])
    return float((guesses == labels).float().mean()), guesses


def classify(
    name: str, model: nn.Module, data: tuple[Tensor, Tensor], budget: Budget, **settings: float
) -> float:
    """Train a classifier on samples and labels; return CPU seconds."""
    inputs, labels = data

    def loss(generator: torch.Generator) -> Tensor:
        at = torch.randint(len(labels), (BATCH,), generator=generator)
        return nn.functional.cross_entropy(model(inputs[at]), labels[at])

    return fit(name, model, loss, budget, **settings)


def seeded(seed: int, build: Callable[[], nn.Module]) -> nn.Module:
    """Build a network whose weights depend on the seed alone."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build()


def rescale(deviation: float, *tables: Tensor) -> None:
    """Let embeddings and learned positions start at one size, so that neither hides the other.

    The reference starts positions fifty times smaller, and has time to let them grow.
    """
    with torch.no_grad():
        for table in tables:
            table.mul_(deviation / table.std())
