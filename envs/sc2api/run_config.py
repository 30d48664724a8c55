"""PySC2 on the stand-in without an installation.

Once this module is imported, PySC2's flag ``--sc2_run_config`` knows two names more: ``InProcess``
plays in the process of the client, without a port; ``StandIn`` starts a process. Without the flag
PySC2 chooses as ever, so a game that is installed is never replaced in silence.
"""

from __future__ import annotations

import os
from typing import Any, Final

from absl import flags
from pysc2.lib import remote_controller
from pysc2.run_configs import lib, platforms

from .install import EXECUTABLE, install_for_process
from .maps import map_named
from .session import Build, Session

CHOSEN: Final = 100  # rank of the run configuration that the flag names


class StandIn(platforms.LocalBase):
    """Starts the stand-in as a process.

    Args:
        version: A version that PySC2 knows by the build of the stand-in, or the latest.
    """

    def __init__(self, version: Any = None) -> None:
        environment = dict(os.environ)
        super().__init__(str(install_for_process()), EXECUTABLE, version=version, env=environment)

    @classmethod
    def priority(cls) -> int | None:
        """Return its rank among the run configurations; None unless the flag names it."""
        return CHOSEN if flags.FLAGS.sc2_run_config == cls.name() else None


class InProcess(StandIn):
    """Plays in the process of the client, which makes it the fastest way."""

    def start(self, want_rgb: bool = True, **_: Any) -> LocalGame:
        """Start a game."""
        return LocalGame()

    def map_data(self, map_name: str, players: int | None = None) -> bytes:
        """Return what stands for a map's content.

        Raises:
            ValueError: If there is no such map.
        """
        if map_named(map_name) is None:
            raise ValueError(f"the stand-in has no map {map_name!r}")
        return b"stand-in"


class LocalGame:
    """What PySC2 takes for the game's process."""

    host, port, running = "in process", 0, True

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.version: Any = lib.Version(Build().version, Build().base, None, None)
        self.controller: Any = _Controller()

    def close(self) -> None:
        """End the game."""
        if self.controller is not None:
            self.controller.quit()
        self.controller = None

    def __enter__(self) -> Any:
        return self.controller

    def __exit__(self, *_: object) -> None:
        self.close()


class _Controller(remote_controller.RemoteController):
    """PySC2's connection, without one."""

    def __init__(self) -> None:
        super().__init__("in process", 0, timeout_seconds=1)

    def _connect(self, *_: Any) -> _Wire:
        return _Wire(Session())


class _Wire:
    """What PySC2 takes for a websocket: it answers what is sent."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._reply = b""
        self.sock = self

    def getpeername(self) -> tuple[str, int]:
        """Return an address."""
        return "in process", 0

    def send(self, message: bytes) -> None:
        """Answer a request."""
        self._reply = self._session.handle(message) or b""

    def recv(self) -> bytes:
        """Return the answer to the last request."""
        return self._reply

    def close(self) -> None:
        """Do nothing."""
