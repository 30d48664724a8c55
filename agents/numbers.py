"""Numbers as all tables show them; what is unknown is a dash."""

from __future__ import annotations

from typing import Final

import numpy as np

UNKNOWN: Final = "-"


def with_interval(value: float, low: float, high: float, between: str = " ") -> str:
    """Return a win rate, or another value of its size, with its interval."""
    return f"{value:.3f}{between}[{low:.2f}, {high:.2f}]"


def signed_with_interval(value: float, low: float, high: float) -> str:
    """Return a difference with its interval, all with their signs."""
    return f"{value:+.3f} [{low:+.2f}, {high:+.2f}]"


def probability(value: float) -> str:
    """Return a p-value."""
    return f"{value:.3f}"


def score(value: float) -> str:
    """Return a mean return, or the score of a mini-game."""
    return f"{value:.2f}"


def count(value: int | None) -> str:
    """Return a number of things."""
    return UNKNOWN if value is None else f"{value:,}"


def rate(value: float | None) -> str:
    """Return how many per second."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def megaflops(value: int | None) -> str:
    """Return FLOPs in millions."""
    return UNKNOWN if value is None else f"{value / 1e6:.3f}"


def gigaflops(value: int | None) -> str:
    """Return FLOPs in billions, with three digits that count."""
    if value is None:
        return UNKNOWN
    return np.format_float_positional(value / 1e9, precision=3, fractional=False, trim="k")


def milliseconds(value: float | None) -> str:
    """Return a latency, with three digits that count."""
    return UNKNOWN if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def mebibytes(value: int | None) -> str:
    """Return bytes in MiB."""
    return UNKNOWN if value is None else f"{value / 2**20:,.1f}"


def ratio(value: float | None) -> str:
    """Return how many times as much."""
    return UNKNOWN if value is None else f"{value:.3f}"
