"""Settings of the ``demo`` command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from .config import at_least
from .errors import ConfigError

DEMOS = ("language", "tasks", "flow", "multimodal", "image", "audio")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoConfig:
    """Train one of the paper's other systems, small, on a CPU in minutes, beside baselines."""

    name: tyro.conf.Positional[str] = ""
    """language, tasks, flow, multimodal, image or audio."""
    steps: int | None = None
    """Training steps of each network; None: as many as the documented results took."""
    seed: int = 0
    """Seeds data, networks and training."""
    torch_threads: int = 1
    """Threads of torch; more than one makes runs differ."""
    output: Path | None = None
    """Folder of table, numbers and picture; None: runs/demo-NAME."""

    def __post_init__(self) -> None:
        # An empty name is what the settings are before the command line is read.
        if self.name and self.name not in DEMOS:
            raise ConfigError(f"unknown demo {self.name!r}, expected one of {list(DEMOS)}")
        at_least(1, torch_threads=self.torch_threads)
        at_least(0, seed=self.seed)
        if self.steps is not None:
            at_least(1, steps=self.steps)
