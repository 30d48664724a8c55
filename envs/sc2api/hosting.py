"""Creating games and joining them, alone or with other processes."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from . import maps
from .errors import RequestError
from .game import Game
from .peers import Link, await_peers, call
from .protocol import api
from .view import Seat

if TYPE_CHECKING:
    from .session import Session

PARTICIPANT: Final = 1  # PlayerType
MOST_PLAYERS: Final = 2
MOST_PIXELS: Final = 512  # along each side of a picture
MOST_CELLS: Final = 256


class Table(NamedTuple):
    """A game that was created and waits for its players.

    Args:
        setup: The ``RequestCreateGame``, without the map's content.
        map: Name of the map.
    """

    setup: Any
    map: str

    @property
    def path(self) -> str:
        """The map's path."""
        return maps.MAPS[self.map]

    @property
    def players(self) -> list[Any]:
        """The setup of each player, watchers left out."""
        return maps.players_of(self.setup)

    @property
    def participants(self) -> list[int]:
        """The players that clients play."""
        if not maps.is_melee(self.map):
            return [1]
        return [i for i, setup in enumerate(self.players, start=1) if setup.type == PARTICIPANT]

    def serve(self, session: Session, link: Link, game: Game, seat: Seat) -> None:
        """Answer another process from now on."""
        arguments = (link, game, seat, self)
        threading.Thread(target=session.serve_peer, args=arguments, daemon=True).start()


def create_game(request: Any) -> tuple[Any, Table | None]:
    """Return a ``ResponseCreateGame``, and the game unless there is an error."""
    kinds = api.ResponseCreateGame

    def refuse(error: int, details: str) -> tuple[Any, None]:
        return kinds(error=error, error_details=f"stand-in: {details}"), None

    if request.WhichOneof("Map") is None:
        return refuse(kinds.MissingMap, "neither a local map nor a name was given")
    path = request.battlenet_map_name or request.local_map.map_path
    name = maps.map_named(path)
    if name is None:
        known = ", ".join(maps.MAPS)
        wrong = kinds.InvalidMapName if request.battlenet_map_name else kinds.InvalidMapPath
        return refuse(wrong, f"there is no map {path!r}, only {known}")
    types = [setup.type for setup in request.player_setup]
    if not types:
        return refuse(kinds.MissingPlayerSetup, "no player was set up")
    players = [setup.type for setup in maps.players_of(request)]
    if maps.is_melee(name):
        if len(players) != MOST_PLAYERS:
            return refuse(kinds.InvalidPlayerSetup, f"{name} is for two players, not {players}")
    elif players.count(PARTICIPANT) != 1:
        return refuse(kinds.InvalidPlayerSetup, f"{name} is for one participant, not {players}")
    setup = api.RequestCreateGame()
    setup.CopyFrom(request)
    setup.local_map.ClearField("map_data")
    return kinds(), Table(setup, name)


class Joined(NamedTuple):
    """What has come of joining a game.

    Args:
        response: The ``ResponseJoinGame``.
        game: The game, if it runs in this process.
        seat: The client's.
        host: The process in which the game runs, if it is another one.
        peers: The other processes that play, each with its seat.
    """

    response: Any
    game: Game | None = None
    seat: Seat | None = None
    host: Link | None = None
    peers: tuple[tuple[Link, Seat], ...] = ()


def join_game(request: Any, table: Table | None) -> Joined:
    """Join a game that was created here, or one that another process hosts.

    Raises:
        RequestError: If there is no game to join.
    """
    kinds = api.ResponseJoinGame
    port = request.server_ports.game_port if request.HasField("server_ports") else 0
    if table is None:
        if not port:
            raise RequestError("no game was created, and no ports of another one were given")
        return _join_elsewhere(request, port)
    check_options(request.options)
    seed = table.setup.random_seed if table.setup.HasField("random_seed") else secrets.randbits(31)
    others = len(table.participants) - 1
    if others > 0 and not port:
        return Joined(kinds(error=kinds.MissingPorts, error_details="several players need ports"))
    links: list[Link] = []
    if others > 0:
        try:
            links = await_peers(port, others)
        except OSError as error:
            details = f"the other player did not come: {error}"
            return Joined(kinds(error=kinds.NetworkError, error_details=details))
    game = Game(maps.open_map(table.map, table.players, seed), seed, table.setup)
    watches = request.HasField("observed_player_id") and not request.HasField("race")
    player = 0 if watches else next(iter(table.participants), 0)
    seat = game.join(player, request)
    peers = tuple(
        (link, _seat_peer(game, link, other))
        for link, other in zip(links, table.participants[1:], strict=True)
    )
    return Joined(kinds(player_id=player), game, seat, peers=peers)


def check_options(options: Any) -> None:
    """Check that the pictures that are asked for can be drawn.

    Raises:
        RequestError: If not.
    """
    for name in ("feature_layer", "render"):
        if not options.HasField(name):
            continue
        setup = getattr(options, name)
        for size in (setup.resolution, setup.minimap_resolution):
            if not (0 < size.x <= MOST_PIXELS and 0 < size.y <= MOST_PIXELS):
                raise RequestError(
                    f"pictures of {size.x} x {size.y} pixels in {name}, 1 to {MOST_PIXELS} each way"
                    " can be drawn"
                )
        if not 0 <= setup.width <= MOST_CELLS:
            raise RequestError(f"a camera of {setup.width} cells, at most {MOST_CELLS} are shown")


def _seat_peer(game: Game, link: Link, player: int) -> Seat:
    request = api.Request.FromString(link.receive())
    check_options(request.join_game.options)
    seat = game.join(player, request.join_game)
    response = api.Response(join_game=api.ResponseJoinGame(player_id=player))
    link.send(response.SerializeToString())
    return seat


def _join_elsewhere(request: Any, port: int) -> Joined:
    kinds = api.ResponseJoinGame
    try:
        host = call(port)
        host.send(api.Request(join_game=request).SerializeToString())
        response = api.Response.FromString(host.receive()).join_game
    except OSError as error:
        return Joined(kinds(error=kinds.NetworkError, error_details=str(error)))
    return Joined(response, host=host)
