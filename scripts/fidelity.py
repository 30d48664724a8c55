"""How near the engine is to the game, mechanic by mechanic.

Each row measures something in the running engine and puts it beside the game's number: for kill
times a closed formula over the unit table, for the rest figures of the game. Times are game loops,
16 of which make a second at normal speed.

    python scripts/fidelity.py            # every row
    python scripts/fidelity.py --worst 10 # the largest deviations of each mechanic
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from perceiver_rl.envs import BatchedEnv, Scenario
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.engine import task_fields as t
from perceiver_rl.envs.engine.gathering import UNLOAD_LOOPS
from perceiver_rl.envs.engine.objects import ENTITY_NAMES
from perceiver_rl.envs.engine.unit_statistics import LOOPS_PER_SECOND, UnitType
from perceiver_rl.envs.engine.units import UNITS
from perceiver_rl.envs.scenarios import point

FASTER: Final = 1.4
WALK: Final = 10.0
MINERALS_PER_MINUTE: Final = 58.0
"""Per worker on a close field, two to a field, at Faster: what players measure (55 to 60)."""
GAS_PER_MINUTE: Final = 162.0
"""Three workers on one geyser, at Faster: what players measure."""
SECONDS_TO_MAKE: Final = {
    "scv": 17,
    "marine": 25,
    "supply_depot": 30,
    "barracks": 65,
    "refinery": 30,
    "command_center": 100,
}
WHOLE_LOOPS: Final = "events fall on whole loops"
UNLOADING: Final = (
    f"{UNLOAD_LOOPS:.0f} loops to unload are chosen to meet the sum; rows are assumed"
)
NEAREST: Final = "this one field is nearer than the mean of near and far ones"
GEYSER: Final = "unload time as for minerals; this map's geysers are farther than a usual base's"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One number of ours beside the game's.

    Args:
        mechanic: Which part of the game.
        case: What was measured.
        unit: What the numbers count.
        ours: As measured in the engine.
        game: The game's.
        reason: Why they differ, if they do.
    """

    mechanic: str
    case: str
    unit: str
    ours: float
    game: float
    reason: str

    @property
    def deviation(self) -> float:
        """Per cent by which ours is larger."""
        return 100.0 * (self.ours - self.game) / self.game

    @property
    def why(self) -> str:
        """The reason where there is a deviation to explain."""
        return self.reason if abs(self.deviation) >= 0.05 else ""


def hit_of(attacker: UnitType, victim: UnitType) -> float:
    """Return the damage of one hit before armor."""
    if "structure" in victim.attributes and attacker.damage_to_structures is not None:
        return attacker.damage_to_structures
    return attacker.damage + attacker.bonus * (attacker.bonus_against in victim.attributes)


def can_kill(attacker: UnitType, victim: UnitType) -> bool:
    """Return whether an attacker alone can kill a victim: one blast, or any number of attacks."""
    if attacker.damage <= 0 or (victim.flies and not attacker.hits_air):
        return False
    if not attacker.blast_radius:
        return True
    return hit_of(attacker, victim) - victim.armor >= victim.health + victim.shield


def loops_to_kill(attacker: UnitType, victim: UnitType) -> float:
    """Return the loops from the first attack to the deadly one, by the unit table.

    Attack k falls ``k`` cooldowns after the first, not rounded; a shield absorbs first and without
    armor, armor counts against each hit, a hit does at least half a point, health regenerates
    between attacks, and a shield does not, since no cooldown is as long as its delay.
    """
    hit = hit_of(attacker, victim)
    health, shield = victim.health, victim.shield
    attacks = 0
    while True:
        for _ in range(attacker.hits):
            absorbed = min(shield, hit)
            shield -= absorbed
            if hit > absorbed:
                health -= max(hit - absorbed - victim.armor, 0.5)
        if health <= 0:
            return attacks * attacker.cooldown * LOOPS_PER_SECOND
        attacks += 1
        health = min(health + victim.regeneration * attacker.cooldown, victim.health)


def run_one_loop(env: BatchedEnv) -> None:
    """Run a single game loop of every game."""
    env.games[:, f.LEFT] = 1
    env._run_loops()


