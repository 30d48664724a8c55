"""Unit tags: one per unit for as long as it lives, and never again."""

from __future__ import annotations

import copy
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..engine import fields as f
from .world import NEUTRAL, World

FIRST: Final = 1 << 32  # the game's tags are above 32 bits as well
STEP: Final = 1 << 18  # as in the game, the lower bits count who has had the slot


class Roster:
    """Knows by which tag the unit of each slot goes, and which way it looks.

    ``tags [slot]`` is 0 where nobody is.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._lives = np.zeros(len(world.owners), np.int64)  # units that each slot has held
        self.restart()

    def restart(self) -> None:
        """Give everybody a new tag, at the beginning of a game."""
        count = len(self._world.owners)
        self.tags: NDArray[np.int64] = np.zeros(count, np.int64)
        self.facing: NDArray[np.float32] = np.zeros(count, np.float32)
        self.slots: dict[int, int] = {}
        self._epoch = self._world.epoch
        self._kinds = np.full(count, f.NOBODY, np.int64)
        self._x = np.zeros(count, np.float32)
        self._y = np.zeros(count, np.float32)
        self.update()

    def update(self) -> list[int]:
        """Look at who is there now; return the tags of those who have died."""
        units, owners = self._world.units, self._world.owners
        alive = units[f.HEALTH] > 0
        kinds = units[f.KIND].astype(np.int64)
        x, y = units[f.X].copy(), units[f.Y].copy()
        moved = (x != self._x) | (y != self._y)
        # What belongs to nobody does not walk: at another place it is another thing.
        other = (kinds != self._kinds) | (moved & (owners == NEUTRAL))
        fresh = self._epoch != self._world.epoch
        if fresh:
            other |= owners != NEUTRAL
            self._epoch = self._world.epoch
        gone = (self.tags != 0) & (~alive | other)
        born = alive & ((self.tags == 0) | gone)
        dead = []
        for slot in gone.nonzero()[0]:
            tag = int(self.tags[slot])
            del self.slots[tag]
            # Units of ours that are set out anew are removed, not killed.
            if not (fresh and owners[slot] == 1):
                dead.append(tag)
            self.tags[slot] = 0
        walked = moved & alive & ~born
        if walked.any():
            way = np.arctan2(y[walked] - self._y[walked], x[walked] - self._x[walked])
            self.facing[walked] = way % np.float32(2 * np.pi)
        for slot in born.nonzero()[0]:
            self._lives[slot] += 1
            self.tags[slot] = FIRST + STEP * (int(slot) + 1) + int(self._lives[slot])
            self.slots[int(self.tags[slot])] = int(slot)
            self.facing[slot] = 0.0 if owners[slot] != 2 else np.pi
        self._kinds, self._x, self._y = np.where(alive, kinds, f.NOBODY), x, y
        return dead

    def copy(self) -> Roster:
        """Return a roster that says the same, and goes its own way from here."""
        other = copy.copy(self)
        other.tags, other.facing = self.tags.copy(), self.facing.copy()
        other.slots, other._lives = dict(self.slots), self._lives.copy()
        return other
