"""The doctor names what is there, what is missing and what to do, without starting anything."""

import subprocess
import sys
from pathlib import Path

import pytest

from perceiver_rl.agents import doctor
from perceiver_rl.agents.doctor import Finding, diagnose
from perceiver_rl.agents.main import main
from perceiver_rl.envs.pysc2 import compat
from perceiver_rl.envs.pysc2.env import MINI_GAMES
from perceiver_rl.envs.sc2api import MARK


def findings(folder: Path) -> dict[str, Finding]:
    return {each.what: each for each in diagnose({"SC2PATH": str(folder)})}


def lay_out(folder: Path, maps: tuple[str, ...]) -> Path:
    (folder / "Versions" / "Base75689").mkdir(parents=True)
    (folder / "Versions" / "Shaders").mkdir()
    (folder / "Maps" / "mini_games").mkdir(parents=True)
    for name in maps:
        (folder / "Maps" / "mini_games" / f"{name}.SC2Map").touch()
    return folder


def test_without_the_game_it_says_how_to_get_it_or_do_without(tmp_path: Path) -> None:
    game = findings(tmp_path)["game"]
    assert game.state == "missing"
    assert str(tmp_path) in game.found
    assert "s2client-proto" in game.advice
    assert "--backend standin" in game.advice


def test_a_game_with_its_maps_is_fine(tmp_path: Path) -> None:
    found = findings(lay_out(tmp_path, (*MINI_GAMES, "Simple64")))
    assert found["game"] == Finding("game", "ok", f"builds 75689 in {tmp_path}")
    assert found["maps"] == Finding("maps", "ok", "7 of 7 mini-games, 8 maps in all")


def test_maps_that_are_missing_are_named_with_their_place(tmp_path: Path) -> None:
    maps = findings(lay_out(tmp_path, MINI_GAMES[1:]))["maps"]
    assert maps.state == "missing"
    assert MINI_GAMES[0] in maps.found
    assert str(tmp_path / "Maps" / "mini_games") in maps.advice


def test_a_stand_in_is_never_taken_for_the_game(tmp_path: Path) -> None:
    lay_out(tmp_path, MINI_GAMES)
    (tmp_path / MARK).touch()
    game = findings(tmp_path)["game"]
    assert game.state == "note"
    assert "stand-in" in game.found


def test_packages_that_pysc2_lacks_are_named_as_they_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compat, "installed_client", lambda: "pysc2")
    monkeypatch.setattr(compat, "missing_dependencies", lambda: ("websocket", "portpicker"))
    client = findings(tmp_path)["PySC2"]
    assert client.state == "broken"
    assert client.advice == "pip install websocket-client portpicker"


def test_without_pysc2_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compat, "installed_client", lambda: None)
    client = findings(tmp_path)["PySC2"]
    assert (client.state, client.advice) == ("missing", compat.HOW_TO_INSTALL)
    assert main(["doctor"]) == 2


def test_distributions_that_hold_the_same_files_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "version_of", lambda name: "1.0")
    found = findings(tmp_path)
    assert "pygame 1.0 and pygame-ce 1.0" in found["pygame twice"].found
    assert "s2clientprotocol twice" in found
    assert "enum34" in found


def test_it_needs_none_of_what_it_looks_for() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('s2clientprotocol', 'websockets')));"
        "from perceiver_rl.agents.doctor import diagnose;"
        "print({each.what: each.state for each in diagnose({})}['protocol'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "missing"


def test_the_command_prints_what_it_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pysc2")
    pytest.importorskip("websockets")
    monkeypatch.setenv("SC2PATH", str(tmp_path))
    assert main(["doctor"]) == 0
    assert "PySC2" in capsys.readouterr().out
