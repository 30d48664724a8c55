"""The compiled engine against a slow one: plain Python objects, one unit and one rule at a time.

The slow engine calculates in float32 scalars in the same order, so the two agree bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from perceiver_rl.envs import BatchedEnv, Scenario, make_control
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.engine.unit_statistics import UnitType
from perceiver_rl.envs.engine.units import UNIT_NAMES, UNITS
from perceiver_rl.envs.scenarios import SCENARIOS, point

MINI_GAMES = [name for name in SCENARIOS if not name.startswith("Battle-")]
NAMES = [*MINI_GAMES, "Battle-8m", "Battle-MMM", "Battle-corridor", "Battle-zerg_10_vs_11"]

F = np.float32


@dataclass(eq=False)
class Unit:
    slot: int
    ours: bool
    type: UnitType
    x: Any
    y: Any
    health: Any
    shield: Any
    cooldown: Any
    energy: Any = 0.0
    shield_wait: int = 0
    order: str = "idle"
    target: Unit | None = None
    goal: tuple[Any, Any] = (0.0, 0.0)
    alive: bool = True
    step: tuple[Any, Any, Any] = (0.0, 0.0, 0.0)

    def recover(self) -> None:
        self.cooldown = self.cooldown - F(1) if self.cooldown > 0 else F(0)
        self.shield_wait = max(self.shield_wait - 1, 0)
        if self.shield_wait == 0:
            self.shield = min(self.shield + F(2 / 16), F(self.type.shield))
        self.health = min(self.health + F(self.type.regeneration / 16), F(self.type.health))

    def offset(self, other: Unit) -> tuple[Any, Any]:
        return other.x - self.x, other.y - self.y

    def reaches(self, other: Unit, reach: Any) -> bool:
        dx, dy = self.offset(other)
        far = F(reach) + F(self.type.radius) + F(other.type.radius)
        return bool(dx * dx + dy * dy <= far * far)

    def hits(self, other: Unit) -> bool:
        return bool(self.type.damage) and (self.type.hits_air or not other.type.flies)

    def aim(self, units: list[Unit], acquires: bool) -> Unit | None:
        if self.target is not None and not self.target.alive:
            self.target = None
        if self.order == "attack":
            if self.target is not None:
                return self.target
            self.order = "idle"
        if self.order == "move" or (self.order == "idle" and not acquires):
            return None
        reach = self.type.weapon_range if self.order == "hold" else self.type.scan
        if self.target is not None and self.reaches(self.target, reach):
            return self.target
        foes = [foe for foe in units if foe.alive and foe.ours != self.ours and self.hits(foe)]
        near = [foe for foe in foes if self.reaches(foe, reach)]
        square = {foe.slot: sum(d * d for d in self.offset(foe)) for foe in near}
        return min(near, key=lambda foe: (square[foe.slot], foe.slot), default=None)

    def patient(self, units: list[Unit], acquires: bool) -> Unit | None:
        grown = self.energy + F(0.5625 / 16)
        self.energy = min(grown, F(self.type.energy))
        if self.order == "move" or self.energy < F(self.type.heal_cost / 16):
            return None
        stays = self.order == "hold" or (self.order == "idle" and not acquires)
        reach = self.type.weapon_range if stays else self.type.scan
        friends = [one for one in units if one.alive and one.ours == self.ours]
        tended = [one.target for one in friends if one.type.heals and one.slot < self.slot]
        hurt = [
            one
            for one in friends
            if one is not self
            and one.health < one.type.health
            and "biological" in one.type.attributes
            and self.reaches(one, reach)
            and one not in tended
        ]
        if self.target in hurt:
            return self.target
        square = {one.slot: sum(d * d for d in self.offset(one)) for one in hurt}
        return min(hurt, key=lambda one: (square[one.slot], one.slot), default=None)

    def heal(self, patient: Unit) -> None:
        most = F(self.type.heals / 16)
        given = min(most, F(patient.type.health) - patient.health)
        patient.health += given
        self.energy -= F(self.type.heal_cost / 16) * (given / most)

    def decide(self, units: list[Unit], acquires: bool) -> bool:
        """Choose a target and a way; return whether the unit attacks in this loop."""
        choose = self.patient if self.type.heals else self.aim
        self.target = choose(units, acquires)
        self.step = (F(0), F(0), F(0))
        pace = F(self.type.speed / 16)
        if self.target is not None:
            if self.reaches(self.target, self.type.weapon_range):
                if self.type.heals:
                    self.heal(self.target)
                elif self.cooldown <= 0:
                    self.cooldown += F(self.type.cooldown * 16)
                    return True
            elif self.order != "hold":
                self.step = (self.target.x, self.target.y, pace)
        elif self.order in ("move", "attack_move"):
            self.step = (*self.goal, pace)
            dx, dy = self.goal[0] - self.x, self.goal[1] - self.y
            if dx * dx + dy * dy <= pace * pace:
                self.order = "idle"
        return False

    def walk(self) -> None:
        x, y, pace = self.step
        dx, dy = x - self.x, y - self.y
        share = min(pace / max(np.sqrt(dx * dx + dy * dy), F(1e-12)), F(1))
        self.x, self.y = self.x + share * dx, self.y + share * dy

    def suffer(self, attacker: Unit) -> None:
        force = F(attacker.type.damage_against(self.type))
        for _ in range(attacker.type.hits):
            absorbed = min(self.shield, force)
            self.shield -= absorbed
            if force > absorbed:
                self.health -= max(force - absorbed - F(self.type.armor), F(0.5))
        self.shield_wait = 160

    def in_bar(self, other: Unit, target: Unit) -> bool:
        """Whether another is in the bar across the line of fire to the target."""
        x, y = self.offset(target)
        distance = np.sqrt(x * x + y * y)
        x, y = (x / distance, y / distance) if distance * distance >= F(1e-12) else (F(1), F(0))
        dx, dy = target.offset(other)
        length, width = (F(side) * F(0.5) + F(other.type.radius) for side in self.type.beam)
        return bool(abs(dy * x - dx * y) <= length and abs(dx * x + dy * y) <= width)


def strike(units: list[Unit], attacks: list[tuple[Unit, Unit]]) -> None:
    living = [unit for unit in units if unit.alive]
    for attacker, target in attacks:
        below = [unit for unit in living if unit.ours != attacker.ours and not unit.type.flies]
        if attacker.type.blast_radius:
            attacker.health = attacker.shield = F(0)
        elif any(attacker.type.beam):
            for unit in below:
                if attacker.in_bar(unit, target):
                    unit.suffer(attacker)
        else:
            target.suffer(attacker)
    detonate(living)


def detonate(living: list[Unit]) -> None:
    intact = [unit for unit in living if unit.type.blast_radius]
    while any(unit.health <= 0 for unit in intact):
        for bomb in [*intact]:
            if bomb.health > 0:
                continue
            intact.remove(bomb)
            for unit in living:
                dx, dy = bomb.offset(unit)
                far = F(bomb.type.blast_radius) + F(unit.type.radius)
                below = unit.ours != bomb.ours and not unit.type.flies
                if below and dx * dx + dy * dy <= far * far:
                    unit.suffer(bomb)


def push_apart(units: list[Unit], playable: tuple[float, float, float, float]) -> None:
    pushes = {unit.slot: [F(0), F(0)] for unit in units}
    for one in units:
        near = {
            other.slot: F(one.type.radius) + F(other.type.radius)
            for other in units
            if other is not one and other.type.flies == one.type.flies
        }
        touching = [
            other
            for other in units
            if other.slot in near
            and sum(d * d for d in one.offset(other)) < near[other.slot] * near[other.slot]
        ]
        for other in touching:
            dx, dy = one.offset(other)
            if dx * dx + dy * dy < F(1e-12):
                dx = F(1e-3) * F(other.slot - one.slot)
            distance = np.sqrt(dx * dx + dy * dy)
            gap = (near[other.slot] - distance) * F(0.25) / distance
            pushes[other.slot][0] += gap * dx
            pushes[other.slot][1] += gap * dy
    left, bottom, right, top = (F(edge) for edge in playable)
    for unit in units:
        if unit.type.speed == 0:
            pushes[unit.slot] = [F(0), F(0)]
        unit.x = min(max(unit.x + pushes[unit.slot][0], left), right)
        unit.y = min(max(unit.y + pushes[unit.slot][1], bottom), top)


def keep_out(units: list[Unit], walls: tuple[tuple[float, float, float, float], ...]) -> None:
    """Put those in walls back to the nearest side."""
    for unit in units:
        for wall in walls if unit.alive and not unit.type.flies else ():
            left, bottom, right, top = (F(side) for side in wall)
            bulk = F(unit.type.radius)
            depths = [
                unit.x - (left - bulk),
                right + bulk - unit.x,
                unit.y - (bottom - bulk),
                top + bulk - unit.y,
            ]
            if min(depths) <= 0:
                continue
            side = depths.index(min(depths))
            if side < 2:
                unit.x = (left - bulk, right + bulk)[side]
            else:
                unit.y = (bottom - bulk, top + bulk)[side - 2]


def run_loop(units: list[Unit], scenario: Scenario) -> None:
    own_acquires = scenario.idle_units_fight
    living = [unit for unit in units if unit.alive]
    for unit in living:
        unit.recover()
    attacks: list[tuple[Unit, Unit]] = []
    for unit in living:
        if unit.decide(units, not unit.ours or own_acquires):
            assert unit.target is not None
            attacks.append((unit, unit.target))
    for unit in living:
        unit.walk()
    push_apart(living, scenario.playable)
    keep_out(living, scenario.walls)
    strike(units, attacks)
    for unit in living:
        unit.alive = bool(unit.health > 0)


def read_units(env: BatchedEnv, row: int) -> list[Unit]:
    """Copy a game's living units, with the orders they have."""
    state = env.units[row]
    slots = np.flatnonzero(state[f.HEALTH] > 0)
    units = {
        int(slot): Unit(
            slot=int(slot),
            ours=bool(slot < env.scenario.own_slots),
            type=UNITS[UNIT_NAMES[int(state[f.KIND, slot])]],
            x=state[f.X, slot],
            y=state[f.Y, slot],
            health=state[f.HEALTH, slot],
            shield=state[f.SHIELD, slot],
            cooldown=state[f.COOLDOWN, slot],
            energy=state[f.ENERGY, slot],
            shield_wait=int(state[f.SHIELD_WAIT, slot]),
            order=f.ORDERS[int(state[f.ORDER, slot])],
            goal=(state[f.GOAL_X, slot], state[f.GOAL_Y, slot]),
        )
        for slot in slots
    }
    for slot, unit in units.items():
        unit.target = units.get(int(state[f.TARGET, slot]))
    return list(units.values())


