"""The conversation with a client: one request in, one response out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from . import maps
from .acting import act, record
from .debugging import debug
from .describing import describe_data, describe_game
from .errors import RequestError
from .game import Game
from .hosting import Table, create_game, join_game
from .observing import observe
from .peers import Link
from .playback import Playback
from .protocol import api, parse_request
from .querying import answer
from .recording import ACTION, DEBUG
from .view import Seat
from .watching import replay_info, start_replay

LAUNCHED: Final = 1  # values of the protocol's Status
INIT_GAME: Final = 2
IN_GAME: Final = 3
IN_REPLAY: Final = 4
ENDED: Final = 5
QUIT: Final = 6
STATUS_NAMES: Final = {
    LAUNCHED: "launched",
    INIT_GAME: "init_game",
    IN_GAME: "in_game",
    IN_REPLAY: "in_replay",
    ENDED: "ended",
}

MOST_STEP: Final = 100_000
MOST_ACTIONS: Final = 1000
STAND_IN: Final = "stand-in"


class Build(NamedTuple):
    """What the stand-in says that it is.

    Args:
        base: Number of the build, as in the directory ``Versions/Base<number>``.
        data_version: As the client asks for it, or the stand-in's own.
        version: That the clients know the build by.
    """

    base: int = 75689
    data_version: str = "B89B5D6FA7CBF6452E721311BFBC6CB2"
    version: str = "4.10.0"


class Session:
    """Answers the requests of a client, from launch to quit.

    Args:
        build: What a ping is answered with.
    """

    def __init__(self, build: Build | None = None) -> None:
        self.status = LAUNCHED
        self._build = build or Build()
        self._table: Table | None = None
        self._game: Game | None = None
        self._seat: Seat | None = None
        self._host: Link | None = None
        self._watched: Playback | None = None

    def handle(self, message: bytes) -> bytes | None:
        """Answer a serialized ``Request``; None after ``quit``.

        Raises:
            ValueError: If the message is no request.
        """
        response = self.respond(parse_request(message))
        return None if response is None else response.SerializeToString()

    def respond(self, request: Any) -> Any:
        """Answer a ``Request``; None after ``quit``."""
        name = request.WhichOneof("request")
        response = api.Response()
        if name == "quit":
            self._hang_up()
            self.status = QUIT
            return None
        try:
            if name is None:
                raise RequestError("a request without content")
            self._check_status(name)
            if self._host is not None and name != "ping":
                response = self._pass_on(name, request)
            else:
                content = self._answer(name, getattr(request, name))
                getattr(response, name).CopyFrom(content)
        except RequestError as error:
            response.Clear()
            response.error.append(f"{STAND_IN}: {error}")
        if request.HasField("id"):
            response.id = request.id
        if self.status in (IN_GAME, IN_REPLAY) and self._over:
            self.status = ENDED
        response.status = self.status
        return response

    @property
    def _over(self) -> bool:
        if self._watched is not None:
            return self._watched.over
        return self._game is not None and self._game.over

    def _answer(self, name: str, content: Any) -> Any:
        handler = _HANDLERS[name]
        if self._game is None:
            return handler(self, content)
        with self._game.turn:
            self._game.catch_up()
            return handler(self, content)

    def _check_status(self, name: str) -> None:
        allowed = _ALLOWED.get(name)
        if allowed is not None and self.status not in allowed:
            if self.status == ENDED and name in ("step", "action"):
                raise RequestError("Game has already ended")
            states = ", ".join(STATUS_NAMES[state] for state in allowed) or "none"
            here = STATUS_NAMES[self.status]
            raise RequestError(f"{name} in state {here}; it can be asked in: {states}")

    def _pass_on(self, name: str, request: Any) -> Any:
        """Let the process that hosts the game answer."""
        assert self._host is not None
        try:
            self._host.send(request.SerializeToString())
            response = api.Response.FromString(self._host.receive())
        except OSError as error:
            self._hang_up()
            self.status = LAUNCHED
            raise RequestError(f"the game's host is gone: {error}") from None
        self.status = response.status
        if name == "leave_game":
            self._hang_up()
        return response

    def _hang_up(self) -> None:
        if self._host is not None:
            self._host.close()
            self._host = None
        if self._game is not None and self._seat is not None:
            with self._game.turn:
                self._game.leave(self._seat)
        self._game = self._seat = self._watched = None

    def serve_peer(self, link: Link, game: Game, seat: Seat, table: Table) -> None:
        """Answer the requests of another process that plays a game hosted here."""
        self._game, self._seat, self._table, self.status = game, seat, table, IN_GAME
        with contextlib.suppress(OSError, ValueError):
            while self._game is not None:
                reply = self.handle(link.receive())
                if reply is None:
                    break
                link.send(reply)
        self._hang_up()
        link.close()

    @property
    def _playing(self) -> tuple[Game, Seat]:
        if self._game is None or self._seat is None:
            raise RequestError("there is no game")
        return self._game, self._seat

    @property
    def _version(self) -> str:
        return f"{self._build.version}.{self._build.base} ({STAND_IN})"

    def _ping(self, _: Any) -> Any:
        return api.ResponsePing(
            game_version=self._version,
            data_version=self._build.data_version,
            data_build=self._build.base,
            base_build=self._build.base,
        )

    def _create_game(self, request: Any) -> Any:
        response, table = create_game(request)
        if table is not None:
            self._hang_up()
            self._table = table
            self.status = INIT_GAME
        return response

    def _join_game(self, request: Any) -> Any:
        joined = join_game(request, self._table)
        if joined.host is not None:
            self._host = joined.host
        if joined.game is not None:
            self._game, self._seat = joined.game, joined.seat
        if joined.host is not None or joined.game is not None:
            self.status = IN_GAME
        if joined.game is not None and self._table is not None:
            for link, seat in joined.peers:
                self._table.serve(Session(self._build), link, joined.game, seat)
        return joined.response

    def _restart_game(self, _: Any) -> Any:
        game, _seat = self._playing
        game.restart()
        self.status = IN_GAME
        return api.ResponseRestartGame()

    def _leave_game(self, _: Any) -> Any:
        self._hang_up()
        self.status = LAUNCHED
        return api.ResponseLeaveGame()

    def _game_info(self, _: Any) -> Any:
        _game, seat = self._playing
        assert self._table is not None
        with self._watched.watching() if self._watched else contextlib.nullcontext():
            return describe_game(seat, list(self._table.setup.player_setup), self._table.path)

    def _data(self, request: Any) -> Any:
        return describe_data(self._playing[0].world, request)

    def _observation(self, request: Any) -> Any:
        game, seat = self._playing
        if self._watched is not None:
            return self._watched.observe(request.disable_fog)
        game.wait_for(request.game_loop)
        seat.disable_fog = request.disable_fog or game.setup.disable_fog or not seat.player
        return observe(seat)

    def _action(self, request: Any) -> Any:
        game, seat = self._playing
        if not seat.player:
            raise RequestError("who watches cannot act")
        response = api.ResponseAction()
        if len(request.actions) > MOST_ACTIONS:
            raise RequestError(f"{len(request.actions)} actions, at most {MOST_ACTIONS} at once")
        for action in request.actions:
            game.recording.add(game.world.loop, seat.player, ACTION, action)
            result = act(seat, action)
            record(seat, action, result)
            response.result.append(result)
        return response

    def _step(self, request: Any) -> Any:
        game, seat = self._playing
        count = request.count or 1
        if count > MOST_STEP:
            raise RequestError(f"{count} loops in a step, at most {MOST_STEP} can be asked")
        if self._watched is not None:
            self._watched.step(count)
        else:
            game.step(seat, count)
        return api.ResponseStep(simulation_loop=game.world.loop)

    def _query(self, request: Any) -> Any:
        return answer(self._playing[1], request)

    def _debug(self, request: Any) -> Any:
        game, seat = self._playing
        for command in request.debug:
            game.recording.add(game.world.loop, seat.player, DEBUG, command)
            debug(game, seat, command)
        return api.ResponseDebug()

    def _quick_save(self, _: Any) -> Any:
        self._playing[0].save()
        return api.ResponseQuickSave()

    def _quick_load(self, _: Any) -> Any:
        self._playing[0].load()
        self.status = IN_GAME
        return api.ResponseQuickLoad()

    def _map_command(self, _: Any) -> Any:
        kinds = api.ResponseMapCommand
        return kinds(error=kinds.NoTriggerError, error_details="no map here has a trigger")

    def _obs_action(self, _: Any) -> Any:
        raise RequestError("nobody watches a replay here")

    def _available_maps(self, _: Any) -> Any:
        return api.ResponseAvailableMaps(local_map_paths=list(maps.MAPS.values()))

    def _save_map(self, request: Any) -> Any:
        kinds = api.ResponseSaveMap
        return kinds() if maps.map_named(request.map_path) else kinds(error=kinds.InvalidMapData)

    def _start_replay(self, request: Any) -> Any:
        response, watched, setup = start_replay(request)
        if watched is not None:
            self._hang_up()
            self._watched, self._game, self._seat = watched, watched.game, watched.seat
            self._table = Table(setup, watched.game.world.place.name)
            self.status = IN_REPLAY
        return response

    def _replay_info(self, request: Any) -> Any:
        return replay_info(request, self._version)

    def _save_replay(self, _: Any) -> Any:
        if self._watched is not None:
            raise RequestError("a replay is not recorded again")
        return api.ResponseSaveReplay(data=self._playing[0].replay())


_HANDLERS: Final[Mapping[str, Callable[[Session, Any], Any]]] = {
    field.name: getattr(Session, f"_{field.name}")
    for field in api.Request.DESCRIPTOR.oneofs_by_name["request"].fields
    if field.name != "quit"
}
_RUNNING: Final = (IN_GAME,)
_PLAYED: Final = (IN_GAME, ENDED)
_SHOWN: Final = (IN_GAME, IN_REPLAY, ENDED)
_ALLOWED: Final[Mapping[str, tuple[int, ...]]] = {
    "create_game": (LAUNCHED, INIT_GAME, IN_GAME, IN_REPLAY, ENDED),
    "start_replay": (LAUNCHED, INIT_GAME, IN_GAME, IN_REPLAY, ENDED),
    "join_game": (LAUNCHED, INIT_GAME),
    "restart_game": _PLAYED,
    "leave_game": (INIT_GAME, *_SHOWN),
    "game_info": _SHOWN,
    "observation": _SHOWN,
    "data": _SHOWN,
    "save_replay": _SHOWN,
    "action": _RUNNING,
    "step": (IN_GAME, IN_REPLAY),
    "query": (IN_GAME, IN_REPLAY),
    "debug": _RUNNING,
    "quick_save": _RUNNING,
    "quick_load": _PLAYED,
    "map_command": _RUNNING,
    "obs_action": (),
    "save_map": (LAUNCHED, INIT_GAME),
}
