"""PPO with an entity policy on an environment of one's own, beside a greedy rule.

python examples/train_storm_repair.py [--steps 150000] [--encoder perceiver]

Trains on a CPU in a few minutes, then lets the agent and the rules repair the same storms and
prints the household-hours that each leaves without power.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from storm_repair import StormRepair, careful, greedy

from perceiver_rl.sb3 import EntityPolicy

FIRST_STORM = 1_000_000  # training never draws seeds this high
Act = Callable[[StormRepair, dict[str, NDArray[Any]]], NDArray[np.int64]]


def train(steps: int, seed: int = 0, encoder: str = "perceiver", progress_bar: bool = False) -> PPO:
    """Return a trained agent: everything that is special to entities is in the policy."""
    model = PPO(
        EntityPolicy,
        make_vec_env(StormRepair, n_envs=32, seed=seed),
        n_steps=64,
        batch_size=512,
        n_epochs=4,
        learning_rate=lambda remaining: 1e-3 * remaining,
        gamma=1.0,
        ent_coef=0.003,
        policy_kwargs={"encoder": encoder},
        seed=seed,
        device="cpu",
    )
    return model.learn(steps, progress_bar=progress_bar)


def agent(model: PPO) -> Act:
    """Return the trained agent, which plays its most probable actions."""
    return lambda env, observation: model.predict(observation, deterministic=True)[0]


def lost_household_hours(act: Act, storms: int) -> NDArray[np.float64]:
    """Return what each storm costs, in thousand household-hours; storm k has the same seed."""
    env, lost = StormRepair(), np.zeros(storms)
    for storm in range(storms):
        observation, info = env.reset(seed=FIRST_STORM + storm)
        finished = False
        while not finished:
            observation, _, finished, _, info = env.step(act(env, observation))
        lost[storm] = info["lost"]
    return lost


def interval(values: NDArray[np.float64]) -> str:
    """Return a mean with its 95 % confidence interval."""
    half = 1.96 * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():.2f} [{values.mean() - half:.2f}, {values.mean() + half:.2f}]"


def main() -> None:
    """Train, play, print."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=150_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--encoder", default="perceiver")
    parser.add_argument("--storms", type=int, default=1000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    results = {
        "greedy rule, 1 crew": lost_household_hours(lambda env, _: greedy(env, 1), args.storms),
        "greedy rule, 2 crews": lost_household_hours(lambda env, _: greedy(env, 2), args.storms),
        "careful rule": lost_household_hours(lambda env, _: careful(env), args.storms),
    }
    for seed in args.seeds:
        model = train(args.steps, seed, args.encoder, progress_bar=True)
        name = f"PPO, {args.encoder}, seed {seed}"
        results[name] = lost_household_hours(agent(model), args.storms)
    rules = results["greedy rule, 1 crew"], results["careful rule"]
    print("| player | lost | less than greedy, 1 crew | less than careful |")
    print("|---|---|---|---|")
    for name, lost in results.items():
        gains = (interval(other - lost) for other in rules)
        print(f"| {name} | {interval(lost)} | {' | '.join(gains)} |")


if __name__ == "__main__":
    main()
