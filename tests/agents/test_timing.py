"""What policies cost: timing, and memory that a minibatch keeps."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest
import torch

from perceiver_rl.agents.config import PolicyConfig
from perceiver_rl.agents.models import build_policy
from perceiver_rl.agents.timing import measure_costs, medians
from perceiver_rl.envs import BatchedEnv
from perceiver_rl.sb3 import EntityPolicy


@pytest.fixture(scope="module")
def policies() -> dict[str, EntityPolicy]:
    space = BatchedEnv("Battle-3m", 1)
    return {
        encoder: build_policy(
            PolicyConfig(encoder=encoder),
            space.observation_space,
            space.action_space,
        )
        for encoder in ("transformer", "mlp")
    }


def observe(games: int) -> Mapping[str, Any]:
    return BatchedEnv("Battle-3m", games).reset(range(games))


def test_rounds_are_interleaved_and_the_first_two_warm_up() -> None:
    called: list[str] = []
    calls = {name: lambda name=name: called.append(name) for name in "ab"}
    assert set(medians(calls, rounds=4, repeat=2)) == {"a", "b"}
    assert "".join(called) == "aaabbb" * 6


def test_after_the_limit_three_rounds_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    called: list[float] = []

    def clock() -> float:
        return now[0]

    def call() -> None:
        now[0] += float(len(called) + 1)
        called.append(now[0])

    monkeypatch.setattr(time, "process_time", clock)
    # The timed calls take 2, 4, 6, 8, 10 seconds; the median of the last three is 8.
    assert medians({"call": call}, rounds=100, repeat=1, limit=6.0) == {"call": 8000.0}
    assert len(called) == 10


def test_memory_is_exact_and_the_threads_are_given_back(
    policies: dict[str, EntityPolicy],
) -> None:
    threads = torch.get_num_threads()
    torch.manual_seed(0)
    first = measure_costs(policies, observe, rounds=1)
    torch.manual_seed(0)
    second = measure_costs(policies, observe, rounds=1)
    assert torch.get_num_threads() == threads
    for name, cost in first.items():
        assert cost.latency_1 > 0
        assert cost.latency_256 > 0
        assert cost.memory == second[name].memory
    assert first["transformer"].memory > first["mlp"].memory > 256 * 6 * 4


class Doubling(torch.nn.Module):
    """Keeps its input of 3 numbers for the weight's gradient, and its output for tanh's.

    A call of ``forward`` takes a millisecond per observation on the given clock.
    """

    def __init__(self, now: list[float]) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3))
        self.now = now

    def obs_to_tensor(self, observation: Mapping[str, Any]) -> tuple[torch.Tensor, bool]:
        return torch.as_tensor(observation["x"]), True

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        self.now[0] += 1e-3 * len(x)
        return (x,)

    def evaluate_actions(self, x: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x * self.weight)


def test_costs_are_of_1_and_of_256_observations_and_without_the_parameters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "process_time", lambda: now[0])
    costs = measure_costs(
        {"doubling": Doubling(now)},  # type: ignore[dict-item]
        lambda games: {"x": torch.ones(games, 3)},
        rounds=1,
    )
    assert costs["doubling"].latency_1 == pytest.approx(1.0)
    assert costs["doubling"].latency_256 == pytest.approx(256.0)
    assert costs["doubling"].memory == 2 * 256 * 3 * 4
