"""What a step of the batch says: observation, rewards, ends, infos."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .engine import fields as f
from .scenarios import Scenario

Observation: TypeAlias = dict[str, NDArray[Any]]


class BatchedStep(NamedTuple):
    """Result of a step; every array is new and the caller's to keep.

    Attributes:
        observation: Arrays ``[game, ...]``.
        reward: ``[game]``.
        terminated: Whether the game ended in this step by its rules.
        truncated: Whether it ended in this step because its time is out.
        infos: One dict per game, empty unless something is to be said: see :class:`BatchedEnv`.
    """

    observation: Observation
    reward: NDArray[np.float32]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    infos: list[dict[str, Any]]


def final_info(scenario: Scenario, game: NDArray[np.int64]) -> dict[str, Any]:
    """Return what the info of a game's last step has, of its row of the state."""
    info: dict[str, Any] = {
        "outcome": f.OUTCOMES[game[f.OUTCOME]],
        "is_success": bool(game[f.OUTCOME] == f.WIN),
        "episode_seed": int(game[f.SEED]),
        "game_loops": int(game[f.LOOP]),
        "refused_orders": int(game[f.REFUSED]),
    }
    if scenario.scored:
        info["score"] = int(game[f.SCORE])
    if scenario.waves is not None:
        info["waves"] = int(game[f.WAVES])
        info["overflow"] = int(game[f.OVERFLOW])
    return info
