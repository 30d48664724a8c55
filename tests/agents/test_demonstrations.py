"""Recorded games: what is kept, what half precision costs, and how files are read back."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from numpy.typing import NDArray

from perceiver_rl.agents import recording as module
from perceiver_rl.agents.demonstrations import Demonstrations, open_demonstrations
from perceiver_rl.agents.demonstrations_config import RecordConfig
from perceiver_rl.agents.errors import ConfigError, RunError
from perceiver_rl.agents.recording import (
    pack_actions,
    pack_observation,
    play_and_keep,
    record,
)
from perceiver_rl.agents.seeds import EVAL_SEED, training_seed
from perceiver_rl.envs import BatchedEnv, make_control
from perceiver_rl.envs.batched_step import BatchedStep
from perceiver_rl.envs.contract import columns
from perceiver_rl.envs.scenarios import SCENARIOS
from perceiver_rl.interrupt import StopRequest
from perceiver_rl.spaces import ENTITIES, ContractError

CONFIG = RecordConfig(env="perceiver_rl/Battle-3m-v0", teacher="focus-fire", episodes=6)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "CHUNK_GAMES", 4)
    assert record(CONFIG, tmp_path / "games")
    return tmp_path / "games"


@pytest.fixture
def recorded(folder: Path) -> Demonstrations:
    return open_demonstrations(folder)


def test_a_replay_of_the_recorded_actions_gives_the_recorded_observations_and_rewards(
    recorded: Demonstrations,
) -> None:
    episode = recorded.arrays["episode"]
    for number in (0, 5):  # of the first and of the second chunk
        steps = np.flatnonzero(episode == number)
        games = BatchedEnv(CONFIG.env, 1, opponent=CONFIG.opponent)
        seen = games.reset([training_seed(0) + number])
        kept, actions = recorded.observation(steps), recorded.actions(steps)
        for at in range(len(steps)):
            for key, value in seen.items():
                np.testing.assert_allclose(kept[key][at], value[0], rtol=5e-4, err_msg=key)
            step = games.step(actions[at : at + 1])
            assert recorded.arrays["reward"][steps[at]] == step.reward[0]
            seen = step.observation
        assert games.finished.all()


def test_the_teacher_decides_alike_on_what_was_kept(recorded: Demonstrations) -> None:
    steps = np.arange(len(recorded))
    teacher = make_control("focus-fire", recorded.observation_space, recorded.action_space, 0)
    again = teacher.act(recorded.observation(steps))
    assert (again == recorded.actions(steps)).all(1).mean() > 0.99


@pytest.mark.parametrize("name", ["Battle-3m", "Battle-256m", "Battle-1c3s5z", "Battle-2s_vs_1sc"])
def test_half_precision_keeps_categories_and_counts_exactly_and_the_rest_to_a_2000th(
    name: str,
) -> None:
    for column in columns(SCENARIOS[name]):
        low, high = column.bounds if column.kind == "scalar" else (0, column.size or 1)
        whole = np.arange(np.ceil(low), np.floor(high) + 1, dtype=np.float32)
        np.testing.assert_array_equal(whole.astype(np.float16).astype(np.float32), whole)
        values = np.linspace(low, high, 1001, dtype=np.float32)
        error = np.abs(values.astype(np.float16).astype(np.float32) - values)
        assert error.max() <= (high - low) / 2000


def test_packing_is_undone_by_reading(recorded: Demonstrations) -> None:
    games = BatchedEnv(CONFIG.env, 3, opponent="random")
    observation = games.reset([1, 2, 3])
    actions = np.stack([games.action_space.sample() for _ in range(3)])
    arrays = {
        **pack_observation(observation, np.arange(3)),
        **pack_actions(actions, games.action_space),
    }
    read = replace(recorded, arrays={**recorded.arrays, **arrays})
    np.testing.assert_array_equal(read.actions(np.arange(3)), actions)
    for key, value in read.observation(np.arange(3)).items():
        assert value.dtype == observation[key].dtype
        if key != ENTITIES:
            np.testing.assert_array_equal(value, observation[key])


def test_returns_are_discounted_within_an_episode_only(recorded: Demonstrations) -> None:
    arrays = {
        "reward": np.array([1, 2, 4, 8], np.float32),
        "episode": np.array([0, 0, 1, 1], np.int32),
    }
    returns = replace(recorded, arrays=arrays).returns(0.5)
    np.testing.assert_array_equal(returns, [2, 2, 8, 8])


@pytest.mark.parametrize(("share", "held_back"), [(0.0, 1), (0.34, 2), (0.99, 5)])
def test_whole_episodes_validate_and_both_parts_have_one(
    recorded: Demonstrations, share: float, held_back: int
) -> None:
    learning, validating = recorded.split(share)
    episode = recorded.arrays["episode"]
    assert set(episode[learning]) | set(episode[validating]) == set(range(6))
    assert len(set(episode[validating])) == held_back
    assert not set(episode[learning]) & set(episode[validating])


def test_arrays_are_memory_maps_of_unpacked_files_and_chunks_are_smaller(
    recorded: Demonstrations,
) -> None:
    assert all(isinstance(array, np.memmap) for array in recorded.arrays.values())
    assert recorded.sizes[0] < recorded.sizes[1]


def test_recording_goes_on_where_it_was_stopped(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "stopped"
    assert not record(CONFIG, other, stop=StopRequest(requested=True))
    with pytest.raises(RunError, match="not complete"):
        open_demonstrations(other)
    kept = (other / "chunk-0000.npz").stat().st_mtime_ns
    assert record(CONFIG, other)
    assert (other / "chunk-0000.npz").stat().st_mtime_ns == kept
    mine, theirs = open_demonstrations(other), open_demonstrations(folder)
    assert mine.outcomes == theirs.outcomes
    for name, array in mine.arrays.items():
        np.testing.assert_array_equal(array, theirs.arrays[name])


def test_who_waits_for_another_process_to_record_can_be_stopped(folder: Path) -> None:
    other = folder.parent / "other"
    other.mkdir()
    with FileLock(other / ".lock"):
        assert not record(CONFIG, other, stop=StopRequest(requested=True))
        assert record(CONFIG, folder)


def test_who_waited_finds_the_games_of_the_other_process(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = tmp_path / "late"

    class Lock(FileLock):
        def acquire(self, *args: Any, **kwargs: Any) -> Any:
            shutil.copytree(folder, late, dirs_exist_ok=True)
            return super().acquire(*args, **kwargs)

    monkeypatch.setattr(module, "FileLock", Lock)
    monkeypatch.setattr(module, "_play_all", None)
    assert record(CONFIG, late)
    assert open_demonstrations(late).outcomes == open_demonstrations(folder).outcomes


class FailingGames:
    """Games of three steps, of which the second one fails once, in its second step."""

    def __init__(self) -> None:
        real = BatchedEnv(CONFIG.env, 2)
        self.observation_space, self.action_space = real.observation_space, real.action_space
        self._observation = real.reset([0, 1])
        self._ages = np.zeros(2, int)
        self._failed = False

    def _seen(self) -> dict[str, NDArray[Any]]:
        entities = self._observation[ENTITIES].copy()
        entities[:, 0, 0] = self._ages
        return {**self._observation, ENTITIES: entities}

    def reset(self, seeds: Sequence[int]) -> dict[str, NDArray[Any]]:
        return self._seen()

    def step(self, actions: NDArray[np.int64]) -> BatchedStep:
        self._ages += 1
        infos: list[dict[str, Any]] = [{}, {}]
        reward = 10.0 * self._ages.astype(np.float32)
        if self._ages[1] == 2 and not self._failed:
            self._failed, self._ages[1], reward[1] = True, 0, 0.0
            infos[1]["void"] = "the game has gone"
        ended = self._ages == 3
        return BatchedStep(self._seen(), reward, ended, np.zeros(2, bool), infos)


def test_steps_of_a_game_before_it_failed_are_not_kept() -> None:
    games = FailingGames()
    player = make_control("random", games.observation_space, games.action_space, 0)
    kept, _ = play_and_keep(games, player, [5, 6], first=7)
    np.testing.assert_array_equal(kept["episode"], [7, 7, 7, 8, 8, 8])
    np.testing.assert_array_equal(kept["reward"], [10, 20, 30, 10, 20, 30])
    np.testing.assert_array_equal(kept[ENTITIES][:, 0, 0], [0, 1, 2, 0, 1, 2])


def test_a_folder_of_other_games_is_not_overwritten(folder: Path) -> None:
    with pytest.raises(RunError, match="other settings"):
        record(replace(CONFIG, episodes=7), folder)


def test_a_damaged_chunk_is_named(folder: Path) -> None:
    (folder / "chunk-0001.npz").write_bytes(b"PK no")
    with pytest.raises(ContractError, match="chunk-0001"):
        open_demonstrations(folder)
    assert not (folder / "unpacked").exists()


def test_a_folder_without_games_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no demonstrations"):
        open_demonstrations(tmp_path)


def test_no_recorded_game_is_one_of_the_evaluation() -> None:
    with pytest.raises(ConfigError, match="seed must lie between"):
        RecordConfig(seed=EVAL_SEED)
    with pytest.raises(ConfigError, match="episodes must lie between"):
        RecordConfig(episodes=1)
