"""The ``standin`` command."""

from __future__ import annotations

from pathlib import Path

import pytest

from perceiver_rl.agents.main import main

pytest.importorskip("s2clientprotocol")
pytest.importorskip("websockets")


def test_the_command_lays_out_a_directory_and_says_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "game"
    assert main(["standin", "install", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "not StarCraft II" in said
    assert f"SC2PATH={folder}" in said
    assert list(folder.glob("Versions/Base*/SC2_x64"))
    assert (folder / "Maps" / "mini_games" / "DefeatRoaches.SC2Map").is_file()


@pytest.mark.parametrize("words", [[], ["install"], ["remove", "x"]])
def test_what_is_missing_or_unknown_is_an_error(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["standin", *words]) == 2
    assert "install" in capsys.readouterr().err


def test_a_game_that_is_installed_stays_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Versions" / "Base75689").mkdir(parents=True)
    assert main(["standin", "install", str(tmp_path)]) == 2
    assert "no stand-in" in capsys.readouterr().err
    assert not list(tmp_path.rglob("SC2_x64"))
