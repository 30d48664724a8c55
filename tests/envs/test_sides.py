"""The enemy played through the contract: what it sees, orders and is rewarded with."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from perceiver_rl.envs import BatchedEnv, Scenario, make_control
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.replay import Recorder as Replays
from perceiver_rl.envs.replay import Replay
from perceiver_rl.envs.scenarios import SCENARIOS, point
from perceiver_rl.envs.sides import looks_alike, swapped
from perceiver_rl.spaces import ActionError, ContractError

NO_OP, STOP, MOVE, ATTACK, ATTACK_MOVE, HOLD = range(6)
UNEVEN = Scenario(
    name="uneven",
    own=(("marine", 2),),
    enemy=(("stalker", 1), ("zealot", 2)),
    places=((point(9, 16), point(23, 16)),),
    step_limit=60,
)
LOPSIDED = Scenario(
    name="lopsided",
    own=(("marine", 1),),
    enemy=(("marine", 1),),
    places=((point(5, 5), point(9, 5)),),
    step_limit=60,
)


def commanded(scenario: str | Scenario = UNEVEN, games: int = 1, **options: Any) -> BatchedEnv:
    env = BatchedEnv(scenario, games, opponent="commanded", **options)
    env.reset(range(games))
    return env


def action(
    env: BatchedEnv, kind: int = NO_OP, selected: tuple[int, ...] = (), unit: int = 0, cell: int = 0
) -> NDArray[np.int64]:
    vector = np.zeros((env.num_envs, env.action_space.nvec.size), np.int64)
    vector[:, 0] = kind
    vector[:, [1 + row for row in selected]] = 1
    vector[:, -2:] = unit, cell
    return vector


def column(env: BatchedEnv, observation: Any, name: str) -> list[float]:
    return list(observation["entities"][0, :, env.entity_space.index(name)].tolist())


def test_the_enemy_sees_its_own_rows_first_and_left_and_right_exchanged() -> None:
    env = commanded()
    env.units[0, f.HEALTH, 0] = 20
    env.units[0, f.TARGET, 2] = 0  # the stalker aims at our first marine
    own, theirs = env.observe(), env.observe("enemy")
    assert column(env, own, "alliance") == [0, 0, 1, 1, 1]
    assert column(env, theirs, "alliance") == [0, 0, 0, 1, 1]
    assert column(env, theirs, "health") == [80, 100, 100, 20, 45]
    assert column(env, theirs, "attackers") == [0, 0, 0, 1, 0]
    x, seen = column(env, own, "x"), column(env, theirs, "x")
    assert seen == pytest.approx([32 - x[row] for row in (2, 3, 4, 0, 1)])
    y = column(env, own, "y")
    assert column(env, theirs, "y") == [y[row] for row in (2, 3, 4, 0, 1)]
    assert theirs["selectable_mask"][0].tolist() == [1, 1, 1, 0, 0]
    assert theirs["target_mask"][0, ATTACK].tolist() == [0, 0, 0, 1, 1]
    assert theirs["scalars"][0].tolist() == pytest.approx([1, 1, 65 / 90, 1, 1])


def test_a_map_that_is_not_the_same_from_both_sides_is_seen_as_it_is() -> None:
    assert looks_alike(UNEVEN)
    assert not looks_alike(LOPSIDED)
    env = commanded(LOPSIDED)
    assert column(env, env.observe("enemy"), "x") == [9, 5]
    env.step(action(env), action(env, MOVE, (0,), cell=0))
    assert env.units[0, f.GOAL_X, 1] == 1


def test_the_other_side_of_the_other_side_is_ours() -> None:
    back = swapped(swapped(UNEVEN))
    assert (back.own, back.enemy, back.places) == (UNEVEN.own, UNEVEN.enemy, UNEVEN.places)


def test_the_enemys_orders_reach_its_units_and_nobody_else() -> None:
    env = commanded()
    ours = env.units[0, [f.ORDER, f.TARGET, f.GOAL_X], :2].copy()
    env.step(action(env), action(env, ATTACK, (0, 2), unit=4))
    assert env.units[0, [f.ORDER, f.TARGET], 2].tolist() == [f.ATTACK, 1]
    assert env.units[0, [f.ORDER, f.TARGET], 4].tolist() == [f.ATTACK, 1]
    assert env.units[0, f.ORDER, 3] == f.IDLE
    np.testing.assert_array_equal(env.units[0, [f.ORDER, f.TARGET, f.GOAL_X], :2], ours)
    # Cell 0 is at the lower left, which is the lower right of the map for us.
    env.step(action(env), action(env, MOVE, (1,), cell=0))
    assert env.units[0, [f.GOAL_X, f.GOAL_Y], 3].tolist() == [31, 1]
    assert env.units[0, f.ORDER, 2] == f.ATTACK  # an order lasts


def test_orders_of_both_sides_stand_in_the_same_step() -> None:
    env = commanded("Battle-3m")
    env.step(action(env, ATTACK, (0, 1, 2), unit=4), action(env, ATTACK, (0, 1, 2), unit=5))
    assert env.units[0, f.TARGET, :6].tolist() == [4, 4, 4, 2, 2, 2]


def test_what_the_enemy_may_not_do_is_refused_and_counted_apart() -> None:
    env = commanded(LOPSIDED)
    env.units[0, f.HEALTH, 0] = 1
    env.units[0, f.X, 0] = 7
    info = env.step(action(env), action(env, ATTACK, (0, 1), unit=1)).infos[0]
    assert info["outcome"] == "loss"
    assert (info["refused_orders"], info["enemy_refused_orders"]) == (0, 1)
    env.reset([0])
    env.units[0, f.HEALTH, 0] = 1
    env.units[0, f.X, 0] = 7
    info = env.step(action(env), action(env, ATTACK, (0,), unit=1)).infos[0]
    assert info["enemy_refused_orders"] == 0


def test_illegal_actions_of_the_enemy_are_errors_where_asked_for() -> None:
    env = commanded(illegal="error")
    before = env.units.copy()
    with pytest.raises(ActionError, match=r"enemy's actions: env 0: selected entities \[3\]"):
        env.step(action(env), action(env, STOP, (3,)))
    outside = action(env)
    outside[0, 0] = 99
    with pytest.raises(ActionError, match="enemy's actions: env 0: action_type=99"):
        env.step(action(env), outside)
    np.testing.assert_array_equal(env.units, before)


def test_units_without_orders_behave_alike_on_both_sides() -> None:
    for fights in (False, True):
        scenario = Scenario(
            name="close",
            own=(("marine", 1),),
            enemy=(("marine", 1),),
            places=((point(14, 16), point(18, 16)),),
            step_limit=60,
            idle_units_fight=fights,
        )
        env = commanded(scenario)
        for _ in range(20):
            env.step(action(env), action(env))
        health = env.units[0, f.HEALTH, :2]
        assert health[0] == health[1]
        assert (health[0] < 45) == fights


def test_each_side_is_rewarded_alike() -> None:
    def play(kinds: tuple[int, int]) -> tuple[list[float], list[float]]:
        env = commanded(
            Scenario(
                name="even",
                own=(("marine", 1),),
                enemy=(("marine", 1),),
                places=((point(14, 16), point(18, 16)),),
                step_limit=60,
            )
        )
        ours, theirs = [], []
        while not env.finished[0]:
            blue, red = (action(env, kind, (0,) if kind else (), 1) for kind in kinds)
            ours.append(float(env.step(blue, red).reward[0]))
            theirs.append(float(env.enemy_reward[0]))
        return ours, theirs

    ours, theirs = play((ATTACK, NO_OP))
    assert sum(ours) > 0
    mine, others = play((NO_OP, ATTACK))
    assert mine == pytest.approx(theirs)
    assert others == pytest.approx(ours)


class Recorder:
    """Stands by and keeps what it sees."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def act(self, observation: Any) -> NDArray[np.int64]:
        self.seen.append(observation)
        return np.zeros((len(observation["entities"]), 9), np.int64)


