"""The mini-games of the real game, in the spaces of the proxies of the same maps."""

from __future__ import annotations

from typing import Any

from perceiver_rl.spaces import ContractError, UnitAction, unknown

from ..batched_step import Observation
from ..contract import make_contract
from ..engine import fields as f
from ..scenarios import SCENARIOS
from . import ids
from .game import Game
from .game_env import GameEnv, Verdict, game_options, result_of
from .orders import Given, give
from .state import GameState

MINI_GAMES = tuple(name for name, scenario in SCENARIOS.items() if scenario.scored)


class SC2Env(GameEnv):
    """A mini-game of StarCraft II (or of its stand-in), observed and played as its proxy is.

    Infos are those of :class:`~perceiver_rl.envs.pysc2.game_env.GameEnv`; that of the last step has
    besides what the proxy's has, but for ``waves`` and ``overflow``.

    Args:
        map_name: One of the seven mini-games.
        max_entities: Rows of the observation; as many as the proxy has if None.
        illegal: ``refuse`` drops and counts what the masks forbid, ``error`` raises.
        **options: Of :class:`~perceiver_rl.envs.pysc2.options.GameOptions`.

    Raises:
        ContractError: If PySC2 is not installed, there is no such map or option.
    """

    def __init__(
        self,
        map_name: str,
        max_entities: int | None = None,
        illegal: str = "refuse",
        **options: Any,
    ) -> None:
        if map_name not in MINI_GAMES:
            raise ContractError(unknown("mini-game", map_name, MINI_GAMES))
        self.scenario = SCENARIOS[map_name]
        contract = make_contract(self.scenario, max_entities)
        game = Game(map_name, game_options(options))
        super().__init__(game, contract.observations, contract.actions, illegal)
        self._state = GameState(self.scenario, contract)

    def _begin(self, response: Any) -> None:
        self._state.clear()
        self._state.read(response, over=False)

    def _give(self, action: UnitAction) -> Given:
        return give(action, self.actions, self._state, self._latest)

    def _take_in(self, response: Any, ended: bool) -> Verdict:
        before = int(self._state.games[0, f.SCORE])
        late = response.observation.game_loop >= self.scenario.loop_limit
        # Before the time is out only a defeat ends a mini-game; a time-out comes as a victory.
        terminated = ended and result_of(response) == ids.DEFEAT
        truncated = not terminated and (ended or late)
        self._state.read(response, over=terminated or truncated)
        game = self._state.games[0]
        info = {
            "outcome": f.OUTCOMES[f.WIN if truncated else f.LOSS],
            "is_success": truncated,
            "game_loops": int(game[f.LOOP]),
            "score": int(game[f.SCORE]),
        }
        return Verdict(float(game[f.SCORE] - before), terminated, truncated, info)

    def _observe(self) -> Observation:
        return self._state.observe()

    def _end(self) -> None:
        self._state.games[0, f.OVER] = True

    @property
    def _hidden_now(self) -> int:
        return self._state.hidden
