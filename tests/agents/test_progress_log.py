"""``progress.csv``."""

from __future__ import annotations

from pathlib import Path

import pytest

from perceiver_rl.agents.errors import RunError
from perceiver_rl.agents.progress_log import ProgressRow, append_row, keep_until, read_rows


def row(steps: int, games: int = 2) -> ProgressRow:
    return ProgressRow(
        steps=steps,
        seconds=steps / 100,
        games=games,
        return_mean=1.5 if games else None,
        win_rate=0.5 if games else None,
        length_mean=20.0 if games else None,
        steps_per_second=100.0,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "progress.csv"
    for each in (row(64), row(128, games=0), row(192)):
        append_row(path, each)
    return path


def test_rows_are_read_back_as_they_were_written(file: Path) -> None:
    assert read_rows(file) == [row(64), row(128, games=0), row(192)]


def test_the_header_stands_once_and_an_update_without_games_leaves_cells_empty(file: Path) -> None:
    lines = file.read_text().splitlines()
    assert lines[0] == "steps,seconds,games,return_mean,win_rate,length_mean,steps_per_second"
    assert lines[2] == "128,1.28,0,,,,100"
    assert len(lines) == 4


def test_rows_after_the_checkpoint_are_dropped(file: Path) -> None:
    assert [kept.steps for kept in keep_until(file, 128)] == [64, 128]
    assert [kept.steps for kept in read_rows(file)] == [64, 128]


def test_a_missing_file_has_no_rows(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "progress.csv") == []
    assert keep_until(tmp_path / "progress.csv", 10) == []


def test_other_columns_and_broken_cells_are_errors_that_show_them(tmp_path: Path) -> None:
    path = tmp_path / "progress.csv"
    path.write_text("steps,reward\n1,2\n")
    with pytest.raises(RunError, match=r"expected the columns .* found \['steps', 'reward'\]"):
        read_rows(path)
    append_row(tmp_path / "other.csv", row(64))
    with (tmp_path / "other.csv").open("a") as broken:
        broken.write("12x,1\n")
    with pytest.raises(RunError, match="cannot read the row '12x,1'"):
        read_rows(tmp_path / "other.csv")
