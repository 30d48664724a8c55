"""Latency of whole policies, part by part, beside stable-baselines3's own, and over entity counts.

python scripts/bench_policy.py [--envs 64] [--entities 32] [--preset tiny] [--threads 1]

The observations are those of a battle with every entity slot filled. "forward" is what a rollout
step costs: encode, sample an action, score it, estimate the value, without gradients; "evaluate"
and "backward" are the two halves of one minibatch of an update. Milliseconds are CPU time, medians
of interleaved rounds. The last table finds from how many entities on the Perceiver is faster than
the Transformer of the same width, which is packed and trimmed as well.
"""

from __future__ import annotations

import argparse
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from rich.console import Console
from rich.table import Table
from stable_baselines3.common.policies import ActorCriticPolicy, MultiInputActorCriticPolicy
from torch import Tensor

from perceiver_rl.agents.cpu import prepare_cpu
from perceiver_rl.agents.timing import Call, encoder_calls, medians
from perceiver_rl.entities import build_encoder
from perceiver_rl.sb3 import PRESETS, EntityPolicy
from perceiver_rl.spaces import EntitySpace, UnitActionSpace, observation_space

BASELINE = "SB3 MlpPolicy"
SELECTIONS = {"perceiver": ("independent", "pointer"), "transformer": ("independent", "pointer")}


def battle_spaces(entities: int) -> tuple[spaces.Dict, UnitActionSpace]:
    """Return the spaces of a battle with another number of entity slots."""
    env: Any = gym.make("perceiver_rl/Battle-8m-v0")
    rows, actions = env.observation_space["entities"], env.action_space
    sized = UnitActionSpace(actions.types, entities, grid=actions.grid)
    observations = observation_space(
        EntitySpace(rows.columns, entities), sized, scalars=env.observation_space["scalars"]
    )
    env.close()
    return observations, sized


def filled(space: spaces.Dict, batch: int, seed: int = 0) -> dict[str, Tensor]:
    """Return observations with every slot filled and everything legal."""
    rng = np.random.default_rng(seed)
    found = {}
    for key, part in space.spaces.items():
        shape = (batch, *(part.shape or ()))
        numbers = rng.random(shape) if isinstance(part, spaces.Box) else np.ones(shape)
        found[key] = torch.as_tensor(numbers, dtype=torch.float32)
    return found


def whole(policy: ActorCriticPolicy, observation: dict[str, Tensor]) -> dict[str, Call]:
    """Return what to time of any policy."""
    with torch.no_grad():
        actions = policy(observation)[0]

    def forward() -> None:
        with torch.no_grad():
            policy(observation)

    def loss() -> Tensor:
        values, log_prob, entropy = policy.evaluate_actions(observation, actions)
        assert entropy is not None  # only squashed distributions have none
        return values.mean() + log_prob.mean() + entropy.mean()

    return {"forward": forward, "evaluate": loss, "update": lambda: loss().backward()}


def parts(policy: EntityPolicy, observation: dict[str, Tensor]) -> dict[str, Call]:
    """Return the parts of an entity policy's forward, without gradients."""
    extractor, head = policy._entity_extractor, policy.action_net
    present = observation["entity_mask"] > 0.5
    with torch.no_grad():
        tokens = extractor.expand.embed(observation["entities"], extractor.embed)
        features = extractor(observation)
        inputs = policy.head_inputs(features)
        actions = head.sample(inputs).actions  # type: ignore[operator]  # a UnitActionHead

    return {
        "embed": lambda: extractor.expand.embed(observation["entities"], extractor.embed),
        "encoder": lambda: extractor.encoder(tokens, present),
        "extractor": lambda: extractor(observation),
        "sample": lambda: head.sample(inputs),  # type: ignore[operator]
        "evaluate": lambda: head.evaluate(inputs, actions),  # type: ignore[operator]
        "value": lambda: policy.value_net(features.features.state),
    }


