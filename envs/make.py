"""The short way to a vectorized environment for stable-baselines3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .batched_env import BatchedEnv
from .scenarios import Scenario

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv
else:
    VecEnv = Any  # this package is imported without torch


def make_vec(
    scenario: str | Scenario,
    num_envs: int = 1,
    seed: int | None = None,
    render_mode: str | None = None,
    **options: Any,
) -> VecEnv:
    """Make a native stable-baselines3 VecEnv of many games, episode statistics included.

    Args:
        scenario: A scenario, its name or its Gymnasium id.
        num_envs: Number of games.
        seed: Game i plays the episodes of seed + i; drawn at random if None.
        render_mode: ``rgb_array`` or None.
        **options: Of :class:`~perceiver_rl.envs.BatchedEnv`: opponent, reward, max_entities,
            illegal.

    Raises:
        ContractError: If an option has no such value; names the nearest one.
    """
    from .sb3_vec_env import ProxyVecEnv

    return ProxyVecEnv(BatchedEnv(scenario, num_envs, **options), seed, render_mode)
