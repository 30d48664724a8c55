"""Requests about replays: to begin one, and to say what is in it."""

from __future__ import annotations

from typing import Any

from . import maps
from .hosting import check_options
from .playback import Playback, parse
from .protocol import api
from .recording import Recording

LOOPS_PER_SECOND = 22.4  # as the game counts a replay's duration


def start_replay(request: Any) -> tuple[Any, Playback | None, Any]:
    """Return a ``ResponseStartReplay``, and, unless there is an error, what is watched.

    The third is the recorded game's ``RequestCreateGame``.

    Raises:
        RequestError: If the pictures that are asked for cannot be drawn.
    """
    kinds = api.ResponseStartReplay
    if not request.HasField("options"):
        return kinds(error=kinds.MissingOptions), None, None
    check_options(request.options)
    if request.WhichOneof("replay") != "replay_data":
        details = "stand-in: only a replay's content can be given, not its path"
        return kinds(error=kinds.InvalidReplayPath, error_details=details), None, None
    try:
        recording = Recording.from_bytes(request.replay_data)
        player = request.observed_player_id
        if player not in (0, *recording.joins):
            details = f"stand-in: nobody is player {player} there"
            return kinds(error=kinds.InvalidObservedPlayerId, error_details=details), None, None
        watched = Playback(recording, player, request.options, request.disable_fog)
        setup = parse(api.RequestCreateGame, recording.setup)
    except ValueError as error:
        details = f"stand-in: {error}"
        return kinds(error=kinds.InvalidReplayData, error_details=details), None, None
    return kinds(), watched, setup


def replay_info(request: Any, version: str) -> Any:
    """Return a ``ResponseReplayInfo``."""
    kinds = api.ResponseReplayInfo
    if request.WhichOneof("replay") != "replay_data":
        details = "stand-in: only a replay's content can be given, not its path"
        return kinds(error=kinds.InvalidReplayPath, error_details=details)
    try:
        recording = Recording.from_bytes(request.replay_data)
        setup = parse(api.RequestCreateGame, recording.setup)
    except ValueError as error:
        return kinds(error=kinds.ParsingError, error_details=f"stand-in: {error}")
    response = kinds(
        map_name=recording.map,
        local_map_path=maps.MAPS[recording.map],
        game_duration_loops=recording.loops,
        game_duration_seconds=recording.loops / LOOPS_PER_SECOND,
        game_version=version,
    )
    for number, player in enumerate(maps.players_of(setup), start=1):
        shown = response.player_info.add().player_info
        shown.player_id, shown.type = number, player.type
        shown.player_name = player.player_name
    return response
