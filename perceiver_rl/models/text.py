"""Text as UTF-8 bytes: six special tokens, then the 256 bytes (Perceiver IO, appendix F)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor

PAD, BOS, EOS, MASK, CLS, SEP = range(6)
NUM_SPECIAL = 6
NUM_TOKENS = NUM_SPECIAL + 256


def encode_text(
    texts: Sequence[str], length: int, *, special: bool = True
) -> tuple[Int[Tensor, "batch token"], Bool[Tensor, "batch token"]]:
    """Turn texts into tokens of one length.

    Args:
        texts: Of any characters.
        length: Tokens per text; longer texts are cut after it, shorter ones padded.
        special: Whether a text stands between CLS and SEP, as the published model expects.

    Returns:
        Tokens, and True where one is no padding.

    Raises:
        ValueError: If the length is less than 1, or too short for the special tokens.
    """
    ends = 2 if special else 0
    if length < max(1, ends):
        raise ValueError(f"length must be at least {max(1, ends)}, not {length}")
    tokens = torch.full((len(texts), length), PAD)
    for row, text in zip(tokens, texts, strict=True):
        ids = [byte + NUM_SPECIAL for byte in text.encode("utf-8")[: length - ends]]
        ids = [CLS, *ids, SEP] if special else ids
        row[: len(ids)] = torch.tensor(ids, dtype=torch.long)
    return tokens, tokens != PAD


def decode_text(tokens: Iterable[int] | Int[Tensor, " token"]) -> str:
    """Return the text of tokens; special ones are left out, broken characters become U+FFFD."""
    ids = tokens.tolist() if isinstance(tokens, Tensor) else list(tokens)
    return bytes(i - NUM_SPECIAL for i in ids if i >= NUM_SPECIAL).decode("utf-8", "replace")
