"""What losses besides the reward are worth: PPO with and without them, on one battle.

python scripts/ablate_auxiliary.py [--steps 200000] [--seeds 5] [--workers 2]

Trains agents without auxiliary losses, with masked-entity modelling, with reconstruction and with
both, and lets them play the same games against the script that they trained against. Prints win
rates with an interval over seeds and games (hierarchical bootstrap) and the difference to none.
What is trained is kept in ``--output`` and not repeated.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from perceiver_rl.agents.bootstrap import difference_interval, mean_interval
from perceiver_rl.agents.config import EnvConfig, TrainConfig
from perceiver_rl.agents.models import build_model, make_training_env
from perceiver_rl.agents.play import own_torch_seed, play_to_the_end
from perceiver_rl.agents.players import PolicyPlayer
from perceiver_rl.agents.run_folder import read_json, write_json
from perceiver_rl.agents.seeds import EVAL_SEED, evaluation_seeds
from perceiver_rl.envs import BatchedEnv
from perceiver_rl.sb3 import AuxiliaryLosses

NONE = "none"
VARIANTS: dict[str, dict[str, Any]] = {
    NONE: {"masked": 0.0, "reconstruction": 0.0},
    "masked": {"masked": 0.1, "reconstruction": 0.0},
    "reconstruction": {"masked": 0.0, "reconstruction": 0.1},
    "both": {"masked": 0.1, "reconstruction": 0.1},
}


def main() -> None:
    """Train and play what is missing, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--env", default="perceiver_rl/Battle-2s3z-v0")
    parser.add_argument("--opponent", default="attack-nearest")
    parser.add_argument("--steps", type=int, default=200_000, help="training steps per agent")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--games", type=int, default=500, help="per agent")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("results/auxiliary.json"))
    args = parser.parse_args()
    settings = {name: getattr(args, name) for name in ("env", "opponent", "steps", "games")}
    kept: dict[str, Any] = read_json(args.output) or {}
    runs: dict[str, Any] = kept.get("runs", {}) if kept.get("settings") == settings else {}
    jobs = [(variant, seed) for seed in range(args.seeds) for variant in VARIANTS]
    missing = [job for job in jobs if _key(*job) not in runs]
    with ProcessPoolExecutor(args.workers) as pool:
        waiting = {pool.submit(run, *job, settings): job for job in missing}
        for done in track(as_completed(waiting), "trainings", total=len(waiting)):
            runs[_key(*waiting[done])] = done.result()
            args.output.parent.mkdir(parents=True, exist_ok=True)
            write_json(args.output, {"settings": settings, "runs": dict(sorted(runs.items()))})
    Console().print(table(runs, args.seeds, settings))


def _key(variant: str, seed: int) -> str:
    return f"{variant}/{seed}"


def run(variant: str, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Train one agent and return how its games ended, 1 for a win, and the time it took."""
    torch.set_num_threads(1)
    start = time.process_time()
    config = TrainConfig(
        steps=settings["steps"],
        seed=seed,
        device="cpu",
        env=EnvConfig(id=settings["env"], opponent=settings["opponent"]),
    )
    model = build_model(config, make_training_env(config.env, seed))
    losses = None if variant == NONE else AuxiliaryLosses(**VARIANTS[variant])
    model.learn(config.steps, callback=losses)
    seconds = time.process_time() - start
    seeds = evaluation_seeds(EVAL_SEED, settings["games"])
    batch = BatchedEnv(settings["env"], len(seeds), opponent=settings["opponent"])
    policy: Any = model.policy
    policy.set_training_mode(False)
    with own_torch_seed(EVAL_SEED):
        games = play_to_the_end(batch, PolicyPlayer(policy, deterministic=True), seeds)
    return {"outcomes": games.outcomes, "cpu_seconds": seconds}


def table(runs: dict[str, Any], seeds: int, settings: dict[str, Any]) -> Table:
    """Return a row per variant."""
    title = f"{settings['env']} against {settings['opponent']}, {settings['steps']:,} steps"
    result = Table(title=f"{title}, {seeds} seeds, {settings['games']} games each")
    for column in ("auxiliary losses", "win rate", "difference to none", "CPU time"):
        result.add_column(column)
    scores = {
        name: np.array([_wins(runs[_key(name, seed)]) for seed in range(seeds)])
        for name in VARIANTS
    }
    seconds = {
        name: sum(runs[_key(name, seed)]["cpu_seconds"] for seed in range(seeds))
        for name in VARIANTS
    }
    for name, wins in scores.items():
        rate = mean_interval(wins, np.random.default_rng(0))
        difference = "" if name == NONE else _signed(wins, scores[NONE])
        cost = f"{seconds[name] / seconds[NONE]:.2f}x"
        result.add_row(
            name, f"{wins.mean():.3f} [{rate.low:.3f}, {rate.high:.3f}]", difference, cost
        )
    return result


def _wins(one: dict[str, Any]) -> list[float]:
    return [float(letter == "W") for letter in one["outcomes"]]


def _signed(wins: Any, others: Any) -> str:
    found = difference_interval(wins, others, np.random.default_rng(0))
    return f"{wins.mean() - others.mean():+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


if __name__ == "__main__":
    main()
