"""Battles: two teams until one is gone.

The named ones have the teams, sides and step limits of the StarCraft Multi-Agent Challenge (SMAC):
we start at (9, 16) and the enemy at (23, 16) of a 32 x 32 map. Its maps are open ground, but for
``corridor``: the passage there is ours, six cells wide. The large ones are ours as well.
"""

from __future__ import annotations

import re
from typing import Final

from perceiver_rl.spaces import ContractError, unknown

from .scenario import MOST_SLOTS, Box, Draw, Scenario, point

Team = tuple[tuple[str, int], ...]

_PLACES: Final = ((point(9, 16), point(23, 16)),)
_JITTER: Final = 0.3
_PASSAGE: Final[tuple[Box, ...]] = ((14.0, 0.0, 18.0, 13.0), (14.0, 19.0, 18.0, 32.0))


def _battle(
    name: str, own: Team, enemy: Team, step_limit: int, walls: tuple[Box, ...] = ()
) -> Scenario:
    return Scenario(
        name=f"Battle-{name}",
        own=own,
        enemy=enemy,
        places=_PLACES,
        jitter=_JITTER,
        step_limit=step_limit,
        walls=walls,
    )


def _mirror(name: str, team: Team, step_limit: int) -> Scenario:
    return _battle(name, team, team, step_limit)


def _large(count: int, step_limit: int) -> Scenario:
    return Scenario(
        name=f"Battle-{count}m",
        own=(("marine", count),),
        enemy=(("marine", count),),
        places=((point(18, 32), point(46, 32)),),
        map_size=(64, 64),
        playable=(0.0, 0.0, 64.0, 64.0),
        jitter=_JITTER,
        step_limit=step_limit,
    )


_NAMED: Final = (
    _mirror("3m", (("marine", 3),), 60),
    _mirror("8m", (("marine", 8),), 120),
    _mirror("2s3z", (("stalker", 2), ("zealot", 3)), 120),
    _mirror("25m", (("marine", 25),), 150),
    _battle("2m_vs_1z", (("marine", 2),), (("zealot", 1),), 150),
    _battle("5m_vs_6m", (("marine", 5),), (("marine", 6),), 70),
    _battle("8m_vs_9m", (("marine", 8),), (("marine", 9),), 120),
    _battle("10m_vs_11m", (("marine", 10),), (("marine", 11),), 150),
    _battle("27m_vs_30m", (("marine", 27),), (("marine", 30),), 180),
    _mirror("3s5z", (("stalker", 3), ("zealot", 5)), 150),
    _battle("3s5z_vs_3s6z", (("stalker", 3), ("zealot", 5)), (("stalker", 3), ("zealot", 6)), 170),
    _mirror("1c3s5z", (("colossus", 1), ("stalker", 3), ("zealot", 5)), 180),
    _battle("3s_vs_3z", (("stalker", 3),), (("zealot", 3),), 150),
    _battle("3s_vs_4z", (("stalker", 3),), (("zealot", 4),), 200),
    _battle("3s_vs_5z", (("stalker", 3),), (("zealot", 5),), 250),
    _battle("6h_vs_8z", (("hydralisk", 6),), (("zealot", 8),), 150),
    _battle("2s_vs_1sc", (("stalker", 2),), (("spine_crawler", 1),), 300),
    _mirror("MMM", (("medivac", 1), ("marauder", 2), ("marine", 7)), 150),
    _battle(
        "MMM2",
        (("medivac", 1), ("marauder", 2), ("marine", 7)),
        (("medivac", 1), ("marauder", 3), ("marine", 8)),
        180,
    ),
    _mirror("bane_vs_bane", (("zergling", 20), ("baneling", 4)), 200),
    _battle("2c_vs_64zg", (("colossus", 2),), (("zergling", 64),), 400),
    _battle("corridor", (("zealot", 6),), (("zergling", 24),), 400, _PASSAGE),
    _battle("so_many_baneling", (("zealot", 7),), (("baneling", 32),), 100),
    _large(64, 200),
    _large(128, 300),
    _large(256, 400),
)

RACES: Final = {
    "terran": Draw(
        chances=(("marine", 0.45), ("marauder", 0.45), ("medivac", 0.1)),
        never_alone=("medivac",),
    ),
    "protoss": Draw(chances=(("stalker", 0.45), ("zealot", 0.45), ("colossus", 0.1))),
    "zerg": Draw(
        chances=(("zergling", 0.45), ("hydralisk", 0.45), ("baneling", 0.1)),
        never_alone=("baneling",),
    ),
}
_DRAWN_SIZES: Final = ((5, 5), (10, 10), (10, 11), (20, 20), (20, 23))
_DRAWN_NAME: Final = re.compile(r"Battle-([a-z]+)_([0-9]+)_vs_([0-9]+)")
_DRAWN_STEPS: Final = 200


def drawn_battle(name: str) -> Scenario | None:
    """Return a battle of drawn teams, in the manner of SMACv2, by a name such as
    ``Battle-terran_5_vs_6``; None if the name has another form.

    Raises:
        ContractError: If there is no such race, or a team is empty or too large.
    """  # noqa: D205 - one sentence needs both lines
    match = _DRAWN_NAME.fullmatch(name)
    if match is None:
        return None
    race, own, enemy = match[1], int(match[2]), int(match[3])
    if race not in RACES:
        raise ContractError(unknown("race", race, tuple(RACES)))
    if own + enemy > MOST_SLOTS:
        raise ContractError(f"{name!r} has {own + enemy} unit slots, at most {MOST_SLOTS} fit")
    draw = RACES[race]
    return Scenario(
        name=name,
        own=((draw.heaviest, own),),
        enemy=((draw.heaviest, enemy),),
        places=((point(16, 16), point(16, 16)),),
        jitter=_JITTER,
        step_limit=_DRAWN_STEPS,
        draw=draw,
    )


_DRAWN: Final = tuple(
    scenario
    for race in RACES
    for own, enemy in _DRAWN_SIZES
    if (scenario := drawn_battle(f"Battle-{race}_{own}_vs_{enemy}")) is not None
)
BATTLES: Final = (*_NAMED, *_DRAWN)
