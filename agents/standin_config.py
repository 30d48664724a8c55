"""Settings of the ``standin`` command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from .errors import ConfigError

ACTIONS = ("install",)


@dataclass(frozen=True, slots=True, kw_only=True)
class StandinConfig:
    """Install a stand-in for StarCraft II: a directory that its clients take for the game."""

    action: tyro.conf.Positional[str] = ""
    """What to do: install."""
    folder: tyro.conf.Positional[Path | None] = None
    """Directory to lay out; clients find it by the environment variable SC2PATH."""

    def __post_init__(self) -> None:
        if self.action and self.action not in ACTIONS:
            raise ConfigError(f"standin {self.action!r} is unknown, expected one of {ACTIONS}")

    def target(self) -> Path:
        """Return the directory.

        Raises:
            ConfigError: If the command line does not say it.
        """
        if not self.action or self.folder is None:
            raise ConfigError("say what to do and where: perceiver-rl standin install DIR")
        return self.folder
