"""What the games of a scenario are made of: the protocol of everything that plays one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.spaces import Column

from .engine.judge import Judged
from .engine.observe import Views

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Harm: TypeAlias = NDArray[np.float64]
"""``[game]``, what the enemy has lost in this step."""
State: TypeAlias = tuple[Floats, Integers]
"""``units [game, field, slot]`` and ``games [game, field]``."""
Grid: TypeAlias = tuple[int, int]
Worth: TypeAlias = tuple[float, float, float, float, float]


class Task(Protocol):
    """Plays the games of a scenario; every method changes or reads the state of the batch.

    Attributes:
        rules: The engine's rules vector, shared with everything else that plays these games.
    """

    rules: Floats

    def columns(self, fighting: tuple[Column, ...]) -> tuple[Column, ...]:
        """Return an entity's columns, given those of a battle."""
        ...

    def scalars(self) -> tuple[str, ...]:
        """Return the names of the scalars."""
        ...

    def start(self, state: State, rows: Integers) -> None:
        """Start games anew, each from the seed that its row names."""
        ...

    def order(self, state: State, actions: Integers, grid: Grid) -> None:
        """Carry out or refuse our side's actions."""
        ...

    def run(self, state: State, fight: Callable[[], None]) -> None:
        """Play the loops that are left; ``fight`` advances all units by those loops."""
        ...

    def judge(self, state: State, harm: Harm, worth: Worth) -> Judged:
        """Score and end the games, see :func:`~perceiver_rl.envs.engine.judge.judge`."""
        ...

    def observe(self, state: State, rows: Integers, views: Views) -> None:
        """Write the observations of some games."""
        ...
