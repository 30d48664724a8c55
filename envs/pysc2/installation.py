"""Which installation PySC2 starts, the one that it finds or the stand-in, and what lies in it."""

from __future__ import annotations

import contextlib
import os
import platform
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..sc2api import MARK
from .compat import Client

_LOCK: Final = threading.RLock()
_USUAL: Final = {
    "Linux": "~/StarCraftII",
    "Darwin": "/Applications/StarCraft II",
    "Windows": "C:/Program Files (x86)/StarCraft II",
}


class Installation(NamedTuple):
    """What lies where the game should be.

    Args:
        folder: Where PySC2 looks for it.
        builds: Numbers of the builds that are there.
        maps: Names of all maps that are there.
        stand_in: Whether it is no game but its stand-in.
    """

    folder: Path
    builds: tuple[int, ...]
    maps: frozenset[str]
    stand_in: bool


def find_installation(environment: Mapping[str, str]) -> Installation:
    """Look where PySC2 looks: in ``SC2PATH``, or else in the system's usual place."""
    usual = _USUAL.get(platform.system(), _USUAL["Linux"])
    folder = Path(environment.get("SC2PATH") or usual).expanduser()
    builds = sorted(
        int(path.name.removeprefix("Base"))
        for path in (folder / "Versions").glob("Base*")
        if path.name.removeprefix("Base").isdigit()
    )
    maps = frozenset(path.stem for path in (folder / "Maps").rglob("*.SC2Map"))
    return Installation(folder, tuple(builds), maps, (folder / MARK).exists())


@contextlib.contextmanager
def installation(client: Client, stand_in: bool) -> Iterator[None]:
    """Let PySC2 find the stand-in for as long as it looks; the next game may be another."""
    if not stand_in:
        yield
        return
    with _LOCK:  # games of several threads start one after the other
        find = client.run_configs.get
        client.run_configs.get = lambda version=None: _stand_in_config(client, version)
        try:
            yield
        finally:
            client.run_configs.get = find


def _stand_in_config(client: Client, version: str | None) -> Any:
    from ..sc2api.install import EXECUTABLE, install_for_process

    config = client.run_configs.platforms.LocalBase
    found = config.__new__(config)
    found.__init__(str(install_for_process()), EXECUTABLE, version, env=dict(os.environ))
    return found
