"""Choices are drawn in proportion to their probabilities, and never against a mask."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from perceiver_rl.heads import categorical

# The smallest and the largest number that torch.rand gives, and some in between.
UNIFORM = (0.0, 2.0**-24, 0.25, 0.5, 0.999, 1 - 2.0**-24)


@given(st.lists(st.booleans(), min_size=1, max_size=300), st.integers(0, 2**31), st.booleans())
def test_no_number_draws_a_forbidden_choice(legal: list[bool], seed: int, ordered: bool) -> None:
    logits = 20 * torch.randn(
        len(UNIFORM), len(legal), generator=torch.Generator().manual_seed(seed)
    )
    mask = torch.tensor(legal).expand_as(logits)
    log_probs = categorical.masked_log_softmax(logits, mask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "rand_like", lambda like: torch.tensor(UNIFORM).view_as(like))
        patch.setattr(categorical, "_ascends", lambda sums: ordered)
        drawn = categorical.sample(log_probs, False)
    if not any(legal):
        assert drawn.tolist() == [0] * len(UNIFORM)
    else:
        assert mask.gather(1, drawn.unsqueeze(1)).all()


def test_sums_that_fall_now_and_then_draw_what_ascending_ones_draw(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log_probs = torch.randn(500, 40).log_softmax(-1)
    drawn = []
    for ascends in (True, False):
        monkeypatch.setattr(categorical, "_ascends", lambda sums, ascends=ascends: ascends)
        torch.manual_seed(0)
        drawn.append(categorical.sample(log_probs, False))
    assert torch.equal(*drawn)


def test_choices_come_as_often_as_their_probabilities_say() -> None:
    torch.manual_seed(0)
    log_probs = torch.randn(300).log_softmax(-1)
    drawn = categorical.sample(log_probs.expand(200_000, -1), False)
    share = torch.bincount(drawn, minlength=300) / 200_000
    sigma = (log_probs.exp() / 200_000).sqrt()
    assert bool(((share - log_probs.exp()).abs() < 5 * sigma).all())


@pytest.mark.parametrize("shape", [(), (3,), (2, 5)])
def test_rows_of_any_shape_are_drawn_by_themselves(shape: Any) -> None:
    log_probs = torch.full((*shape, 4), categorical.ILLEGAL)
    log_probs[..., 2] = 0.0
    assert torch.equal(categorical.sample(log_probs, False), torch.full(shape, 2))