def play(env: BatchedEnv, units: list[Unit], loops: int) -> None:
    for _ in range(loops):
        run_loop(units, env.scenario)
        if len({unit.ours for unit in units if unit.alive and not unit.type.heals}) < 2:
            break


def seen(units: list[Unit]) -> dict[int, tuple[Any, ...]]:
    return {
        unit.slot: (
            *(unit.x, unit.y, unit.health, unit.shield),
            *(unit.cooldown, unit.energy, unit.shield_wait, unit.order),
        )
        for unit in units
        if unit.alive
    }


def clash(*team: tuple[str, int]) -> Scenario:
    """Make a battle of equal teams that start close to one another."""
    places = ((point(12, 16), point(19, 16)), (point(19, 14), point(13, 18)))
    name = "-".join(unit for unit, _ in team)
    return Scenario(name=name, own=team, enemy=team, places=places, step_limit=99, jitter=0.4)


CLASHES = (
    clash(("zergling", 6), ("baneling", 6)),
    clash(("colossus", 2), ("zealot", 4), ("stalker", 2)),
    clash(("marine", 4), ("marauder", 2), ("medivac", 3)),
    clash(("hydralisk", 3), ("roach", 2), ("spine_crawler", 1), ("baneling", 2)),
)


FIGHTS = [name for name in NAMES if not SCENARIOS[name].task]