def print_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Print numbers to the right of their names."""
    table = Table(title=title)
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def report_policies(args: argparse.Namespace) -> None:
    """Print what whole policies cost, and what the parts of the entity policies do."""
    observation_spaces, actions = battle_spaces(args.entities)
    observation = filled(observation_spaces, args.envs)
    policies: dict[str, ActorCriticPolicy] = {
        f"{encoder} + {selection}": EntityPolicy(
            observation_spaces,
            actions,
            lambda _: 1e-3,
            encoder=encoder,
            selection=selection,
            preset=args.preset,
        )
        for encoder in ("perceiver", "transformer", "mlp")
        for selection in ("independent", "pointer")
    }
    policies[BASELINE] = MultiInputActorCriticPolicy(observation_spaces, actions, lambda _: 1e-3)
    calls = {
        (name, what): call
        for name, policy in policies.items()
        for what, call in whole(policy, observation).items()
    }
    times = medians({"/".join(key): call for key, call in calls.items()}, args.rounds, 20)
    rows = []
    for name in policies:
        forward, evaluate, update = (
            times[f"{name}/{k}"] for k in ("forward", "evaluate", "update")
        )
        against = (forward / times[f"{BASELINE}/forward"], update / times[f"{BASELINE}/update"])
        numbers = (forward, against[0], evaluate, update - evaluate, against[1])
        rows.append([name, *(f"{number:.2f}" for number in numbers)])
    title = f"preset {args.preset}, {args.envs} observations of {args.entities} entities, ms"
    relative = f"x {BASELINE}"
    print_table(title, ["policy", "forward", relative, "evaluate", "backward", relative], rows)
    names = [name for name in policies if name != BASELINE]
    with torch.no_grad():
        split = {
            name: medians(parts(policies[name], observation), args.rounds)  # type: ignore[arg-type]
            for name in names
        }
    columns = list(split[names[0]])
    rows = [[name, *(f"{split[name][column]:.2f}" for column in columns)] for name in names]
    print_table("parts, without gradients, ms", ["policy", *columns], rows)


def report_crossover(args: argparse.Namespace) -> None:
    """Print both encoders' latency over the number of entities, and where they cross."""
    sizes = PRESETS[args.preset].entities
    encoders = {name: build_encoder(name, sizes) for name in ("perceiver", "transformer")}
    rows, ratios = [], {}
    for entities in args.counts:
        calls = {
            f"{name}/{what}": call
            for name, encoder in encoders.items()
            for what, call in encoder_calls(encoder, args.batch, entities).items()
        }
        ms = medians(calls, args.rounds, repeat=1)
        ratios[entities] = [
            ms[f"transformer/{k}"] / ms[f"perceiver/{k}"] for k in ("forward", "both")
        ]
        numbers = (
            ms["perceiver/forward"],
            ms["transformer/forward"],
            ratios[entities][0],
            ms["perceiver/both"],
            ms["transformer/both"],
            ratios[entities][1],
        )
        rows.append([str(entities), *(f"{number:.2f}" for number in numbers)])
    print_table(
        f"entity encoders, preset {args.preset}, batch {args.batch}, all slots filled, ms",
        ["entities", "perceiver", "transformer", "ratio", "with backward", "transformer", "ratio"],
        rows,
    )
    for position, what in enumerate(("forward", "forward and backward")):
        faster = [
            n for n in args.counts if all(ratios[m][position] > 1 for m in args.counts if m >= n)
        ]
        where = f"from {faster[0]} entities on" if faster else f"at none of {args.counts} entities"
        Console().print(f"{what}: the Perceiver is faster {where}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--preset", choices=list(PRESETS), default="tiny")
    parser.add_argument("--envs", type=int, default=64, help="observations per forward")
    parser.add_argument("--entities", type=int, default=32)
    parser.add_argument("--batch", type=int, default=1024, help="sets per call of the last table")
    parser.add_argument("--counts", type=int, nargs="+", default=[4, 8, 12, 16, 24, 32, 64])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    prepare_cpu(args.threads)
    torch.manual_seed(0)
    report_policies(args)
    report_crossover(args)


if __name__ == "__main__":
    main()
