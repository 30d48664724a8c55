"""The battles in plain NumPy, vectorized over the batch: the baseline of bench_env.py.

The same rules as the compiled engine, over the same state; a test holds the two equal. Only the
placing of units and the judging of games, a small part of a step, are shared with it. Battles of
walking units that hit one target at a time on open ground only: mini-games, the air, blasts, beams,
healing and opponents other than attack-nearest are not here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.envs import BatchedEnv
from perceiver_rl.envs.battle import Battle
from perceiver_rl.envs.contract import GRID
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.engine.judge import begin_step
from perceiver_rl.envs.engine.units import damage_table

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]

F = np.float32
TINY = F(1e-12)


def take(values: NDArray[Any], index: Integers) -> NDArray[Any]:
    """Return ``values[game, index[game, slot]]``, that of slot 0 where the index is negative."""
    return np.take_along_axis(values, np.maximum(index, 0), axis=1)


class NumpyBatchedEnv(BatchedEnv):
    """A :class:`BatchedEnv` whose steps are calculated by NumPy."""

    def __init__(self, scenario: str, num_envs: int) -> None:
        super().__init__(scenario, num_envs, opponent="attack-nearest")
        if self.scenario.waves is not None:
            raise ValueError(f"{self.scenario.name} is not a battle")
        for unit in self.scenario.own_units + self.scenario.enemy_units:
            if unit.flies or unit.heals or unit.blast_radius or any(unit.beam) or not unit.speed:
                raise ValueError(f"{self.scenario.name} has a {unit.name}")
        self._own, self._total = self.scenario.own_slots, self.scenario.slots
        width = self.units.shape[2]
        self._ours = np.arange(width) < self._own
        self._theirs = (np.arange(width) >= self._own) & (np.arange(width) < self._total)
        self._foes = (self._ours[:, None] & self._theirs) | (self._theirs[:, None] & self._ours)
        self._hit = damage_table()
        self._law = self.scenario.rules()
        self._limits = Battle(self.scenario).limits
        self._start = np.array(self.scenario.places[0][0][:2], dtype=np.float32)
        shields = [unit.shield for unit in self.scenario.own_units + self.scenario.enemy_units]
        self._shielded = max(shields) > 0

    def give_all_orders(self, actions: Integers) -> None:
        """Carry out our legal orders, then those of the opponent."""
        begin_step(self.games, 8)
        self._give_ours(actions)
        self._attack_nearest()

    def _give_ours(self, actions: Integers) -> None:
        units, games, width = self.units, self.games, self.units.shape[2]
        order = actions[:, 0] - 1
        playing = (order >= 0) & (games[:, f.OVER] == 0)
        target = actions[:, -2]
        alive = units[:, f.HEALTH] > 0
        legal = alive[np.arange(len(units)), target] & (target >= self._own)
        legal |= order != f.ATTACK
        selected = np.zeros((len(units), width), dtype=bool)
        selected[:, : self._total] = actions[:, 1:-2] > 0
        carried = selected & alive & self._ours & (playing & legal)[:, None]
        refused = (selected & ~carried).sum(1) + ~selected.any(1)
        games[:, f.REFUSED] += np.where(playing, refused, 0)
        row, column = np.divmod(actions[:, -1], GRID[1])
        left, bottom, right, top = self._law[: f.TOP_EDGE + 1]
        goal_x = left + (right - left) * ((column + 0.5) / GRID[1]).astype(F)
        goal_y = bottom + (top - bottom) * ((row + 0.5) / GRID[0]).astype(F)
        at = np.where(order == f.ATTACK, target, f.NOBODY)
        to_point = carried & ((order == f.MOVE) | (order == f.ATTACK_MOVE))[:, None]
        for field, value, where in (
            (f.ORDER, order, carried),
            (f.TARGET, at, carried),
            (f.GOAL_X, goal_x, to_point),
            (f.GOAL_Y, goal_y, to_point),
        ):
            np.copyto(units[:, field], value[:, None].astype(F), where=where)

    def _attack_nearest(self) -> None:
        units = self.units
        alive = units[:, f.HEALTH] > 0
        acting = alive & self._theirs & (self.games[:, f.OVER, None] == 0)
        square = self._squares(units)
        square = np.where(self._foes & alive[:, None, :], square, np.inf)
        nearest = square.argmin(2)
        least = np.take_along_axis(square, nearest[..., None], axis=2)[..., 0]
        seen = least < units[:, f.SIGHT] ** 2
        order = np.where(seen, f.ATTACK, f.ATTACK_MOVE)
        np.copyto(units[:, f.ORDER], order.astype(F), where=acting)
        np.copyto(units[:, f.TARGET], np.where(seen, nearest, f.NOBODY).astype(F), where=acting)
        np.copyto(units[:, f.GOAL_X], self._start[0], where=acting & ~seen)
        np.copyto(units[:, f.GOAL_Y], self._start[1], where=acting & ~seen)

    @staticmethod
    def _offsets(units: Floats) -> tuple[Floats, Floats]:
        """Return ``[game, i, j]`` the way from i to j."""
        x, y = units[:, f.X], units[:, f.Y]
        return x[:, None, :] - x[:, :, None], y[:, None, :] - y[:, :, None]

    def _squares(self, units: Floats) -> Floats:
        dx, dy = self._offsets(units)
        return dx * dx + dy * dy

    def _run_loops(self) -> NDArray[np.float64]:
        harm = np.zeros(self.num_envs)
        for _ in range(8):
            rows = np.flatnonzero(self.games[:, f.LEFT] > 0)
            if rows.size == self.num_envs:
                self._run_loop(self.units, self.games, harm)
            elif rows.size:
                units, games, part = self.units[rows], self.games[rows], harm[rows]
                self._run_loop(units, games, part)
                self.units[rows], self.games[rows], harm[rows] = units, games, part
        return harm

    def _run_loop(self, units: Floats, games: Integers, harm: NDArray[np.float64]) -> None:
        games[:, f.LEFT] -= 1
        games[:, f.LOOP] += 1
        self._recover(units)
        goal, pace, victim = self._decide(units)
        self._move(units, goal, pace)
        self._separate(units)
        self._strike(units, victim)
        self._bury(units, games, victim, harm)
        gone = (games[:, f.OWN_ALIVE] == 0) | (games[:, f.ENEMY_ALIVE] == 0)
        games[gone, f.LEFT] = 0

    @staticmethod
    def _recover(units: Floats) -> None:
        cooldown, wait = units[:, f.COOLDOWN], units[:, f.SHIELD_WAIT]
        np.copyto(cooldown, np.where(cooldown > 0, cooldown - F(1), F(0)))
        np.copyto(wait, np.maximum(wait - F(1), F(0)))
        gain = np.where(wait > 0, F(0), units[:, f.SHIELD_REGEN])
        np.minimum(units[:, f.SHIELD] + gain, units[:, f.MAX_SHIELD], out=units[:, f.SHIELD])
        healed = units[:, f.HEALTH] + units[:, f.HEALTH_REGEN]
        np.minimum(healed, units[:, f.MAX_HEALTH], out=units[:, f.HEALTH])

    def _decide(self, units: Floats) -> tuple[Floats, Floats, Integers]:
        """Return goals ``[game, 2, slot]``, paces and whom each unit hits ``[game, slot]``."""
        alive = units[:, f.HEALTH] > 0
        order = units[:, f.ORDER].astype(np.int64)
        square = self._squares(units)
        target = self._aim(units, alive, order, square)
        np.copyto(units[:, f.TARGET], target.astype(F), where=alive)
        aiming = alive & (target >= 0)
        near = units[:, f.RANGE] + units[:, f.RADIUS] + take(units[:, f.RADIUS], target)
        away = np.take_along_axis(square, np.maximum(target, 0)[..., None], axis=2)[..., 0]
        in_range = aiming & (away <= near * near)
        ready = in_range & (units[:, f.COOLDOWN] <= 0)
        units[:, f.COOLDOWN] += np.where(ready, units[:, f.PERIOD], F(0))
        chasing = aiming & ~in_range & (order != f.HOLD)
        walking = alive & ~aiming & ((order == f.MOVE) | (order == f.ATTACK_MOVE))
        goal = np.stack(
            [
                np.where(chasing, take(units[:, at], target), units[:, to])
                for at, to in ((f.X, f.GOAL_X), (f.Y, f.GOAL_Y))
            ],
            axis=1,
        )
        pace = np.where(chasing | walking, units[:, f.SPEED], F(0))
        way = goal - units[:, [f.X, f.Y]]
        arriving = walking & (way[:, 0] ** 2 + way[:, 1] ** 2 <= pace * pace)
        units[:, f.ORDER][arriving] = f.IDLE
        return goal, pace, np.where(ready, target, f.NOBODY)

    def _aim(self, units: Floats, alive: Flags, order: Integers, square: Floats) -> Integers:
        """Return each unit's target; ``order`` is changed where an order to attack ends."""
        target = units[:, f.TARGET].astype(np.int64)
        target[(target >= 0) & ~take(alive, target)] = f.NOBODY
        ended = alive & (order == f.ATTACK) & (target < 0)
        order[ended] = f.IDLE
        units[:, f.ORDER][ended] = f.IDLE
        acquires = np.where(self._ours, self._law[f.OWN_ACQUIRES], self._law[f.ENEMY_ACQUIRES]) > 0
        looks = (order == f.ATTACK_MOVE) | (order == f.HOLD) | ((order == f.IDLE) & acquires)
        reach = np.where(order == f.HOLD, units[:, f.RANGE], units[:, f.SCAN])
        near = (reach + units[:, f.BULK])[:, :, None] + units[:, f.BULK][:, None, :]
        within = (square <= near * near) & (near > 0) & self._foes
        kept = np.take_along_axis(within, np.maximum(target, 0)[..., None], axis=2)[..., 0]
        kept &= target >= 0
        nearest = np.where(within, square, np.inf).argmin(2)
        found = np.where(within.any(2), nearest, f.NOBODY)
        looked = np.where(kept, target, found)
        return np.where(order == f.ATTACK, target, np.where(looks, looked, f.NOBODY))

    @staticmethod
    def _move(units: Floats, goal: Floats, pace: Floats) -> None:
        way = goal - units[:, [f.X, f.Y]]
        distance = np.sqrt(way[:, 0] ** 2 + way[:, 1] ** 2)
        share = np.minimum(pace / np.maximum(distance, TINY), F(1))
        units[:, [f.X, f.Y]] += share[:, None] * way

    def _separate(self, units: Floats) -> None:
        bulk = units[:, f.BULK]
        dx, dy = self._offsets(units)
        near = bulk[:, :, None] + bulk[:, None, :]
        slots = np.arange(units.shape[2], dtype=F)
        nudge = F(1e-3) * (slots[None, :] - slots[:, None])
        dx = np.where(dx * dx + dy * dy < TINY, nudge, dx)
        distance = np.sqrt(dx * dx + dy * dy)
        gap = (near - np.minimum(distance, near)) * self._law[f.PUSH]
        gap /= np.maximum(distance, TINY)
        alive = bulk >= 0
        gap *= alive[:, :, None]
        for at, way, low, high in (
            (f.X, dx, f.LEFT_EDGE, f.RIGHT_EDGE),
            (f.Y, dy, f.BOTTOM_EDGE, f.TOP_EDGE),
        ):
            place = units[:, at] + (gap * way).sum(1)
            place = np.clip(place, self._law[low], self._law[high])
            np.copyto(units[:, at], np.where(alive, place, F(0)))

    def _strike(self, units: Floats, victim: Integers) -> None:
        kind = units[:, f.KIND].astype(np.int64)
        for slot in range(self._total):
            games = np.flatnonzero(victim[:, slot] >= 0)
            if not games.size:
                continue
            at = victim[games, slot]
            force = self._hit[kind[games, slot], kind[games, at]]
            hits = units[games, f.HITS, slot]
            for hit in range(int(hits.max())):
                strength = np.where(hits > hit, force, F(0))
                absorbed = np.minimum(units[games, f.SHIELD, at], strength)
                units[games, f.SHIELD, at] -= absorbed
                rest = np.maximum(strength - absorbed - units[games, f.ARMOR, at], F(0.5))
                units[games, f.HEALTH, at] -= np.where(strength > absorbed, rest, F(0))
            units[games, f.SHIELD_WAIT, at] = self._law[f.SHIELD_DELAY]

    def _bury(
        self, units: Floats, games: Integers, victim: Integers, harm: NDArray[np.float64]
    ) -> None:
        if not (victim >= 0).any():
            return
        health = units[:, f.HEALTH]
        left = np.where(health > 0, health + units[:, f.SHIELD], F(0))
        lower = left < units[:, f.LOWEST]
        harm += np.where(lower & self._theirs, units[:, f.LOWEST] - left, F(0)).sum(1)
        np.minimum(units[:, f.LOWEST], left, out=units[:, f.LOWEST])
        dead = (units[:, f.MAX_HEALTH] > 0) & (health <= 0)
        for side, alive, lost in (
            (self._ours, f.OWN_ALIVE, f.OWN_LOST),
            (self._theirs, f.ENEMY_ALIVE, f.ENEMY_LOST),
        ):
            count = (dead & side).sum(1)
            games[:, alive] -= count
            games[:, lost] += count
        rows, slots = np.nonzero(dead)
        units[rows, :, slots] = 0
        units[rows, f.TARGET, slots] = f.NOBODY
        for bulk in (f.BULK, f.GROUND_BULK, f.AIR_BULK):
            units[rows, bulk, slots] = f.NO_BULK

    def _observe(self) -> dict[str, NDArray[Any]]:
        units, games, total = self.units[:, :, : self._total], self.games, self._total
        alive = units[:, f.HEALTH] > 0
        views = self._views = self._new_views()
        entities, entity_mask, scalars, type_mask, selectable, targets = views
        full = np.maximum(units[:, f.MAX_HEALTH], F(1)), np.maximum(units[:, f.MAX_SHIELD], F(1))
        target = units[:, f.TARGET].astype(np.int64)
        columns = (
            np.broadcast_to(self._theirs[:total].astype(F), alive.shape),
            units[:, f.KIND],
            units[:, f.X],
            units[:, f.Y],
            units[:, f.HEALTH],
            units[:, f.HEALTH] / full[0],
            units[:, f.SHIELD],
            units[:, f.SHIELD] / full[1],
            np.maximum(units[:, f.COOLDOWN], F(0)),
            units[:, f.RANGE],
            units[:, f.ORDER],
            (target[:, :, None] == np.arange(total)).sum(1).astype(F),
        )
        for at, column in enumerate(columns):
            np.multiply(column, alive, out=entities[:, :, at])
        entity_mask[:] = alive
        playing = (games[:, f.OVER] == 0) & (games[:, f.OWN_ALIVE] > 0)
        type_mask[:] = playing[:, None]
        type_mask[:, 0] = 1
        type_mask[:, 3] &= games[:, f.ENEMY_ALIVE] > 0
        selectable[:] = alive & playing[:, None] & self._ours[:total]
        targets[:] = 0
        targets[:, 3] = alive & playing[:, None] & self._theirs[:total]
        life = units[:, f.HEALTH] + units[:, f.SHIELD]
        scalars[:, 0] = 1 - games[:, f.LOOP] / self._limits[0]
        scalars[:, 1] = np.minimum(life[:, : self._own].sum(1) / self._limits[1], 1)
        scalars[:, 2] = np.minimum(life[:, self._own :].sum(1) / self._limits[2], 1)
        scalars[:, 3] = games[:, f.OWN_ALIVE] / self._own
        scalars[:, 4] = games[:, f.ENEMY_ALIVE] / (total - self._own)
        keys = ("entities", "entity_mask", "scalars")
        masks = ("action_type_mask", "selectable_mask", "target_mask")
        self._latest = dict(zip(keys + masks, views, strict=True))
        return dict(self._latest)
