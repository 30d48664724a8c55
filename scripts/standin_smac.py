"""Let the StarCraft Multi-Agent Challenge's own environment play all its maps on the stand-in.

python scripts/standin_smac.py [--maps 3m 8m] [--episodes 2]

Needs SMAC (github.com/oxwhirl/smac, which is not on PyPI; installed with ``--no-deps``) and the
extra ``sc2``. Agents draw legal actions at random; a row per map says how its episodes went.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from perceiver_rl.envs.pysc2.compat import load_client
from perceiver_rl.envs.sc2api.install import install


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--maps", nargs="+", help="default: all 23")
    parser.add_argument("--episodes", type=int, default=2)
    args = parser.parse_args()
    load_client()
    table = Table(title="SMAC's environment on the stand-in (not StarCraft II), random agents")
    for column in ("map", "agents", "steps", "mean return", "won"):
        table.add_column(column)
    with tempfile.TemporaryDirectory() as folder:
        install(Path(folder) / "stand-in")
        os.environ["SC2PATH"] = str(Path(folder) / "stand-in")
        from smac.env.starcraft2.maps import smac_maps

        for name in args.maps or smac_maps.get_smac_map_registry():
            table.add_row(name, *play(name, args.episodes))
    Console().print(table)


def play(name: str, episodes: int) -> list[str]:
    """Return agents, steps, mean return and won episodes of one map."""
    from smac.env import StarCraft2Env

    env: Any = StarCraft2Env(map_name=name, seed=1)
    agents = env.get_env_info()["n_agents"]
    rng = np.random.default_rng(0)
    steps, won, total = 0, 0, 0.0
    try:
        for _ in range(episodes):
            env.reset()
            done = False
            while not done:
                legal = [np.flatnonzero(env.get_avail_agent_actions(i)) for i in range(agents)]
                reward, done, info = env.step([rng.choice(each) for each in legal])
                env.get_obs()
                env.get_state()
                steps += 1
                total += reward
            won += bool(info.get("battle_won"))
    finally:
        env.close()
    return [str(agents), str(steps), f"{total / episodes:.2f}", f"{won} of {episodes}"]


if __name__ == "__main__":
    main()
