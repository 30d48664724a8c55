"""PerceiverExtractor beside stable-baselines3's own extractors, at the same budget of steps.

python scripts/compare_extractors.py [--tasks CartPole Catch] [--seeds 3] [--workers 2]

Trains every algorithm of every task with both, over several seeds, and prints the mean return of 50
episodes that training never saw, with a 95 % interval over the seeds (Student's t). What is trained
is kept in ``--output`` and not repeated. Settings are those of extractor_tasks.py: the same for
both but for what it names. MiniGrid needs ``pip install --no-deps minigrid``.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import stats
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from perceiver_rl.agents.run_folder import read_json, write_json
from perceiver_rl.sb3 import PerceiverExtractor

sys.path.insert(0, str(Path(__file__).parents[1]))
from scripts.extractor_tasks import TASKS, TaskSpec

ON_POLICY = ("PPO", "A2C", "MaskablePPO", "RecurrentPPO")
EPISODES = 50
JUDGED_AT_ONCE = 10
EVALUATION = 10_000
OURS, BASELINE = "perceiver", "baseline"
Job = tuple[str, str, str, int]


def main() -> None:
    """Train what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--table", action="store_true", help="train nothing, show what there is")
    parser.add_argument("--output", type=Path, default=Path("results/extractors.json"))
    args = parser.parse_args()
    found: dict[str, Any] = read_json(args.output) or {}
    jobs = [
        (task, algorithm.__name__, extractor, seed)
        for seed in range(args.seeds)
        for task in args.tasks
        for algorithm in TASKS[task].algorithms
        for extractor in (OURS, BASELINE)
    ]
    missing = [job for job in jobs if key_of(job) not in found and not args.table]
    with ProcessPoolExecutor(args.workers) as pool:
        runs = {pool.submit(train, job): job for job in missing}
        for run in track(as_completed(runs), "trainings", total=len(runs)):
            found[key_of(runs[run])] = run.result()
            args.output.parent.mkdir(parents=True, exist_ok=True)
            write_json(args.output, dict(sorted(found.items())))
    Console().print(table(found, args.tasks))


def key_of(job: Job) -> str:
    """Return a training's name in the file of results."""
    return "/".join(str(part) for part in job)


def train(job: Job) -> dict[str, float]:
    """Train one agent and return its mean return and the seconds it took."""
    name, algorithm_name, extractor, seed = job
    torch.set_num_threads(1)
    task = TASKS[name]
    algorithm = next(each for each in task.algorithms if each.__name__ == algorithm_name)
    start = time.process_time()
    envs = 8 if algorithm_name in ON_POLICY else 1
    model = algorithm(
        _policy(task, algorithm_name),
        _training_env(task, extractor, envs, seed),
        policy_kwargs=_policy_kwargs(task, algorithm_name, extractor),
        seed=seed,
        device="cpu",
        **_arguments(task, algorithm_name, extractor),
    )
    model.learn(task.algorithms[algorithm])
    seconds = time.process_time() - start
    judged = make_vec_env(lambda: _env(task, extractor), JUDGED_AT_ONCE, seed=EVALUATION)
    if algorithm_name == "MaskablePPO":
        from sb3_contrib.common.maskable.evaluation import (
            evaluate_policy as evaluate_masked,
        )

        mean, _ = evaluate_masked(model, judged, EPISODES)
    else:
        mean, _ = evaluate_policy(model, judged, EPISODES)
    return {"return": float(mean), "cpu_seconds": seconds}  # type: ignore[arg-type]


def _arguments(task: TaskSpec, algorithm: str, extractor: str) -> dict[str, Any]:
    own = task.ours.get(algorithm, {}) if extractor == OURS else {}
    return {**task.arguments.get(algorithm, {}), **own}


def _training_env(task: TaskSpec, extractor: str, envs: int, seed: int) -> VecEnv:
    env = make_vec_env(lambda: _env(task, extractor), envs, seed=seed)
    return VecNormalize(env, norm_obs=False) if task.normalize_rewards else env


def _env(task: TaskSpec, extractor: str) -> Any:
    env = task.make()
    return task.wrap(env) if task.wrap and extractor == BASELINE else env


def _policy(task: TaskSpec, algorithm: str) -> str:
    return task.policy.replace("Policy", "LstmPolicy") if "Recurrent" in algorithm else task.policy


def _policy_kwargs(task: TaskSpec, algorithm: str, extractor: str) -> dict[str, Any]:
    shared = task.policies.get(algorithm, {})
    if extractor == BASELINE:
        return shared
    kwargs: dict[str, Any] = {
        **shared,
        "features_extractor_class": PerceiverExtractor,
        "features_extractor_kwargs": task.extractor,
    }
    if algorithm in ON_POLICY:
        kwargs["ortho_init"] = False
    if algorithm != "A2C":  # its optimizer is no Adam
        eps = 1e-5 if algorithm in ON_POLICY else 1e-8  # as the policies have it by default
        kwargs["optimizer_kwargs"] = {"fused": True, "eps": eps}
    return kwargs


def table(found: dict[str, Any], tasks: list[str]) -> Table:
    """Return a row per task and algorithm, over the seeds that both extractors have."""
    result = Table(title=f"mean return of {EPISODES} episodes")
    columns = ("task", "algorithm", "steps", "seeds", OURS, BASELINE, "its extractor", "CPU time")
    for column in columns:
        result.add_column(column)
    for name in tasks:
        for algorithm, steps in TASKS[name].algorithms.items():
            seeds = seeds_of(found, name, algorithm.__name__)
            if not seeds:
                continue
            runs = {
                extractor: [
                    found[key_of((name, algorithm.__name__, extractor, seed))] for seed in seeds
                ]
                for extractor in (OURS, BASELINE)
            }
            seconds = {
                extractor: sum(run["cpu_seconds"] for run in all_runs)
                for extractor, all_runs in runs.items()
            }
            result.add_row(
                name,
                algorithm.__name__,
                f"{steps:,}",
                str(len(seeds)),
                *(interval([run["return"] for run in all_runs]) for all_runs in runs.values()),
                TASKS[name].baseline,
                f"{seconds[OURS] / seconds[BASELINE]:.1f}x",
            )
    return result


def seeds_of(found: dict[str, Any], task: str, algorithm: str) -> list[int]:
    """Return the seeds that both extractors were trained with."""
    seeds = sorted({int(key.rsplit("/", 1)[1]) for key in found})
    both = (OURS, BASELINE)
    return [s for s in seeds if all(key_of((task, algorithm, each, s)) in found for each in both)]


def interval(values: list[float]) -> str:
    """Return the mean and its interval; with one or two seeds, which have none, what each gave."""
    mean = statistics.mean(values)
    if len(values) == 1:
        return f"{mean:.2f}"
    if len(values) == 2:
        return f"{mean:.2f} ({', '.join(f'{value:.2f}' for value in values)})"
    half = stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean:.2f} [{mean - half:.2f}, {mean + half:.2f}]"


if __name__ == "__main__":
    main()
