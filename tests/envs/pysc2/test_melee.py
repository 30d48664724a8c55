"""Whole games: what is seen of any map, what is legal by the units' abilities, who has won."""

from typing import Any

import numpy as np
import pytest

from perceiver_rl.envs.pysc2 import ids, melee
from perceiver_rl.envs.pysc2.compat import load_client
from perceiver_rl.envs.pysc2.game import GameError
from perceiver_rl.envs.pysc2.melee import MeleeEnv
from perceiver_rl.spaces import ContractError

from .messages import ScriptedGame, response, unit

pytest.importorskip("pysc2")


class ScriptedMelee(ScriptedGame):
    """A scripted game that knows PySC2's words and a map."""

    def __init__(self, map_name: str, options: Any) -> None:
        super().__init__(map_name, options)
        from perceiver_rl.envs.sc2api.protocol import common

        self.client = load_client()
        self.map = self.client.maps.get(map_name)
        self.able = {16, 4}  # a unit's own abilities to move and to stop
        area = common.RectangleI()
        area.p0.x, area.p0.y, area.p1.x, area.p1.y = 8, 16, 72, 80
        self.playable_area = area
        self.first = response(units(), loop=0)
        self.lost = False

    def abilities(self, tags: Any) -> set[int]:
        if self.lost:
            raise GameError("lost in a query")
        return self.able


def units() -> list[Any]:
    return [
        unit("scv", 1, health=45, health_max=45, at=(10.0, 20.0), orders=((16, (11.0, 20.0)),)),
        unit("marine", 2, ids.ENEMY, health=30, health_max=45),
        unit("mineral_field", 3, ids.NEUTRAL, mineral_contents=1800, display=2),
    ]


@pytest.fixture(autouse=True)
def _scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(melee, "Game", ScriptedMelee)


def make(**options: Any) -> tuple[MeleeEnv, Any]:
    env = MeleeEnv("Simple64", max_entities=16, **options)
    return env, env.game


def act(env: MeleeEnv, name: str, *rows: int, **arguments: int) -> Any:
    action = np.zeros(env.actions.nvec.shape, np.int64)
    action[0] = env.actions.index(name)
    action[[1 + row for row in rows]] = 1
    for argument, value in arguments.items():
        action[env.actions.position(argument)] = value
    return action


def test_units_of_all_sides_are_seen_with_their_types_and_orders() -> None:
    env, _ = make()
    observation, _ = env.reset(seed=1)
    assert env.observation_space.contains(observation)
    assert observation["entity_mask"].nonzero()[0].tolist() == [0, 8, 12]
    columns = [column.name for column in melee.melee_columns(env._words)]
    ours, enemy, field = (
        dict(zip(columns, observation["entities"][row].tolist(), strict=True)) for row in (0, 8, 12)
    )
    assert (ours["alliance"], enemy["alliance"], field["alliance"]) == (0, 1, 2)
    assert ours["unit_type"] == env._words.kinds[45]
    assert ours["order"] == env._words.orders[ids.MOVE]
    assert enemy["health_ratio"] == pytest.approx(30 / 45)
    assert (field["contents"], field["is_snapshot"]) == (1800, 1)


def test_only_what_some_unit_is_able_to_do_is_legal() -> None:
    env, _ = make()
    observation, _ = env.reset()
    legal = {env.actions.names[at] for at in observation["action_type_mask"].nonzero()[0]}
    assert legal == {"no_op", "Move_pt", "Move_unit", "Stop_quick", "raw_move_camera"}
    aimed = observation["target_mask"][env.actions.index("Move_unit")]
    assert aimed.nonzero()[0].tolist() == [0, 8]
    assert not observation["target_mask"][env.actions.index("Attack_unit")].any()


def test_an_action_is_one_command_aimed_at_the_playable_area() -> None:
    env, game = make()
    env.reset()
    game.answers = [response(units())]
    env.step(act(env, "Move_pt", 0, target_cell=31, queued=1))
    (message,) = game.sent[0]
    command = message.action_raw.unit_command
    assert (command.ability_id, list(command.unit_tags)) == (ids.MOVE, [1])
    assert command.queue_command
    assert (command.target_world_space_pos.x, command.target_world_space_pos.y) == (71, 17)


def test_what_is_forbidden_is_refused_and_counted() -> None:
    env, game = make()
    env.reset()
    game.answers = [response(units()) for _ in range(3)]
    assert env.step(act(env, "Attack_unit", 0, target_unit=8))[4] == {"refused_orders": 1}
    assert env.step(act(env, "Move_unit", 0, 8, target_unit=8))[4] == {"refused_orders": 2}
    assert env.step(act(env, "Move_unit", 0, target_unit=12))[4] == {"refused_orders": 3}
    assert [len(each) for each in game.sent] == [0, 1, 0]


@pytest.mark.parametrize(
    ("result", "reward", "outcome"),
    [(ids.VICTORY, 1, "win"), (ids.DEFEAT, -1, "loss"), (3, 0, "draw")],
)
def test_a_game_that_is_decided_terminates(result: int, reward: float, outcome: str) -> None:
    env, game = make()
    env.reset(seed=2)
    game.answers = [response(units(), loop=500, result=result)]
    observation, got, terminated, truncated, info = env.step(act(env, "no_op"))
    assert (got, terminated, truncated) == (reward, True, False)
    assert info["outcome"] == outcome
    assert (info["game_loops"], info["episode_seed"]) == (500, 2)
    assert observation["action_type_mask"].nonzero()[0].tolist() == [0]


def test_a_game_without_end_is_truncated_by_the_maps_clock() -> None:
    env, game = make()
    env.reset()
    game.answers = [response(units(), loop=game.map.game_steps_per_episode)]
    _, reward, terminated, truncated, info = env.step(act(env, "no_op"))
    assert (reward, terminated, truncated) == (0, False, True)
    assert info["outcome"] == "draw"


def test_a_failure_in_a_query_voids_the_episode_as_any_other() -> None:
    env, game = make()
    env.reset()
    game.answers = [response(units())]
    game.lost = True
    observation, *_, info = env.step(act(env, "no_op"))
    assert info["void"]
    assert env.observation_space.contains(observation)
    assert not observation["selectable_mask"].any()


def test_maps_of_one_player_and_too_few_rows_are_errors() -> None:
    with pytest.raises(ContractError, match="DefeatRoaches is for one player"):
        MeleeEnv("DefeatRoaches")
    with pytest.raises(ContractError, match="max_entities must be at least 4"):
        MeleeEnv("Simple64", max_entities=3)
