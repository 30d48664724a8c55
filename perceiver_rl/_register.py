"""Registration of the environments with Gymnasium, by names only: nothing heavy is imported."""

from __future__ import annotations

from typing import Final

import gymnasium as gym

ENVIRONMENTS: Final = (
    "MoveToBeacon",
    "CollectMineralShards",
    "FindAndDefeatZerglings",
    "DefeatRoaches",
    "DefeatZerglingsAndBanelings",
    "Battle-3m",
    "Battle-8m",
    "Battle-2s3z",
)


def register_environments() -> None:
    """Register every environment that is not registered yet."""
    for name in ENVIRONMENTS:
        env_id = f"perceiver_rl/{name}-v0"
        if env_id not in gym.registry:
            gym.register(
                id=env_id,
                entry_point="perceiver_rl.envs.gym_env:ProxyEnv",
                vector_entry_point="perceiver_rl.envs.vector_env:ProxyVectorEnv",
                kwargs={"scenario": name},
            )
