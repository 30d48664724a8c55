"""Packed rows give what padded rows give."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from perceiver_rl.nn import (
    Dense,
    EntityTransformer,
    Packed,
    PerceiverConfig,
    PerceiverIO,
    TransformerConfig,
    layout_of,
)

MASKS = st.integers(0, 10_000).map(
    lambda seed: torch.rand(3, 6, generator=torch.Generator().manual_seed(seed)) < 0.4
)


def filled(mask: torch.Tensor) -> torch.Tensor:
    """The mask with at least one row, which a packed layout needs."""
    mask[1, 2] = True
    return mask


@given(MASKS)
def test_what_is_gathered_and_scattered_is_unchanged_where_rows_are(mask: torch.Tensor) -> None:
    mask = filled(mask)
    x = torch.randn(3, 6, 2)
    for layout in (Packed(mask), Dense(3, 6, mask)):
        assert torch.equal(layout.scatter(layout.gather(x))[mask], x[mask])
        rows = layout.gather(x)
        assert torch.equal(layout.unpad(layout.pad(rows)), rows)


@given(MASKS)
def test_padding_puts_each_set_first_and_trims_to_the_largest(mask: torch.Tensor) -> None:
    mask = filled(mask)
    layout = Packed(mask)
    x = torch.randn(3, 6, 2)
    padded = layout.pad(layout.gather(x))
    assert padded.shape[1] == int(mask.sum(1).max())
    for sample in range(3):
        count = int(mask[sample].sum())
        assert torch.equal(padded[sample, :count], x[sample, mask[sample]])
        assert not bool(padded[sample, count:].any())
        assert layout.mask[sample].tolist() == [i < count for i in range(padded.shape[1])]


@given(MASKS)
def test_networks_say_the_same_of_packed_and_padded_sets(mask: torch.Tensor) -> None:
    mask = filled(mask)
    torch.manual_seed(0)
    perceiver = PerceiverIO(
        4, 4, PerceiverConfig(num_latents=2, latent_width=8, num_self_attends=1, self_heads=2)
    ).double()
    transformer = EntityTransformer(4, TransformerConfig(num_layers=2, head_dim=2)).double()
    x = torch.randn(3, 6, 4, dtype=torch.float64)
    layout = Packed(mask)
    rows = layout.gather(x)
    pairs = (
        (layout.scatter(perceiver.relate_rows(rows, rows, layout)), perceiver(x, x, mask)),
        (layout.scatter(transformer.relate_rows(rows, layout)), transformer(x, mask)),
    )
    for packed, padded in pairs:
        torch.testing.assert_close(packed[mask], padded[mask])


@pytest.mark.parametrize("slots", [4, 64])
def test_full_sets_need_no_mask(slots: int) -> None:
    layout = layout_of(torch.ones(2, slots, dtype=torch.bool))
    assert isinstance(layout, Dense)
    assert layout.mask is None


@pytest.mark.parametrize(
    ("slots", "present", "kind"),
    [(64, 10, Packed), (64, 60, Dense), (64, 0, Dense), (16, 2, Dense)],
)
def test_a_batch_is_packed_when_it_is_large_and_mostly_empty(
    slots: int, present: int, kind: type
) -> None:
    mask = torch.zeros(2, slots, dtype=torch.bool)
    mask[:, :present] = True
    assert isinstance(layout_of(mask), kind)
