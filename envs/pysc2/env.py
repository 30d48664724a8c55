"""The real game as a :class:`gymnasium.Env`, in the spaces of the proxy of the same map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from perceiver_rl.spaces import ContractError, unknown

from ..action_check import ActionCheck
from ..batched_env import ILLEGAL
from ..batched_step import Observation
from ..contract import make_contract
from ..engine import fields as f
from ..scenarios import SCENARIOS
from . import ids
from .game import Game, GameError
from .options import GameOptions
from .orders import give
from .state import GameState

MINI_GAMES = tuple(name for name, scenario in SCENARIOS.items() if scenario.scored)


class SC2Env(gym.Env[Observation, NDArray[np.int64]]):
    """A mini-game of StarCraft II (or of its stand-in), observed and played as its proxy is.

    A step's info has ``refused_orders`` where orders were refused, by us or by the game: how many
    in the episode so far. The info of the last step has what the proxy's has, but for ``waves`` and
    ``overflow``; ``hidden_units``, if the game ever showed units for which there is no row; and
    ``backend``.

    If the game crashes or hangs, the episode ends, truncated, with ``info["void"]`` set and a
    reward of 0: it must not be counted. The next reset starts the game again.

    Args:
        map_name: One of the seven mini-games.
        max_entities: Rows of the observation; as many as the proxy has if None.
        illegal: ``refuse`` drops and counts what the masks forbid, ``error`` raises.
        **options: Of :class:`~perceiver_rl.envs.pysc2.options.GameOptions`.

    Raises:
        ContractError: If PySC2 is not installed, there is no such map or option.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  # as Gymnasium declares it

    def __init__(
        self,
        map_name: str,
        max_entities: int | None = None,
        illegal: str = "refuse",
        **options: Any,
    ) -> None:
        if map_name not in MINI_GAMES:
            raise ContractError(unknown("mini-game", map_name, MINI_GAMES))
        if illegal not in ILLEGAL:
            raise ContractError(unknown("value of illegal", illegal, ILLEGAL))
        known = tuple(GameOptions.__dataclass_fields__)
        for name in options:
            if name not in known:
                raise ContractError(unknown("option of the game", name, known))
        if options.get("replays") is not None:
            options["replays"] = Path(options["replays"])
        self.scenario = SCENARIOS[map_name]
        self.game = Game(map_name, GameOptions(**options))
        contract = make_contract(self.scenario, max_entities)
        self.observation_space = contract.observations  # type: ignore[assignment]
        self.action_space = self.actions = contract.actions
        self._check = ActionCheck(contract.actions, 1)
        self._illegal = illegal
        self._state = GameState(self.scenario, contract)
        self._latest: Observation = {}
        self._seed: int | None = None
        self._failures = 0
        self._hidden = 0

    @property
    def backend(self) -> str:
        """What plays: ``stand-in``, or ``sc2-`` and the game's version once it runs."""
        return self.game.backend

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; the info has its ``episode_seed`` if one was given.

        Raises:
            GameError: If the game has failed too many times in a row; says where its log is.
        """
        super().reset(seed=seed)
        self._seed = seed
        self._state.clear()
        self._hidden = 0
        while True:
            try:
                response = self.game.start(seed)
                break
            except GameError as error:
                self._failed(error)
        self._state.read(response, over=False)
        self._latest = self._state.observe()
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
        if not self._latest or self._state.games[0, f.OVER]:
            raise ResetNeeded("the episode has ended (or none has begun): call reset() first")
        vector = self._check.vectors(np.asarray(action)[None])[0]
        if self._illegal == "error":
            self.actions.check_legal(vector, self._latest)
        given = give(self.actions.decode(vector), self.actions, self._state, self._latest)
        before = self._state.games[0].copy()
        try:
            response, ended = self.game.step([command.message() for command in given.commands])
        except GameError as error:
            return self._void(error)
        self._failures = 0
        return self._take_in(response, ended, before, given.refused)

    def _take_in(
        self, response: Any, ended: bool, before: NDArray[np.int64], refused: int
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        limit = self.scenario.loop_limit
        result = _result(response)
        # Before the time is out only a defeat ends a mini-game; a time-out comes as a victory.
        terminated = ended and result == ids.DEFEAT
        truncated = not terminated and (ended or response.observation.game_loop >= limit)
        self._state.read(response, over=terminated or truncated)
        game = self._state.games[0]
        refused += len(response.action_errors)
        game[f.REFUSED] = before[f.REFUSED] + refused
        self._hidden = max(self._hidden, self._state.hidden)
        self._latest = self._state.observe()
        info: dict[str, Any] = {}
        if refused:
            info["refused_orders"] = int(game[f.REFUSED])
        if terminated or truncated:
            info = self._final_info(win=truncated)
        reward = float(game[f.SCORE] - before[f.SCORE])
        return dict(self._latest), reward, terminated, truncated, info

    def _final_info(self, win: bool) -> dict[str, Any]:
        game = self._state.games[0]
        info = {
            "outcome": f.OUTCOMES[f.WIN if win else f.LOSS],
            "is_success": win,
            "game_loops": int(game[f.LOOP]),
            "refused_orders": int(game[f.REFUSED]),
            "score": int(game[f.SCORE]),
            "backend": self.backend,
        }
        if self._seed is not None:
            info["episode_seed"] = self._seed
        if self._hidden:
            info["hidden_units"] = self._hidden
        return info

    def _void(self, error: GameError) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        self._failed(error)
        self._state.games[0, f.OVER] = True
        self._latest = self._state.observe()
        return dict(self._latest), 0.0, False, True, {"void": True, "error": str(error)}

    def close(self) -> None:
        """End the game's process."""
        self.game.close()


def _result(response: Any) -> int | None:
    """Return how the game ended for us; None if it has not."""
    ours = response.observation.player_common.player_id
    return next((each.result for each in response.player_result if each.player_id == ours), None)
