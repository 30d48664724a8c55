"""How numbers look in tables."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from perceiver_rl.agents import numbers


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (numbers.with_interval(0.8666, 0.851, 0.9), "0.867 [0.85, 0.90]"),
        (numbers.signed_with_interval(-0.01, -0.05, 0.0349), "-0.010 [-0.05, +0.03]"),
        (numbers.count(53288), "53,288"),
        (numbers.rate(1234.5), "1,234"),
        (numbers.megaflops(195_000), "0.195"),
        (numbers.gigaflops(929_000_000), "0.929"),
        (numbers.gigaflops(3_288_000_000), "3.29"),
        (numbers.gigaflops(93_100), "0.0000931"),
        (numbers.milliseconds(1.2345), "1.23"),
        (numbers.milliseconds(1234.5), "1,234"),
        (numbers.mebibytes(3 * 2**20 // 2), "1.5"),
    ],
)
def test_numbers_have_the_digits_that_count(shown: str, expected: str) -> None:
    assert shown == expected


@pytest.mark.parametrize(
    "show",
    [
        numbers.count, numbers.rate, numbers.megaflops, numbers.gigaflops, numbers.milliseconds,
        numbers.mebibytes, numbers.ratio,
    ],
)  # fmt: skip
def test_what_is_unknown_is_a_dash(show: Callable[[None], str]) -> None:
    assert show(None) == "-"
