"""What policies and encoders cost to run: CPU time and memory, measured one way everywhere."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from perceiver_rl.entities import EntityEncoder
from perceiver_rl.sb3 import EntityPolicy

Call = Callable[[], object]

_LEAST_ROUNDS = 3
_WARM_UP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What it costs to play with a policy and to learn from it.

    Args:
        latency_1: Milliseconds of CPU time of one thread to choose, score and value the action of
            one observation.
        latency_256: The same for a batch of 256 observations.
        memory: Bytes that a minibatch of 256 keeps for the backward pass, parameters left out; 8
            times what one of 32 keeps, so that large networks are no danger to the machine.
    """

    latency_1: float
    latency_256: float
    memory: int


def medians(
    calls: Mapping[str, Call], rounds: int, repeat: int = 3, limit: float = float("inf")
) -> dict[str, float]:
    """Return the milliseconds of CPU time per call, rounds interleaved.

    Before it is timed in a round, a call is made once: what the others left in the caches is none
    of its cost.

    Args:
        calls: What to time, by name.
        rounds: Rounds over all calls, after two that warm up.
        repeat: Timed calls per round.
        limit: CPU seconds after which no further round begins, once there are three.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    began = time.process_time()
    for turn in range(rounds + _WARM_UP):
        if turn >= _WARM_UP + _LEAST_ROUNDS and time.process_time() - began > limit:
            break
        for name, call in calls.items():
            call()
            start = time.process_time()
            for _ in range(repeat):
                call()
            if turn >= _WARM_UP:
                times[name].append(1e3 * (time.process_time() - start) / repeat)
    return {name: statistics.median(spent) for name, spent in times.items()}


def encoder_calls(encoder: EntityEncoder, batch: int, entities: int) -> dict[str, Call]:
    """Return one encoder's forward and forward + backward on filled sets."""
    tokens = torch.randn(batch, entities, encoder.token_width)
    mask = torch.ones(batch, entities, dtype=torch.bool)

    def forward() -> None:
        with torch.no_grad():
            encoder(tokens, mask)

    def both() -> None:
        encoding = encoder(tokens, mask)
        (encoding.per_entity.sum() + encoding.pooled.sum()).backward()

    return {"forward": forward, "both": both}


def measure_costs(
    policies: Mapping[str, EntityPolicy],
    observe: Callable[[int], Mapping[str, Any]],
    rounds: int = 9,
    limit: float = 20.0,
) -> dict[str, Cost]:
    """Return the cost of policies that play the same environment.

    Args:
        policies: By name, on the CPU.
        observe: Returns a batch of observations of a number of games.
        rounds: Rounds of timing, interleaved over the policies.
        limit: CPU seconds of either batch size after which three rounds are enough.
    """
    times: dict[int, dict[str, float]] = {}
    with one_thread():
        for batch, repeat in ((1, 10), (256, 1)):
            seen = dict(observe(batch))
            calls = {
                name: _playing(policy, policy.obs_to_tensor(seen)[0])
                for name, policy in policies.items()
            }
            times[batch] = medians(calls, rounds, repeat, limit)
        few = dict(observe(32))
        memory = {
            name: 8 * _kept_for_backward(policy, policy.obs_to_tensor(few)[0])
            for name, policy in policies.items()
        }
    return {
        name: Cost(latency_1=times[1][name], latency_256=times[256][name], memory=memory[name])
        for name in policies
    }


def _playing(policy: EntityPolicy, observation: Any) -> Call:
    def forward() -> None:
        with torch.no_grad():
            policy(observation)

    return forward


def _kept_for_backward(policy: EntityPolicy, observation: Any) -> int:
    own = {parameter.untyped_storage().data_ptr() for parameter in policy.parameters()}
    found: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.no_grad():
        actions = policy(observation)[0]
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        # The graph must live on, or its memory would be given to the tensors that follow.
        graph = policy.evaluate_actions(observation, actions)
    del graph
    return sum(found.values())


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread, so that CPU time is the time that passes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
