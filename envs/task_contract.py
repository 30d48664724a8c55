"""The spaces of the games of a task: the orders that they offer, their columns and scalars.

Beside the columns of a battle there are, where a task has a use for them:

========================= ======================================================================
column                    meaning
========================= ======================================================================
``order``                 also patrol, gather or build
``queued_orders``         orders that wait until the present one is done
``cargo``                 nothing, minerals or gas
``contents``              minerals or gas left in a field, geyser or refinery
``unbuilt``               share of its building time that is left
``training``              units ordered and not finished; ``training_left`` is the share of time
                          left of the first
``on_screen``             whether the camera, 24 by 24 cells, shows it
========================= ======================================================================

A queued order joins the unit's queue instead of replacing what it does; a full queue refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.spaces import ActionType, Column, ContractError, unknown

from .engine import fields as f
from .engine import task_fields as t
from .engine.economy_orders import MOST_IN_TRAINING
from .engine.objects import ENTITY_NAMES, TRADES, entity_kind, entity_type
from .scenarios import Scenario

_TARGETS: Final = ("none", "unit", "point")


class Order(NamedTuple):
    """An order that a scenario can offer.

    Args:
        kind: The action type.
        verb: The value of ORDER that it asks for; NOBODY for none.
        queued: Whether it waits until the present order is done.
        product: What it builds or trains, or nothing.
    """

    kind: ActionType
    verb: int
    queued: bool = False
    product: str = ""


_ORDERS: Final = (
    Order(ActionType("no_op"), f.NOBODY),
    Order(ActionType("stop", selects=True), f.IDLE),
    Order(ActionType("move", selects=True, target="point"), f.MOVE),
    Order(ActionType("attack", selects=True, target="unit"), f.ATTACK),
    Order(ActionType("attack_move", selects=True, target="point"), f.ATTACK_MOVE),
    Order(ActionType("hold", selects=True), f.HOLD),
    Order(ActionType("patrol", selects=True, target="point"), t.PATROL),
    Order(ActionType("move_queued", selects=True, target="point"), f.MOVE, True),
    Order(ActionType("attack_move_queued", selects=True, target="point"), f.ATTACK_MOVE, True),
    Order(ActionType("camera", target="point"), t.CAMERA),
    Order(ActionType("gather", selects=True, target="unit"), t.GATHER),
    Order(ActionType("build_refinery", selects=True, target="unit"), t.BUILD, product="refinery"),
    *(
        Order(ActionType(f"build_{name}", selects=True, target="point"), t.BUILD, product=name)
        for name in ("supply_depot", "barracks", "command_center")
    ),
    Order(ActionType("train_scv", selects=True), t.TRAIN, product="scv"),
    Order(ActionType("train_marine", selects=True), t.TRAIN, product="marine"),
    Order(ActionType("rally", selects=True, target="point"), t.RALLY),
)
ORDERS: Final[Mapping[str, Order]] = MappingProxyType({each.kind.name: each for each in _ORDERS})


def order_named(name: str) -> Order:
    """Return an order by the name of its action type.

    Raises:
        ContractError: If there is none; names the nearest one.
    """
    if name not in ORDERS:
        raise ContractError(unknown("order", name, tuple(ORDERS)))
    return ORDERS[name]


def action_types(scenario: Scenario) -> tuple[ActionType, ...]:
    """Return the action types that a scenario offers.

    Raises:
        ContractError: If it names one that does not exist.
    """
    return tuple(order_named(name).kind for name in scenario.orders)


def verb_table(scenario: Scenario) -> NDArray[np.int64]:
    """Return ``[action type, column]``: see ``task_fields.VERB_COLUMNS``."""
    table = np.zeros((len(scenario.orders), t.VERB_COLUMNS), dtype=np.int64)
    for row, name in enumerate(scenario.orders):
        order = order_named(name)
        table[row] = (
            order.verb,
            order.queued,
            entity_kind(order.product) if order.product else f.NOBODY,
            _TARGETS.index(order.kind.target),
        )
    return table


def hunt_columns(fighting: tuple[Column, ...]) -> tuple[Column, ...]:
    """Return the columns of an entity where our side fights in the fog."""
    orders = Column("order", "category", size=len(t.ORDERS))
    return (
        *(orders if column.name == "order" else column for column in fighting),
        Column("queued_orders", low=0, high=t.QUEUE_LENGTH, unit="order"),
        Column("on_screen", "binary"),
    )


def economy_columns(scenario: Scenario) -> tuple[Column, ...]:
    """Return the columns of an entity where our side gathers, builds and trains."""
    return (
        *errand_columns(scenario),
        Column("cargo", "category", size=3),
        Column("contents", low=0, high=max(trade.contents for trade in TRADES.values())),
        Column("unbuilt", low=0, high=1),
        Column("training", low=0, high=MOST_IN_TRAINING, unit="unit"),
        Column("training_left", low=0, high=1),
    )


def errand_columns(scenario: Scenario) -> tuple[Column, ...]:
    """Return the columns of an entity where nobody fights."""
    left, bottom, right, top = scenario.playable
    names = {name for name, _ in (*scenario.own, *scenario.neutral)}
    names |= {product for name in scenario.orders if (product := order_named(name).product)}
    most_health = max(entity_type(name).health for name in names)
    return (
        Column("alliance", "category", size=3),
        Column("unit_type", "category", size=len(ENTITY_NAMES)),
        Column("x", low=left, high=right, unit="cell"),
        Column("y", low=bottom, high=top, unit="cell"),
        Column("health", low=0, high=most_health, unit="hit point"),
        Column("health_ratio", low=0, high=1),
        Column("order", "category", size=len(t.ORDERS)),
        Column("queued_orders", low=0, high=t.QUEUE_LENGTH, unit="order"),
    )
