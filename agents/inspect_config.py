"""Settings of the ``inspect`` command."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import tyro

from .config import Option
from .errors import ConfigError
from .seeds import EVAL_SEED, FOLLOW_UP_SEED


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectConfig:
    """Write a game of a checkpoint as a page that shows what its network sees and prefers."""

    agent: tyro.conf.Positional[str] = ""
    """Checkpoint file or run folder."""
    output: Path = Path("inspect.html")
    """Page to write; it opens in any browser, without a network."""
    env: str | None = None
    """Environment; None: the one that the checkpoint was trained in."""
    opponent: str | None = None
    """Who plays the other side; None: whom the checkpoint was trained against."""
    seed: int = EVAL_SEED
    """Seed of the game."""
    deterministic: bool = True
    """Play the most probable action; sampling adds the noise that training explores with."""
    steps: int = 400
    """Show so many agent steps at most; the page says so if the game was longer."""
    options: dict[str, Option] = field(default_factory=dict)
    """Further options of the environment; empty: those of the checkpoint."""

    def __post_init__(self) -> None:
        if not 0 <= self.seed < FOLLOW_UP_SEED:
            raise ConfigError(f"seed must lie between 0 and {FOLLOW_UP_SEED}, not {self.seed}")
        if self.steps < 1:
            raise ConfigError(f"steps must be at least 1, not {self.steps}")
        if self.output.suffix.lower() not in (".html", ".htm"):
            raise ConfigError(f"output must end in .html, not {str(self.output)!r}")
