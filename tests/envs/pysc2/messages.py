"""Observations of the game, built by hand."""

from typing import Any

from perceiver_rl.envs.pysc2 import ids
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
