"""Engine speed: environment steps per second of one core, side by side with others.

python scripts/bench_env.py [--batches 1 64 1024] [--seconds 2] [--smax-python PATH] [--threads 4]

A step is what a training run pays for: our orders, the attack-nearest opponent, 8 game loops, the
reward, the observation with its masks, and the next episode where one has ended. Times are CPU
seconds of one thread; the engines take turns, and each figure is the median of the rounds.

- "no observation" leaves out the observation; what it takes is its share of the step.
- NumPy is the same game in plain NumPy (numpy_env.py), up to 64 games.
- SMAX is JaxMARL's, with a heuristic enemy and its observation added up (bench_smax.py). It has no
  shields, healing or terrain: part of each ratio is what it leaves out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from perceiver_rl.envs import BatchedEnv
from perceiver_rl.envs.gym_env import ProxyEnv

sys.path.insert(0, str(Path(__file__).parents[1]))
from scripts.numpy_env import NumpyBatchedEnv  # found from any working directory

SCENARIOS = ("3m", "8m", "2s3z", "10m_vs_11m", "27m_vs_30m")
SIZES = (("8m", 64), ("27m_vs_30m", 16), ("64m", 4), ("128m", 2), ("256m", 1))
MOST_NUMPY = 64
ROUNDS = 5
DRAWS = 32
FIRST_STEP = """
import time; start = time.perf_counter()
import numpy as np
from perceiver_rl.envs import BatchedEnv
env = BatchedEnv("Battle-8m", 2)
env.reset([0, 1])
env.step(np.zeros((2, env.action_space.nvec.size), dtype=np.int64))
print(time.perf_counter() - start)
"""


class Unseen(BatchedEnv):
    """The engine without observations."""

    def _observe(self) -> dict[str, NDArray[np.generic]]:
        return {}

    def _write_views(self, rows: NDArray[np.int64]) -> None:
        pass


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


def play(
    env: BatchedEnv, actions: NDArray[np.int64], seconds: float, clock: str = "process_time"
) -> float:
    """Return environment steps per second of a clock."""
    now = getattr(time, clock)
    steps = 0
    start = now()
    while (spent := now() - start) < seconds:
        result = env.step(actions[steps % DRAWS])
        ended = np.flatnonzero(result.terminated | result.truncated)
        if ended.size:
            env.restart(ended)
        steps += 1
    return steps * env.num_envs / spent


def play_single(env: ProxyEnv, actions: NDArray[np.int64], seconds: float) -> float:
    """Return steps per CPU second of a single Gymnasium environment."""
    steps = 0
    start = time.process_time()
    while (spent := time.process_time() - start) < seconds:
        _, _, terminated, truncated, _ = env.step(actions[steps % DRAWS, 0])
        if terminated or truncated:
            env.reset()
        steps += 1
    return steps / spent


def measure(name: str, batch: int, seconds: float) -> list[float]:
    """Return the median steps per second of the engine, without observation, and of NumPy."""
    scenario = f"Battle-{name}"
    envs: list[BatchedEnv] = [BatchedEnv(scenario, batch), Unseen(scenario, batch)]
    if batch <= MOST_NUMPY:
        envs.append(NumpyBatchedEnv(scenario, batch))
    actions = mixed_actions(envs[0], np.random.default_rng(0))
    for env in envs:
        env.reset(range(batch))
        play(env, actions, 0.1)
    rounds = [[play(env, actions, seconds / ROUNDS) for env in envs] for _ in range(ROUNDS)]
    return [statistics.median(speeds) for speeds in zip(*rounds, strict=True)]


def measure_smax(python: str, name: str, batch: int, seconds: float) -> dict[str, float] | str:
    """Return what bench_smax.py says, or why it says nothing."""
    command = [python, str(Path(__file__).parent / "bench_smax.py"), name, str(batch)]
    run = subprocess.run(
        [*command, "--seconds", str(seconds)], capture_output=True, text=True, check=False
    )
    if run.returncode:
        return run.stderr.strip().splitlines()[-1]
    answer: dict[str, float] = json.loads(run.stdout.strip().splitlines()[-1])
    return answer


def compare(console: Console, args: argparse.Namespace) -> None:
    """Print our speed beside that of the others."""
    reason = ""
    for name in args.scenarios:
        table = Table(title=f"{name}: environment steps per CPU second, one core")
        for column in ("games", "ours", "no observation", "observation's share", "NumPy"):
            table.add_column(column, justify="right")
        for column in ("ours / NumPy", "SMAX", "ours / SMAX", "SMAX compiles"):
            table.add_column(column, justify="right")
        for batch in args.batches:
            ours, unseen, *plain = measure(name, batch, args.seconds)
            cells = [str(batch), f"{ours:,.0f}", f"{unseen:,.0f}", f"{1 - ours / unseen:.0%}"]
            cells += [f"{plain[0]:,.0f}", f"{ours / plain[0]:.1f}"] if plain else ["-", "-"]
            smax = reason or measure_smax(args.smax_python, name, batch, args.seconds)
            if isinstance(smax, str):
                reason = smax
                cells += ["not measured", "-", "-"]
            else:
                speed = smax["steps_per_second"]
                cells += [f"{speed:,.0f}", f"{ours / speed:.1f}"]
                cells += [f"{smax['compile_seconds']:.0f} s"]
            table.add_row(*cells)
        console.print(table)
    if reason:
        console.print(f"SMAX was not measured: {reason}")


def scale(console: Console, seconds: float) -> None:
    """Print what a unit costs in battles of all sizes."""
    table = Table(title="cost of a unit")
    for column in ("scenario", "units", "steps / s", "us per unit and step"):
        table.add_column(column, justify="left" if column == "scenario" else "right")
    for name, batch in SIZES:
        env = BatchedEnv(f"Battle-{name}", batch)
        actions = mixed_actions(env, np.random.default_rng(0))
        env.reset(range(batch))
        play(env, actions, 0.1)
        speed = statistics.median(play(env, actions, seconds / ROUNDS) for _ in range(ROUNDS))
        units = env.scenario.slots
        table.add_row(name, str(units), f"{speed:,.0f}", f"{1e6 / speed / units:.2f}")
    console.print(table)


def single(console: Console, seconds: float) -> None:
    """Print the speed of one Gymnasium environment."""
    for name in ("3m", "8m"):
        env = gym.make(f"perceiver_rl/Battle-{name}-v0").unwrapped
        assert isinstance(env, ProxyEnv)
        actions = mixed_actions(env.batch, np.random.default_rng(0))
        env.reset(seed=0)
        play_single(env, actions, 0.1)
        speed = statistics.median(
            play_single(env, actions, seconds / ROUNDS) for _ in range(ROUNDS)
        )
        console.print(f"a single Gymnasium environment, {name}: {speed:,.0f} steps per CPU second")


def first_step(console: Console) -> None:
    """Print how long import, compiling and the first step take without and with a cache."""
    with tempfile.TemporaryDirectory() as folder:
        for what in ("cold", "warm"):
            run = subprocess.run(
                [sys.executable, "-c", FIRST_STEP],
                env=os.environ | {"NUMBA_CACHE_DIR": folder},
                capture_output=True,
                text=True,
                check=True,
            )
            console.print(f"import and first step, {what} cache: {float(run.stdout):.1f} s")


def with_threads(console: Console, threads: int, seconds: float) -> None:
    """Print the speed by the clock on the wall with one and with more threads."""
    for count in (1, threads):
        env = BatchedEnv("Battle-27m_vs_30m", 1024, threads=count)
        actions = mixed_actions(env, np.random.default_rng(0))
        env.reset(range(1024))
        play(env, actions, 0.1)
        speed = play(env, actions, seconds, "perf_counter")
        console.print(f"27m_vs_30m, 1024 games, {count} thread(s): {speed:,.0f} steps per second")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenarios", nargs="+", default=SCENARIOS, help="of SMAC")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 64, 1024])
    parser.add_argument("--seconds", type=float, default=2.0, help="CPU seconds per figure")
    parser.add_argument("--smax-python", default=sys.executable, help="a Python with jaxmarl")
    parser.add_argument("--threads", type=int, default=1, help="also measure with so many threads")
    args = parser.parse_args()
    console = Console(width=max(Console().width, 110))
    compare(console, args)
    scale(console, args.seconds)
    single(console, args.seconds)
    first_step(console)
    if args.threads > 1:
        with_threads(console, args.threads, args.seconds)


if __name__ == "__main__":
    main()
