"""Settings of recorded demonstrations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .config import Backend, Option
from .errors import ConfigError
from .seeds import MAX_ENVS, MAX_SEED
from .strict_yaml import from_mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordConfig:
    """Games of a teacher to learn from."""

    env: str = "perceiver_rl/Battle-8m-v0"
    """Registered id of the environment; of a whole game (sc2-...) with a backend that plays it."""
    backend: Backend = "proxy"
    """What is played on: the proxy, the stand-in for the game, or the game (sc2)."""
    opponent: str = "attack-nearest"
    """Whom the teacher plays against."""
    teacher: str = "elite"
    """Who plays our side: a control, a checkpoint file or a run folder."""
    episodes: int = 500
    """Games to keep."""
    seed: int = 0
    """Block of the training seeds that the games come from."""
    options: dict[str, Option] = field(default_factory=dict)
    """Further options of the environment."""

    def __post_init__(self) -> None:
        if not 2 <= self.episodes <= MAX_ENVS:
            raise ConfigError(
                f"episodes must lie between 2 (one to learn from, one to validate with) and"
                f" {MAX_ENVS}, not {self.episodes}"
            )
        if not 0 <= self.seed <= MAX_SEED:
            raise ConfigError(f"seed must lie between 0 and {MAX_SEED}, not {self.seed}")

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> RecordConfig:
        """Return settings that were written to a file.

        Raises:
            ConfigError: If they hold a key that this version does not know.
        """
        return from_mapping(cls, content)
