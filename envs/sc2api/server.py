"""The websocket at ``/sc2api``.

Some clients send their protobuf messages as text frames, which no server that checks text would
take. The protocol of ``websockets`` is used without its connections, because it leaves the frames'
content alone.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Final

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

PATH: Final = "/sc2api"
MOST_BYTES: Final = 1 << 24  # of one message: a map and many actions fit
MOST_CONNECTIONS: Final = 8
HANDSHAKE_SECONDS: Final = 10.0
CHUNK: Final = 1 << 16
DATA: Final = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)
LOG: Final = logging.getLogger(__name__)

Handler = Callable[[bytes], bytes | None]
"""Answers a message; None ends the server. A ``ValueError`` closes the connection alone."""


class Server:
    """Serves one handler to a few connections, one message at a time.

    Args:
        handler: Answers messages; it is never called by two threads at once.
        host: Address to listen on.
        port: Port; a free one if 0.

    Raises:
        OSError: If it cannot listen there.
    """

    def __init__(self, handler: Handler, host: str = "127.0.0.1", port: int = 0) -> None:
        self._handler = handler
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family)
        self.port: int = self._listener.getsockname()[1]
        self._turn = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._closed = threading.Event()

    def serve(self) -> None:
        """Take connections until the handler ends it, or :meth:`close` is called."""
        while not self._closed.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                break
            if len(self._connections) >= MOST_CONNECTIONS:
                connection.close()
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.add(connection)
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def close(self) -> None:
        """Stop listening and drop all connections."""
        self._closed.set()
        for each in (self._listener, *self._connections):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _talk(self, connection: socket.socket) -> None:
        try:
            for message, answer in messages(connection):
                with self._turn:
                    reply = self._handler(message)
                if reply is None:
                    self.close()
                    return
                answer(reply)
        except (OSError, ValueError) as error:
            LOG.info("connection closed: %s", error)
        finally:
            self._connections.discard(connection)
            connection.close()


def messages(connection: socket.socket) -> Iterator[tuple[bytes, Callable[[bytes], None]]]:
    """Yield each message of a connection, and what sends its answer.

    Raises:
        OSError: If the connection breaks.
        ValueError: If the client sends something that is no message.
    """
    talk = _Talk(connection)
    while talk.open:
        for message in talk.receive():
            yield message, talk.answer


class _Talk:
    """One connection: its bytes, turned into whole messages and back."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._protocol = ServerProtocol(max_size=MOST_BYTES)
        self._parts: list[bytes] = []
        self.open = True
        connection.settimeout(HANDSHAKE_SECONDS)

    def receive(self) -> list[bytes]:
        """Wait for bytes; return the messages that they complete."""
        data = self._connection.recv(CHUNK)
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        found = []
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._greet(event)
            elif isinstance(event, Frame) and event.opcode in DATA:
                self._parts.append(bytes(event.data))
                if event.fin:
                    found.append(b"".join(self._parts))
                    self._parts.clear()
        self._send()
        if not data or self._protocol.close_expected():
            self.open = False
        return found

    def answer(self, reply: bytes) -> None:
        """Send a message, unless the client has hung up."""
        if self._protocol.state is OPEN:
            self._protocol.send_binary(reply)
            self._send()

    def _greet(self, request: Request) -> None:
        if request.path.split("?")[0] == PATH:
            self._protocol.send_response(self._protocol.accept(request))
            self._connection.settimeout(None)
        else:
            self._protocol.send_response(self._protocol.reject(404, f"only {PATH} is here\n"))

    def _send(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._connection.sendall(data)
            else:  # the protocol is done with sending
                self.open = False
