"""Replays: seeds and actions from which games play again bit for bit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perceiver_rl.envs import BatchedEnv, Recorder, Replay, make_control
from perceiver_rl.envs import replay as replay_module
from perceiver_rl.envs.batched_step import BatchedStep
from perceiver_rl.envs.scenarios import SCENARIOS
from perceiver_rl.envs.snapshot import state_hash
from perceiver_rl.spaces import ContractError

MINI_GAMES = [name for name in SCENARIOS if not name.startswith("Battle-")]
NAMES = [*MINI_GAMES, "Battle-8m", "Battle-MMM", "Battle-corridor", "Battle-zerg_10_vs_11"]


def record(batch: BatchedEnv, seeds: list[int], steps: int, player: str = "random") -> Recorder:
    recorder = Recorder(batch, player)
    control = make_control(player, batch.observation_space, batch.action_space, seed=1)
    observation = recorder.reset(seeds)
    for _ in range(steps):
        observation = recorder.step(control.act(observation)).observation
    return recorder


@pytest.mark.parametrize("name", NAMES)
def test_games_of_a_batch_play_again_one_by_one_as_they_were(name: str, tmp_path: Path) -> None:
    batch = BatchedEnv(name, 3, opponent="random")
    record(batch, [5, 6, 7], 40).replay().save(tmp_path / "games.npz")
    replay = Replay.load(tmp_path / "games.npz")
    assert [episode.seed for episode in replay.episodes] == [5, 6, 7]
    alone = replay.make_batch()
    for row, episode in enumerate(replay.episodes):
        replay.play(alone, episode)
        np.testing.assert_array_equal(alone.units[0], batch.units[row])


def test_only_the_steps_of_a_game_are_kept() -> None:
    recorder = record(BatchedEnv("Battle-3m", 2), [1, 2], 100, "focus-fire")
    replay = recorder.replay()
    lengths = [len(episode.actions) for episode in replay.episodes]
    assert lengths == [int(-(-loops // 8)) for loops in recorder.batch.games[:, 0]]
    assert max(lengths) < 60


def test_a_recording_holds_the_games_of_every_reset() -> None:
    batch = BatchedEnv("Battle-3m", 1, opponent="focus-fire", reward="win")
    recorder = record(batch, [1], 7)
    recorder.reset([2])
    recorder.step(np.zeros((1, 9), np.int64))
    replay = recorder.replay()
    assert [(episode.seed, len(episode.actions)) for episode in replay.episodes] == [(1, 7), (2, 1)]
    assert (replay.opponent, replay.options["reward"]) == ("focus-fire", "win")
    alone = replay.make_batch()
    for episode in replay.episodes:
        replay.play(alone, episode)


def test_playing_shows_the_start_and_every_step() -> None:
    replay = record(BatchedEnv("Battle-3m", 1), [3], 5).replay()
    shown: list[BatchedStep | None] = []
    replay.play(replay.make_batch(), replay.episodes[0], shown.append)
    assert [step is None for step in shown] == [True] + [False] * 5


def test_a_changed_action_is_noticed_and_a_changed_engine_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replay = record(BatchedEnv("Battle-3m", 1), [3], 5, "attack-nearest").replay()
    episode = replay.episodes[0]
    still = episode._replace(actions=np.zeros_like(episode.actions))
    with pytest.raises(ContractError, match="seed 3 .* although the engine is the same"):
        replay.play(replay.make_batch(), still)
    monkeypatch.setattr(replay_module, "engine_hash", lambda: "another")
    with pytest.raises(ContractError, match=f"rules have changed .* engine {replay.engine};"):
        replay.play(replay.make_batch(), still)
    replay.play(replay.make_batch(), episode)  # a change that does not matter is no error


def test_own_scenarios_are_handed_in_and_must_be_the_recorded_ones() -> None:
    own = replace(SCENARIOS["Battle-3m"], name="mine", step_limit=9)
    replay = record(BatchedEnv(own, 1), [3], 5).replay()
    with pytest.raises(ContractError, match="unknown scenario 'mine'.* name its file"):
        replay.make_batch()
    replay.play(replay.make_batch(own), replay.episodes[0])
    with pytest.raises(ContractError, match="'mine' is not the one that was recorded"):
        replay.make_batch(replace(own, step_limit=10))


def test_a_recording_begins_with_a_reset() -> None:
    recorder = Recorder(BatchedEnv("Battle-3m", 1))
    with pytest.raises(ContractError, match="nothing has been recorded"):
        recorder.replay()
    with pytest.raises(ContractError, match="begins with reset"):
        recorder.step(np.zeros((1, 9), np.int64))


def test_a_game_without_steps_can_be_kept(tmp_path: Path) -> None:
    recorder = Recorder(BatchedEnv("Battle-3m", 1))
    recorder.reset([8])
    recorder.replay().save(tmp_path / "game.npz")
    replay = Replay.load(tmp_path / "game.npz")
    assert replay.episodes[0].actions.shape == (0, 9)
    replay.play(replay.make_batch(), replay.episodes[0])


def rewrite(path: Path, **changes: Any) -> None:
    """Change the header of a file."""
    with np.load(path) as members:
        arrays = {name: members[name] for name in members.files}
    header = json.loads(arrays.pop("header").tobytes())
    text = json.dumps({**header, **changes}).encode()
    np.savez(path, header=np.frombuffer(text, np.uint8), **arrays)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 3}, "format 3, this version reads up to 2: .* newer perceiver-rl"),
        ({"format": "x"}, "is no replay, or it is damaged"),
        ({"kind": "snapshot"}, "is no replay, it is a snapshot"),
        ({"final_hashes": []}, "no whole replay: its parts have different lengths"),
        ({"options": 3}, "no whole replay"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = tmp_path / "game.npz"
    record(BatchedEnv("Battle-3m", 1), [3], 2).replay().save(path)
    rewrite(path, **changes)
    with pytest.raises(ContractError, match=message):
        Replay.load(path)


def test_the_hash_of_a_state_sees_every_bit() -> None:
    batch = BatchedEnv("Battle-3m", 2)
    batch.reset([4, 4])
    assert state_hash(batch.state, 0) == state_hash(batch.state, 1)
    batch.units[1, 0, 0] = np.nextafter(batch.units[1, 0, 0], np.float32(np.inf))
    assert state_hash(batch.state, 0) != state_hash(batch.state, 1)
