"""PySC2's own programs, run on the stand-in as its users run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from perceiver_rl.envs.sc2api.install import install

pytest.importorskip("pysc2")


def program(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "perceiver_rl.envs.pysc2", *words],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_an_agent_of_pysc2_plays_from_its_own_command_line(tmp_path: Path) -> None:
    install(tmp_path)
    agent = ("--agent", "pysc2.agents.scripted_agent.DefeatRoaches")
    length = ("--max_agent_steps", "20", "--norender", "--nosave_replay")
    played = program("bin.agent", "--map", "DefeatRoaches", *agent, *length, SC2PATH=str(tmp_path))
    assert played.returncode == 0, played.stderr
    assert "for 20 steps" in played.stdout


@pytest.mark.parametrize(
    ("words", "message"), [(["bin.agnt"], "has no program 'bin.agnt'"), ([], "usage: ")]
)
def test_a_program_that_there_is_not_is_named(words: list[str], message: str) -> None:
    refused = program(*words)
    assert refused.returncode == 1
    assert message in refused.stderr
