"""What the terminal shows while a command works; results go to stdout, the rest to stderr."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from .config import Backend, TrainConfig
from .progress_log import Progress as Steps


class StepsPerSecond(ProgressColumn):
    """Steps per second over the last update, once there is one."""

    def render(self, task: Task) -> Text:
        """Return the column's cell."""
        rate = task.fields.get("rate")
        return Text(f"{rate:,.0f} steps/s" if rate else "", style="progress.data.speed")


class WinRate(ProgressColumn):
    """Win rate of the last games, once some have ended."""

    def render(self, task: Task) -> Text:
        """Return the column's cell."""
        rate = task.fields.get("win_rate")
        return Text(f"wins {rate:.0%}" if rate is not None else "", style="green")


def progress_bar(console: Console) -> Progress:
    """Return a progress bar with the columns that all commands share."""
    return Progress(
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        StepsPerSecond(),
        WinRate(),
        TimeRemainingColumn(),
        console=console,
        expand=True,
    )


@dataclass(frozen=True, slots=True)
class TrainingDisplay:
    """One bar for one run.

    Args:
        console: Where it is drawn.
        bar: The bar.
        task: The run within the bar.
        backend: What it plays on.
    """

    console: Console
    bar: Progress
    task: TaskID
    backend: Backend

    def report(self, progress: Steps) -> None:
        """Move the bar."""
        self.bar.update(
            self.task,
            completed=min(progress.steps, progress.total),
            rate=progress.steps_per_second,
            win_rate=progress.win_rate,
        )

    def conclude(self, folder: Path, steps: int, finished: bool) -> None:
        """Say where the run is and how it can go on."""
        state = "finished" if finished else "stopped"
        self.console.print(
            f"{state} after {steps:,} steps; checkpoint in {folder}", highlight=False
        )
        elsewhere = "" if self.backend == "proxy" else f" --backend {self.backend}"
        command = (
            f"perceiver-rl evaluate {folder}{elsewhere}"
            if finished
            else f"perceiver-rl train --resume {folder}"
        )
        what = "evaluate it with" if finished else "continue with"
        self.console.print(f"{what}: {command}", highlight=False, soft_wrap=True)


@contextlib.contextmanager
def training_display(config: TrainConfig) -> Iterator[TrainingDisplay]:
    """Show a progress bar for one run."""
    console = Console(stderr=True)
    with progress_bar(console) as bar:
        task = bar.add_task(config.name, total=config.steps)
        yield TrainingDisplay(console, bar, task, config.backend)


@contextlib.contextmanager
def game_bar(games: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar of evaluation games; the function that it gives adds to it."""
    with progress_bar(Console(stderr=True)) as bar:
        task = bar.add_task("games", total=games)
        yield lambda ended: bar.update(task, advance=ended)
