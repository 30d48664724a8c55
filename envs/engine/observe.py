"""The state, written as observations of our side."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import fields as f
from ._jit import kernel

Floats: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.int64]
Bits: TypeAlias = NDArray[np.int8]
Views: TypeAlias = tuple[Floats, Bits, Floats, Bits, Bits, Bits]
"""``(entities, entity_mask, scalars, action_type_mask, selectable_mask, target_mask)``."""

_ATTACKERS = 11
_ENERGY = 12  # only where somebody can have some
_ATTACK_TYPE = 3


@kernel
def observe(
    units: Floats,
    games: Integers,
    rows: Integers,
    sides: tuple[int, int],
    limits: tuple[float, float, float],
    views: Views,
) -> None:
    """Write the observations of the games ``rows`` into arrays that hold all games.

    Args:
        units: State ``[game, field, slot]``.
        games: State ``[game, field]``.
        rows: Games to write; the others are left alone.
        sides: Number of our slots, and of all slots.
        limits: Loops of an episode; full health and shields of all our slots, of the enemy's.
        views: Arrays to write into, whatever they hold.
    """
    for k in range(rows.shape[0]):
        _write_entities(units, games, rows[k], sides, views)
        _write_masks(units, games, rows[k], sides, views)
        _write_scalars(units, games, rows[k], sides, limits, views[2])


@kernel
def _write_entities(
    units: Floats, games: Integers, game: int, sides: tuple[int, int], views: Views
) -> None:
    own, total = sides
    entities, entity_mask, _, _, _, _ = views
    for slot in range(entities.shape[1]):
        present = slot < total and units[game, f.HEALTH, slot] > np.float32(0)
        entity_mask[game, slot] = present
        if not present:
            for column in range(entities.shape[2]):
                entities[game, slot, column] = 0
            continue
        full = units[game, f.MAX_SHIELD, slot]
        entities[game, slot, 0] = slot >= own
        entities[game, slot, 1] = units[game, f.KIND, slot]
        entities[game, slot, 2] = units[game, f.X, slot]
        entities[game, slot, 3] = units[game, f.Y, slot]
        entities[game, slot, 4] = units[game, f.HEALTH, slot]
        entities[game, slot, 5] = units[game, f.HEALTH, slot] / units[game, f.MAX_HEALTH, slot]
        entities[game, slot, 6] = units[game, f.SHIELD, slot]
        entities[game, slot, 7] = units[game, f.SHIELD, slot] / full if full > 0 else np.float32(0)
        entities[game, slot, 8] = max(units[game, f.COOLDOWN, slot], np.float32(0))
        entities[game, slot, 9] = units[game, f.RANGE, slot]
        entities[game, slot, 10] = units[game, f.ORDER, slot]
        entities[game, slot, _ATTACKERS] = 0
        if entities.shape[2] > _ENERGY:
            entities[game, slot, _ENERGY] = units[game, f.ENERGY, slot]
    for slot in range(total):
        target = int(units[game, f.TARGET, slot])
        hostile = (slot < own) != (target < own)  # a healer's target is a friend
        aimed = target >= 0 and hostile and units[game, f.HEALTH, target] > np.float32(0)
        if aimed and entities[game, target, _ATTACKERS] < np.float32(f.MOST_ATTACKERS):
            entities[game, target, _ATTACKERS] += np.float32(1)


@kernel
def _write_masks(
    units: Floats, games: Integers, game: int, sides: tuple[int, int], views: Views
) -> None:
    own, total = sides
    _, _, _, action_type_mask, selectable_mask, target_mask = views
    playing = games[game, f.OVER] == 0 and games[game, f.OWN_ALIVE] > 0
    for kind in range(action_type_mask.shape[1]):
        action_type_mask[game, kind] = kind == 0 or playing
        for slot in range(target_mask.shape[2]):
            target_mask[game, kind, slot] = 0
    for slot in range(selectable_mask.shape[1]):
        alive = slot < total and units[game, f.HEALTH, slot] > np.float32(0)
        selectable_mask[game, slot] = playing and alive and slot < own
        target_mask[game, _ATTACK_TYPE, slot] = playing and alive and slot >= own
    if games[game, f.ENEMY_ALIVE] == 0:
        action_type_mask[game, _ATTACK_TYPE] = 0


@kernel
def _write_scalars(
    units: Floats,
    games: Integers,
    game: int,
    sides: tuple[int, int],
    limits: tuple[float, float, float],
    scalars: Floats,
) -> None:
    own, total = sides
    ours = np.float32(0)
    theirs = np.float32(0)
    for slot in range(own):
        ours += units[game, f.HEALTH, slot] + units[game, f.SHIELD, slot]
    for slot in range(own, total):
        theirs += units[game, f.HEALTH, slot] + units[game, f.SHIELD, slot]
    scalars[game, 0] = 1.0 - games[game, f.LOOP] / limits[0]
    share = ours / limits[1]
    scalars[game, 1] = share if share < 1.0 else 1.0
    share = theirs / limits[2]
    scalars[game, 2] = share if share < 1.0 else 1.0
    scalars[game, 3] = games[game, f.OWN_ALIVE] / own
    scalars[game, 4] = games[game, f.ENEMY_ALIVE] / (total - own)
