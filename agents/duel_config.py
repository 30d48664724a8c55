"""Settings of the ``duel`` command."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import tyro

from .config import Option
from .errors import ConfigError
from .seeds import EVAL_SEED, FOLLOW_UP_SEED


@dataclass(frozen=True, slots=True, kw_only=True)
class DuelConfig:
    """Let agents play one another over the same seeds, each pair from both sides."""

    agents: tyro.conf.Positional[tuple[str, ...]] = ()
    """Two or more: checkpoint files, run folders, or names of controls (random, elite...)."""
    env: str | None = None
    """Battle to play; None: the one that the first checkpoint was trained in."""
    games: int = 200
    """Games of each pair: every seed is played twice, with sides swapped."""
    eval_seed: int = EVAL_SEED
    """Seed of the first two games; training never uses seeds this high."""
    deterministic: bool = True
    """Play the most probable action; sampling adds the noise that training explores with."""
    batch: int = 100
    """Games that run side by side; sampled actions depend on it, the games' seeds do not."""
    resamples: int = 1000
    """Bootstrap samples behind the intervals of Elo ratings."""
    options: dict[str, Option] = field(default_factory=dict)
    """Further options of the environment; empty: those of the first checkpoint."""
    replay: Path | None = None
    """Folder for replays, a file per pair and side, to be shown with `watch --replay`."""
    output: Path | None = None
    """JSON file; None: duel.json beside the first checkpoint, or in `runs`."""

    def __post_init__(self) -> None:
        if self.games < 2 or self.games % 2:
            raise ConfigError(
                f"games must be even and at least 2, not {self.games}: every seed is played from"
                " both sides"
            )
        if self.batch < 1 or self.resamples < 1:
            raise ConfigError(
                f"batch and resamples must be at least 1, not {self.batch} and {self.resamples}"
            )
        if not EVAL_SEED <= self.eval_seed <= FOLLOW_UP_SEED - self.games:
            raise ConfigError(
                f"eval_seed must lie between {EVAL_SEED} and {FOLLOW_UP_SEED}, not {self.eval_seed}"
            )
