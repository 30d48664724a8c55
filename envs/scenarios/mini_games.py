"""Mini-games, by the rules of the maps of the same names."""

from __future__ import annotations

from typing import Final

from .scenario import BATTLE_ORDERS, Box, Scenario, Waves

_LEFT: Final[Box] = (23.97, 25.06, 27.98, 31.05)
_RIGHT: Final[Box] = (38.02, 25.04, 42.04, 31.08)
_MARINES: Final = 48


def _column(index: int) -> tuple[float, float]:
    """Return the place of the unit ``index`` = 1, 2, 3 ... in a column: 0, 1, -1, 2, -2 ..."""
    return 0.0, float((index // 2) * (1 - 2 * (index % 2)))


_WALKS: Final = ("no_op", "stop", "move", "patrol", "move_queued")
_SMALL: Final[Box] = (22.0, 20.0, 44.0, 36.0)
_BASE: Final[Box] = (19.94, 19.0, 45.94, 37.0)
_LARGE: Final[Box] = (10.0, 12.0, 54.0, 44.0)

MINI_GAMES: Final = (
    Scenario(
        name="MoveToBeacon",
        task="errand",
        own=(("marine", 1),),
        enemy=(),
        neutral=(("beacon", 1),),
        places=((_SMALL, _SMALL),),
        step_limit=240,
        map_size=(64, 64),
        playable=_SMALL,
        opponent="no-op",
        orders=_WALKS,
    ),
    Scenario(
        name="CollectMineralShards",
        task="errand",
        own=(("marine", 2),),
        enemy=(),
        neutral=(("mineral_shard", 20),),
        places=((_SMALL, _SMALL),),
        step_limit=240,
        map_size=(64, 64),
        playable=_SMALL,
        opponent="no-op",
        orders=_WALKS,
    ),
    Scenario(
        name="DefeatRoaches",
        own=(("marine", 9),),
        enemy=(("roach", 4),),
        places=((_LEFT, _RIGHT), (_RIGHT, _LEFT)),
        step_limit=240,
        map_size=(64, 64),
        playable=_SMALL,
        own_offsets=tuple(_column(index) for index in range(1, _MARINES + 1)),
        enemy_offsets=((0.0, 0.5), (0.0, 1.5), (0.0, -0.5), (0.0, -1.5)),
        idle_units_fight=True,
        waves=Waves(reinforcements=5, capacity=_MARINES, enemy_points=10, own_points=-1),
        opponent="no-op",
    ),
    Scenario(
        name="DefeatZerglingsAndBanelings",
        own=(("marine", 9),),
        enemy=(("zergling", 6), ("baneling", 4)),
        places=((_LEFT, _RIGHT), (_RIGHT, _LEFT)),
        step_limit=240,
        map_size=(64, 64),
        playable=_SMALL,
        own_offsets=tuple(_column(index) for index in range(1, _MARINES + 1)),
        enemy_offsets=((0.0, 0.0),) * 10,
        idle_units_fight=True,
        waves=Waves(reinforcements=4, capacity=_MARINES, enemy_points=5, own_points=-1),
        opponent="no-op",
    ),
    Scenario(
        name="FindAndDefeatZerglings",
        task="hunt",
        own=(("marine", 3),),
        enemy=(("zergling", 25),),
        places=((_LARGE, _LARGE),),
        step_limit=360,
        map_size=(64, 64),
        playable=_LARGE,
        idle_units_fight=True,
        opponent="no-op",
        orders=(*BATTLE_ORDERS, "patrol", "move_queued", "attack_move_queued", "camera"),
    ),
    Scenario(
        name="CollectMineralsAndGas",
        task="gather",
        own=(("scv", 12), ("command_center", 1)),
        enemy=(),
        neutral=(("mineral_field", 16), ("geyser", 4)),
        capacity=64,
        places=((_BASE, _BASE),),
        step_limit=840,
        map_size=(64, 64),
        playable=_BASE,
        opponent="no-op",
        orders=(
            *_WALKS,
            "gather",
            "build_refinery",
            "build_supply_depot",
            "build_command_center",
            "train_scv",
            "rally",
        ),
    ),
    Scenario(
        name="BuildMarines",
        task="train",
        own=(("scv", 12), ("command_center", 1)),
        enemy=(),
        neutral=(("mineral_field", 8),),
        capacity=200,
        places=((_BASE, _BASE),),
        step_limit=1800,
        map_size=(64, 64),
        playable=_BASE,
        opponent="no-op",
        orders=(
            *_WALKS,
            "gather",
            "build_supply_depot",
            "build_barracks",
            "train_scv",
            "train_marine",
            "rally",
        ),
    ),
)
