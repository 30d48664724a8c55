"""A batch of games: seeds, masks, refused orders, the end of a game."""

from __future__ import annotations

import hashlib
import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from perceiver_rl.envs import BatchedEnv, BatchedStep, make_control
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.scenarios import SCENARIOS
from perceiver_rl.spaces import ActionError, ContractError

MINI_GAMES = [name for name in SCENARIOS if not name.startswith("Battle-")]
BATTLES = ["3m", "8m", "2s3z", "1c3s5z", "MMM", "bane_vs_bane", "corridor", "zerg_10_vs_11"]
SAMPLE = [*MINI_GAMES, *(f"Battle-{name}" for name in BATTLES)]
NAMES = [name for name in SAMPLE if not SCENARIOS[name].task]
COURSE = [f.X, f.Y, f.HEALTH, f.SHIELD, f.COOLDOWN, f.ORDER, f.TARGET, f.LOWEST]
TALLY = [f.LOOP, f.OUTCOME, f.STREAM, f.SCORE, f.OWN_LOST, f.ENEMY_LOST, f.WAVES, f.REFUSED]
NO_OP, STOP, MOVE, ATTACK, ATTACK_MOVE, HOLD = range(6)


def actions(env: BatchedEnv, kind: int, selected: list[int], unit: int = 0, cell: int = 0) -> Any:
    """Return the same action for every game."""
    action = np.zeros((env.num_envs, env.action_space.nvec.size), dtype=np.int64)
    action[:, 0] = kind
    action[:, [1 + slot for slot in selected]] = 1
    action[:, -2:] = unit, cell
    return action


def play_to_end(
    env: BatchedEnv, control: str, seeds: list[int]
) -> tuple[list[BatchedStep], list[dict[str, Any]]]:
    """Play every game to its end; return all steps and the final infos."""
    script = make_control(control, env.observation_space, env.action_space, seed=0)
    observation = env.reset(seeds)
    steps: list[BatchedStep] = []
    final: list[dict[str, Any]] = [{}] * env.num_envs
    while not env.finished.all():
        steps.append(env.step(script.act(observation)))
        observation = steps[-1].observation
        for row, info in enumerate(steps[-1].infos):
            final[row] = info if "outcome" in info else final[row]
    return steps, final


@pytest.mark.parametrize("name", NAMES)
def test_every_observation_of_random_play_lies_in_the_space(name: str) -> None:
    env = BatchedEnv(name, 4)
    control = make_control("random", env.observation_space, env.action_space, seed=1)
    observation = env.reset([0, 1, 2, 3])
    for _ in range(130):
        for row in range(env.num_envs):
            one: Any = {key: value[row] for key, value in observation.items()}
            assert env.observation_space.contains(one)
        step = env.step(control.act(observation))
        observation = step.observation
        if (rows := np.flatnonzero(step.terminated | step.truncated)).size:
            env.restart(rows)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("control", ["random", "attack-nearest", "focus-fire"])
def test_what_the_masks_allow_is_never_refused(name: str, control: str) -> None:
    env = BatchedEnv(name, 8, opponent="random", illegal="error")
    _, final = play_to_end(env, control, list(range(8)))
    assert [info["refused_orders"] for info in final] == [0] * 8


def test_masks_say_who_lives_whom_we_command_and_whom_we_can_attack() -> None:
    env = BatchedEnv("Battle-3m", 1, opponent="no-op", max_entities=8)
    env.reset([0])
    env.units[0, f.HEALTH, 4] = 1  # the second enemy dies of the next hit
    for slot in range(3):
        env.units[0, f.X, slot] = 20
    observation = env.step(actions(env, ATTACK, [0], unit=4)).observation
    assert observation["entity_mask"][0].tolist() == [1, 1, 1, 1, 0, 1, 0, 0]
    assert observation["selectable_mask"][0].tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert observation["target_mask"][0, ATTACK].tolist() == [0, 0, 0, 1, 0, 1, 0, 0]
    assert not observation["target_mask"][0, [NO_OP, STOP, MOVE, ATTACK_MOVE, HOLD]].any()
    assert observation["action_type_mask"][0].all()
    assert not observation["entities"][0, [4, 6, 7]].any()


