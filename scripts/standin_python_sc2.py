"""A python-sc2 bot plays a melee game on the stand-in: an economy, marines, an attack.

Run in an environment that has python-sc2 (``pip install burnysc2``), with SC2PATH set to what
``perceiver-rl standin install DIR`` has laid out: ``python scripts/standin_python_sc2.py Flat64``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sc2 import maps
from sc2.bot_ai import BotAI
from sc2.data import Difficulty, Race, Result
from sc2.ids.unit_typeid import UnitTypeId
from sc2.main import run_game
from sc2.player import Bot, Computer

WORKERS = 16
BARRACKS = 3
ARMY = 15
ROOM = 4


class Marines(BotAI):
    """Trains workers, depots, barracks and marines, and attacks once there are enough."""

    async def on_step(self, iteration: int) -> None:
        """Decide, once per step."""
        for worker in self.workers.idle:
            worker.gather(self.mineral_field.closest_to(worker))
        await self._build()
        self._train()
        marines = self.units(UnitTypeId.MARINE)
        if marines.amount >= ARMY:
            foes = self.enemy_structures
            goal = foes.random.position if foes else self.enemy_start_locations[0]
            for marine in marines.idle:
                marine.attack(goal)

    async def _build(self) -> None:
        here, middle = self.start_location, self.game_info.map_center
        depots = self.structures(UnitTypeId.SUPPLYDEPOT)
        coming = self.already_pending(UnitTypeId.SUPPLYDEPOT)
        if self.supply_left < ROOM and not coming and self.can_afford(UnitTypeId.SUPPLYDEPOT):
            await self.build(UnitTypeId.SUPPLYDEPOT, near=here.towards(middle, 5))
        barracks = self.structures(UnitTypeId.BARRACKS).amount
        barracks += self.already_pending(UnitTypeId.BARRACKS)
        if depots.ready and barracks < BARRACKS and self.can_afford(UnitTypeId.BARRACKS):
            await self.build(UnitTypeId.BARRACKS, near=here.towards(middle, 8))

    def _train(self) -> None:
        if self.supply_workers < WORKERS and self.can_afford(UnitTypeId.SCV):
            for hall in self.townhalls.ready.idle:
                hall.train(UnitTypeId.SCV)
        for barracks in self.structures(UnitTypeId.BARRACKS).ready.idle:
            if self.can_afford(UnitTypeId.MARINE):
                barracks.train(UnitTypeId.MARINE)


class Idle(BotAI):
    """Does nothing."""

    async def on_step(self, iteration: int) -> None:
        """Do nothing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Play a game, and print its result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("map", nargs="?", default="Flat64")
    parser.add_argument("--bots", action="store_true", help="against a bot that does nothing")
    options = parser.parse_args(arguments)
    other = Bot(Race.Protoss, Idle()) if options.bots else Computer(Race.Zerg, Difficulty.Easy)
    players = [Bot(Race.Terran, Marines()), other]
    result = run_game(maps.get(options.map), players, realtime=False, game_time_limit=1200)
    print(f"stand-in: {result}")
    return 0 if Result.Victory in (result if isinstance(result, list) else [result]) else 1


if __name__ == "__main__":
    sys.exit(main())
