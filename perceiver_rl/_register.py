"""Registration of the environments with Gymnasium, by names only: nothing heavy is imported."""

from __future__ import annotations

from typing import Final

import gymnasium as gym

_MINI_GAMES: Final = (
    "MoveToBeacon",
    "CollectMineralShards",
    "FindAndDefeatZerglings",
    "DefeatRoaches",
    "DefeatZerglingsAndBanelings",
    "CollectMineralsAndGas",
    "BuildMarines",
)
_BATTLES: Final = (
    *("3m", "8m", "2s3z", "25m", "2m_vs_1z", "5m_vs_6m", "8m_vs_9m", "10m_vs_11m", "27m_vs_30m"),
    *("3s5z", "3s5z_vs_3s6z", "1c3s5z", "3s_vs_3z", "3s_vs_4z", "3s_vs_5z", "6h_vs_8z"),
    *("2s_vs_1sc", "MMM", "MMM2", "bane_vs_bane", "2c_vs_64zg", "corridor", "so_many_baneling"),
    *("64m", "128m", "256m"),
    *(
        f"{race}_{size}"
        for race in ("terran", "protoss", "zerg")
        for size in ("5_vs_5", "10_vs_10", "10_vs_11", "20_vs_20", "20_vs_23")
    ),
)
_MELEE_MAPS: Final = (
    *("Simple64", "Simple96", "Simple128"),
    *("Flat32", "Flat48", "Flat64", "Flat96", "Flat128"),
)
ENVIRONMENTS: Final = (*_MINI_GAMES, *(f"Battle-{name}" for name in _BATTLES))
GAME_PREFIX: Final = "sc2-"
"""Begins the names of environments that StarCraft II itself (or its stand-in) plays."""


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
    for name in (*_MINI_GAMES, *_MELEE_MAPS):
        kind = "env:SC2Env" if name in _MINI_GAMES else "melee:MeleeEnv"
        env_id = f"perceiver_rl/{GAME_PREFIX}{name}-v0"
        if env_id not in gym.registry:
            gym.register(
                id=env_id,
                entry_point=f"perceiver_rl.envs.pysc2.{kind}",
                kwargs={"map_name": name},
            )
