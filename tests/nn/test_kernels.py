"""Fast forms of tensor operations give what the plain operations give."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_rl.nn import (
    PerceiverConfig,
    PerceiverIO,
    SelfAttentionBlock,
    kernels,
    layout_of,
    plain_attention,
)
from perceiver_rl.nn.kernels import (
    add,
    aligned_softmax,
    row_products,
    sets_to_join,
    weighted_sum,
)


@pytest.mark.parametrize("lanes", [4, 8, 16])
@given(
    batch=st.sampled_from([1, 300]),  # too few scores to fill vectors up, and enough
    size=st.integers(1, 40),
    dim=st.sampled_from([1, 2]),
    seed=st.integers(0, 1000),
)
def test_the_aligned_softmax_is_a_softmax(
    lanes: int, batch: int, size: int, dim: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = 10 * torch.randn(batch, 4, size, generator=generator, dtype=torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "_OWN_LANES", lanes)
        torch.testing.assert_close(aligned_softmax(scores, dim), scores.softmax(dim))


@pytest.mark.parametrize("lanes", [8, 16])
def test_the_aligned_softmax_fills_vectors_up(lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_OWN_LANES", lanes)
    filled = aligned_softmax(torch.randn(1 << 12, 1, 5), -1)
    assert filled.stride(0) == lanes
    assert aligned_softmax(torch.randn(8, 1, 5), -1).stride(0) == 5


def test_the_aligned_softmax_has_the_gradient_of_a_softmax(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_ALIGN_FROM", 0)
    monkeypatch.setattr(kernels, "_OWN_LANES", 16)
    scores = torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: aligned_softmax(x, -1), (scores,))


@pytest.mark.parametrize("sizes", [(5, 2), (40, 32)])
@given(seed=st.integers(0, 1000))
def test_sums_and_products_of_single_rows_are_those_of_matrices(
    sizes: tuple[int, int], seed: int
) -> None:
    torch.manual_seed(seed)
    rows = torch.randn(3, *sizes, dtype=torch.float64)
    weights, query = torch.randn_like(rows[:, :, 0]), torch.randn_like(rows[:, 0])
    sums = torch.einsum("bn,bnw->bw", weights, rows)
    torch.testing.assert_close(weighted_sum(weights, rows), sums)
    torch.testing.assert_close(row_products(rows, query), torch.einsum("bnw,bw->bn", rows, query))


def test_a_stream_keeps_its_precision_and_a_view_is_not_written_to() -> None:
    stream, update = torch.randn(3, 2), torch.randn(3, 2)
    expected = stream + update
    assert add(stream, update.bfloat16()).dtype == torch.float32
    before = update.clone()
    assert torch.equal(add(stream, update[:]), expected)
    assert torch.equal(update, before)
    assert torch.equal(add(stream, update), expected)
    assert torch.equal(update, expected)  # its memory holds the sum


@settings(max_examples=20)
@given(
    rows=st.sampled_from([1, 2, 4, 8]), batch=st.sampled_from([2, 8, 16]), seed=st.integers(0, 1000)
)
def test_sets_that_are_joined_do_not_see_one_another(rows: int, batch: int, seed: int) -> None:
    torch.manual_seed(seed)
    block = SelfAttentionBlock(8, heads=2).double()
    x = torch.randn(batch, rows, 8, dtype=torch.float64, requires_grad=True)
    joined = block(x)
    with plain_attention():
        apart = block(x)
    torch.testing.assert_close(joined, apart)
    weight = torch.randn_like(apart)
    gradients = [torch.autograd.grad((out * weight).sum(), x)[0] for out in (joined, apart)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize(
    ("batch", "rows", "joined"), [(8, 4, 4), (6, 4, 1), (8, 5, 1), (8, 16, 1), (16, 1, 16)]
)
def test_small_sets_are_joined_where_they_fill_the_lanes(
    batch: int, rows: int, joined: int
) -> None:
    x = torch.zeros(batch, rows, 2)
    assert sets_to_join(x, x) == joined


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    heads=st.sampled_from([1, 2]),
    shared=st.booleans(),
    residual=st.booleans(),
)
def test_a_perceiver_gives_what_the_textbook_form_gives(
    seed: int, heads: int, shared: bool, residual: bool
) -> None:
    torch.manual_seed(seed)
    config = PerceiverConfig(
        num_latents=4,
        latent_width=8,
        num_self_attends=1,
        self_heads=2,
        cross_heads=heads,
        query_residual=residual,
        activation="relu",
    )
    model = PerceiverIO(8, 8, config).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    inputs = torch.randn(4, 40, 8, dtype=torch.float64, requires_grad=True)
    queries = inputs if shared else torch.randn(4, 40, 8, dtype=torch.float64)
    mask = torch.rand(4, 40) < 0.6
    mask[0] = False
    layout = layout_of(mask)
    results = []
    for plain in (False, True):
        with plain_attention() if plain else torch.enable_grad():
            rows = layout.gather(inputs)
            asked = rows if shared else layout.gather(queries)
            out = layout.scatter(model.relate_rows(rows, asked, layout))[mask]
        parts = (inputs, *model.parameters())
        gradients = torch.autograd.grad((out * out).sum(), parts, allow_unused=True)
        pairs = zip(parts, gradients, strict=True)
        results.append((out, *(torch.zeros_like(x) if g is None else g for x, g in pairs)))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)