def test_columns_hold_what_their_names_say() -> None:
    env = BatchedEnv("Battle-2s3z", 1, opponent="no-op")
    env.reset([3])
    env.units[0, f.X, 0] = 18
    env.units[0, f.SCAN, 5:10] = -10  # the enemy does not look around
    observation = env.step(actions(env, ATTACK, [0, 1], unit=5)).observation
    rows = observation["entities"][0]

    def column(name: str) -> NDArray[np.float32]:
        return rows[:, env.entity_space.index(name)]

    assert column("alliance").tolist() == [0] * 5 + [1] * 5
    assert column("unit_type").tolist() == [3, 3, 4, 4, 4] * 2
    assert column("shield").tolist() == [80, 80, 50, 50, 50, 80 - 18, 80, 50, 50, 50]
    assert column("shield_ratio")[5] == pytest.approx(62 / 80)
    assert column("health_ratio").tolist() == [1] * 10
    assert column("order").tolist() == [2, 2, 0, 0, 0, 0, 0, 0, 0, 0]
    assert column("weapon_cooldown")[0] == pytest.approx(29.9216 - 7, abs=1e-4)
    assert column("attackers")[5] == 2
    np.testing.assert_array_equal(column("x"), env.units[0, f.X, :10])
    assert observation["scalars"][0].tolist() == pytest.approx(
        [1 - 8 / 960, 1, (770 - 18) / 770, 1, 1]
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_game_is_the_same_in_any_batch_and_at_any_position(name: str) -> None:
    def course(seeds: list[int], row: int) -> list[bytes]:
        env = BatchedEnv(name, len(seeds), opponent="random")
        env.reset(seeds)
        rng = np.random.default_rng(7)
        found: list[bytes] = []
        for _ in range(60):
            action = actions(env, ATTACK_MOVE, [0, 1, 2], cell=int(rng.integers(256)))
            action[:, 0] = rng.integers(6)
            step = env.step(action)
            found += [value[row].tobytes() for value in step.observation.values()]
            found.append(step.reward[row].tobytes())
            if step.terminated[row] or step.truncated[row]:
                env.restart(np.array([row]))
        return found

    alone = course([42], 0)
    assert course([7, 42, 9], 1) == alone
    assert course([*range(20), 42], 20) == alone
    assert course([43], 0) != alone


GOLDEN = {
    "DefeatRoaches": "034128c4e3006228",
    "DefeatZerglingsAndBanelings": "02963782284260ec",
    "Battle-3m": "28ea7afb5e47bac7",
    "Battle-8m": "8c700dd64251bdf4",
    "Battle-2s3z": "d0dbe8667f7db63a",
    "Battle-1c3s5z": "1c56b3c0922fbd34",
    "Battle-MMM": "0dc22ddefa203cb3",
    "Battle-bane_vs_bane": "8cde05074114a872",
    "Battle-corridor": "6152d81b6775e3a5",
    "Battle-zerg_10_vs_11": "c189ba99d455eaf4",
}


@pytest.mark.parametrize("name", NAMES)
def test_the_course_of_a_game_is_the_same_on_every_machine(name: str) -> None:
    digest = hashlib.sha256()
    for opponent in ("random", "attack-nearest", "focus-fire"):
        env = BatchedEnv(name, 2, opponent=opponent)
        env.reset([1, 2])
        rng = np.random.default_rng(3)
        for _ in range(100):
            action = rng.integers(0, env.action_space.nvec, size=(2, env.action_space.nvec.size))
            env.step(action)
            digest.update(env.units[:, COURSE].tobytes())
            digest.update(env.games[:, TALLY].tobytes())
    assert digest.hexdigest()[:16] == GOLDEN[name]


def test_episodes_of_one_seed_differ_and_can_be_replayed_by_their_seed() -> None:
    env = BatchedEnv("Battle-3m", 1)
    first = env.reset([5])["entities"].copy()
    env.restart(np.array([0]))
    seed = int(env.seeds[0])
    second = env.units.copy()
    assert 2**62 <= seed < 2**63
    assert not np.array_equal(first, env.reset([seed])["entities"])
    np.testing.assert_array_equal(env.units, second)


@pytest.mark.parametrize("seeds", [[1], [1, 2, 3], [-1, 0], [2**63, 0]])
def test_wrong_seeds_are_an_error(seeds: list[int]) -> None:
    with pytest.raises(ContractError, match="seed"):
        BatchedEnv("Battle-3m", 2).reset(seeds)


def test_a_reset_of_some_games_leaves_the_others_alone() -> None:
    env = BatchedEnv("Battle-3m", 3)
    env.reset([1, 2, 3])
    env.step(actions(env, MOVE, [0], cell=5))
    before = env.units.copy()
    env.reset([9], rows=[1])
    np.testing.assert_array_equal(env.units[[0, 2]], before[[0, 2]])
    assert not np.array_equal(env.units[1], before[1])
    with pytest.raises(ContractError, match="rows"):
        env.reset([9], rows=[3])


@pytest.mark.parametrize("name", NAMES)
def test_a_finished_game_stays_as_it_is_until_reset(name: str) -> None:
    env = BatchedEnv(name, 2)
    play_to_end(env, "focus-fire", [0, 1])
    units, games = env.units.copy(), env.games.copy()
    step = env.step(actions(env, ATTACK_MOVE, list(range(env.scenario.slots)), cell=3))
    np.testing.assert_array_equal(env.units, units)
    np.testing.assert_array_equal(env.games[:, : f.STEP_KILLS], games[:, : f.STEP_KILLS])
    assert step.infos == [{}, {}]
    assert not step.reward.any()
    assert not (step.terminated | step.truncated).any()
    assert step.observation["action_type_mask"].tolist() == [[1, 0, 0, 0, 0, 0]] * 2
    assert not step.observation["selectable_mask"].any()
    env.reset([0, 1])
    assert not env.finished.any()


def test_refused_orders_of_a_finished_game_are_not_told_again() -> None:
    env = BatchedEnv("Battle-3m", 2, opponent="no-op")
    env.reset([0, 1])
    env.step(actions(env, MOVE, [0, 3]))
    env.units[0, f.X, :3] = 20
    env.units[0, f.HEALTH, :3] = 1
    while not env.finished[0]:
        env.step(actions(env, NO_OP, []))
    step = env.step(actions(env, MOVE, [0, 3]))
    assert step.infos == [{}, {"refused_orders": 2}]


def test_a_battle_is_won_lost_or_drawn_by_who_is_left() -> None:
    env = BatchedEnv("Battle-3m", 4, opponent="no-op")
    env.reset([0, 1, 2, 3])
    for row, losers in enumerate(([3, 4, 5], [0, 1, 2], [0, 1, 2, 3, 4, 5], [])):
        for slot in losers:  # stand side by side with one hit point left, and shoot
            env.units[row, f.HEALTH, slot] = 1
    env.units[:, f.X, :6] = [14, 14, 14, 17, 17, 17]
    env.units[:3, f.ORDER, :6] = f.HOLD
    step = env.step(actions(env, NO_OP, []))
    assert [info.get("outcome") for info in step.infos] == ["win", "loss", "draw", None]
    assert [info.get("is_success") for info in step.infos] == [True, False, False, None]
    assert step.terminated.tolist() == [True, True, True, False]
    assert not step.truncated.any()
    assert step.infos[0]["game_loops"] == 1
    assert step.infos[0]["episode_seed"] == 0


def test_a_battle_without_end_is_a_draw_when_its_time_is_out() -> None:
    env = BatchedEnv("Battle-3m", 1, opponent="no-op")
    steps, final = play_to_end(env, "no-op", [0])
    assert len(steps) == 60
    assert (steps[-1].terminated[0], steps[-1].truncated[0]) == (False, True)
    assert not any(step.truncated[0] for step in steps[:-1])
    assert (final[0]["outcome"], final[0]["is_success"]) == ("draw", False)
    assert final[0]["game_loops"] == 480
    assert steps[-1].observation["scalars"][0, 0] == 0


def test_the_shaped_reward_of_a_won_battle_totals_20_and_is_never_negative() -> None:
    env = BatchedEnv("Battle-2s3z", 16, opponent="random")
    steps, final = play_to_end(env, "focus-fire", list(range(16)))
    total = sum(step.reward.astype(float) for step in steps)
    assert {info["outcome"] for info in final} == {"win"}
    assert total == pytest.approx(np.full(16, 20.0), abs=1e-4)
    assert min(step.reward.min() for step in steps) == 0


def test_the_win_reward_is_the_outcome_alone() -> None:
    env = BatchedEnv("Battle-3m", 64, reward="win")
    steps, final = play_to_end(env, "focus-fire", list(range(64)))
    worth = {"win": 1, "loss": -1, "draw": 0}
    total = np.sum([step.reward for step in steps], axis=0)
    assert total.tolist() == [worth[info["outcome"]] for info in final]
    assert {info["outcome"] for info in final} >= {"win", "loss"}


@pytest.mark.parametrize(
    ("kind", "selected", "unit", "refused"),
    [
        (MOVE, [0, 1, 2], 0, 0),
        (MOVE, [0, 3, 5, 7], 0, 3),  # two enemies and an empty row
        (MOVE, [], 0, 1),  # nobody
        (ATTACK, [0, 1], 2, 2),  # an own unit as target
        (ATTACK, [0, 1], 7, 2),  # an empty row as target
        (ATTACK, [0, 1, 4], 3, 1),
        (NO_OP, [3, 4], 0, 0),  # unused arguments are ignored
    ],
)
def test_forbidden_orders_are_refused_and_counted_and_the_rest_carried_out(
    kind: int, selected: list[int], unit: int, refused: int
) -> None:
    env = BatchedEnv("Battle-3m", 2, opponent="no-op", max_entities=8)
    env.reset([0, 1])
    action = actions(env, kind, selected, unit)
    action[1] = 0
    step = env.step(action)
    assert step.infos[1] == {}
    assert step.infos[0] == ({"refused_orders": refused} if refused else {})
    carried_out = kind != NO_OP and (kind != ATTACK or unit == 3)
    orders = np.flatnonzero(env.units[0, f.ORDER])
    assert orders.tolist() == [slot for slot in selected if slot < 3 and carried_out]
    again = env.step(action)
    assert again.infos[0] == ({"refused_orders": 2 * refused} if refused else {})


def test_forbidden_orders_raise_on_request_and_change_nothing() -> None:
    env = BatchedEnv("Battle-3m", 2, illegal="error")
    env.reset([0, 1])
    units, games = env.units.copy(), env.games.copy()
    action = actions(env, MOVE, [0])
    action[1, 1 + 4] = 1
    with pytest.raises(ActionError, match=r"env 1: selected entities \[4\].*selectable_mask"):
        env.step(action)
    np.testing.assert_array_equal(env.units, units)
    np.testing.assert_array_equal(env.games, games)


@pytest.mark.parametrize("illegal", ["refuse", "error"])
@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0, 6, r"env 1: action_type=6 is not in \[0, 6\)"),
        (3, 2, r"env 1: selected_2=2 is not in \[0, 2\)"),
        (-2, -1, r"env 1: target_unit=-1 is not in \[0, 6\)"),
        (-1, 256, r"env 1: target_cell=256 is not in \[0, 256\)"),
    ],
)
def test_an_action_outside_its_space_always_raises(
    illegal: str, at: int, value: int, message: str
) -> None:
    env = BatchedEnv("Battle-3m", 3, illegal=illegal)
    env.reset([0, 1, 2])
    units = env.units.copy()
    action = actions(env, MOVE, [0])
    action[1, at] = value
    with pytest.raises(ActionError, match=message):
        env.step(action)
    np.testing.assert_array_equal(env.units, units)


