"""A game's process: nothing of it outlives its parent, and a crash voids an episode, no more."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from perceiver_rl.envs.pysc2 import game as game_module
from perceiver_rl.envs.pysc2.env import SC2Env
from perceiver_rl.envs.pysc2.game import Game, GameError
from perceiver_rl.envs.pysc2.options import MOST_SEED, GameOptions
from perceiver_rl.spaces import ContractError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are of POSIX systems")

PARENT = """
import subprocess, sys, time
from perceiver_rl.envs.pysc2.process import the_watch
child = subprocess.Popen(["sleep", "300"])
the_watch().over(child.pid)
if sys.argv[1] == "forget":
    the_watch().off(child.pid)
print(child.pid, flush=True)
time.sleep(0 if sys.argv[1] == "end" else 300)
"""


def parent_of_a_game(how: str) -> tuple["subprocess.Popen[str]", int]:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, how], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


def lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def gone_within(process: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while lives(process) and time.monotonic() < until:
        time.sleep(0.05)
    return not lives(process)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_game_ends_with_its_parent_however_that_ends(number: int) -> None:
    parent, game = parent_of_a_game("wait")
    assert lives(game)
    parent.send_signal(number)
    parent.communicate()
    assert gone_within(game, 20)


def test_a_game_ends_with_a_parent_that_just_ends() -> None:
    parent, game = parent_of_a_game("end")
    parent.communicate()
    assert gone_within(game, 20)


def test_a_process_that_is_off_the_watch_is_left_alone() -> None:
    parent, game = parent_of_a_game("forget")
    parent.kill()
    parent.wait()
    time.sleep(2)
    assert lives(game)
    os.kill(game, signal.SIGKILL)
    parent.communicate()


@pytest.fixture
def _client() -> None:
    pytest.importorskip("pysc2")
    pytest.importorskip("websockets")


@pytest.mark.usefixtures("_client")
def test_maps_and_seeds_that_do_not_exist_are_errors() -> None:
    with pytest.raises(ContractError, match="PySC2 knows no map 'Nowhere'"):
        Game("Nowhere", GameOptions())
    with pytest.raises(ContractError, match=r"seeds in \[0, 4294967295\], not 4294967296"):
        Game("DefeatRoaches", GameOptions(stand_in=True)).start(MOST_SEED + 1)


@pytest.mark.usefixtures("_client")
def test_a_version_that_is_not_installed_is_an_error() -> None:
    with pytest.raises(ContractError, match=r"DefeatRoaches: Unknown game version: 3\.99"):
        Game("DefeatRoaches", GameOptions(stand_in=True, version="3.99")).start(0)


@pytest.mark.usefixtures("_client")
def test_without_the_game_the_error_says_so_after_a_few_attempts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SC2PATH", str(tmp_path / "nowhere"))
    env = SC2Env("DefeatRoaches", most_failures=2)
    with pytest.raises(GameError, match="failed 2 times in a row"):
        env.reset(seed=1)


@pytest.mark.usefixtures("_client")
def test_a_killed_game_voids_its_episode_and_the_next_is_as_if_nothing_had_been() -> None:
    env = SC2Env("DefeatRoaches", stand_in=True)
    try:
        first, _ = env.reset(seed=4)
        assert env.backend == game_module.STAND_IN
        pid = env.game._pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        no_op = np.zeros(env.actions.nvec.shape, np.int64)
        *_, terminated, truncated, info = env.step(no_op)
        assert (terminated, truncated, info["void"]) == (False, True, True)
        assert "its output: " in info["error"]
        again, _ = env.reset(seed=4)
        for key, part in first.items():
            np.testing.assert_array_equal(again[key], part)
        assert env.step(no_op)[4] == {}
        other = env.game._pid()
        assert other is not None
        assert other != pid
    finally:
        env.close()
    assert gone_within(other, 10)


@pytest.mark.usefixtures("_client")
def test_an_episode_without_a_seed_is_another_one_and_quickly_begun() -> None:
    env = SC2Env("DefeatRoaches", stand_in=True)
    try:
        first, _ = env.reset(seed=4)
        pid = env.game._pid()
        second, info = env.reset()
        assert info == {}
        assert not np.array_equal(first["entities"], second["entities"])
        third, _ = env.reset(seed=4)
        np.testing.assert_array_equal(first["entities"], third["entities"])
        assert env.game._pid() == pid
    finally:
        env.close()
