"""Observations of the game, built by hand, and a game that answers with them."""

from typing import Any

from perceiver_rl.envs.pysc2 import ids
from perceiver_rl.envs.pysc2.game import GameError
from perceiver_rl.envs.pysc2.options import GameOptions
from perceiver_rl.envs.sc2api import catalog


def unit(kind: str, tag: int, alliance: int = ids.SELF, **values: Any) -> Any:
    """A visible unit; ``at`` is its place, ``orders`` are pairs of ability and target."""
    from perceiver_rl.envs.sc2api.protocol import raw

    x, y = values.pop("at", (30.0, 28.0))
    orders = values.pop("orders", ())
    message = raw.Unit(
        display_type=values.pop("display", ids.VISIBLE),
        alliance=alliance,
        tag=tag,
        unit_type=values.pop("unit_type", None) or catalog.UNIT_IDS[kind][0],
        build_progress=values.pop("build_progress", 1.0),
        **values,
    )
    message.pos.x, message.pos.y = x, y
    for ability, target in orders:
        order = message.orders.add(ability_id=ability)
        if isinstance(target, int):
            order.target_unit_tag = target
        elif target is not None:
            order.target_world_space_pos.x, order.target_world_space_pos.y = target
    return message


def response(units: list[Any], loop: int = 8, score: int = 0, **values: Any) -> Any:
    """What the game answers; ``result`` is how it ended for us."""
    from perceiver_rl.envs.sc2api.protocol import api

    result = values.pop("result", None)
    dead = values.pop("dead", ())
    camera = values.pop("camera", (32.0, 28.0))
    answer = api.ResponseObservation()
    observation = answer.observation
    observation.game_loop = loop
    observation.score.score = score
    observation.player_common.player_id = 1
    for name, value in values.items():
        setattr(observation.player_common, name, value)
    observation.raw_data.units.extend(units)
    observation.raw_data.event.dead_units.extend(dead)
    observation.raw_data.player.camera.x, observation.raw_data.player.camera.y = camera
    if result is not None:
        answer.player_result.add(player_id=1, result=result)
    return answer


class ScriptedGame:
    """Takes the place of PySC2: answers with what the test has laid out, or fails."""

    def __init__(self, map_name: str, options: GameOptions) -> None:
        self.options = options
        self.backend = "sc2-0.0"
        self.first = response([unit("marine", 1, health=45)], loop=0)
        self.answers: list[Any] = []
        self.sent: list[Any] = []
        self.seeds: list[int | None] = []
        self.failing_starts = 0
        self.closed = False

    def start(self, seed: int | None) -> Any:
        self.seeds.append(seed)
        if self.failing_starts:
            self.failing_starts -= 1
            raise GameError("no answer (its output: game.log)")
        return self.first

    def step(self, messages: Any) -> Any:
        self.sent.append(messages)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer, bool(answer.player_result)

    def close(self) -> None:
        self.closed = True
