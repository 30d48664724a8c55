"""The folder of a training run: what lies in it, and when it may be written to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perceiver_rl.files import write_text

from .errors import RunError


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of one run's files.

    Args:
        path: The folder; it need not exist yet.
    """

    path: Path

    @property
    def config(self) -> Path:
        """All settings of the run."""
        return self.path / "config.yaml"

    @property
    def checkpoint(self) -> Path:
        """The latest checkpoint."""
        return self.path / "checkpoint.zip"

    @property
    def progress(self) -> Path:
        """One row per update: steps, time, games, win rate."""
        return self.path / "progress.csv"

    @property
    def tensorboard(self) -> Path:
        """Event files."""
        return self.path / "tensorboard"

    @property
    def summary(self) -> Path:
        """Facts about a finished run; absent before."""
        return self.path / "summary.json"

    @property
    def paired_games(self) -> Path:
        """Evaluation games of a comparison; absent before they are played."""
        return self.path / "paired_games.json"

    @property
    def error(self) -> Path:
        """Traceback of a run that failed in a comparison."""
        return self.path / "error.txt"

    def check(self, resume: bool) -> None:
        """Check that a run can begin here without a loss, or go on.

        Raises:
            RunError: If a new run would find a checkpoint here, or one to resume finds none.
        """
        if resume and not self.checkpoint.exists():
            raise RunError(f"{self.path} holds no {self.checkpoint.name} to resume from")
        if not resume and self.checkpoint.exists():
            raise RunError(
                f"{self.path} already holds a checkpoint; continue it with --resume {self.path},"
                " or choose another --name"
            )


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file as a whole or not at all."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a JSON file's mapping, or None if it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return content if isinstance(content, dict) else None
