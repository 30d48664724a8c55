"""What the terminal shows while a comparison runs: one bar for all, one per running task."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import TaskID

from .display import progress_bar
from .progress_log import Progress
from .tasks import Task
from .worker import Done, Failed, GamesPlayed, Message


@dataclass(slots=True)
class CompareDisplay:
    """Follows the messages of all tasks.

    Args:
        bars: Where bars are drawn.
        overall: The bar of all training steps.
        failures: Why tasks failed, by name.
    """

    bars: Bars
    overall: TaskID
    failures: dict[str, str] = field(default_factory=dict)
    _rows: dict[str, TaskID] = field(default_factory=dict)
    _steps: dict[str, int] = field(default_factory=dict)

    def listen(self, task: Task, message: Message) -> None:
        """Show one message."""
        if isinstance(message, Progress):
            self._train(task, message)
        elif isinstance(message, GamesPlayed):
            self._play(task, message.games)
        else:
            self._end(task, message)

    def _row(self, task: Task, what: str, total: int) -> TaskID:
        key = f"{task.title} {what}"
        if key not in self._rows:
            self._forget(task)
            self._rows[key] = self.bars.add_task(f"  {key}", total=total)
        return self._rows[key]

    def _forget(self, task: Task) -> None:
        for key in [key for key in self._rows if key.startswith(f"{task.title} ")]:
            self.bars.remove_task(self._rows.pop(key))

    def _train(self, task: Task, progress: Progress) -> None:
        self.bars.update(
            self._row(task, "training", progress.total),
            completed=min(progress.steps, progress.total),
            rate=progress.steps_per_second,
            win_rate=progress.win_rate,
        )
        self.count(task, min(progress.steps, progress.total))

    def count(self, task: Task, steps: int) -> None:
        """Add to the bar of all training steps what a task has done so far."""
        self._steps[task.title] = min(steps, task.steps)
        self.bars.update(self.overall, completed=sum(self._steps.values()))

    def _play(self, task: Task, games: int) -> None:
        total = task.evaluation.games * len(task.evaluation.opponents)
        self.bars.update(self._row(task, "games", total), advance=games)

    def _end(self, task: Task, message: Done | Failed) -> None:
        self._forget(task)
        if isinstance(message, Failed):
            self.failures[task.title] = message.message
            self._say(f"[red]failed[/] {task.title}: {message.message}")
        elif message.finished:
            self.count(task, task.steps)
            self._say(f"[green]done[/] {task.title}")
        else:
            self._say(f"stopped {task.title}; the same command continues it")

    def _say(self, text: str) -> None:
        self.bars.console.print(text, highlight=False)


@contextlib.contextmanager
def compare_display(tasks: Sequence[Task]) -> Iterator[CompareDisplay]:
    """Show the progress of a comparison; tells how many of its tasks are already done."""
    console = Console(stderr=True)
    ready = [task for task in tasks if task.is_done()]
    if ready:
        console.print(f"{len(ready)} of {len(tasks)} runs are already done and stay as they are")
    with progress_bar(console) as bars:
        overall = bars.add_task("all training", total=sum(task.steps for task in tasks))
        display = CompareDisplay(bars, overall)
        for task in ready:
            display.count(task, task.steps)
        yield display
