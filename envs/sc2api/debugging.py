"""Debug commands: units made and killed, values set, the game ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..engine import fields as f
from .catalog import KIND_OF_ID
from .errors import RequestError
from .game import Game
from .layout import is_finite
from .view import Seat
from .world import NEUTRAL

SHOW_MAP: Final = 1  # values of DebugGameState
RICHES: Final[Mapping[int, tuple[int, int]]] = {5: (5000, 5000), 7: (5000, 0), 8: (0, 5000)}
ENERGY: Final = 1  # values of UnitValue
LIFE: Final = 2
SHIELDS: Final = 3
SURRENDER: Final = 1  # value of EndResult
MOST_UNITS: Final = 100  # made by one command


def debug(game: Game, seat: Seat, command: Any) -> None:
    """Carry out one debug command.

    Raises:
        RequestError: If the stand-in has no such thing.
    """
    name = command.WhichOneof("command")
    if name not in _COMMANDS:
        raise RequestError(f"debug command {name}")
    _COMMANDS[name](game, seat, getattr(command, name))
    game.look()


def _draw(game: Game, seat: Seat, command: Any) -> None:
    """Draw nothing: there is no screen to draw on."""


def _kill(game: Game, seat: Seat, command: Any) -> None:
    for tag in command.tag:
        slot = game.roster.slots.get(tag)
        if slot is not None and game.world.alive[slot]:
            game.world.kill(slot)
            game.look()


def _create(game: Game, seat: Seat, command: Any) -> None:
    kind = KIND_OF_ID.get(command.unit_type)
    if kind is None or command.owner not in (1, 2, NEUTRAL):
        raise RequestError(f"unit type {command.unit_type} of player {command.owner}")
    if command.quantity > MOST_UNITS:
        raise RequestError(f"{command.quantity} units, at most {MOST_UNITS} at once")
    left, bottom = seat.origin
    for _ in range(command.quantity):
        spot = (command.pos.x + left, command.pos.y + bottom)
        if not is_finite(spot) or not game.world.create(kind, command.owner, spot):
            raise RequestError(f"no room for unit type {command.unit_type} on this map")


def _set_value(game: Game, seat: Seat, command: Any) -> None:
    slot = game.roster.slots.get(command.unit_tag)
    if slot is None:
        raise RequestError(f"no unit has the tag {command.unit_tag}")
    field, most = {
        ENERGY: (f.ENERGY, f.MAX_ENERGY),
        LIFE: (f.HEALTH, f.MAX_HEALTH),
        SHIELDS: (f.SHIELD, f.MAX_SHIELD),
    }[command.unit_value]
    units = game.world.units
    value = min(max(0.0, command.value), float(units[most, slot]))  # NaN is 0
    if command.unit_value == LIFE and value <= 0:
        game.world.kill(slot)
        return
    units[field, slot] = value
    units[f.LOWEST, slot] = units[f.HEALTH, slot] + units[f.SHIELD, slot]


def _set_state(game: Game, seat: Seat, state: int) -> None:
    if state == SHOW_MAP:
        seat.shows_map = not seat.shows_map
    elif state in RICHES:
        game.world.grant(seat.player, *RICHES[state])
    else:
        raise RequestError(f"debug game state {state}")


def _end(game: Game, seat: Seat, command: Any) -> None:
    other = 3 - seat.player
    game.world.end(other if command.end_result == SURRENDER else seat.player)


_COMMANDS: Final[Mapping[str | None, Callable[[Game, Seat, Any], None]]] = {
    "draw": _draw,
    "kill_unit": _kill,
    "create_unit": _create,
    "unit_value": _set_value,
    "game_state": _set_state,
    "end_game": _end,
}
