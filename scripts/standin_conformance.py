"""PySC2's own tests that need the game, run against the stand-in: which pass, and why others fail.

Run: ``python scripts/standin_conformance.py``. Needs the extra ``sc2``. With ``--python`` another
interpreter runs the tests, one in which PySC2 works as it is.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from perceiver_rl.envs.sc2api.install import install

MODULES = (
    "debug",
    "easy_scripted",
    "general_actions",
    "host_remote_agent",
    "multi_player_env",
    "multi_player",
    "obs_spec",
    "obs",
    "observer",
    "ping",
    "protocol_error",
    "random_agent",
    "render",
    "replay_obs",
    "step_mul_override",
    "versions",
)
# PySC2 has to be made to work with today's libraries before its tests are imported.
LOADER = (
    "import runpy, sys\n"
    "from perceiver_rl.envs.pysc2.compat import load_client\n"
    "load_client().flags.FLAGS.unparse_flags()\n"
    "sys.argv = sys.argv[1:]\n"
    "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n"
)


class Outcome(NamedTuple):
    """How one test has ended.

    Args:
        module: Its module.
        test: Its name.
        reason: Why it has failed; nothing if it has passed.
    """

    module: str
    test: str
    reason: str


def run_module(name: str, python: str | None, folder: Path, seconds: float) -> list[Outcome]:
    """Run one of PySC2's test modules."""
    report = folder / f"{name}.xml"
    module = f"pysc2.tests.{name}_test"
    own = [sys.executable, "-c", LOADER, module]
    words = [*([python, "-m", module] if python else own), f"--xml_output_file={report}"]
    environment = {**os.environ, "SC2PATH": str(folder / "game"), "SDL_VIDEODRIVER": "dummy"}
    try:
        done = subprocess.run(
            words, env=environment, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return [Outcome(name, "(module)", f"took more than {seconds:.0f} seconds")]
    if not report.exists():
        return [Outcome(name, "(module)", (done.stderr.strip().splitlines() or ["no report"])[-1])]
    return outcomes(name, report)


def outcomes(name: str, report: Path) -> list[Outcome]:
    """Read the report of a test module."""
    found = []
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        problems = [*case.findall("error"), *case.findall("failure")]
        reason = _reason(problems[0]) if problems else ""
        found.append(Outcome(name, case.get("name", "?"), reason))
    return found


def _reason(problem: ElementTree.Element) -> str:
    lines = (problem.text or problem.get("message") or "failed").strip().splitlines()
    said = [line.strip() for line in lines if "stand-in:" in line]
    last = [line for line in lines if line[:1].isalpha() and not line.startswith("Traceback")]
    return (said or last or lines)[-1].strip()[:160]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line per test, and how many modules pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="such as ping; all if none is given")
    parser.add_argument("--python", help="interpreter that runs the tests, with PySC2 installed")
    parser.add_argument("--seconds", type=float, default=300.0, help="most time of a module")
    options = parser.parse_args(arguments)
    passed = 0
    chosen = options.modules or MODULES
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        install(folder / "game")
        for name in chosen:
            results = run_module(name, options.python, folder, options.seconds)
            good = sum(not each.reason for each in results)
            passed += good == len(results)
            print(f"{'pass' if good == len(results) else 'FAIL'}  {name}  {good}/{len(results)}")
            for each in results:
                if each.reason:
                    print(f"        {each.test}: {each.reason}")
            sys.stdout.flush()
    print(f"{passed} of {len(chosen)} modules pass on the stand-in")
    return 0


if __name__ == "__main__":
    sys.exit(main())