@pytest.mark.parametrize("action", [np.zeros((2, 8), int), np.zeros((2, 9)), np.zeros(9, int)])
def test_misshapen_actions_raise(action: NDArray[Any]) -> None:
    env = BatchedEnv("Battle-3m", 2)
    env.reset([0, 1])
    with pytest.raises(ActionError, match=r"integers of shape \(2, 9\)"):
        env.step(action)


@pytest.mark.parametrize(
    ("kind", "order"),
    [(STOP, "idle"), (MOVE, "move"), (ATTACK_MOVE, "attack_move"), (HOLD, "hold")],
)
def test_each_action_type_gives_the_order_of_its_name(kind: int, order: str) -> None:
    env = BatchedEnv("Battle-3m", 1, opponent="no-op")
    env.reset([0])
    env.step(actions(env, MOVE, [0, 1, 2], cell=200))
    observation = env.step(actions(env, kind, [1], cell=17)).observation
    orders = observation["entities"][0, :, env.entity_space.index("order")]
    assert [f.ORDERS[int(value)] for value in orders[:3]] == ["move", order, "move"]
    assert env.action_space.names[kind] == ("stop" if order == "idle" else order)


def test_orders_persist_until_replaced() -> None:
    env = BatchedEnv("Battle-3m", 1, opponent="no-op")
    env.reset([0])
    start = env.units[0, f.Y, 0]
    env.step(actions(env, MOVE, [0], cell=15 * 16 + 4))
    env.step(actions(env, NO_OP, []))
    assert env.units[0, f.Y, 0] == pytest.approx(start + 16 * 2.25 / 16, abs=0.05)
    env.step(actions(env, STOP, [0]))
    stopped = env.units[0, f.Y, 0]
    env.step(actions(env, NO_OP, []))
    assert env.units[0, f.Y, 0] == stopped


