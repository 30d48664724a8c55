"""Small settings, so that a whole run takes seconds."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from perceiver_rl.agents.claims import claims_of, uninformative_tables
from perceiver_rl.agents.compare_config import CompareConfig
from perceiver_rl.agents.config import EnvConfig, PolicyConfig, PPOConfig, TrainConfig
from perceiver_rl.agents.progress_log import Progress
from perceiver_rl.agents.results import AgentResult, as_json
from perceiver_rl.agents.statistics import Games
from perceiver_rl.agents.strict_yaml import to_mapping
from perceiver_rl.agents.train import TrainResult, run_training
from perceiver_rl.interrupt import StopRequest

Run = Callable[..., TrainResult]

_ENCODERS = {"perceiver": 1_000_000, "transformer": 3_500_000}


@pytest.fixture(autouse=True)
def _keep_torch_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tiny(tmp_path: Path) -> TrainConfig:
    """Two updates of 64 steps each."""
    return TrainConfig(
        name="tiny",
        runs=tmp_path,
        steps=128,
        device="cpu",
        env=EnvConfig(num_envs=4),
        ppo=PPOConfig(n_steps=16, batch_size=32, n_epochs=1),
    )


@pytest.fixture
def run(tiny: TrainConfig) -> Run:
    """Train the small settings with some of them changed, without a display."""

    def run_tiny(
        resume: bool = False,
        report: Callable[[Progress], None] = lambda progress: None,
        stop: StopRequest | None = None,
        **changes: Any,
    ) -> TrainResult:
        config = replace(tiny, **changes)
        return run_training(config, resume, stop or StopRequest(), report)

    return run_tiny


def _games(wins: int, scored: bool = False) -> Games:
    outcomes = "" if scored else "W" * wins + "L" * (200 - wins)
    returns = tuple(float(wins + at % 3) for at in range(200))
    return Games(outcomes=outcomes, returns=returns, lengths=(20,) * 200)


def _agent(scenario: str, stage: str | None, name: str, seed: int | None, wins: int) -> AgentResult:
    facts = {
        "parameters": 53_288, "encoder_parameters": 20_000, "encoder_flops": 0,
        "steps": 100, "seconds": 4.0, "steps_per_second": 25.0,
    }  # fmt: skip
    opponents = ("no-op",) if scenario == "Shards" else ("elite", "control:elite")
    return AgentResult(
        name=name if seed is None else f"{name}-seed{seed}",
        arm=None if seed is None else name,
        seed=seed,
        games={each: _games(wins, scenario == "Shards") for each in opponents},
        facts={} if seed is None else facts,
        scenario=scenario,
        stage=stage,
    )


@pytest.fixture
def results(comparison: dict[str, Any]) -> dict[str, Any]:
    """A copy of a comparison's results, to be changed."""
    return copy.deepcopy(comparison)


@pytest.fixture(scope="session")
def comparison() -> dict[str, Any]:
    """What results.json holds after a comparison of two arms in two battles and a mini-game.

    Battle-8m: both arms are the same. Battle-64m: a control comes near. Shards: the Perceiver is
    worse, and one of its three seeds is missing.
    """
    arms = {name: PolicyConfig(encoder=name) for name in _ENCODERS}  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    agents = []
    for scenario, rates in (
        ("Battle-8m", (196, 196)),
        ("Battle-64m", (40, 42)),
        ("Shards", (9, 90)),
    ):
        for seed in (0, 1, 2):
            for arm, wins in zip(arms, rates, strict=True):
                if (scenario, seed, arm) != ("Shards", 2, "perceiver"):
                    jitter = int(rng.integers(0, 2))
                    agents.append(_agent(scenario, "imitation", arm, seed, wins + jitter))
        agents.append(_agent(scenario, None, "random", None, 41 if scenario == "Battle-64m" else 2))
    teachers = {each: "elite" for each in ("Battle-8m", "Battle-64m", "Shards")}
    scenarios = [
        {
            "scenario": name,
            "env": f"perceiver_rl/{name}-v0",
            "opponent": "elite",
            "teacher": "elite",
            "stages": ["imitation"],
            "opponents": ["no-op"] if name == "Shards" else ["elite", "control:elite"],
            "controls": ["random"],
            "games": 200,
            "entities": entities,
            "match": "width",
            "sizes": [
                {"arm": arm, "policy": {}, "parameters": 20_000, "flops": flops * entities // 128,
                 "ratio": None}
                for arm, flops in _ENCODERS.items()
            ],
        }
        for name, entities in (("Battle-8m", 16), ("Battle-64m", 128), ("Shards", 22))
    ]  # fmt: skip
    curve = {"x": [1, 2, 3], "x_label": "epochs", "y_label": "validation NLL", "seeds": [0, 1]}
    return {
        "backend": "proxy",
        "config": to_mapping(CompareConfig(name="small", arms=arms, seeds=(0, 1, 2))),
        "missing": ["Shards/perceiver-seed2"],
        "failed": {},
        "scenarios": scenarios,
        "claims": [each.summary() for each in claims_of(agents, arms, teachers, 0.05)],
        "uninformative": [asdict(each) for each in uninformative_tables(agents, 0.05)],
        **as_json(agents),
        "curves": [
            {"scenario": "Battle-8m", "stage": "imitation", "arm": arm, **curve,
             "values": [[2.0, 1.5, 1.25], [2.5, 1.0, None]]}
            for arm in arms
        ],
        "costs": {
            "scenarios": {
                "Battle-8m": {
                    "arms": {
                        "perceiver": {"latency_1": 1.25, "latency_256": 123.4, "memory": 2**21}
                    }
                }
            },
            "crossover": {
                "sets": 16,
                "entities": [16, 64, 512],
                "milliseconds": {"perceiver": [2.0, 3.0, 4.0], "transformer": [1.0, 4.0, 12.0]},
            },
        },
        "pictures": [],
        "command": "perceiver-rl compare small.yaml",
        "created": "2026-01-01T00:00:00+00:00",
        "commit": "abc",
        "versions": {"torch": "2"},
        "machine": {"processor": "a <fast> one", "cores": 2},
    }  # fmt: skip
