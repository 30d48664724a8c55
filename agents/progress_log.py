"""``progress.csv``: one row per update, from which learning curves are drawn."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import NamedTuple

from perceiver_rl.files import write_text

from .errors import RunError


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressRow:
    """A run after one update.

    Args:
        steps: Environment steps learned from so far.
        seconds: Time spent on them, pauses between resumed parts left out.
        games: Games that ended since the last row.
        return_mean: Their mean sum of rewards; None without games.
        win_rate: Their wins per game; None without games, or where games have no winner.
        length_mean: Their mean number of agent steps; None without games.
        steps_per_second: Environment steps per second since the last row, update included.
    """

    steps: int
    seconds: float
    games: int
    return_mean: float | None
    win_rate: float | None
    length_mean: float | None
    steps_per_second: float


class Progress(NamedTuple):
    """How far a run is.

    Args:
        steps: Environment steps so far.
        total: Steps in the end.
        steps_per_second: Over the last update; 0 before there is one.
        win_rate: Of the last games; None before there are any, or where none has a winner.
    """

    steps: int
    total: int
    steps_per_second: float
    win_rate: float | None


COLUMNS = tuple(field.name for field in fields(ProgressRow))
_WHOLE = ("steps", "games")


def append_row(path: Path, row: ProgressRow) -> None:
    """Add a row, and before the first one the header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if not path.exists():
        writer.writerow(COLUMNS)
    writer.writerow(_cells(row))
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text.getvalue())  # one write, so that a crash leaves whole rows


def _cells(row: ProgressRow) -> list[str]:
    return [
        "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
        for value in astuple(row)
    ]


def read_rows(path: Path) -> list[ProgressRow]:
    """Return all rows; none if there is no file.

    Raises:
        RunError: If the columns are not those of this version or a cell is no number.
    """
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if tuple(header) != COLUMNS:
            raise RunError(f"{path}: expected the columns {list(COLUMNS)}, found {header}")
        return [_row(path, cells) for cells in reader]


def _row(path: Path, cells: Sequence[str]) -> ProgressRow:
    try:
        values = {
            name: (int(cell) if name in _WHOLE else float(cell)) if cell else None
            for name, cell in zip(COLUMNS, cells, strict=True)
        }
        return ProgressRow(**values)  # type: ignore[arg-type]  # None stands only where it may
    except ValueError as error:
        raise RunError(f"{path}: cannot read the row {','.join(cells)!r}: {error}") from None


def keep_until(path: Path, steps: int) -> list[ProgressRow]:
    """Drop the rows after ``steps``, which a checkpoint knows nothing of, and return the rest."""
    rows = read_rows(path)
    kept = [row for row in rows if row.steps <= steps]
    if len(kept) < len(rows):
        lines = [",".join(COLUMNS), *(",".join(_cells(row)) for row in kept)]
        write_text(path, "\n".join(lines) + "\n")
    return kept
