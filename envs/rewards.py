"""What a step is worth: a weighted sum of what happened in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from perceiver_rl.spaces import ContractError, unknown

from .scenarios import Scenario

BEST_RETURN: Final = 20.0
KILL_BONUS: Final = 10.0
WIN_BONUS: Final = 200.0


class Reward(NamedTuple):
    """Weights of a step's events.

    Args:
        harm: Per hit point of health or shield that an enemy lost below its lowest point so far.
        kill: Per enemy that died.
        point: Per point of the score.
        win: For a game won in this step.
        loss: For a game lost in this step.
    """

    harm: float = 0.0
    kill: float = 0.0
    point: float = 0.0
    win: float = 0.0
    loss: float = 0.0


def shaped(scenario: Scenario) -> Reward:
    """Harm + 10 per kill + 200 for the win, scaled so that the best episode totals 20."""
    life = sum(unit.health + unit.shield for unit in scenario.enemy_units)
    scale = BEST_RETURN / (life + KILL_BONUS * scenario.enemy_slots + WIN_BONUS)
    return Reward(harm=scale, kill=scale * KILL_BONUS, win=scale * WIN_BONUS)


def win(scenario: Scenario) -> Reward:
    """1 for a win, -1 for a loss, 0 for a draw; nothing before."""
    return Reward(win=1.0, loss=-1.0)


def score(scenario: Scenario) -> Reward:
    """Return the change of the mini-game's score."""
    return Reward(point=1.0)


BATTLE_REWARDS: Final[Mapping[str, Callable[[Scenario], Reward]]] = {"shaped": shaped, "win": win}
SCORE_REWARDS: Final[Mapping[str, Callable[[Scenario], Reward]]] = {"score": score}


def make_reward(scenario: Scenario, name: str | None = None) -> Reward:
    """Build the reward of a scenario: ``shaped`` or ``win`` in battles, ``score`` in mini-games.

    Args:
        scenario: The scenario.
        name: Which one; the first of those that fit the scenario if None.

    Raises:
        ContractError: If the scenario has no such reward; names those it has.
    """
    known = SCORE_REWARDS if scenario.scored else BATTLE_REWARDS
    if name is None:
        name = next(iter(known))
    if name not in known:
        raise ContractError(f"scenario {scenario.name!r}: {unknown('reward', name, tuple(known))}")
    return known[name](scenario)