def test_rows_of_the_grid_run_along_y_and_columns_along_x() -> None:
    env = BatchedEnv("DefeatRoaches", 1)
    env.reset([0])
    env.step(actions(env, MOVE, [0], cell=2 * 16 + 5))
    left, bottom, width, height = 22, 20, 22, 16
    assert env.units[0, f.GOAL_X, 0] == pytest.approx(left + (5 + 0.5) / 16 * width)
    assert env.units[0, f.GOAL_Y, 0] == pytest.approx(bottom + (2 + 0.5) / 16 * height)


def test_every_step_returns_new_arrays() -> None:
    env = BatchedEnv("Battle-3m", 2)
    kept = env.reset([0, 1])
    copies = {key: value.copy() for key, value in kept.items()}
    for _ in range(5):
        step = env.step(actions(env, ATTACK_MOVE, [0, 1, 2], cell=120))
        for value in step.observation.values():
            assert not any(np.shares_memory(value, old) for old in kept.values())
    for key, value in kept.items():
        np.testing.assert_array_equal(value, copies[key])


def test_a_batch_can_be_pickled_in_the_middle_of_a_game() -> None:
    env = BatchedEnv("DefeatRoaches", 2, opponent="random")
    env.reset([0, 1])
    env.step(actions(env, ATTACK_MOVE, list(range(9)), cell=140))
    copy = pickle.loads(pickle.dumps(env))
    for _ in range(20):
        one, two = (game.step(actions(game, NO_OP, [])) for game in (env, copy))
        np.testing.assert_array_equal(one.observation["entities"], two.observation["entities"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scenario": "Battle-3n"}, "unknown scenario 'Battle-3n'.*did you mean 'Battle-3m'"),
        ({"opponent": "atack-nearest"}, "unknown opponent.*did you mean 'attack-nearest'"),
        ({"reward": "score"}, r"'Battle-3m': unknown reward 'score', expected one of \['shaped'"),
        ({"illegal": "raise"}, "unknown value of illegal 'raise'"),
        ({"max_entities": 5}, "max_entities=5 is too small.*6 unit slots"),
        ({"num_envs": 0}, "num_envs must be at least 1"),
    ],
)
def test_an_unknown_option_is_an_error_that_names_the_nearest(
    options: dict[str, Any], message: str
) -> None:
    arguments: dict[str, Any] = {"scenario": "Battle-3m", "num_envs": 1, **options}
    with pytest.raises(ContractError, match=message):
        BatchedEnv(**arguments)


def test_attackers_are_counted_up_to_sixteen_in_a_battle_of_any_size() -> None:
    env = BatchedEnv("Battle-25m", 1, opponent="no-op")
    env.reset([0])
    observation = env.step(actions(env, ATTACK, list(range(25)), unit=30)).observation
    column = env.entity_space.index("attackers")
    assert (
        env.entity_space.columns[column] == BatchedEnv("Battle-3m", 1).entity_space.columns[column]
    )
    assert observation["entities"][0, 30, column] == 16
