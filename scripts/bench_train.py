"""Training speed: environment steps per second of PPO, rollout and update together.

python scripts/bench_train.py [--scenario Battle-8m] [--threads 1]

Trains each arm for the same number of steps on the same environment with the same PPO settings and
prints environment steps per second beside stable-baselines3's own MlpPolicy network ("MultiInput
policy": flat observation, one categorical per action component, no masks). Rounds are interleaved,
the median is printed and time is CPU time, because machines are noisy; with more than one thread
the seconds of all threads count. All arms run in one process, prepared as "perceiver-rl train"
prepares its own.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table
from stable_baselines3 import PPO

from perceiver_rl.agents.cpu import prepare_cpu
from perceiver_rl.envs import make_vec
from perceiver_rl.sb3 import EntityPolicy, TorchDictRolloutBuffer

BASELINE = "SB3 MlpPolicy"
ARMS: dict[str, dict[str, Any] | None] = {
    "perceiver + independent": {"encoder": "perceiver", "selection": "independent"},
    "perceiver + pointer": {"encoder": "perceiver", "selection": "pointer"},
    "transformer + independent": {"encoder": "transformer", "selection": "independent"},
    "mlp + independent": {"encoder": "mlp", "selection": "independent"},
    BASELINE: None,
}


@dataclass
class Clock:
    """Seconds per round, spent in rollouts and in updates."""

    rollout: list[float] = field(default_factory=list)
    update: list[float] = field(default_factory=list)


@contextmanager
def timed(seconds: list[float]) -> Iterator[None]:
    """Append the CPU seconds of the block."""
    start = time.process_time()
    yield
    seconds.append(time.process_time() - start)


class TimedPPO(PPO):
    """PPO that keeps the time of each rollout and each update."""

    clock: Clock

    def collect_rollouts(self, *args: Any, **kwargs: Any) -> bool:
        """Collect, on the clock."""
        with timed(self.clock.rollout):
            return super().collect_rollouts(*args, **kwargs)

    def train(self) -> None:
        """Update, on the clock."""
        with timed(self.clock.update):
            super().train()


def build(policy_kwargs: dict[str, Any] | None, args: argparse.Namespace) -> TimedPPO:
    """Build one arm's algorithm."""
    model = TimedPPO(
        "MultiInputPolicy" if policy_kwargs is None else EntityPolicy,
        make_vec(f"perceiver_rl/{args.scenario}-v0", num_envs=args.envs, seed=0),
        n_steps=args.rollout,
        batch_size=args.batch,
        n_epochs=args.epochs,
        policy_kwargs=None if policy_kwargs is None else {**policy_kwargs, "preset": args.preset},
        rollout_buffer_class=None if policy_kwargs is None else TorchDictRolloutBuffer,
        device=args.device,
        seed=0,
    )
    model.clock = Clock()
    return model


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--scenario", default="Battle-8m")
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--envs", type=int, default=64)
    parser.add_argument("--rollout", type=int, default=64, help="steps per environment and rollout")
    parser.add_argument("--batch", type=int, default=1024, help="minibatch")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5, help="timed rollouts and updates per arm")
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def main() -> None:
    """Print the table."""
    args = parse()
    prepare_cpu(args.threads)
    models = {name: build(kwargs, args) for name, kwargs in ARMS.items()}
    steps = args.envs * args.rollout
    for model in models.values():  # compilation and first allocations stay off the clock
        model.learn(steps)
        model.clock = Clock()
    for _ in range(args.rounds):
        for model in models.values():
            model.learn(steps, reset_num_timesteps=False)
    medians = {
        name: (statistics.median(m.clock.rollout), statistics.median(m.clock.update))
        for name, m in models.items()
    }
    speed = {name: steps / sum(pair) for name, pair in medians.items()}
    table = Table(
        title=f"PPO on {args.scenario}, preset {args.preset}, {args.envs} environments x"
        f" {args.rollout} steps,\nbatch {args.batch}, {args.epochs} epochs, {args.threads} threads"
    )
    for column in ("policy", "steps/s", "rollout", "update", f"of {BASELINE}"):
        table.add_column(column, justify="left" if column == "policy" else "right")
    for name, (rollout, update) in medians.items():
        table.add_row(
            name,
            f"{speed[name]:,.0f}",
            f"{steps / rollout:,.0f}",
            f"{steps / update:,.0f}",
            f"{speed[name] / speed[BASELINE]:.2f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
