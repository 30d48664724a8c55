"""A battle of two agents as a PettingZoo ``ParallelEnv``; needs the extra ``pettingzoo``."""

from __future__ import annotations

import copy
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from perceiver_rl.spaces import ActionError, UnitActionSpace, unknown

from .batched_env import BatchedEnv
from .batched_step import Observation
from .gym_env import PICTURES, check_render_mode
from .scenarios import Scenario
from .sides import COMMANDED

BLUE: Final = "blue"
RED: Final = "red"
_FLIPPED: Final = {"win": "loss", "loss": "win", "draw": "draw"}


class BattleParallelEnv(ParallelEnv[str, Observation, NDArray[np.int64]]):
    """Two agents command the two sides of a battle, each through the same spaces.

    ``blue`` plays the scenario's own side, ``red`` the enemy's. Each observes itself as own and the
    other as enemy; where the map is the same from both sides, red's left and right are exchanged,
    so one policy can play both. Each is rewarded as the scenario rewards our side. Units without
    orders behave alike on both sides.

    A reset without a seed starts the episode that follows from the last one's seed (from a random
    seed the first time).

    Args:
        scenario: A battle, its name or its Gymnasium id.
        render_mode: ``rgb_array`` or None.
        **options: Of :class:`~perceiver_rl.envs.BatchedEnv`: reward, max_entities, illegal.

    Raises:
        ContractError: If an option has no such value, or the scenario is no battle.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012  # as PettingZoo declares it
        "name": "perceiver_rl_battle_v0",
        "render_modes": list(PICTURES),
        "render_fps": 8,
        "is_parallelizable": True,
    }

    def __init__(
        self, scenario: str | Scenario, render_mode: str | None = None, **options: Any
    ) -> None:
        check_render_mode(render_mode, PICTURES)
        self.render_mode = render_mode
        self.batch = BatchedEnv(scenario, 1, opponent=COMMANDED, **options)
        self.possible_agents = [BLUE, RED]
        self.agents: list[str] = []
        # Agents must not share the random generator of their spaces.
        self.observation_spaces = {
            agent: copy.deepcopy(self.batch.observation_space) for agent in self.possible_agents
        }
        self.action_spaces = {
            agent: copy.deepcopy(self.batch.action_space) for agent in self.possible_agents
        }
        self._started = False

    def observation_space(self, agent: str) -> spaces.Dict:
        """Return an agent's observation space; both have the same."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> UnitActionSpace:
        """Return an agent's action space; both have the same."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Start an episode; the infos have its ``episode_seed``."""
        if seed is None:
            fresh = np.random.default_rng()
            seed = self.batch.follow_up(0) if self._started else int(fresh.integers(2**31))
        self._started = True
        self.agents = list(self.possible_agents)
        own = self.batch.reset([seed])
        return self._observations(own), {agent: {"episode_seed": seed} for agent in self.agents}

    def step(
        self, actions: dict[str, NDArray[np.int64]]
    ) -> tuple[
        dict[str, Observation],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Play 8 game loops.

        Args:
            actions: One per agent.

        Raises:
            ActionError: If an agent's action is missing or not in its space, or the episode has
                ended, or an agent does not exist.
        """
        self._check(actions)
        blue, red = (np.asarray(actions[agent])[None] for agent in self.possible_agents)
        result = self.batch.step(blue, red)
        rewards = {BLUE: float(result.reward[0]), RED: float(self.batch.enemy_reward[0])}
        infos = {BLUE: result.infos[0], RED: _seen_by_red(result.infos[0])}
        terminated, truncated = bool(result.terminated[0]), bool(result.truncated[0])
        observations = self._observations(result.observation)
        agents = self.agents
        if terminated or truncated:
            self.agents = []
        return (
            observations,
            rewards,
            dict.fromkeys(agents, terminated),
            dict.fromkeys(agents, truncated),
            infos,
        )

    def _check(self, actions: dict[str, NDArray[np.int64]]) -> None:
        if not self.agents:
            raise ActionError("the episode has ended (or none has begun): call reset() first")
        for agent in actions:
            if agent not in self.possible_agents:
                raise ActionError(unknown("agent", agent, self.possible_agents))
        missing = [agent for agent in self.possible_agents if agent not in actions]
        if missing:
            raise ActionError(f"an action of agent {missing[0]!r} is missing")

    def _observations(self, own: Observation) -> dict[str, Observation]:
        sides = {BLUE: own, RED: self.batch.observe("enemy")}
        return {
            agent: {key: value[0] for key, value in sides[agent].items()} for agent in self.agents
        }

    def render(self) -> NDArray[np.uint8] | None:
        """Return a picture ``[height, width, 3]``, or None without a render mode."""
        if self.render_mode is None:
            return None
        from .render import draw_game  # Pillow is needed for pictures only

        return draw_game(self.batch, 0)

    def close(self) -> None:
        """Nothing is held open."""


def _seen_by_red(info: dict[str, Any]) -> dict[str, Any]:
    """Return the info of a step as the other side reads it."""
    if "outcome" not in info:
        return {}
    outcome = _FLIPPED[info["outcome"]]
    return {
        **{key: info[key] for key in ("episode_seed", "game_loops")},
        "outcome": outcome,
        "is_success": outcome == "win",
        "refused_orders": info["enemy_refused_orders"],
        "enemy_refused_orders": info["refused_orders"],
    }


def parallel_env(
    scenario: str | Scenario, render_mode: str | None = None, **options: Any
) -> BattleParallelEnv:
    """Make a two-agent battle; see :class:`BattleParallelEnv`."""
    return BattleParallelEnv(scenario, render_mode, **options)
