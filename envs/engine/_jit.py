"""The one way in which this package compiles functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def kernel(function: Function) -> Function:
    """Compile a function with numba, cached on disk.

    Fast-math stays off, so a trajectory is the same bit for bit on every CPU. The NumPy error model
    drops the check for a division by zero, which would keep loops from being vectorized.

    A cached kernel does not notice changes of constants that it imports from other files: after
    editing ``fields.py``, delete ``__pycache__/*.nb?`` in this package.
    """
    plain = inspect.unwrap(function)  # run-time type checkers may have wrapped it
    return cast(
        Function, numba.njit(cache=True, error_model="numpy", nogil=True, fastmath=False)(plain)
    )
