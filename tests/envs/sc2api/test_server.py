"""The websocket: frames, limits, and what happens to those who do not keep the protocol."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from perceiver_rl.envs.sc2api import server as wire
from perceiver_rl.envs.sc2api.protocol import api
from perceiver_rl.envs.sc2api.server import Server
from perceiver_rl.envs.sc2api.session import Session

PING = api.Request(ping=api.RequestPing(), id=7).SerializeToString()
QUIT = api.Request(quit=api.RequestQuit()).SerializeToString()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server(Session().handle)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    yield server
    server.close()
    thread.join(10)
    assert not thread.is_alive()


def url(server: Server) -> str:
    return f"ws://127.0.0.1:{server.port}/sc2api"


def answers(server: Server) -> bool:
    """Whether a well-behaved client is still served."""
    with connect(url(server), proxy=None) as client:
        client.send(PING)
        return api.Response.FromString(client.recv()).id == 7


def test_binary_and_text_frames_are_both_protobuf(server: Server) -> None:
    with connect(url(server), proxy=None) as client:
        for as_text in (False, True):
            # Bytes that are no UTF-8: some clients send them in text frames nevertheless.
            message = api.Request(ping=api.RequestPing(), id=0xFFFFFFF).SerializeToString()
            with pytest.raises(UnicodeDecodeError):
                message.decode()
            client.send(message, text=as_text)
            reply = client.recv()
            assert isinstance(reply, bytes)
            assert api.Response.FromString(reply).id == 0xFFFFFFF


def test_a_message_in_fragments_is_one_message(server: Server) -> None:
    with connect(url(server), proxy=None) as client:
        client.send([PING[:1], PING[1:]])
        assert api.Response.FromString(client.recv()).id == 7


def test_another_path_is_not_found(server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(url(server) + "2", proxy=None):
        pass
    assert refused.value.response.status_code == 404
    assert answers(server)


def test_what_is_no_request_closes_that_connection_alone(server: Server) -> None:
    with connect(url(server), proxy=None) as good, connect(url(server), proxy=None) as bad:
        bad.send(b"\xff\xff\xff\xff")
        with pytest.raises(ConnectionClosed):
            bad.recv()
        good.send(PING)
        assert api.Response.FromString(good.recv()).id == 7


def test_a_message_beyond_the_bound_closes_that_connection_alone(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MOST_BYTES", 1000)
    with connect(url(server), proxy=None) as client:
        client.send(b"\0" * 2000)
        with pytest.raises(ConnectionClosed):
            client.recv()
    assert answers(server)


def test_half_closed_sockets_are_dropped(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET /sc2api HTTP/1.1\r\n")
        client.shutdown(socket.SHUT_WR)
        client.settimeout(10)
        while client.recv(1000):
            pass
    assert answers(server)


def test_more_connections_than_allowed_are_refused(server: Server) -> None:
    most = wire.MOST_CONNECTIONS + 5
    sockets = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(most)]
    try:
        last = sockets[-1]
        last.settimeout(10)
        assert last.recv(10) == b""
    finally:
        for each in sockets:
            each.close()


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(noise=st.lists(st.binary(max_size=300), max_size=5), greet=st.booleans())
def test_random_bytes_harm_nobody_else(server: Server, noise: list[bytes], greet: bool) -> None:
    greeting = (
        b"GET /sc2api HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall((greeting if greet else b"") + b"".join(noise))
    assert answers(server)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_every_message_is_answered_or_refused_with_a_value_error(message: bytes) -> None:
    session = Session()
    try:
        reply = session.handle(message)
    except ValueError:
        return
    assert reply is None or api.Response.FromString(reply).status in (1, 2, 3)


def test_quit_ends_the_server() -> None:
    server = Server(Session().handle)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    with connect(url(server), proxy=None) as client:
        client.send(QUIT)
        with pytest.raises(ConnectionClosed):
            client.recv()
    thread.join(10)
    assert not thread.is_alive()


def test_it_listens_to_this_machine_alone_unless_told_otherwise(server: Server) -> None:
    assert server._listener.getsockname()[0] == "127.0.0.1"