def duel(attacker: UnitType, victim: UnitType) -> float:
    """Return the loops from the first attack to the kill, of a victim that does not resist."""
    gap = attacker.radius + victim.radius + attacker.weapon_range / 2
    scenario = Scenario(
        name="duel",
        own=((attacker.name, 1),),
        enemy=((victim.name, 1),),
        places=((point(10, 16), point(10 + gap, 16)),),
        step_limit=10_000,
        opponent="no-op",
    )
    env = BatchedEnv(scenario, 1)
    env.reset([0])
    env.units[0, f.SPEED, :2] = 0
    env.units[0, [f.ORDER, f.TARGET], 0] = f.ATTACK, 1
    first = 0
    while env.games[0, f.ENEMY_ALIVE] and env.games[0, f.LOOP] < 50_000:
        env.units[0, f.COOLDOWN, 1] = 1e9
        life = env.units[0, f.HEALTH, 1] + env.units[0, f.SHIELD, 1]
        run_one_loop(env)
        now = env.units[0, f.HEALTH, 1] + env.units[0, f.SHIELD, 1]
        first = first or (int(env.games[0, f.LOOP]) if now < life else 0)
    return float(env.games[0, f.LOOP] - first)


def kill_times() -> Iterator[Comparison]:
    """Compare every pair of unit types in which one can kill the other."""
    for attacker in UNITS.values():
        for victim in UNITS.values():
            if can_kill(attacker, victim):
                game = 1 + loops_to_kill(attacker, victim)
                yield Comparison(
                    "time to kill",
                    f"{attacker.name} -> {victim.name}",
                    "loops",
                    1 + duel(attacker, victim),
                    game,
                    WHOLE_LOOPS,
                )


def walking_times() -> Iterator[Comparison]:
    """Compare how long each type walks ten cells."""
    for unit in UNITS.values():
        if unit.speed <= 0:
            continue
        scenario = Scenario(
            name="walk",
            own=((unit.name, 1),),
            enemy=(("marine", 1),),
            places=((point(5, 16), point(30, 30)),),
            step_limit=1000,
            opponent="no-op",
        )
        env = BatchedEnv(scenario, 1)
        env.reset([0])
        env.units[0, f.SCAN, :2] = -100
        env.units[0, [f.ORDER, f.GOAL_X, f.GOAL_Y], 0] = f.MOVE, 5 + WALK, 16
        while env.units[0, f.ORDER, 0] == f.MOVE:
            run_one_loop(env)
        loops = float(env.games[0, f.LOOP])
        game = WALK / unit.speed * LOOPS_PER_SECOND
        yield Comparison("walking 10 cells", unit.name, "loops", loops, game, WHOLE_LOOPS)


def _base(name: str) -> tuple[BatchedEnv, Any]:
    env = BatchedEnv(name, 1)
    env.reset([0])
    names = env.action_space.names

    def order(kind: str, slots: list[int], unit: int = 0, cell: int = 0) -> None:
        action = np.zeros((1, env.action_space.nvec.size), dtype=np.int64)
        action[0, 0] = names.index(kind)
        action[0, [1 + slot for slot in slots]] = 1
        action[0, -2:] = unit, cell
        env.step(action)

    return env, order


