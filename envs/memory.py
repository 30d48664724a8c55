"""What a player remembers between its actions, as arrays: a snapshot keeps it with the games."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Memory: TypeAlias = Mapping[str, NDArray[Any]]


@runtime_checkable
class Remembers(Protocol):
    """A player that does not act by the observation alone."""

    def memory(self) -> dict[str, NDArray[Any]]:
        """Return a copy of all that decides future actions besides observations."""
        ...

    def recall(self, memory: Memory) -> None:
        """Take back what :meth:`memory` has returned; what is not in it is as it was at first."""
        ...


def pack_stream(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the state of a random stream as bytes."""
    return np.frombuffer(json.dumps(rng.bit_generator.state).encode(), np.uint8)


def unpack_stream(rng: np.random.Generator, packed: NDArray[np.uint8]) -> None:
    """Bring a random stream back to a state from :func:`pack_stream`."""
    rng.bit_generator.state = json.loads(packed.tobytes())


def within(memory: Memory, prefix: str) -> dict[str, NDArray[Any]]:
    """Return what is kept under a prefix, by the names that follow it."""
    cut = len(prefix)
    return {name[cut:]: array for name, array in memory.items() if name.startswith(prefix)}
