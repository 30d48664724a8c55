"""Films."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from perceiver_rl.envs.render.film import Reel, check_film, write_film
from perceiver_rl.spaces import ContractError


def frames(count: int) -> list[NDArray[np.uint8]]:
    """A bright square that moves 8 pixels to the right per frame."""
    shots = [np.full((32, 64, 3), 20, np.uint8) for _ in range(count)]
    for at, shot in enumerate(shots):
        shot[8:16, 8 * at : 8 * at + 8] = 240, 30, 60
    return shots


def test_a_gif_holds_every_frame_at_its_time(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "game.gif"
    write_film(path, frames(5), fps=16)
    with Image.open(path) as image:
        shots = [np.array(each.convert("RGB")) for each in ImageSequence.Iterator(image)]
        assert image.info["duration"] == 60
    assert len(shots) == 5
    for shot, expected in zip(shots, frames(5), strict=True):
        assert np.abs(shot.astype(int) - expected).max() < 12
    assert [file.name for file in path.parent.iterdir()] == ["game.gif"]


def test_an_mp4_holds_every_frame(tmp_path: Path) -> None:
    path = tmp_path / "game.mp4"
    write_film(path, frames(6), fps=10)
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-i",
        path,
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    ]
    done = subprocess.run(command, capture_output=True, check=True)
    assert b"64x32" in done.stderr
    assert b"10 fps" in done.stderr
    shots = np.frombuffer(done.stdout, np.uint8).reshape(-1, 32, 64, 3)
    assert len(shots) == 6
    for at, shot in enumerate(shots):
        assert shot[8:16, :, 0].mean(0).argmax() // 8 == at


def test_a_film_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "game.gif"
    write_film(path, frames(2), fps=10)
    before = path.read_bytes()
    with pytest.raises(ContractError, match="no frame"):
        write_film(path, [], fps=10)
    with pytest.raises(TypeError):
        write_film(path, [np.zeros((2, 2, 9), np.uint8)], fps=10)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["game.gif"]


def test_other_formats_and_missing_packages_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ContractError, match=r"game.avi: a film ends in one of \['.gif', '.mp4'\]"):
        check_film(Path("game.avi"))
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ContractError, match="mp4 needs the package imageio-ffmpeg"):
        check_film(Path("game.mp4"))
    check_film(Path("game.gif"))


def test_a_reel_gives_back_its_frames() -> None:
    reel = Reel()
    for frame in frames(4):
        reel.append(frame)
    assert len(reel) == 4
    np.testing.assert_array_equal(reel[2], frames(4)[2])
    np.testing.assert_array_equal(np.stack(reel[1:3]), np.stack(frames(4)[1:3]))
    with pytest.raises(ContractError, match="those before it"):
        reel.append(np.zeros((2, 2, 3), np.uint8))
