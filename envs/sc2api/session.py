"""The conversation with a client: one request in, one response out."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from . import maps
from .acting import act, record
from .describing import describe_data, describe_game
from .game import Game
from .observing import observe
from .protocol import api, parse_request
from .view import Seat

LAUNCHED: Final = 1  # values of the protocol's Status
INIT_GAME: Final = 2
IN_GAME: Final = 3
ENDED: Final = 5
QUIT: Final = 6
STATUS_NAMES: Final = {LAUNCHED: "launched", INIT_GAME: "init_game", IN_GAME: "in_game", 5: "ended"}

PARTICIPANT: Final = 1
COMPUTER: Final = 2
MOST_STEP: Final = 100_000
MOST_ACTIONS: Final = 1000
STAND_IN: Final = "stand-in"


class RequestError(Exception):
    """A request that cannot be answered; the message goes into the response."""


class Build(NamedTuple):
    """What the stand-in says that it is.

    Args:
        base: Number of the build, as in the directory ``Versions/Base<number>``.
        data_version: As the client asks for it, or the stand-in's own.
    """

    base: int = 75689
    data_version: str = "STAND-IN"


class Session:
    """Answers the requests of a client, from launch to quit.

    Args:
        build: What a ping is answered with.
    """

    def __init__(self, build: Build | None = None) -> None:
        self.status = LAUNCHED
        self._build = build or Build()
        self._game: Game | None = None
        self._seat: Seat | None = None
        self._setup: Any = None
        self._map = ""

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
        if request.HasField("id"):
            response.id = request.id
        if name == "quit":
            self.status = QUIT
            return None
        try:
            if name is None:
                raise RequestError("a request without content")
            self._check_status(name)
            getattr(response, name).CopyFrom(_HANDLERS[name](self, getattr(request, name)))
        except RequestError as error:
            response.error.append(f"{STAND_IN}: {error}")
        response.status = self.status
        return response

    def _check_status(self, name: str) -> None:
        allowed = _ALLOWED.get(name)
        if allowed is not None and self.status not in allowed:
            if self.status == ENDED and name in ("step", "action"):
                raise RequestError("Game has already ended")
            states = ", ".join(STATUS_NAMES[state] for state in allowed)
            raise RequestError(
                f"{name} in state {STATUS_NAMES[self.status]}; it can be asked in {states}"
            )

    @property
    def _playing(self) -> tuple[Game, Seat]:
        if self._game is None or self._seat is None:
            raise RequestError("there is no game")
        return self._game, self._seat

    def _ping(self, _: Any) -> Any:
        return api.ResponsePing(
            game_version=f"0.0.0 ({STAND_IN})",
            data_version=self._build.data_version,
            data_build=self._build.base,
            base_build=self._build.base,
        )

    def _create_game(self, request: Any) -> Any:
        kinds = api.ResponseCreateGame
        if request.WhichOneof("Map") is None:
            return kinds(error=kinds.MissingMap, error_details="neither local_map nor a name")
        if request.HasField("battlenet_map_name"):
            return kinds(error=kinds.InvalidMapName, error_details=_no_map("battle.net maps"))
        name = maps.map_named(request.local_map.map_path)
        if name is None:
            details = _no_map(request.local_map.map_path)
            return kinds(error=kinds.InvalidMapPath, error_details=details)
        participants = [p for p in request.player_setup if p.type == PARTICIPANT]
        if not participants:
            return kinds(error=kinds.MissingPlayerSetup, error_details="there is no participant")
        if len(participants) > 1:
            return kinds(error=kinds.MultiplayerUnsupported, error_details="one participant only")
        self._setup, self._map = api.RequestCreateGame(), name
        self._setup.CopyFrom(request)
        self._setup.local_map.ClearField("map_data")
        self._game = self._seat = None
        self.status = INIT_GAME
        return kinds()

    def _join_game(self, request: Any) -> Any:
        kinds = api.ResponseJoinGame
        if request.HasField("observed_player_id"):
            return kinds(error=kinds.FeatureUnsupported, error_details="nobody can watch")
        seed = self._setup.random_seed if self._setup.HasField("random_seed") else None
        seed = secrets.randbits(31) if seed is None else seed
        self._game = Game(maps.open_map(self._map), seed, self._setup)
        self._seat = self._game.join(1, request)
        self.status = IN_GAME
        return kinds(player_id=self._seat.player)

    def _restart_game(self, _: Any) -> Any:
        game, _seat = self._playing
        game.restart()
        self.status = IN_GAME
        return api.ResponseRestartGame()

    def _leave_game(self, _: Any) -> Any:
        self._game = self._seat = None
        self.status = LAUNCHED
        return api.ResponseLeaveGame()

    def _game_info(self, _: Any) -> Any:
        _game, seat = self._playing
        path = maps.MAPS[self._map]
        return describe_game(seat, list(self._setup.player_setup), path)

    def _data(self, request: Any) -> Any:
        return describe_data(request)

    def _observation(self, request: Any) -> Any:
        _game, seat = self._playing
        seat.disable_fog = request.disable_fog or self._setup.disable_fog
        return observe(seat)

    def _action(self, request: Any) -> Any:
        _game, seat = self._playing
        response = api.ResponseAction()
        if len(request.actions) > MOST_ACTIONS:
            raise RequestError(f"{len(request.actions)} actions, at most {MOST_ACTIONS} at once")
        for action in request.actions:
            result = act(seat, action)
            record(seat, action, result)
            response.result.append(result)
        return response

    def _step(self, request: Any) -> Any:
        game, _seat = self._playing
        count = request.count or 1
        if count > MOST_STEP:
            raise RequestError(f"{count} loops in a step, at most {MOST_STEP} can be asked")
        game.advance(count)
        if game.over:
            self.status = ENDED
        return api.ResponseStep(simulation_loop=game.world.loop)

    def _available_maps(self, _: Any) -> Any:
        return api.ResponseAvailableMaps(local_map_paths=list(maps.MAPS.values()))

    def _save_map(self, request: Any) -> Any:
        kinds = api.ResponseSaveMap
        return kinds() if maps.map_named(request.map_path) else kinds(error=kinds.InvalidMapData)

    def _start_replay(self, _: Any) -> Any:
        kinds = api.ResponseStartReplay
        return kinds(error=kinds.InvalidReplayData, error_details="replays cannot be played here")

    def _replay_info(self, _: Any) -> Any:
        kinds = api.ResponseReplayInfo
        return kinds(error=kinds.ParsingError, error_details="replays cannot be read here")

    def _save_replay(self, _: Any) -> Any:
        return api.ResponseSaveReplay(data=b"stand-in: no replay of StarCraft II")


def _no_map(name: str) -> str:
    return f"the stand-in has no {name!r}, only {', '.join(maps.MAPS)}"


_HANDLERS: Final[Mapping[str, Callable[[Session, Any], Any]]] = {
    field.name: getattr(Session, f"_{field.name}")
    for field in api.Request.DESCRIPTOR.oneofs_by_name["request"].fields
    if hasattr(Session, f"_{field.name}")
}
_RUNNING: Final = (IN_GAME,)
_PLAYED: Final = (IN_GAME, ENDED)
_ALLOWED: Final[Mapping[str, tuple[int, ...]]] = {
    "create_game": (LAUNCHED, INIT_GAME, IN_GAME, ENDED),
    "join_game": (INIT_GAME,),
    "restart_game": _PLAYED,
    "leave_game": (INIT_GAME, *_PLAYED),
    "game_info": _PLAYED,
    "observation": _PLAYED,
    "data": _PLAYED,
    "save_replay": _PLAYED,
    "action": _RUNNING,
    "step": _RUNNING,
    "query": _RUNNING,
    "debug": _RUNNING,
    "quick_save": _RUNNING,
    "quick_load": _PLAYED,
    "map_command": _RUNNING,
    "obs_action": (),
}
