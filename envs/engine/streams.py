"""Random numbers inside compiled code: one counter-based stream per game (SplitMix64).

A game's stream is a word in its own row of the state, so its course depends on its seed and the
actions alone, wherever in a batch it is played.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from ._jit import kernel

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_SALT = np.uint64(0x5851F42D4C957F2D)
_UNIT = np.float32(2.0**-24)

FOLLOW_UP = np.uint64(1 << 62)
"""Seeds of episodes that follow by themselves have this bit; seeds below it are the caller's."""


@kernel
def mix(word: Any) -> Any:
    """Scramble 64 bits."""
    word = np.uint64(word) + _GOLDEN
    word = (word ^ (word >> np.uint64(30))) * _FIRST
    word = (word ^ (word >> np.uint64(27))) * _SECOND
    return word ^ (word >> np.uint64(31))


@kernel
def next_seed(seed: Any) -> Any:
    """Return the seed of the episode that follows: in ``[2**62, 2**63)``."""
    return np.int64((mix(np.uint64(seed) ^ _SALT) >> np.uint64(2)) | FOLLOW_UP)


@kernel
def start_stream(games: NDArray[np.int64], game: int, seed: Any) -> None:
    """Begin a game's stream from its seed."""
    games[game, f.STREAM] = np.int64(mix(seed))


@kernel
def uniform(games: NDArray[np.int64], game: int) -> Any:
    """Draw a float32 from ``[0, 1)``, the same on every CPU."""
    word = np.uint64(games[game, f.STREAM]) + _GOLDEN
    games[game, f.STREAM] = np.int64(word)
    return np.float32(mix(word) >> np.uint64(40)) * _UNIT


@kernel
def below(games: NDArray[np.int64], game: int, count: int) -> int:
    """Draw an integer from ``[0, count)``."""
    return min(int(uniform(games, game) * np.float32(count)), count - 1)
