"""The directory that clients take for the game."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from websockets.sync.client import connect

from perceiver_rl.envs.sc2api.install import install
from perceiver_rl.envs.sc2api.maps import MAPS
from perceiver_rl.envs.sc2api.protocol import api


def test_the_layout_is_that_of_the_game(tmp_path: Path) -> None:
    executable = install(tmp_path / "game")
    assert executable.parent.parent == tmp_path / "game" / "Versions"
    assert int(executable.parent.name.removeprefix("Base")) >= 55958
    assert executable.name == "SC2_x64"
    assert os.access(executable, os.X_OK)
    for path in MAPS.values():
        assert (tmp_path / "game" / "Maps" / path).is_file()
    install(tmp_path / "game")  # again


def test_an_installation_of_the_game_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "Versions").mkdir()
    with pytest.raises(FileExistsError, match="no stand-in"):
        install(tmp_path)


def test_the_executable_serves_and_ends_with_a_signal(tmp_path: Path, free_port: int) -> None:
    executable = install(tmp_path)
    port = free_port
    words = [
        str(executable),
        "-listen",
        "127.0.0.1",
        "-port",
        str(port),
        "-dataDir",
        f"{tmp_path}/",
    ]
    process = subprocess.Popen([*words, "-dataVersion", "ABC", "-headlessNoRender"])
    try:
        for _ in range(300):
            try:
                client = connect(f"ws://127.0.0.1:{port}/sc2api", proxy=None)
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.1)
        with client:
            client.send(api.Request(ping=api.RequestPing()).SerializeToString())
            assert api.Response.FromString(client.recv()).ping.data_version == "ABC"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_the_process_ends_with_the_one_that_started_it(tmp_path: Path, free_port: int) -> None:
    executable = install(tmp_path)
    start = (
        "import subprocess, sys, time\n"
        f"print(subprocess.Popen([{str(executable)!r}, '-port', '{free_port}']).pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        child = int(parent.stdout.readline())
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", free_port)).close()
                break
            except OSError:
                time.sleep(0.1)
        parent.kill()  # not even a chance to clean up
        parent.wait()
    for _ in range(300):
        if not is_running(child):
            return
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the stand-in outlived its parent")


def is_running(pid: int) -> bool:
    """Whether a process exists and has not ended (Linux)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
