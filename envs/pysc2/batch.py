"""Several games of the real thing at once, each with a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from perceiver_rl.spaces import ContractError, UnitActionSpace

from ..action_check import ActionCheck
from ..batched_step import BatchedStep, Observation
from .env import MINI_GAMES, SC2Env
from .game_env import GameEnv
from .melee import MeleeEnv

T = TypeVar("T")


class SC2Batch:
    """Games that are played in step, as those of a :class:`~perceiver_rl.envs.BatchedEnv` are.

    The processes run side by side, each game's messages are handled by a thread. A game that has
    ended stays as it is until it is started again.

    Args:
        map_name: One of the seven mini-games, or a map for two players that PySC2 knows.
        num_envs: Number of games.
        repeat_void: Whether an episode that a failure has made void begins anew at once, from the
            same seed: the info of that step has ``void``, and the game has not ended. Otherwise it
            ends, see :class:`SC2Env`.
        **options: Of :class:`SC2Env`, or of :class:`MeleeEnv` on maps for two players.

    Raises:
        ContractError: If an option makes no sense.
    """

    def __init__(
        self, map_name: str, num_envs: int, repeat_void: bool = False, **options: Any
    ) -> None:
        if num_envs < 1:
            raise ContractError(f"num_envs must be at least 1, not {num_envs}")
        kind: Callable[..., GameEnv] = SC2Env if map_name in MINI_GAMES else MeleeEnv
        self.games = [kind(map_name, **options) for _ in range(num_envs)]
        self._repeat_void = repeat_void
        self._threads = ThreadPoolExecutor(num_envs, thread_name_prefix="sc2")
        self._seeds: list[int | None] = [None] * num_envs
        self._begin(num_envs)
        self._latest: Observation = {}

    def _begin(self, count: int) -> None:
        self.num_envs = count
        self._check = ActionCheck(self.action_space, count)
        self._over = np.ones(count, bool)

    @property
    def observation_space(self) -> spaces.Dict:
        """Of a single game."""
        space = self.games[0].observation_space
        assert isinstance(space, spaces.Dict)  # as its contract has it
        return space

    @property
    def action_space(self) -> UnitActionSpace:
        """Of a single game."""
        return self.games[0].actions

    @property
    def backend(self) -> str:
        """What plays; known once a game has been started."""
        return self.games[0].backend

    def _each(self, what: Callable[[int], T], rows: Sequence[int]) -> list[T]:
        """Do something with some games at the same time."""
        return list(self._threads.map(what, rows))

    def reset(self, seeds: Sequence[int | None]) -> Observation:
        """Start all games, each from its own seed; None goes on with the game's random numbers.

        With fewer seeds than games, the batch is as small as that until it is reset again.

        Raises:
            ContractError: If there are more seeds than games, or one is out of range.
            GameError: If a game cannot be started.
        """
        if not 0 < len(seeds) <= len(self.games):
            raise ContractError(f"{len(self.games)} games cannot start from {len(seeds)} seeds")
        self._seeds = list(seeds)
        self._begin(len(seeds))
        self._stack(self._each(self._start, range(len(seeds))))
        return dict(self._latest)

    def _start(self, row: int) -> Observation:
        observation, _ = self.games[row].reset(seed=self._seeds[row])
        self._over[row] = False
        return observation

    def _stack(self, observations: Sequence[Observation]) -> None:
        keys = observations[0]
        self._latest = {key: np.stack([each[key] for each in observations]) for key in keys}

    def follow_up(self, row: int) -> int | None:
        """Return None: the game itself says what follows."""
        return None

    def restart(self, rows: NDArray[np.integer[Any]]) -> None:
        """Start the next episode of some games; the latest observation is overwritten in place."""
        for row in rows.tolist():
            self._seeds[row] = None
        for row, observation in zip(rows, self._each(self._start, rows.tolist()), strict=True):
            for key, part in observation.items():
                self._latest[key][row] = part

    def step(self, actions: NDArray[np.integer[Any]]) -> BatchedStep:
        """Play a step of every game that has not ended.

        Raises:
            ActionError: If an action is not in its space; names the game.
            GameError: If a game has failed too many times in a row.
        """
        vectors = self._check.vectors(actions)
        running = np.flatnonzero(~self._over).tolist()
        steps = self._each(lambda row: self._play(row, vectors[row]), running)
        observations = [
            {key: part[row] for key, part in self._latest.items()} for row in range(self.num_envs)
        ]
        reward = np.zeros(self.num_envs, np.float32)
        terminated, truncated = np.zeros((2, self.num_envs), bool)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for row, step in zip(running, steps, strict=True):
            observations[row], reward[row], terminated[row], truncated[row], infos[row] = step
        self._over |= terminated | truncated
        self._stack(observations)
        return BatchedStep(dict(self._latest), reward, terminated, truncated, infos)

    def _play(
        self, row: int, action: NDArray[np.int64]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        step = self.games[row].step(action)
        if self._repeat_void and "void" in step[4]:
            return self._start(row), 0.0, False, False, step[4]
        return step

    def close(self) -> None:
        """End all processes."""
        self._each(lambda row: self.games[row].close(), range(len(self.games)))
        self._threads.shutdown()

    def __enter__(self) -> SC2Batch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
