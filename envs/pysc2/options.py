"""How a game of the real thing is set up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from perceiver_rl.spaces import ContractError, unknown

from ..scenarios.scenario import LOOPS_PER_STEP

RACES: Final = ("random", "protoss", "terran", "zerg")
DIFFICULTIES: Final = (
    "very_easy",
    "easy",
    "medium",
    "medium_hard",
    "hard",
    "harder",
    "very_hard",
    "cheat_vision",
    "cheat_money",
    "cheat_insane",
)
ALIASES: Final = {"elite": "very_hard"}
"""The game's menu calls a difficulty Elite that its API calls VeryHard."""
MOST_SEED: Final = 2**32 - 1
"""The game's seeds have 32 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GameOptions:
    """Settings of a game.

    Args:
        step_mul: Game loops per step.
        realtime: Whether the game runs at its own pace, 22.4 loops per second.
        visualize: Whether PySC2 shows a window.
        race: Ours, on maps for two players.
        opponent: The built-in opponent's race, on maps for two players.
        difficulty: The built-in opponent's, one of :data:`DIFFICULTIES` or ``elite``.
        replays: Folder for a replay of every episode; None for none.
        version: Of the game, such as ``4.10``; None for the newest that is installed.
        disable_fog: Whether everything is seen.
        timeout: Seconds without an answer after which the game counts as hung.
        most_failures: Failures in a row after which the adapter gives up.
        stand_in: Whether the stand-in plays, wherever the game itself is installed. Without it,
            whatever is found in ``SC2PATH`` plays.

    Raises:
        ContractError: If a value makes no sense; names the nearest one.
    """

    step_mul: int = LOOPS_PER_STEP
    realtime: bool = False
    visualize: bool = False
    race: str = "random"
    opponent: str = "random"
    difficulty: str = "very_easy"
    replays: Path | None = None
    version: str | None = None
    disable_fog: bool = False
    timeout: int = 120
    most_failures: int = 3
    stand_in: bool = False

    def __post_init__(self) -> None:
        for name in ("step_mul", "timeout", "most_failures"):
            if getattr(self, name) < 1:
                raise ContractError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("race", "opponent"):
            if getattr(self, name) not in RACES:
                raise ContractError(unknown(name, getattr(self, name), RACES))
        if self.difficulty not in (*DIFFICULTIES, *ALIASES):
            raise ContractError(unknown("difficulty", self.difficulty, (*DIFFICULTIES, *ALIASES)))

    @property
    def level(self) -> str:
        """The difficulty as PySC2 calls it."""
        return ALIASES.get(self.difficulty, self.difficulty)

    def players(self, env: Any, single: bool) -> list[Any]:
        """Return PySC2's list of players.

        Args:
            env: PySC2's module of ``SC2Env``.
            single: Whether the map is for one player.
        """
        ours = env.Agent(env.Race[self.race], "perceiver-rl")
        if single:
            return [ours]
        return [ours, env.Bot(env.Race[self.opponent], env.Difficulty[self.level])]
