"""The ``doctor`` command: what is installed for StarCraft II, what is missing, how to get it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from perceiver_rl.envs.pysc2 import compat
from perceiver_rl.envs.pysc2.env import MINI_GAMES
from perceiver_rl.envs.pysc2.installation import Installation, find_installation
from perceiver_rl.spaces import ContractError
from perceiver_rl.versions import versions

GOOD: Final = "ok"
MISSING: Final = "missing"
NOTE: Final = "note"
BROKEN: Final = "broken"

GAME: Final = (
    "get the game: on Linux a package of github.com/Blizzard/s2client-proto#downloads (the newest"
    " is 4.10), elsewhere the free game by its launcher; then set SC2PATH to its folder"
)
MAPS: Final = (
    "get the maps: mini_games.zip of github.com/google-deepmind/pysc2/releases, unpacked into {}"
)
STAND_IN: Final = "without the game: --backend standin, or `perceiver-rl standin install DIR`"


class Finding(NamedTuple):
    """One thing that was looked at.

    Args:
        what: The thing.
        state: One of ok, note, missing, broken.
        found: What there is.
        advice: What to do; empty where there is nothing to do.
    """

    what: str
    state: str
    found: str
    advice: str = ""


def doctor() -> bool:
    """Print all findings, and return whether the stand-in or the game can be played."""
    findings = list(diagnose(os.environ))
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in ("", "what", "found"):
        table.add_column(column)
    for each in findings:
        table.add_row(each.state, each.what, each.found)
    console = Console()
    console.print(table)
    for each in findings:
        if each.advice:
            console.print(f"{each.what}: {each.advice}", highlight=False, soft_wrap=True)
    return not any(each.state in (MISSING, BROKEN) for each in findings if each.what in _NEEDED)


_NEEDED: Final = ("protocol", "PySC2", "stand-in")


def diagnose(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Look at everything that playing the game takes.

    Args:
        environment: Variables, of which ``SC2PATH`` says where the game is.
    """
    yield Finding("Python", GOOD, f"{platform.python_version()} on {platform.system()}")
    yield Finding("plugin", GOOD, ", ".join(f"{name} {one}" for name, one in versions().items()))
    yield _protocol()
    yield _client()
    yield from _twins()
    yield _stand_in()
    yield from _game(find_installation(environment))


def version_of(distribution: str) -> str | None:
    """Return the version of a distribution; None if it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _protocol() -> Finding:
    names = ("protobuf", "s2clientprotocol", "pys2clientprotocol")
    found = [f"{name} {one}" for name in names if (one := version_of(name))]
    try:
        importlib.import_module("perceiver_rl.envs.sc2api.protocol")
    except ImportError as error:
        return Finding("protocol", MISSING, ", ".join(found) or "nothing", str(error))
    return Finding("protocol", GOOD, ", ".join(found))


def _client() -> Finding:
    name = compat.installed_client()
    if name is None:
        return Finding("PySC2", MISSING, "nothing", compat.HOW_TO_INSTALL)
    found = f"{name} {version_of(name)}"
    lacking = compat.missing_dependencies()
    if lacking:
        return Finding("PySC2", BROKEN, f"{found} without {', '.join(lacking)}", _install(lacking))
    try:
        compat.load_client()
    except ContractError as error:
        return Finding("PySC2", BROKEN, found, str(error))
    return Finding("PySC2", GOOD, found)


def _install(modules: tuple[str, ...]) -> str:
    names = {"websocket": "websocket-client", "absl": "absl-py"}
    return f"pip install {' '.join(names.get(each, each) for each in modules)}"


def _twins() -> Iterator[Finding]:
    """Say which distributions install the same files; the one installed last is in effect."""
    for pair in (("s2clientprotocol", "pys2clientprotocol"), ("pygame", "pygame-ce")):
        if all(map(version_of, pair)):
            yield Finding(
                f"{pair[0]} twice",
                NOTE,
                " and ".join(f"{name} {version_of(name)}" for name in pair),
                f"they hold the same files, and the last one installed is in effect; both work"
                f" here, but if imports fail, uninstall both and install {pair[0]} alone",
            )
    if version_of("enum34"):
        yield Finding(
            "enum34",
            NOTE,
            f"enum34 {version_of('enum34')}",
            "it hides Python's own enum where PYTHONPATH names site-packages; PySC2 asks for it but"
            " works without: pip uninstall enum34",
        )


def _stand_in() -> Finding:
    version = version_of("websockets")
    if version is None:
        return Finding("stand-in", MISSING, "nothing", compat.HOW_TO_INSTALL)
    return Finding("stand-in", GOOD, f"websockets {version}")


def _game(found: Installation) -> Iterator[Finding]:
    if not found.builds:
        yield Finding("game", MISSING, f"none in {found.folder}", f"{GAME}; {STAND_IN}")
        return
    builds = ", ".join(map(str, found.builds))
    if found.stand_in:
        yield Finding("game", NOTE, f"the stand-in in {found.folder}", GAME)
    else:
        yield Finding("game", GOOD, f"builds {builds} in {found.folder}")
    lacking = [name for name in MINI_GAMES if name not in found.maps]
    count = f"{len(MINI_GAMES) - len(lacking)} of {len(MINI_GAMES)} mini-games"
    if lacking:
        place = found.folder / "Maps" / "mini_games"
        yield Finding("maps", MISSING, f"{count}; no {', '.join(lacking)}", MAPS.format(place))
    else:
        yield Finding("maps", GOOD, f"{count}, {len(found.maps)} maps in all")