@pytest.mark.parametrize("name", [*FIGHTS, *CLASHES], ids=lambda one: getattr(one, "name", one))
@pytest.mark.parametrize("opponent", ["random", "attack-nearest", "focus-fire"])
def test_engine_agrees_bit_for_bit_with_the_plain_one(name: Any, opponent: str) -> None:
    env = BatchedEnv(name, 2, opponent=opponent)
    control = make_control("random", env.observation_space, env.action_space, seed=5)
    observation = env.reset([11, 12])
    for _ in range(25):
        action = control.act(observation)
        orders = after_orders(env, action)
        expected = [read_units(orders, row) for row in range(2)]
        observation = env.step(action).observation
        for row, units in enumerate(expected):
            if orders.finished[row] or env.games[row, f.WAVES] != orders.games[row, f.WAVES]:
                continue
            play(env, units, 8)
            assert seen(units) == seen(read_units(env, row))


def after_orders(env: BatchedEnv, action: NDArray[np.int64]) -> BatchedEnv:
    """Return a copy of the games in which both sides have given their orders, and nothing else."""
    copy = BatchedEnv(env.scenario, env.num_envs, opponent=env.opponent)
    copy.units, copy.games = env.units.copy(), env.games.copy()
    copy.give_all_orders(action)
    return copy