def test_any_object_that_acts_can_be_the_opponent() -> None:
    recorder = Recorder()
    env = BatchedEnv("Battle-3m", 4, opponent=recorder)
    env.reset(range(4))
    env.step(action(env, MOVE, (0, 1, 2), cell=3))
    assert env.opponent == "Recorder"
    (seen,) = recorder.seen
    assert seen["entities"].shape == (4, 6, len(env.entity_space.columns))
    # It decides by the state that we decided by, not by the orders we have just given.
    assert not seen["entities"][..., env.entity_space.index("order")].any()


@pytest.mark.parametrize("scenario", ["Battle-8m", "Battle-2s3z"])
@pytest.mark.parametrize("name", ["attack-nearest", "focus-fire", "elite"])
def test_equal_scripts_on_both_sides_win_equally_often(scenario: str, name: str) -> None:
    games = 300
    env = commanded(scenario, games, illegal="error")
    blue, red = (
        make_control(name, env.observation_space, env.action_space, seed) for seed in (0, 1)
    )
    observation, found = env.observe(), Counter[str]()
    while not env.finished.all():
        step = env.step(blue.act(observation), red.act(env.observe("enemy")))
        observation = step.observation
        found.update(info["outcome"] for info in step.infos if "outcome" in info)
    decided = found["win"] + found["loss"]
    # Three standard deviations of a fair coin.
    assert abs(found["win"] - found["loss"]) < 3 * np.sqrt(decided)


