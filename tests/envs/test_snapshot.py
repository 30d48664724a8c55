"""Snapshots: a batch goes back to a moment and on from there, bit for bit."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from perceiver_rl.envs import BatchedEnv, Snapshot, make_control, make_vec
from perceiver_rl.envs.controls import CONTROLS
from perceiver_rl.envs.opponents import OPPONENTS
from perceiver_rl.envs.scenarios import SCENARIOS, env_id, find_scenario
from perceiver_rl.envs.task_scripts import TASK_SCRIPTS
from perceiver_rl.spaces import ContractError

MINI_GAMES = [name for name in SCENARIOS if not name.startswith("Battle-")]
NAMES = [*MINI_GAMES, "Battle-8m", "Battle-MMM", "Battle-corridor", "Battle-zerg_10_vs_11"]

BATTLE = env_id("Battle-3m")


def random_play(batch: BatchedEnv, observation: Any, steps: int) -> list[Any]:
    """Play on with random legal actions that depend on nothing else; return all that was seen."""
    control = make_control("random", batch.observation_space, batch.action_space, seed=1)
    seen = []
    for _ in range(steps):
        step = batch.step(control.act(observation))
        observation = step.observation
        seen.append((observation, *step[1:]))
    return seen


def assert_same(one: Any, two: Any) -> None:
    assert type(one) is type(two)
    if isinstance(one, dict):
        assert one.keys() == two.keys()
        for key in one:
            assert_same(one[key], two[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(two)
        for first, second in zip(one, two, strict=True):
            assert_same(first, second)
    elif isinstance(one, np.ndarray) and one.dtype == object:
        assert_same(one.tolist(), two.tolist())
    else:
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", NAMES)
def test_a_restored_batch_goes_on_bit_for_bit(name: str) -> None:
    batch = BatchedEnv(name, 3, opponent="random")
    random_play(batch, batch.reset([1, 2, 3]), 20)
    snapshot = batch.snapshot()
    observation = batch.restore(snapshot)
    expected = random_play(batch, observation, 25)
    assert_same(batch.restore(snapshot), observation)
    assert_same(random_play(batch, observation, 25), expected)
    other = BatchedEnv(name, 3, opponent="random")
    assert_same(random_play(other, other.restore(snapshot), 25), expected)


@pytest.mark.parametrize("opponent", list(OPPONENTS))
def test_an_opponent_keeps_nothing_that_a_snapshot_lacks(opponent: str) -> None:
    batch = BatchedEnv("Battle-2s3z", 2, opponent=opponent)
    random_play(batch, batch.reset([4, 5]), 15)
    snapshot = batch.snapshot()
    expected = random_play(batch, batch.restore(snapshot), 30)
    other = BatchedEnv("Battle-2s3z", 2, opponent=opponent)
    assert_same(random_play(other, other.restore(snapshot), 30), expected)


PLAYERS = [name for name in CONTROLS if name not in TASK_SCRIPTS]


@settings(max_examples=12)
@given(
    player=st.sampled_from(PLAYERS),
    name=st.sampled_from(["Battle-2s3z", "Battle-terran_5_vs_5"]),
    before=st.integers(0, 25),
    seed=st.integers(0, 1000),
)
def test_a_snapshot_holds_what_a_player_of_the_enemy_remembers(
    player: str, name: str, before: int, seed: int
) -> None:
    probe = BatchedEnv(name, 1)

    def make_batch(seed: int) -> BatchedEnv:
        enemy = make_control(player, probe.observation_space, probe.action_space, seed)
        return BatchedEnv(name, 2, opponent=enemy)

    batch = make_batch(seed)
    random_play(batch, batch.reset([seed, 7]), before)
    snapshot = batch.snapshot()
    expected = [random_play(batch, batch.restore(snapshot), 20), batch.enemy_reward]
    again = [random_play(batch, batch.restore(snapshot), 20), batch.enemy_reward]
    assert_same(again, expected)
    other = make_batch(seed + 1)
    random_play(other, other.reset([8, 9]), 5)
    assert_same([random_play(other, other.restore(snapshot), 20), other.enemy_reward], expected)


def test_a_player_without_a_memory_in_the_snapshot_begins_anew() -> None:
    plain = BatchedEnv("Battle-2s3z", 1, opponent="elite")
    plain.reset([3])
    snapshot = plain.snapshot()

    def make_batch() -> BatchedEnv:
        spaces = plain.observation_space, plain.action_space
        return BatchedEnv("Battle-2s3z", 1, opponent=make_control("random", *spaces, 4))

    fresh, used = make_batch(), make_batch()
    random_play(used, used.reset([1]), 10)
    expected = random_play(fresh, fresh.restore(snapshot), 20)
    assert_same(random_play(used, used.restore(snapshot), 20), expected)


def test_what_a_player_remembers_survives_a_file(tmp_path: Path) -> None:
    probe = BatchedEnv("Battle-2s3z", 1)
    spaces = probe.observation_space, probe.action_space
    batch = BatchedEnv("Battle-2s3z", 2, opponent=make_control("random", *spaces, 4))
    random_play(batch, batch.reset([1, 2]), 10)
    batch.snapshot().save(tmp_path / "state.npz")
    expected = random_play(batch, batch.observe(), 20)
    snapshot = Snapshot.load(tmp_path / "state.npz")
    assert_same(random_play(batch, batch.restore(snapshot), 20), expected)


def test_a_snapshot_is_a_copy() -> None:
    batch = BatchedEnv("Battle-3m", 2)
    observation = batch.reset([1, 2])
    snapshot = batch.snapshot()
    before = {name: array.copy() for name, array in snapshot.arrays.items()}
    random_play(batch, batch.restore(snapshot), 5)
    assert_same(dict(snapshot.arrays), before)
    assert_same(batch.restore(snapshot), observation)


def test_a_snapshot_survives_a_file_that_needs_no_pickle(tmp_path: Path) -> None:
    batch = BatchedEnv("DefeatRoaches", 2)
    random_play(batch, batch.reset([1, 2]), 30)
    path = tmp_path / "deep" / "state.npz"
    batch.snapshot().save(path)
    assert [file.name for file in path.parent.iterdir()] == ["state.npz"]
    with np.load(path, allow_pickle=False) as members:
        assert {"header", "units", "games"} <= set(members.files)
    expected = random_play(batch, batch.restore(batch.snapshot()), 20)
    other = BatchedEnv("DefeatRoaches", 2)
    assert_same(random_play(other, other.restore(Snapshot.load(path)), 20), expected)


def test_a_snapshot_of_something_else_is_refused_and_nothing_changes() -> None:
    batch = BatchedEnv("Battle-3m", 2)
    batch.reset([1, 2])
    before = {name: array.copy() for name, array in batch.state.items()}
    with pytest.raises(ContractError, match="of scenario 'Battle-8m', not of 'Battle-3m'"):
        batch.restore(BatchedEnv("Battle-8m", 2).snapshot())
    with pytest.raises(ContractError, match="of 3 games, the batch has 2"):
        batch.restore(BatchedEnv("Battle-3m", 3).snapshot())
    changed = replace(find_scenario("Battle-3m"), step_limit=61)
    with pytest.raises(ContractError, match="with another content"):
        batch.restore(BatchedEnv(changed, 2).snapshot())
    snapshot = batch.snapshot()
    narrow = {**snapshot.arrays, "units": snapshot.arrays["units"][:, :-1]}
    with pytest.raises(ContractError, match="another version"):
        batch.restore(replace(snapshot, arrays=narrow))
    with pytest.raises(ContractError, match="lacks the state 'units'"):
        batch.restore(replace(snapshot, arrays={"games": snapshot.arrays["games"]}))
    assert_same(batch.state, before)


def some_actions(space: Any, games: int, steps: int) -> NDArray[np.int64]:
    return np.random.default_rng(0).integers(0, space.nvec, size=(steps, games, space.nvec.size))


def play_single(env: Any, actions: NDArray[np.int64]) -> list[Any]:
    seen: list[Any] = []
    for action in actions:
        seen.append(env.step(action[0]))
        if seen[-1][2] or seen[-1][3]:
            seen.append(env.reset())
    return seen


def play_vector(env: Any, actions: NDArray[np.int64]) -> list[Any]:
    return [*play_steps(env, actions), env.reset()]


def play_steps(env: Any, actions: NDArray[np.int64]) -> list[Any]:
    return [env.step(action) for action in actions]


def test_a_single_environment_goes_on_with_the_same_episodes() -> None:
    env: Any = gym.make(BATTLE, opponent="random").unwrapped
    actions = some_actions(env.action_space, 1, 150)
    env.reset(seed=3)
    play_single(env, actions[:20])
    snapshot = env.snapshot()
    expected = play_single(env, actions)
    other: Any = gym.make(BATTLE, opponent="random").unwrapped
    other.restore(snapshot)
    assert_same(play_single(other, actions), expected)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_a_vector_environment_goes_on_through_its_automatic_resets(mode: str) -> None:
    env: Any = gym.make_vec(BATTLE, 4, autoreset_mode=mode)
    actions = some_actions(env.single_action_space, 4, 100)
    env.reset(seed=3)
    waits = False
    for action in actions:  # stop where a game waits for its reset, if it ever does
        _, _, terminated, truncated, _ = env.step(action)
        waits = bool((terminated | truncated).any())
        if waits:
            break
    assert waits
    snapshot = env.snapshot()
    expected = play_vector(env, actions)
    other: Any = gym.make_vec(BATTLE, 4, autoreset_mode=mode)
    other.restore(snapshot)
    assert_same(play_vector(other, actions), expected)


def without_clock(results: list[Any]) -> list[Any]:
    for *_, infos in results:
        for info in infos:
            info.get("episode", {}).pop("t", None)
    return results


def test_a_vec_env_goes_on_with_its_episode_statistics() -> None:
    env: Any = make_vec(BATTLE, 4, seed=3)
    actions = some_actions(env.action_space, 4, 80)
    env.reset()
    play_steps(env, actions[:13])
    snapshot = env.snapshot()
    expected = without_clock(play_steps(env, actions))
    other: Any = make_vec(BATTLE, 4)
    other.restore(snapshot)
    assert_same(without_clock(play_steps(other, actions)), expected)
    assert_same(other.reset(), env.reset())
    ended = [info for *_, infos in expected for info in infos if "episode" in info]
    assert max(info["episode"]["l"] for info in ended) > 13


def test_a_vec_env_keeps_the_seeds_of_its_next_reset() -> None:
    env: Any = make_vec(BATTLE, 2, seed=3)
    env.reset()
    env.seed(50)
    snapshot = env.snapshot()
    expected = env.reset()
    other: Any = make_vec(BATTLE, 2, seed=9)
    other.reset()
    other.restore(snapshot)
    assert_same(other.reset(), expected)
    assert other.reset_infos == [{"episode_seed": 50}, {"episode_seed": 51}]


def test_a_face_refuses_a_snapshot_without_its_counters() -> None:
    env: Any = make_vec(BATTLE, 2, seed=3)
    env.reset()
    with pytest.raises(ContractError, match="taken of a 'batch', not of a 'sb3_vec_env'"):
        env.restore(env.batch.snapshot())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no snapshot"),
        (b"", "is no snapshot, or it is damaged"),
        (b"PK\x03\x04 not a zip", "is no snapshot, or it is damaged"),
        (b"steps: 3", "is no snapshot, or it is damaged"),
    ],
)
def test_a_file_that_is_no_snapshot_is_named(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "state.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ContractError, match=message):
        Snapshot.load(path)
    with pytest.raises(ContractError, match="is a folder"):
        Snapshot.load(tmp_path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, share: float) -> None:
    batch = BatchedEnv("Battle-3m", 2)
    path = tmp_path / "state.npz"
    batch.snapshot().save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ContractError, match="damaged"):
        Snapshot.load(path)


def test_a_file_with_pickled_objects_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    np.savez(path, header=np.array([{"kind": "snapshot"}], dtype=object))
    with pytest.raises(ContractError, match="damaged"):
        Snapshot.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.npy", b"junk")
    with pytest.raises(ContractError, match="damaged"):
        Snapshot.load(path)
