"""Runs PySC2's own programs under today's libraries.

``python -m perceiver_rl.envs.pysc2 bin.agent --map DefeatRoaches --agent ...`` is ``python -m
pysc2.bin.agent ...``, which protobuf and Python's ``random`` of today keep from starting.
"""

from __future__ import annotations

import importlib.util
import runpy
import sys
from collections.abc import Sequence

from .compat import load_client

USAGE = "usage: python -m perceiver_rl.envs.pysc2 PROGRAM [OPTIONS], for instance bin.agent --help"


def main(arguments: Sequence[str]) -> None:
    """Run a program of PySC2's.

    Args:
        arguments: Its module, without the package's name, and its own arguments.

    Raises:
        ContractError: If PySC2 is not installed or cannot be imported.
        SystemExit: If there is no such program, and as the program ends.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        raise SystemExit(USAGE)
    client = load_client()
    program = f"{client.name}.{arguments[0].removeprefix(f'{client.name}.')}"
    try:
        found = importlib.util.find_spec(program)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise SystemExit(f"{client.name} has no program {arguments[0]!r}\n{USAGE}")
    sys.argv = [program, *arguments[1:]]
    runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
