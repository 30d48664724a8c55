"""What the arms of a comparison cost, measured once and kept in ``costs.json``.

The file holds, per scenario, latency and memory of every arm that has a finished agent, and the
latency of the arms' encoders over the number of entities. It is measured again where arms, versions
or the machine are other ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

from perceiver_rl.entities import build_encoder
from perceiver_rl.sb3.presets import preset_named

from .backends import first_observations, spaces_on
from .config import PolicyConfig
from .machine import machine
from .models import load_policy
from .play import own_torch_seed
from .players import contender
from .run_folder import read_json, write_json
from .strict_yaml import to_mapping
from .tasks import Task, fingerprint
from .timing import encoder_calls, measure_costs, medians, one_thread

ENTITY_COUNTS: Final = (4, 8, 16, 32, 64, 128, 256, 512)
SETS: Final = 16
"""Sets of entities per call of the crossover."""
_SECONDS: Final = 4.0
_FILE: Final = "costs.json"


def costs_of(
    folder: Path, tasks: Sequence[Task], policies: Mapping[str, PolicyConfig]
) -> dict[str, Any]:
    """Return ``scenarios`` and ``crossover``, measured now or by an earlier call.

    Args:
        folder: Of the whole comparison.
        tasks: All of it; arms without a trained agent have no costs.
        policies: The arms of the scenario with most entities, for the crossover.
    """
    kept = read_json(folder / _FILE) or {}
    costs: dict[str, Any] = {"scenarios": {}, "crossover": {}}
    for scenario, arms in _trained(tasks).items():
        of_arms = [to_mapping(task.training) for task in arms.values() if task.training]
        old = kept.get("scenarios", {}).get(scenario, {})
        costs["scenarios"][scenario] = _kept(old, of_arms) or {
            "fingerprint": _print(of_arms),
            "arms": _measure(arms),
        }
    encoders = distinct_encoders(policies)
    settings = {name: to_mapping(policy) for name, policy in encoders.items()}
    costs["crossover"] = _kept(kept.get("crossover", {}), settings) or {
        "fingerprint": _print(settings),
        "sets": SETS,
        "entities": list(ENTITY_COUNTS),
        "milliseconds": crossover(encoders, ENTITY_COUNTS),
    }
    write_json(folder / _FILE, costs)
    return costs


def _print(content: Any) -> str:
    return fingerprint([content, machine()])


def _kept(old: Mapping[str, Any], content: Any) -> dict[str, Any] | None:
    return dict(old) if old.get("fingerprint") == _print(content) else None


def _trained(tasks: Sequence[Task]) -> dict[str, dict[str, Task]]:
    """Return the first trained agent of each arm, by scenario and arm."""
    found: dict[str, dict[str, Task]] = {}
    for task in tasks:
        if task.arm is not None and task.is_trained():
            found.setdefault(task.scenario, {}).setdefault(task.arm, task)
    return found


def _measure(arms: Mapping[str, Task]) -> dict[str, dict[str, Any]]:
    settings = next(iter(arms.values())).evaluation
    assert settings.env is not None  # a comparison says where it plays
    spaces = spaces_on(settings.backend, settings.env, settings.options)
    policies = {}
    for arm, task in arms.items():
        who = contender(str(task.files.checkpoint))
        assert who.checkpoint is not None
        assert who.description is not None  # it is a checkpoint
        policies[arm] = load_policy(who.checkpoint, who.description, *spaces)
    with own_torch_seed(settings.eval_seed):
        costs = measure_costs(policies, partial(first_observations, settings))
    return {arm: asdict(cost) for arm, cost in costs.items()}


def distinct_encoders(policies: Mapping[str, PolicyConfig]) -> dict[str, PolicyConfig]:
    """Return one arm per encoder that differs, by the encoder's name, or the arm's if two share it.

    Arms that differ in nothing but the selection have the same encoder.
    """
    different: dict[str, tuple[str, PolicyConfig]] = {}
    for arm, policy in policies.items():
        key = json.dumps([policy.encoder, policy.preset, policy.encoder_kwargs], sort_keys=True)
        different.setdefault(key, (arm, policy))
    names = [policy.encoder for _, policy in different.values()]
    return {
        policy.encoder if names.count(policy.encoder) == 1 else arm: policy
        for arm, policy in different.values()
    }


def crossover(
    encoders: Mapping[str, PolicyConfig], counts: Sequence[int], seconds: float = _SECONDS
) -> dict[str, list[float]]:
    """Return the milliseconds of CPU time of each encoder's forward pass, by number of entities.

    Args:
        encoders: By name; all entity slots are filled, with :data:`SETS` sets per call.
        counts: Numbers of entities.
        seconds: CPU time per number after which three rounds are enough.
    """
    built = {
        name: build_encoder(
            policy.encoder, preset_named(policy.preset).entities, policy.encoder_kwargs
        )
        for name, policy in encoders.items()
    }
    found: dict[str, list[float]] = {name: [] for name in built}
    with own_torch_seed(0), one_thread():
        for entities in counts:
            calls = {
                name: encoder_calls(encoder, SETS, entities)["forward"]
                for name, encoder in built.items()
            }
            for name, spent in medians(calls, rounds=9, repeat=1, limit=seconds).items():
                found[name].append(spent)
    return found
