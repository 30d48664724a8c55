"""Films of frames: gif with Pillow, mp4 with imageio-ffmpeg."""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from perceiver_rl.spaces import ContractError

from .window import MISSING

FORMATS: Final = (".gif", ".mp4")
_COLORS: Final = 128


def check_film(path: Path) -> None:
    """Check that a film of this name can be written, before anything is played.

    Raises:
        ContractError: If the name ends in no known format, or a package is missing.
    """
    if path.suffix.lower() not in FORMATS:
        raise ContractError(f"{path}: a film ends in one of {list(FORMATS)}")
    if path.suffix.lower() == ".mp4":
        _ffmpeg()


class Reel(Sequence[NDArray[np.uint8]]):
    """Frames kept in little memory: a game of minutes has a thousand of more than a megabyte."""

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._shape: tuple[int, ...] = ()

    def append(self, frame: NDArray[np.uint8]) -> None:
        """Add a frame ``[height, width, 3]`` of the same size as the others.

        Raises:
            ContractError: If it has another size.
        """
        if self._packed and frame.shape != self._shape:
            raise ContractError(f"a frame is {frame.shape}, those before it are {self._shape}")
        self._shape = frame.shape
        self._packed.append(zlib.compress(frame.tobytes(), 1))

    @overload
    def __getitem__(self, at: int) -> NDArray[np.uint8]: ...

    @overload
    def __getitem__(self, at: slice) -> list[NDArray[np.uint8]]: ...

    def __getitem__(self, at: int | slice) -> NDArray[np.uint8] | list[NDArray[np.uint8]]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        return np.frombuffer(zlib.decompress(self._packed[at]), np.uint8).reshape(self._shape)

    def __len__(self) -> int:
        return len(self._packed)


def write_film(path: Path, frames: Sequence[NDArray[np.uint8]], fps: float) -> None:
    """Write frames ``[height, width, 3]`` of equal size as a gif or mp4.

    The file appears when it is complete; missing folders are made.

    Args:
        path: Ends in ``.gif`` or ``.mp4``.
        frames: At least one; height and width are even for mp4.
        fps: Frames per second; a gif knows hundredths of a second only.

    Raises:
        ContractError: If the format is unknown, a package is missing or there is no frame.
        OSError: If the file cannot be written.
    """
    check_film(path)
    if not frames:
        raise ContractError(f"{path}: there is no frame to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    os.close(handle)
    part = Path(name)
    try:
        (_write_gif if path.suffix.lower() == ".gif" else _write_mp4)(part, frames, fps)
        part.chmod(0o644)  # mkstemp makes files that only their owner may read
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _write_gif(path: Path, frames: Sequence[NDArray[np.uint8]], fps: float) -> None:
    # One palette for all frames: a palette of its own each lets the background flicker.
    sample = np.concatenate([frames[at][::2, ::2] for at in _spread(len(frames), 8)])
    palette = Image.fromarray(sample).quantize(_COLORS, Image.Quantize.MEDIANCUT)
    images = (
        Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
        for frame in frames
    )
    next(images).save(
        path,
        save_all=True,
        append_images=images,
        duration=max(round(100 / fps), 2) * 10,  # players slow down what is faster than 20 ms
        loop=0,
        optimize=False,
    )


def _spread(count: int, wanted: int) -> list[int]:
    """Return up to ``wanted`` indices, evenly spread."""
    return sorted({round(at) for at in np.linspace(0, count - 1, wanted)})


def _ffmpeg() -> Any:
    try:
        import imageio_ffmpeg
    except ImportError:
        raise ContractError(MISSING.format("mp4", "imageio-ffmpeg")) from None
    return imageio_ffmpeg


def _write_mp4(path: Path, frames: Sequence[NDArray[np.uint8]], fps: float) -> None:
    height, width, _ = frames[0].shape
    writer = _ffmpeg().write_frames(
        str(path), (width, height), fps=fps, macro_block_size=2, ffmpeg_log_level="error"
    )
    try:
        writer.send(None)
        for frame in frames:
            writer.send(np.ascontiguousarray(frame))
    finally:
        writer.close()
