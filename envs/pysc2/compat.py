"""PySC2 under today's Python and libraries: every breakage is handled or explained here.

===================================== ======================================================
what breaks                           what is done
===================================== ======================================================
protobuf refuses the old descriptors  built anew, see :mod:`~perceiver_rl.envs.sc2api.protocol`
``random.shuffle`` with two arguments provided while PySC2's colors are imported
``skvideo`` is absent or broken       PySC2 plays without it; only writing videos fails
flags that nobody parsed              parsed as an empty command line
===================================== ======================================================

Two distributions are known: ``pysc2`` 4.0.0 and its continuation ``pysc2_evolved``.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator, MutableSequence
from functools import lru_cache
from types import ModuleType
from typing import Any, Final, NamedTuple

from perceiver_rl.spaces import ContractError

CLIENTS: Final = ("pysc2", "pysc2_evolved")
"""Import names, the preferred one first; their distributions have the same names."""
HOW_TO_INSTALL: Final = "pip install 'perceiver-rl[sc2]'"
_NEEDED: Final = ("pygame", "websocket", "portpicker", "absl")


class Client(NamedTuple):
    """PySC2, imported.

    Args:
        name: The package that it comes from, one of :data:`CLIENTS`.
        version: Of the distribution.
        env: The module of ``SC2Env``.
        maps: The modules of the known maps.
        run_configs: How the game is found and started.
        process: The game's process.
        controller: The connection to it.
        protocol: Its wire protocol.
        actions: The table of functions.
        units: The enumerations of unit types.
        flags: absl's flags.
    """

    name: str
    version: str
    env: Any
    maps: Any
    run_configs: Any
    process: Any
    controller: Any
    protocol: Any
    actions: Any
    units: Any
    flags: Any

    @property
    def failures(self) -> tuple[type[BaseException], ...]:
        """What may be raised when the game or the connection to it is lost."""
        import websocket

        return (
            OSError,
            ValueError,  # the game did not advance to the expected loop
            RuntimeError,
            websocket.WebSocketException,
            self.process.SC2LaunchError,
            self.controller.ConnectError,
            self.controller.RequestError,
            self.protocol.ConnectionError,
            self.protocol.ProtocolError,
        )


def installed_client() -> str | None:
    """Return the name of the package that would be used; None if there is none."""
    return next((name for name in CLIENTS if importlib.util.find_spec(name)), None)


@lru_cache(maxsize=1)
def load_client() -> Client:
    """Import PySC2, in spite of everything.

    Raises:
        ContractError: If it is not installed or cannot be imported; says what to install.
    """
    name = installed_client()
    if name is None:
        raise ContractError(
            f"PySC2 is not installed: {HOW_TO_INSTALL} (`perceiver-rl doctor` says what is missing)"
        )
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its dependencies: nobody here can act on them
            _load_messages()
            _ensure_video_module()
            with _old_shuffle():
                importlib.import_module(f"{name}.lib.features")
            client = _import_client(name)
    except ImportError as error:
        raise ContractError(
            f"{name} is installed but cannot be imported: {error};"
            f" {HOW_TO_INSTALL}, or run `perceiver-rl doctor`"
        ) from error
    if not client.flags.FLAGS.is_parsed():
        client.flags.FLAGS.mark_as_parsed()
    return client


def _load_messages() -> None:
    from ..sc2api import protocol  # makes the game's messages importable

    del protocol


def _import_client(name: str) -> Client:
    def module(path: str) -> ModuleType:
        return importlib.import_module(f"{name}.{path}")

    return Client(
        name=name,
        version=importlib.metadata.version(name),
        env=module("env.sc2_env"),
        maps=module("maps"),
        run_configs=module("run_configs"),
        process=module("lib.sc_process"),
        controller=module("lib.remote_controller"),
        protocol=module("lib.protocol"),
        actions=module("lib.actions"),
        units=module("lib.units"),
        flags=importlib.import_module("absl.flags"),
    )


def missing_dependencies() -> tuple[str, ...]:
    """Return the packages that PySC2 needs to run and that cannot be found."""
    return tuple(name for name in _NEEDED if importlib.util.find_spec(name) is None)


@contextlib.contextmanager
def _old_shuffle() -> Iterator[None]:
    """Let ``random.shuffle`` take a source of numbers, as it did before Python 3.11."""
    present = random.shuffle

    def shuffle(items: MutableSequence[Any], source: Callable[[], float] = random.random) -> None:
        for last in range(len(items) - 1, 0, -1):
            drawn = int(source() * (last + 1))
            items[last], items[drawn] = items[drawn], items[last]

    random.shuffle = shuffle  # type: ignore[assignment]
    try:
        yield
    finally:
        random.shuffle = present


class _NoVideo:
    """Stands in for a video writer that cannot be imported."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise ContractError("writing a video needs the package sk-video, which cannot be imported")


def _ensure_video_module() -> None:
    """Replace ``skvideo`` by a placeholder where it is absent or too old for its libraries."""
    try:
        importlib.import_module("skvideo.io")
    except (ImportError, AttributeError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "skvideo"]:
            del sys.modules[name]
        package, module = ModuleType("skvideo"), ModuleType("skvideo.io")
        module.FFmpegWriter = _NoVideo  # type: ignore[attr-defined]
        package.io = module  # type: ignore[attr-defined]
        sys.modules.update({"skvideo": package, "skvideo.io": module})
