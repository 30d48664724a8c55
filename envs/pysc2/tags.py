"""Which row of the observation a unit of the game has, by its tag."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from perceiver_rl.spaces import ContractError

OWN: Final = 0
ENEMY: Final = 1
NEUTRAL: Final = 2


class Regions(NamedTuple):
    """Rows of the observation: ours first, then the enemy's, then those of nobody.

    Args:
        own: Number of our rows.
        enemy: Number of the enemy's.
        neutral: Number of the others.
    """

    own: int
    enemy: int
    neutral: int

    def rows(self, side: int) -> range:
        """Return the rows of a side."""
        starts = (0, self.own, self.own + self.enemy, self.own + self.enemy + self.neutral)
        return range(starts[side], starts[side + 1])


class TagTable:
    """Gives every unit a row, which it keeps as long as it lives.

    A new unit gets its side's first free row. The row of an enemy that is out of sight stays its
    own until there is no other; where all rows are taken by units in sight, a further unit has
    none.

    Args:
        regions: The rows of each side.

    Raises:
        ContractError: If there is no row at all.
    """

    def __init__(self, regions: Regions) -> None:
        if sum(regions) < 1:
            raise ContractError(f"a table of tags needs at least one row, not {regions}")
        self._regions = regions
        self._row_of: dict[int, int] = {}
        self._tag_of: dict[int, int] = {}
        self._seen: dict[int, int] = {}  # tag -> number of the update that saw it last
        self._updates = 0

    def clear(self) -> None:
        """Forget all units, for a new episode."""
        self._row_of.clear()
        self._tag_of.clear()
        self._seen.clear()

    def row(self, tag: int) -> int | None:
        """Return a unit's row; None if it has none."""
        return self._row_of.get(tag)

    def tag(self, row: int) -> int | None:
        """Return the tag of the unit in a row that is there now; None if there is none."""
        tag = self._tag_of.get(row)
        return tag if tag is not None and self._seen[tag] == self._updates else None

    def update(self, units: Iterable[tuple[int, int]], dead: Collection[int]) -> int:
        """Take in an observation.

        Args:
            units: Pairs of tag and side of all units that are there now, in the game's order.
            dead: Tags of the units that died since the last update.

        Returns:
            How many of the units found no row.
        """
        self._updates += 1
        present = list(units)
        now = {tag for tag, _ in present}
        own = self._regions.rows(OWN)
        for tag, row in list(self._row_of.items()):
            # Ours are always in sight: one that is absent is gone, whatever became of it.
            if tag in dead or (tag not in now and row in own):
                self._release(tag)
        for tag in now & self._row_of.keys():
            self._seen[tag] = self._updates
        return sum(not self._place(tag, side) for tag, side in present if tag not in self._row_of)

    def _place(self, tag: int, side: int) -> bool:
        rows = self._regions.rows(side)
        row = next((row for row in rows if row not in self._tag_of), None)
        if row is None:
            unseen = [row for row in rows if self._seen[self._tag_of[row]] < self._updates]
            if not unseen:
                return False
            row = min(unseen, key=lambda row: self._seen[self._tag_of[row]])
            self._release(self._tag_of[row])
        self._row_of[tag], self._tag_of[row] = row, tag
        self._seen[tag] = self._updates
        return True

    def _release(self, tag: int) -> None:
        del self._tag_of[self._row_of.pop(tag)], self._seen[tag]
