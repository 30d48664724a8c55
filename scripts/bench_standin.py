"""Agent steps per second of CPU time: PySC2 playing DefeatRoaches on the stand-in.

The CPU time is that of both sides together, client and stand-in, so the rate is that of one core.
Run: ``python scripts/bench_standin.py``. Needs the extra ``sc2``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from perceiver_rl.envs.pysc2.compat import load_client

MODES = ("process", "in process")
CONFIGS = {"process": "StandIn", "in process": "InProcess"}
ATTACK = 3674
ENEMY = 4
SELF = 1


class Rate(NamedTuple):
    """What a run has taken.

    Args:
        steps: Agent steps.
        client: Seconds of CPU time of the client; of both sides in process.
        game: Seconds of CPU time of the stand-in's process.
    """

    steps: int
    client: float
    game: float

    @property
    def per_second(self) -> float:
        """Steps per second of CPU time."""
        return self.steps / (self.client + self.game)


def cpu_of(pid: int) -> float:
    """Return the seconds of CPU time that a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def attack(observation: Any, messages: Any) -> Any:
    """Let all marines attack the first roach, as the proxy's contract would: one command."""
    units = observation.observation.raw_data.units
    action = messages.Action()
    foe = next((unit.tag for unit in units if unit.alliance == ENEMY), None)
    if foe is not None:
        command = action.action_raw.unit_command
        command.ability_id, command.target_unit_tag = ATTACK, foe
        command.unit_tags.extend(unit.tag for unit in units if unit.alliance == SELF)
    return action


def run(mode: str, steps: int) -> Rate:
    """Play some steps through PySC2's environment, its observations and actions passed through."""
    client = load_client()
    from perceiver_rl.envs.sc2api import run_config  # PySC2 has to be loaded before
    from perceiver_rl.envs.sc2api.protocol import api

    del run_config
    client.flags.FLAGS.sc2_run_config = CONFIGS[mode]
    env = client.env.SC2Env(
        map_name="DefeatRoaches",
        players=[client.env.Agent(client.env.Race.terran)],
        agent_interface_format=api.InterfaceOptions(raw=True, score=True),
        step_mul=8,
        random_seed=0,
    )
    try:
        pid = env._sc2_procs[0].pid
        apart = pid != os.getpid()
        step = env.reset()[0]
        for _ in range(50):  # compiled and cached from here on
            step = env.step([attack(step.observation, api)])[0]
        began, game = time.process_time(), cpu_of(pid) if apart else 0.0
        for _ in range(steps):
            step = env.step([attack(step.observation, api)])[0]
        taken = time.process_time() - began
        return Rate(steps, taken, cpu_of(pid) - game if apart else 0.0)
    finally:
        env.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3000)
    options = parser.parse_args(arguments)
    print(f"{'stand-in':12} {'steps/s':>8} {'client ms':>10} {'stand-in ms':>12}  (CPU time)")
    for mode in MODES:
        rate = run(mode, options.steps)
        client, game = (1000 * part / rate.steps for part in (rate.client, rate.game))
        shown = f"{game:12.2f}" if mode == "process" else f"{'(in client)':>12}"
        print(f"{mode:12} {rate.per_second:8.0f} {client:10.2f} {shown}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
