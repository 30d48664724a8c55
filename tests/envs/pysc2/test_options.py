"""What options ask of PySC2: a replay of every episode, and its window."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pysc2")
pytest.importorskip("websockets")

from perceiver_rl.envs.pysc2.env import SC2Env
from perceiver_rl.envs.sc2api.recording import Recording


def test_every_episode_leaves_a_replay_of_its_own(tmp_path: Path) -> None:
    env = SC2Env("DefeatRoaches", stand_in=True, replays=tmp_path)
    rng = np.random.default_rng(0)
    try:
        for seed in (1, None):
            env.reset(seed=seed)
            over = False
            while not over:
                _, _, terminated, truncated, _ = env.step(rng.integers(env.actions.nvec))
                over = terminated or truncated
    finally:
        env.close()
    files = sorted(tmp_path.iterdir())
    pattern = r"DefeatRoaches-0000([12])_.*\.SC2Replay"
    assert [re.fullmatch(pattern, file.name)[1] for file in files] == ["1", "2"]  # type: ignore[index]
    for file in files:
        Recording.from_bytes(file.read_bytes())


def test_the_window_shows_a_game_that_is_played_on_raw_units(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = SC2Env("DefeatRoaches", stand_in=True, visualize=True)
    try:
        shown, _ = env.reset(seed=1)
        for _ in range(3):
            env.step(np.zeros(env.actions.nvec.shape, np.int64))
    finally:
        env.close()
    unseen = SC2Env("DefeatRoaches", stand_in=True)
    try:
        plain, _ = unseen.reset(seed=1)
    finally:
        unseen.close()
    np.testing.assert_array_equal(shown["entities"], plain["entities"])
