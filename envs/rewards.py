"""What a step is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.spaces import ContractError, unknown

from .engine.fields import LOSS, OUTCOMES, WIN
from .scenarios import Scenario

BEST_RETURN: Final = 20.0
KILL_BONUS: Final = 10.0
WIN_BONUS: Final = 200.0


class StepEvents(NamedTuple):
    """What happened in one step, per game.

    Args:
        harm: Health and shield that enemies lost below their lowest point so far.
        kills: Enemies that died.
        points: Change of the score.
        outcome: How the game ended in this step, or ``RUNNING``.
    """

    harm: NDArray[np.float64]
    kills: NDArray[np.int64]
    points: NDArray[np.int64]
    outcome: NDArray[np.int64]


class Reward(Protocol):
    """Turns the events of a step into ``[game]`` rewards."""

    def __call__(self, events: StepEvents) -> NDArray[np.float32]:
        """Return one reward per game."""
        ...


class ShapedReward:
    """Harm + 10 per kill + 200 for the win, scaled so that the best episode totals 20."""

    def __init__(self, scenario: Scenario) -> None:
        life = sum(unit.health + unit.shield for unit in scenario.enemy_units)
        self.scale = BEST_RETURN / (life + KILL_BONUS * scenario.enemy_slots + WIN_BONUS)

    def __call__(self, events: StepEvents) -> NDArray[np.float32]:
        """Return one reward per game, never negative."""
        won = events.outcome == WIN
        total = events.harm + KILL_BONUS * events.kills + WIN_BONUS * won
        return (self.scale * total).astype(np.float32)


class WinReward:
    """1 for a win, -1 for a loss, 0 for a draw; nothing before."""

    def __init__(self, scenario: Scenario) -> None:
        self.worth = np.zeros(len(OUTCOMES), dtype=np.float32)
        self.worth[WIN] = 1.0
        self.worth[LOSS] = -1.0

    def __call__(self, events: StepEvents) -> NDArray[np.float32]:
        """Return one reward per game."""
        return self.worth[events.outcome]


class ScoreReward:
    """The change of the mini-game's score."""

    def __init__(self, scenario: Scenario) -> None:
        pass

    def __call__(self, events: StepEvents) -> NDArray[np.float32]:
        """Return one reward per game."""
        return events.points.astype(np.float32)


BATTLE_REWARDS: Final[Mapping[str, Callable[[Scenario], Reward]]] = {
    "shaped": ShapedReward,
    "win": WinReward,
}
SCORE_REWARDS: Final[Mapping[str, Callable[[Scenario], Reward]]] = {"score": ScoreReward}


def make_reward(scenario: Scenario, name: str | None) -> Reward:
    """Build the reward of a scenario: ``shaped`` or ``win`` in battles, ``score`` in mini-games.

    Args:
        scenario: The scenario.
        name: Which one; the first of those that fit the scenario if None.

    Raises:
        ContractError: If the scenario has no such reward; names those it has.
    """
    known = SCORE_REWARDS if scenario.waves else BATTLE_REWARDS
    if name is None:
        name = next(iter(known))
    if name not in known:
        raise ContractError(f"scenario {scenario.name!r}: {unknown('reward', name, tuple(known))}")
    return known[name](scenario)