def test_a_game_of_two_players_is_the_same_in_any_batch() -> None:
    def course(seeds: list[int], row: int) -> bytes:
        env = commanded("Battle-3m", len(seeds))
        env.reset(seeds)
        players = [
            make_control(name, env.observation_space, env.action_space, 0)
            for name in ("elite", "kite")
        ]
        found = b""
        for _ in range(40):
            env.step(players[0].act(env.observe()), players[1].act(env.observe("enemy")))
            found += env.units[row].tobytes()
        return found

    assert course([7, 42, 9], 1) == course([42], 0)
    assert course([42], 0) != course([43], 0)


def test_what_two_sides_need_is_said() -> None:
    with pytest.raises(ContractError, match="'DefeatRoaches' has one side only"):
        BatchedEnv("DefeatRoaches", 1, opponent="commanded")
    with pytest.raises(ContractError, match="has a method act"):
        BatchedEnv("Battle-3m", 1, opponent=3)  # type: ignore[arg-type]
    with pytest.raises(ContractError, match="unknown opponent 'polcy:x'"):
        BatchedEnv("Battle-3m", 1, opponent="polcy:x")
    script = BatchedEnv("Battle-3m", 1)
    script.reset([0])
    with pytest.raises(ContractError, match="'attack-nearest' is a script"):
        script.observe("enemy")
    with pytest.raises(ContractError, match="'attack-nearest' is a script"):
        script.enemy_reward  # noqa: B018
    with pytest.raises(ContractError, match="unknown side 'enmy'.*did you mean 'enemy'"):
        script.observe("enmy")
    with pytest.raises(ActionError, match="the opponent is 'attack-nearest', not 'commanded'"):
        script.step(action(script), action(script))
    env = commanded("Battle-3m")
    with pytest.raises(ActionError, match="needs the enemy's actions in every step"):
        env.step(action(env))
    player = BatchedEnv("Battle-3m", 1, opponent=Recorder())
    player.reset([0])
    with pytest.raises(ActionError, match="has a player of its own"):
        player.step(action(player), action(player))


def control_of(batch: BatchedEnv, name: str, seed: int = 0) -> Any:
    return make_control(name, batch.observation_space, batch.action_space, seed)


def test_games_against_a_player_are_replayed_with_its_actions(tmp_path: Path) -> None:
    probe = BatchedEnv("Battle-2s3z", 1)
    for opponent in ("commanded", control_of(probe, "random"), control_of(probe, "elite")):
        batch = BatchedEnv("Battle-2s3z", 3, opponent=opponent)
        ours, theirs = control_of(batch, "focus-fire"), control_of(batch, "kite")
        replays = Replays(batch)
        observation = replays.reset([1, 2, 3])
        for _ in range(40):
            enemy = theirs.act(batch.observe("enemy")) if opponent == "commanded" else None
            observation = replays.step(ours.act(observation), enemy).observation
        replays.replay().save(tmp_path / "games.npz")
        replay = Replay.load(tmp_path / "games.npz")
        alone = replay.make_batch()
        for row, episode in enumerate(replay.episodes):
            replay.play(alone, episode)
            np.testing.assert_array_equal(alone.units[0], batch.units[row])


def test_a_script_that_plays_the_enemy_is_not_recorded() -> None:
    replays = Replays(BatchedEnv("Battle-3m", 1, opponent="elite"))
    replays.reset([1])
    assert not replays.replay().holds_both_sides


def test_every_battle_can_be_played_from_both_sides() -> None:
    for scenario in SCENARIOS.values():
        if not scenario.scored:
            env = commanded(scenario, 2)
            one: Any = {key: value[1] for key, value in env.observe("enemy").items()}
            assert env.observation_space.contains(one)
