"""The one way in which this package compiles functions."""

from __future__ import annotations

import hashlib
import inspect
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numba

HERE: Final = Path(__file__).parent
PACKAGE: Final = HERE.parent
KEPT_CACHES: Final = 8  # for those who go back and forth between states of the sources
Function = TypeVar("Function", bound=Callable[..., object])


def kernel(function: Function) -> Function:
    """Compile a function with numba, cached on disk.

    Fast-math stays off, so a trajectory is the same bit for bit on every CPU. The NumPy error model
    drops the check for a division by zero, which would keep loops from being vectorized. Without
    numba's runtime a kernel cannot make arrays, but need not count references either: the counting
    of arrays that are passed on took a third of the time.

    A cached kernel notices changes of its own file alone, but it contains constants and parts of
    others. So each state of the sources has a cache of its own.
    """
    return _compiled(function, cache=True, _nrt=False)


def allocating_kernel(function: Function) -> Function:
    """Compile a function that makes arrays: as a kernel, but arrays that it handles are counted."""
    return _compiled(function, cache=True)


def part(function: Function) -> Function:
    """Compile a function as a part of the kernels that call it.

    It is written out at the place of each call: passing arrays to a function of a few
    nanoseconds costs more than the function does.
    """
    return _compiled(function, inline="always")


def _compiled(function: Function, **options: Any) -> Function:
    plain = inspect.unwrap(function)  # run-time type checkers may have wrapped it
    jit = numba.njit(error_model="numpy", nogil=True, fastmath=False, **options)
    shared = _CONFIG.CACHE_DIR  # read while the decorator runs
    _CONFIG.CACHE_DIR = _CACHE or shared
    try:
        return cast(Function, jit(plain))
    finally:
        _CONFIG.CACHE_DIR = shared


def _own_cache() -> str:
    """Return the folder for kernels of these very sources; empty where it cannot be written."""
    sources = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_bytes()
        if path.parent == HERE or b"_jit import" in source:
            sources.update(source)
    folder = PACKAGE / "__pycache__" / f"kernels-{sources.hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)  # used now
    except OSError:
        return ""  # numba then chooses a folder of the user
    remove_old_caches(folder.parent, KEPT_CACHES)
    return str(folder) if os.access(folder, os.W_OK) else ""


def remove_old_caches(parent: Path, kept: int) -> None:
    """Remove the folders of kernels in ``parent`` but for the ones that were used last.

    A process that still uses a removed one goes on, and writes it anew if it has to compile.
    """

    def used(folder: Path) -> float:
        try:
            return folder.stat().st_mtime
        except OSError:  # another process has just removed it
            return 0.0

    for folder in sorted(parent.glob("kernels-*"), key=used, reverse=True)[kept:]:
        shutil.rmtree(folder, ignore_errors=True)


_CONFIG: Final[Any] = numba.config  # its entries are made at run time
_CACHE: Final = "" if _CONFIG.CACHE_DIR else _own_cache()
