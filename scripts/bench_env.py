"""Engine speed: environment steps per second of one core, against plain NumPy.

python scripts/bench_env.py [--batches 1 64 1024] [--seconds 2]

A step is what a training run pays for: our orders, the attack-nearest opponent, 8 game loops, the
reward, the observation with its masks, and the next episode where one has ended. Times are CPU
seconds of one thread; the engines take turns, and each figure is the median of the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from perceiver_rl.envs import BatchedEnv

sys.path.insert(0, str(Path(__file__).parents[1]))
from scripts.numpy_env import NumpyBatchedEnv  # found from any working directory

SCENARIOS = ("Battle-3m", "Battle-8m", "Battle-2s3z")
ROUNDS = 5
DRAWS = 32


def mixed_actions(env: BatchedEnv, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw actions of a player that fights: mostly attack or attack-move around the middle."""
    own, slots, batch = env.scenario.own_slots, env.scenario.slots, env.num_envs
    actions = np.zeros((DRAWS, batch, env.action_space.nvec.size), dtype=np.int64)
    actions[..., 0] = rng.choice([0, 0, 2, 3, 3, 4, 4], size=(DRAWS, batch))
    actions[..., 1 : 1 + own] = rng.random((DRAWS, batch, own)) < 0.7
    actions[..., -2] = rng.integers(own, slots, size=(DRAWS, batch))
    actions[..., -1] = rng.integers(4, 12, (DRAWS, batch)) * 16 + rng.integers(
        4, 12, (DRAWS, batch)
    )
    return actions


def play(env: BatchedEnv, actions: NDArray[np.int64], seconds: float) -> float:
    """Return environment steps per CPU second."""
    steps = 0
    start = time.process_time()
    while (spent := time.process_time() - start) < seconds:
        result = env.step(actions[steps % DRAWS])
        ended = np.flatnonzero(result.terminated | result.truncated)
        if ended.size:
            env.restart(ended)
        steps += 1
    return steps * env.num_envs / spent


def measure(scenario: str, batch: int, seconds: float) -> tuple[float, float]:
    """Return the median steps per second of the compiled and of the NumPy engine."""
    envs = (
        BatchedEnv(scenario, batch, opponent="attack-nearest"),
        NumpyBatchedEnv(scenario, batch),
    )
    rng = np.random.default_rng(0)
    actions = mixed_actions(envs[0], rng)
    for env in envs:
        env.reset(range(batch))
        play(env, actions, 0.1)
    rounds = [[play(env, actions, seconds / ROUNDS) for env in envs] for _ in range(ROUNDS)]
    compiled, plain = (statistics.median(speeds) for speeds in zip(*rounds, strict=True))
    return compiled, plain


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 64, 1024])
    parser.add_argument("--seconds", type=float, default=2.0, help="CPU seconds per figure")
    args = parser.parse_args()
    table = Table(title="environment steps per CPU second, one core, opponent attack-nearest")
    for column in ("scenario", "batch", "engine", "NumPy", "ratio"):
        table.add_column(column, justify="left" if column == "scenario" else "right")
    for scenario in SCENARIOS:
        for batch in args.batches:
            compiled, plain = measure(scenario, batch, args.seconds)
            table.add_row(
                scenario, str(batch), f"{compiled:,.0f}", f"{plain:,.0f}", f"{compiled / plain:.1f}"
            )
    Console().print(table)


if __name__ == "__main__":
    main()
