"""What all environments of the real game have in common: episodes, failures, checks."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from perceiver_rl.spaces import ContractError, UnitAction, UnitActionSpace, unknown

from ..action_check import ActionCheck
from ..batched_env import ILLEGAL
from ..batched_step import Observation
from .game import Game, GameError
from .options import GameOptions
from .orders import Given


class Verdict(NamedTuple):
    """What a step was worth, and whether the game has ended with it.

    Args:
        reward: Of this step.
        terminated: Whether the game ended by its rules.
        truncated: Whether its time is out.
        info: Of the last step: how it ended.
    """

    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]


class GameEnv(gym.Env[Observation, NDArray[np.int64]]):
    """Episodes of one map.

    A step's info has ``refused_orders`` where orders were refused, by us or by the game: how many
    in the episode so far. The info of the last step has ``refused_orders``, ``backend``,
    ``episode_seed`` if one was given, and ``hidden_units`` if the game ever showed units for which
    there is no row.

    If the game crashes or hangs, the episode ends, truncated, with ``info["void"]`` set and a
    reward of 0: it must not be counted. The next reset starts the game again.

    Args:
        game: The map and its process.
        observation_space: What is observed.
        actions: What can be done.
        illegal: ``refuse`` drops and counts what the masks forbid, ``error`` raises.

    Raises:
        ContractError: If there is no such value of ``illegal``.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  # as Gymnasium declares it

    def __init__(
        self, game: Game, observation_space: spaces.Dict, actions: UnitActionSpace, illegal: str
    ) -> None:
        if illegal not in ILLEGAL:
            raise ContractError(unknown("value of illegal", illegal, ILLEGAL))
        self.game = game
        self.observation_space = observation_space  # type: ignore[assignment]
        self.action_space = self.actions = actions
        self._check = ActionCheck(actions, 1)
        self._illegal = illegal
        self._latest: Observation = {}
        self._over = True
        self._seed: int | None = None
        self._failures = 0
        self._refused = 0
        self._hidden = 0

    @property
    def backend(self) -> str:
        """What plays: ``stand-in``, or ``sc2-`` and the game's version once it runs."""
        return self.game.backend

    @abstractmethod
    def _begin(self, response: Any) -> None:
        """Take in the first observation of an episode."""

    @abstractmethod
    def _give(self, action: UnitAction) -> Given:
        """Turn an action into commands."""

    @abstractmethod
    def _take_in(self, response: Any, ended: bool) -> Verdict:
        """Take in an observation, and judge."""

    @abstractmethod
    def _observe(self) -> Observation:
        """Return what the policy sees."""

    @abstractmethod
    def _end(self) -> None:
        """Note that the game is over, whatever it said last."""

    @property
    @abstractmethod
    def _hidden_now(self) -> int:
        """Units of the latest observation for which there is no row."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; the info has its ``episode_seed`` if one was given.

        Raises:
            GameError: If the game has failed too many times in a row; says where its log is.
        """
        super().reset(seed=seed)
        self._seed = seed
        self._refused = self._hidden = 0
        while True:
            try:
                self._begin(self.game.start(seed))
                break
            except GameError as error:
                self._failed(error)
        self._over = False
        self._latest = self._observe()
        return dict(self._latest), {} if seed is None else {"episode_seed": seed}

    def _failed(self, error: GameError) -> None:
        self._failures += 1
        if self._failures >= self.game.options.most_failures:
            raise GameError(f"the game failed {self._failures} times in a row; last: {error}")

    def step(
        self, action: NDArray[np.int64]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Send an action and let the game go on by ``step_mul`` loops.

        Raises:
            ActionError: If the action is not in its space, or is forbidden while ``illegal`` is
                ``error``.
            ResetNeeded: If the episode has ended, or none was started.
            GameError: If the game has failed too many times in a row; says where its log is.
        """
        if self._over:
            raise ResetNeeded("the episode has ended (or none has begun): call reset() first")
        vector = self._check.vectors(np.asarray(action)[None])[0]
        if self._illegal == "error":
            self.actions.check_legal(vector, self._latest)
        given = self._give(self.actions.decode(vector))
        try:
            response, ended = self.game.step([command.message() for command in given.commands])
            verdict = self._take_in(response, ended)
        except GameError as error:
            return self._void(error)
        self._failures = 0
        refused = given.refused + len(response.action_errors)
        self._refused += refused
        self._over = verdict.terminated or verdict.truncated
        self._hidden = max(self._hidden, self._hidden_now)
        self._latest = self._observe()
        info: dict[str, Any] = {"refused_orders": self._refused} if refused else {}
        if self._over:
            info = {**verdict.info, **self._final_info()}
        return dict(self._latest), verdict.reward, verdict.terminated, verdict.truncated, info

    def _final_info(self) -> dict[str, Any]:
        info: dict[str, Any] = {"refused_orders": self._refused, "backend": self.backend}
        if self._seed is not None:
            info["episode_seed"] = self._seed
        if self._hidden:
            info["hidden_units"] = self._hidden
        return info

    def _void(self, error: GameError) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        self._over = True
        self._failed(error)
        self._end()
        self._latest = self._observe()
        return dict(self._latest), 0.0, False, True, {"void": True, "error": str(error)}

    def close(self) -> None:
        """End the game's process."""
        self.game.close()


def game_options(options: dict[str, Any]) -> GameOptions:
    """Return options of a game.

    Raises:
        ContractError: If there is no such option, or a value makes no sense; names the nearest one.
    """
    known = tuple(GameOptions.__dataclass_fields__)
    for name in options:
        if name not in known:
            raise ContractError(unknown("option of the game", name, known))
    if options.get("replays") is not None:
        options = {**options, "replays": Path(options["replays"])}
    return GameOptions(**options)


def result_of(response: Any) -> int | None:
    """Return how the game ended for us, as the protocol numbers it; None if it has not."""
    ours = response.observation.player_common.player_id
    return next((each.result for each in response.player_result if each.player_id == ours), None)
