"""The one way in which this package compiles functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def kernel(function: Function) -> Function:
    """Compile a function with numba, cached on disk.

    Fast-math stays off, so a trajectory is the same bit for bit on every CPU. The NumPy error model
    drops the check for a division by zero, which would keep loops from being vectorized.

    A cached kernel does not notice changes of constants that it imports from other files: after
    editing ``fields.py``, delete ``__pycache__/*.nb?`` in this package.
    """
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
    return cast(Function, jit(plain))
