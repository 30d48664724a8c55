"""Battles: two teams on an open 32 x 32 map until one is gone."""

from __future__ import annotations

from typing import Final

from .scenario import Scenario, point

_PLACES: Final = ((point(9, 16), point(23, 16)),)
_JITTER: Final = 0.3


def _mirror_battle(name: str, team: tuple[tuple[str, int], ...], step_limit: int) -> Scenario:
    return Scenario(
        name=name, own=team, enemy=team, places=_PLACES, jitter=_JITTER, step_limit=step_limit
    )


BATTLES: Final = (
    _mirror_battle("Battle-3m", (("marine", 3),), 60),
    _mirror_battle("Battle-8m", (("marine", 8),), 120),
    _mirror_battle("Battle-2s3z", (("stalker", 2), ("zealot", 3)), 120),
)
