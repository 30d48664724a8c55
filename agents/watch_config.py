"""Settings of the ``watch`` command."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import tyro

from .config import Option
from .errors import ConfigError
from .seeds import EVAL_SEED, FOLLOW_UP_SEED

LOOPS_PER_STEP = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchConfig:
    """Show games of an agent, or a replay, in a window, or write them as a film."""

    agent: tyro.conf.Positional[str] = ""
    """Checkpoint file, run folder, or name of a control (random, no-op, attack-nearest...)."""
    env: str | None = None
    """Environment; None: the one that the checkpoint was trained in."""
    opponent: str | None = None
    """Who plays the other side; None: whom the checkpoint was trained against."""
    games: int = 1
    """Games to show, one after the other."""
    seed: int = EVAL_SEED
    """Seed of the first game; the next games have the seeds that follow."""
    deterministic: bool = True
    """Play the most probable action; sampling adds the noise that training explores with."""
    options: dict[str, Option] = field(default_factory=dict)
    """Further options of the environment; empty: those of the checkpoint."""
    output: Path | None = None
    """Film to write, .gif or .mp4; None: show a window."""
    fps: float = 16.0
    """Frames per second."""
    loops: int = 2
    """Game loops from frame to frame, up to 8; the game runs at 16 per second."""
    replay: Path | None = None
    """Show the games of this replay file instead of playing."""
    save_replay: Path | None = None
    """Write the games that were played to this replay file."""

    def __post_init__(self) -> None:
        if self.games < 1:
            raise ConfigError(f"games must be at least 1, not {self.games}")
        if not 0 <= self.seed <= FOLLOW_UP_SEED - self.games:
            raise ConfigError(f"seed must lie between 0 and {FOLLOW_UP_SEED}, not {self.seed}")
        if not 0 < self.fps <= 100:
            raise ConfigError(f"fps must lie between 0 and 100, not {self.fps}")
        if not 1 <= self.loops <= LOOPS_PER_STEP:
            raise ConfigError(f"loops must lie between 1 and {LOOPS_PER_STEP}, not {self.loops}")
        if self.replay is not None and (self.agent or self.save_replay):
            other = repr(self.agent) if self.agent else "--save-replay"
            raise ConfigError(f"--replay shows games that were played; leave out {other}")
