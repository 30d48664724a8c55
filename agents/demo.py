"""The ``demo`` command: train, print a table, write table, numbers and picture."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from perceiver_rl.files import replacing

from .cpu import prepare_cpu
from .demo_config import DemoConfig
from .demos.fitting import Budget, DemoResult
from .display import progress_bar
from .errors import ConfigError
from .machine import provenance
from .run_folder import write_json
from .tables import plain_table


def demo(config: DemoConfig, words: Sequence[str]) -> DemoResult:
    """Run one demo.

    Args:
        config: Which, for how long, and where the results go.
        words: The command, for the record.

    Raises:
        ConfigError: If no demo is named.
        OSError: If the folder cannot be written to.
    """
    if not config.name:
        raise ConfigError("name a demo: language, tasks, flow, multimodal, image or audio")
    part = importlib.import_module(f"{__package__}.demos.{config.name}")
    prepare_cpu(config.torch_threads)
    console = Console(stderr=True)
    with progress_bar(console) as bar:
        tasks = {}

        def report(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total)
            bar.update(tasks[name], completed=done)

        steps = part.STEPS if config.steps is None else config.steps
        result: DemoResult = part.run(Budget(steps, config.seed, report))
    folder = config.output or Path("runs") / f"demo-{config.name}"
    Console().print(_table(result), *([f"\n{result.text}"] if result.text else []))
    _write(folder, result, words)
    console.print(f"table, numbers and picture are in {folder}", highlight=False)
    return result


def _table(result: DemoResult) -> Table:
    table = plain_table(result.title, result.note)
    table.padding = (0, 1, 0, 0)  # the widest demo has nine columns, and a terminal often 80 cells
    table.add_column("method", min_width=13)
    for column in result.columns:
        table.add_column(column.replace(" ", "\n"), justify="right", no_wrap=True)
    for name, numbers in result.rows.items():
        table.add_row(name, *map(_number, result.columns, numbers))
    return table


def _number(column: str, value: float | None) -> str:
    if value is None:
        return "-"
    whole = column in ("parameters", "kept", "CPU seconds")
    return f"{value:,.0f}" if whole else f"{value:.3f}"


def _write(folder: Path, result: DemoResult, words: Sequence[str]) -> None:
    rows = {
        name: dict(zip(result.columns, numbers, strict=True))
        for name, numbers in result.rows.items()
    }
    about = {"title": result.title, "note": result.note, "text": result.text}
    write_json(folder / "results.json", {**about, "results": rows, **provenance(words)})
    with replacing(folder / "picture.png") as file:
        result.figure.savefig(file, format="png")
