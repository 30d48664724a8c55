"""Bytes and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_rl.models import decode_text, encode_text


@given(st.text(max_size=30), st.booleans())
def test_any_text_comes_back(text: str, special: bool) -> None:
    tokens, mask = encode_text([text], 140, special=special)
    assert decode_text(tokens[0]) == text
    assert int(mask.sum()) == len(text.encode()) + 2 * special


def test_bytes_follow_six_special_tokens() -> None:
    tokens, mask = encode_text(["a"], 5)
    assert tokens.tolist() == [[4, 97 + 6, 5, 0, 0]]  # CLS a SEP PAD PAD
    assert mask.tolist() == [[True, True, True, False, False]]


def test_long_texts_are_cut_and_broken_characters_replaced() -> None:
    tokens, _ = encode_text(["aä"], 2, special=False)
    assert decode_text(tokens[0]) == "a�"
    with pytest.raises(ValueError, match="length must be at least 2, not 1"):
        encode_text(["a"], 1)