def _income(env: BatchedEnv, order: Any, field: int, minutes: int) -> float:
    """Return what comes home per minute at normal speed, after a minute to settle."""
    for _ in range(60 * LOOPS_PER_SECOND // 8):
        order("no_op", [])
    before = env.games[0, field]
    for _ in range(minutes * 60 * LOOPS_PER_SECOND // 8):
        order("no_op", [])
    return float(env.games[0, field] - before) / minutes


def incomes() -> Iterator[Comparison]:
    """Compare what 1, 8 and 16 workers bring in from close fields, and 3 from a geyser."""
    for workers in (1, 8, 16):
        env, order = _base("CollectMineralsAndGas")
        extra = max(workers - 12, 0)
        env.units[0, :, 13 : 13 + extra] = env.units[0, :, :extra]
        slots = [slot for slot in range(13 + extra) if slot != 12][:workers]
        own = env.scenario.own_slots
        for index, slot in enumerate(slots):
            order("gather", [slot], own + (3, 4, 1, 6, 0, 7, 2, 5)[index % 8])
        game = MINERALS_PER_MINUTE / FASTER * workers
        ours = _income(env, order, t.MINERALS, 4)
        case = f"{workers} workers on {min(workers, 8)} close fields"
        reason = UNLOADING if workers > 1 else NEAREST
        yield Comparison("income", case, "per minute", ours, game, reason)
    env, order = _base("CollectMineralsAndGas")
    env.games[0, t.MINERALS] = 75
    order("build_refinery", [0], env.scenario.own_slots + 16)
    while env.units[0, f.ORDER, 0] != t.GATHER:
        order("no_op", [])
    order("gather", [0, 1, 2], 13)
    game = GAS_PER_MINUTE / FASTER
    ours = _income(env, order, t.GAS, 4)
    yield Comparison("income", "3 workers on a geyser", "per minute", ours, game, GEYSER)


def making_times() -> Iterator[Comparison]:
    """Compare how long units are trained and structures built."""
    for name, seconds in SECONDS_TO_MAKE.items():
        loops = _training_loops(name) if name in UNITS else _building_loops(name)
        game = float(seconds * LOOPS_PER_SECOND)
        yield Comparison("making", name, "loops", loops, game, WHOLE_LOOPS)


def _training_loops(name: str) -> float:
    env, order = _base("BuildMarines")
    trainer = 12
    if name == "marine":
        env.games[0, t.MINERALS] = 150
        order("build_barracks", [0], cell=8 * 16 + 9)
        while env.units[0, f.HEALTH, 13] == 0 or env.units[0, t.UNBUILT, 13] > 0:
            order("no_op", [])
        trainer = 13
    env.games[0, t.MINERALS] = 50
    alive = env.games[0, f.OWN_ALIVE]
    start = env.games[0, f.LOOP]
    order(f"train_{name}", [trainer])
    while env.games[0, f.OWN_ALIVE] == alive:
        run_one_loop(env)
    return float(env.games[0, f.LOOP] - start)


def _building_loops(name: str) -> float:
    env, order = _base("BuildMarines" if name == "barracks" else "CollectMineralsAndGas")
    env.games[0, t.MINERALS] = 400
    geyser = env.scenario.own_slots + 16 if name == "refinery" else 0
    order(f"build_{name}", [0], geyser, cell=8 * 16 + 9)
    if env.games[0, f.REFUSED]:
        raise RuntimeError(f"there is no room for the {name} where it is measured")
    while env.units[0, f.HEALTH, 13] == 0:
        run_one_loop(env)
    start = env.games[0, f.LOOP]
    while env.units[0, t.UNBUILT, 13] > 0:
        run_one_loop(env)
    assert ENTITY_NAMES[int(env.units[0, f.KIND, 13])] == name
    return float(env.games[0, f.LOOP] - start)


MECHANICS: Final = (kill_times, walking_times, incomes, making_times)


def show(rows: list[Comparison], most: int | None, console: Console) -> None:
    """Print the rows of one mechanic, or the worst of them, and the mean of all deviations."""
    table = Table(title=f"{rows[0].mechanic}, {rows[0].unit}", title_justify="left")
    table.add_column("case")
    for header in ("ours", "game", "deviation"):
        table.add_column(header, justify="right")
    table.add_column("why", overflow="fold")
    shown = rows if most is None else sorted(rows, key=lambda row: -abs(row.deviation))[:most]
    for row in shown:
        table.add_row(
            row.case, f"{row.ours:.1f}", f"{row.game:.1f}", f"{row.deviation:+.1f} %", row.why
        )
    console.print(table)
    mean = math.fsum(abs(row.deviation) for row in rows) / len(rows)
    worst = max(rows, key=lambda row: abs(row.deviation))
    console.print(
        f"{len(rows)} cases, mean {mean:.2f} %, worst {worst.deviation:+.1f} % ({worst.case})\n"
    )


def main() -> None:
    """Measure every mechanic and print a table of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worst", type=int, help="only this many rows of each mechanic")
    chosen = parser.parse_args()
    console = Console()
    for mechanic in MECHANICS:
        show(list(mechanic()), chosen.worst, console)


if __name__ == "__main__":
    main()
