"""Texts of a fixed length, as stable-baselines3 can store them."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from perceiver_rl.spaces._errors import ContractError, ObservationError


class TextSpace(spaces.Box):
    """Texts as UTF-8 bytes: uint8 ``[L]``, filled up with zeros.

    Algorithms see an ordinary ``Box``; an encoder reads letters instead of numbers.

    Args:
        max_bytes: L, the longest text in bytes of UTF-8.
        seed: Seed of :meth:`sample`.

    Raises:
        ContractError: If ``max_bytes < 1``.
    """

    def __init__(self, max_bytes: int, seed: int | np.random.Generator | None = None) -> None:
        if max_bytes < 1:
            raise ContractError(f"max_bytes must be at least 1, not {max_bytes}")
        self.max_bytes = int(max_bytes)
        super().__init__(0, 255, (self.max_bytes,), np.uint8, seed=seed)

    def encode(self, text: str) -> NDArray[np.uint8]:
        """Return a text as bytes ``[L]``.

        Raises:
            ObservationError: If it is too long, or holds the character NUL, which fills up.
        """
        content = text.encode()
        if len(content) > self.max_bytes:
            raise ObservationError(
                f"a text of {len(content)} bytes does not fit max_bytes={self.max_bytes}: {text!r}"
            )
        if 0 in content:
            raise ObservationError(f"a text must not hold the character NUL: {text!r}")
        row = np.zeros(self.max_bytes, np.uint8)
        row[: len(content)] = np.frombuffer(content, np.uint8)
        return row

    def decode(self, row: NDArray[Any]) -> str:
        """Return the text of bytes ``[L]``; bytes that are no UTF-8 are replaced."""
        content = np.asarray(row).astype(np.uint8).tobytes()
        return content.split(b"\0", 1)[0].decode(errors="replace")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TextSpace) and self.max_bytes == other.max_bytes

    __hash__ = None  # type: ignore[assignment]  # mutable, as every gymnasium space

    def __repr__(self) -> str:
        return f"TextSpace({self.max_bytes})"
