"""A directory that clients take for an installation of the game: ``SC2PATH``."""

from __future__ import annotations

import atexit
import importlib.util
import shlex
import shutil
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from . import MARK
from .maps import MAPS
from .session import Build

EXECUTABLE: Final = "SC2_x64"
NOTE: Final = (
    "This is not StarCraft II. It is the stand-in of perceiver-rl: its maps are empty files, and"
    " its executable starts perceiver-rl's own engine.\n"
)


def install(folder: str | Path, *, python: str = sys.executable) -> Path:
    """Lay out a directory that works as ``SC2PATH``.

    Args:
        folder: Where; made if it does not exist.
        python: Interpreter that can import this package.

    Returns:
        The executable.

    Raises:
        FileExistsError: If something else is installed there.
        ImportError: If what the executable needs is missing.
    """
    if importlib.util.find_spec("websockets") is None:
        raise ImportError("the stand-in needs websockets: pip install 'perceiver-rl[sc2]'")
    folder = Path(folder).absolute()
    versions = folder / "Versions"
    if versions.exists() and not (folder / MARK).exists():
        raise FileExistsError(f"{folder} holds an installation that is no stand-in")
    base = Build().base
    executable = versions / f"Base{base}" / EXECUTABLE
    executable.parent.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text(NOTE, encoding="utf-8")
    command = f"exec {shlex.quote(python)} -m perceiver_rl.envs.sc2api -baseBuild {base}"
    executable.write_text(f'#!/bin/sh\n# {NOTE}{command} "$@"\n', encoding="utf-8")
    executable.chmod(executable.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    for path in MAPS.values():
        place = folder / "Maps" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"stand-in")
    (folder / "Replays").mkdir(exist_ok=True)
    return executable


@cache
def install_for_process() -> Path:
    """Lay out an installation for this process, and return where; it is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="stand-in-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    install(folder)
    return folder
