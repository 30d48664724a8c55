"""Games of several processes: one hosts, the others pass their requests on to it.

As in the game, the clients agree on ports: the host listens at the server's game port. A message is
its length, four bytes, and its bytes.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Final

HOST: Final = "127.0.0.1"
JOIN_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 0.05
MOST_BYTES: Final = 1 << 24
_LENGTH: Final = struct.Struct(">I")


class Link:
    """A connection between two processes of a game.

    Args:
        connection: The socket.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection

    def send(self, message: bytes) -> None:
        """Send a message.

        Raises:
            OSError: If the connection is lost.
        """
        self._connection.sendall(_LENGTH.pack(len(message)) + message)

    def receive(self) -> bytes:
        """Wait for a message.

        Raises:
            OSError: If the connection is lost or the message too long.
        """
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        if length > MOST_BYTES:
            raise ConnectionError(f"a message of {length} bytes, at most {MOST_BYTES} are read")
        return self._read(length)

    def _read(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            part = self._connection.recv(count - len(parts))
            if not part:
                raise ConnectionError("the other process has hung up")
            parts += part
        return bytes(parts)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def call(port: int) -> Link:
    """Connect to the host of a game, which may be about to listen.

    Raises:
        OSError: If nobody listens there for a minute.
    """
    end = time.monotonic() + JOIN_SECONDS
    while True:
        try:
            connection = socket.create_connection((HOST, port), timeout=JOIN_SECONDS)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(RETRY_SECONDS)
        else:
            connection.settimeout(None)
            return Link(connection)


def await_peers(port: int, count: int) -> list[Link]:
    """Wait until the other processes of a game have called.

    Raises:
        OSError: If they do not within a minute.
    """
    links: list[Link] = []
    with socket.create_server((HOST, port)) as listener:
        listener.settimeout(JOIN_SECONDS)
        try:
            while len(links) < count:
                connection, _ = listener.accept()
                connection.settimeout(None)
                links.append(Link(connection))
        except OSError:
            for link in links:
                link.close()
            raise
    return links
