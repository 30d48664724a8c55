"""What runs in place of the game's executable: ``python -m perceiver_rl.envs.sc2api``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence

from .server import Server
from .session import Build, Session

PARENT_SECONDS = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a client quits, the parent is gone, or a signal says so."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = _parse(words)
    build = Build(options.base_build)
    if options.data_version:
        build = build._replace(data_version=options.data_version)
    session = Session(build)
    server = Server(session.handle, options.listen, options.port)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.close())
    threading.Thread(target=_end_with_parent, args=(server, os.getppid()), daemon=True).start()
    server.serve()
    return 0


def _parse(words: list[str]) -> argparse.Namespace:
    # Without -h: the game's -headlessNoRender would be taken for it.
    parser = argparse.ArgumentParser(prog="SC2_x64", add_help=False, allow_abbrev=False)
    parser.add_argument("-listen", "--listen", default="127.0.0.1")
    parser.add_argument("-port", "--port", type=int, default=0)
    parser.add_argument("-dataVersion", dest="data_version", default="")
    parser.add_argument("-baseBuild", dest="base_build", type=int, default=Build().base)
    known, _ = parser.parse_known_args(words)  # the game has options for windows and graphics
    return known


def _end_with_parent(server: Server, parent: int) -> None:
    """Close when the process that started this one is gone, so that nothing is left behind."""
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    server.close()


if __name__ == "__main__":
    sys.exit(main())
