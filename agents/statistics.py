"""What games add up to: outcomes per agent and opponent, win rates with intervals."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from scipy.stats import binomtest

_LETTERS: Mapping[str, str] = {"win": "W", "loss": "L", "draw": "D"}


def outcome_letter(info: Mapping[str, Any]) -> str:
    """Return W, L or D for a game's final info; "" if the game has a score instead of a winner.

    A mini-game says how it ended, too, but to live until the time is out is not what it asks for:
    an agent that does nothing would win it.
    """
    return "" if "score" in info else _LETTERS.get(info.get("outcome", ""), "")


class Interval(NamedTuple):
    """A confidence interval of a proportion."""

    low: float
    high: float


def wilson(wins: int, games: int, confidence: float = 0.95) -> Interval:
    """Return Wilson's score interval of a win rate; without games it is everything, [0, 1].

    It stays inside [0, 1] and keeps its coverage near 0 and 1, where win rates of trained agents
    lie and the textbook interval collapses to a point.

    Raises:
        ValueError: If there are more wins than games, or either is negative.
    """
    if not 0 <= wins <= games:
        raise ValueError(f"wins must lie between 0 and games, got {wins} of {games}")
    if games == 0:
        return Interval(0.0, 1.0)
    bounds = binomtest(wins, games).proportion_ci(confidence, method="wilson")
    return Interval(float(bounds.low), float(bounds.high))


@dataclass(frozen=True, slots=True, kw_only=True)
class Games:
    """Games of one agent against one opponent.

    Args:
        outcomes: One letter per game, W, L or D; empty where games have no winner (a mini-game).
        returns: Sum of rewards of each game.
        lengths: Agent steps of each game.
        backend: Where they were played; results of different backends are not comparable.

    Raises:
        ValueError: If the first three do not hold the same number of games.
    """

    outcomes: str
    returns: tuple[float, ...]
    lengths: tuple[int, ...]
    backend: str = "proxy"

    def __post_init__(self) -> None:
        if len(self.returns) != len(self.lengths) or len(self.outcomes) not in (0, self.count):
            raise ValueError(
                f"{len(self.returns)} returns, {len(self.lengths)} lengths and"
                f" {len(self.outcomes)} outcomes do not belong together"
            )

    @property
    def count(self) -> int:
        """Number of games."""
        return len(self.returns)

    @property
    def has_winner(self) -> bool:
        """Whether these games are won and lost, or only scored."""
        return bool(self.outcomes)

    @property
    def wins(self) -> int:
        """Games won; a draw is no win."""
        return self.outcomes.count("W")

    @property
    def losses(self) -> int:
        """Games lost."""
        return self.outcomes.count("L")

    @property
    def draws(self) -> int:
        """Games that nobody won before the time was over, or that both sides lost at once."""
        return self.outcomes.count("D")

    @property
    def win_rate(self) -> float | None:
        """Wins per game; None where games have no winner, or there are none."""
        return self.wins / self.count if self.has_winner else None

    @property
    def interval(self) -> Interval | None:
        """Wilson interval of the win rate; None where games have no winner."""
        return wilson(self.wins, self.count) if self.has_winner else None

    @property
    def mean_return(self) -> float:
        """Mean sum of rewards; 0 without games."""
        return statistics.fmean(self.returns) if self.returns else 0.0

    @property
    def mean_length(self) -> float:
        """Mean number of agent steps; 0 without games."""
        return statistics.fmean(self.lengths) if self.lengths else 0.0

    def summary(self) -> dict[str, Any]:
        """Return the numbers that go into tables and files, and the outcome of every game."""
        interval = self.interval
        return {
            "games": self.count,
            "wins": self.wins,
            "losses": self.losses,
            "draws": self.draws,
            "win_rate": self.win_rate,
            "win_rate_low": interval.low if interval else None,
            "win_rate_high": interval.high if interval else None,
            "mean_return": self.mean_return,
            "mean_length": self.mean_length,
            "backend": self.backend,
            "outcomes": self.outcomes,
            "returns": [round(value, 4) for value in self.returns],
            "lengths": list(self.lengths),
        }

    @classmethod
    def from_summary(cls, summary: Mapping[str, Any]) -> Games:
        """Return the games that a summary was made from."""
        return cls(
            outcomes=summary["outcomes"],
            returns=tuple(summary["returns"]),
            lengths=tuple(summary["lengths"]),
            backend=summary.get("backend", "proxy"),
        )


def pool(parts: Sequence[Games]) -> Games:
    """Return all games of several agents as one; without any part it holds no game.

    Raises:
        ValueError: If they were played on different backends.
    """
    backends = sorted({part.backend for part in parts}) or ["proxy"]
    if len(backends) > 1:
        raise ValueError(f"games of the backends {backends} do not belong together")
    return Games(
        outcomes="".join(part.outcomes for part in parts),
        returns=tuple(value for part in parts for value in part.returns),
        lengths=tuple(value for part in parts for value in part.lengths),
        backend=backends[0],
    )
