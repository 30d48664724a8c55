"""Query builders: what is asked for, how wide, and that parts are the whole's parts."""

import pytest
import torch

from perceiver_rl.nn import (
    FourierPositions,
    InputQueries,
    LearnedPositions,
    LearnedQueries,
    ModalityPadding,
    MultimodalQueries,
    PerceiverConfig,
    PerceiverIO,
    PositionQueries,
    TaskQueries,
    fourier_features,
    grid_positions,
)

INPUTS = torch.randn(2, 6, 4)


def test_learned_queries_are_the_same_for_all_samples_and_start_small() -> None:
    queries = LearnedQueries(5, 8)(INPUTS)
    assert queries.shape == (2, 5, 8)
    assert torch.equal(queries[0], queries[1])
    assert float(queries.detach().abs().max()) <= 0.04


def test_task_queries_ask_for_one_task_by_name() -> None:
    builder = TaskQueries(["cola", "rte"], 3)
    everything = builder(INPUTS)
    assert torch.equal(builder(INPUTS, builder.of("rte")), everything[:, 1:])
    with pytest.raises(ValueError, match="unknown task 'sst', expected one of"):
        builder.of("sst")
    with pytest.raises(ValueError, match="different names"):
        TaskQueries(["a", "a"], 3)


def test_fourier_queries_are_the_encoding_of_every_cell() -> None:
    expected = fourier_features(grid_positions((2, 3)), 4, (2, 3))
    queries = PositionQueries(FourierPositions((2, 3), 4))(INPUTS)
    torch.testing.assert_close(queries, expected.expand(2, -1, -1))


def test_subsampled_fourier_queries_leave_out_the_endpoint_as_the_reference_does() -> None:
    picked = FourierPositions((2, 4), 3)(torch.tensor([0, 6]))
    torch.testing.assert_close(picked[:, :2], torch.tensor([[-1.0, -1.0], [0.0, 0.0]]))


def test_subsampled_learned_queries_are_rows_of_all_queries() -> None:
    index = torch.tensor([4, 0])
    for positions in (LearnedPositions((2, 3), 5), LearnedPositions((2, 3), 5, projected=7)):
        builder = PositionQueries(positions)
        torch.testing.assert_close(builder(INPUTS, index), builder(INPUTS)[:, index])


def test_input_queries_are_the_inputs_and_their_positions() -> None:
    features = InputQueries(4)
    assert torch.equal(features(INPUTS), INPUTS)
    placed = InputQueries(4, FourierPositions((2, 3), 2))
    queries = placed(INPUTS)
    assert queries.shape == (2, 6, 4 + 2 * 5)
    assert placed.width == 14
    torch.testing.assert_close(
        queries[1, :, 4:], fourier_features(grid_positions((2, 3)), 2, (2, 3))
    )
    torch.testing.assert_close(placed(INPUTS, torch.tensor([3])), queries[:, 3:4])


def test_input_queries_of_a_wrong_width_name_both() -> None:
    with pytest.raises(ValueError, match=r"width 5, got \[2, 6, 4\] of width 4"):
        InputQueries(5)(INPUTS)
    with pytest.raises(
        ValueError, match=r"6 inputs do not fit the 4 positions of the grid \(2, 2\)"
    ):
        InputQueries(4, FourierPositions((2, 2), 1))(INPUTS)


def test_padding_keeps_the_rows_and_adds_the_modalitys_own_vector() -> None:
    pad = ModalityPadding({"video": 5, "audio": 2}, min_padding=3)
    parts = {"video": torch.randn(2, 4, 5), "audio": torch.randn(2, 3, 2)}
    padded = pad(parts)
    assert list(padded) == ["audio", "video"]
    assert {name: rows.shape[2] for name, rows in padded.items()} == {"audio": 8, "video": 8}
    for name, rows in parts.items():
        assert torch.equal(padded[name][..., : rows.shape[2]], rows)
        expected = pad.padding[name].expand(*rows.shape[:2], -1)
        assert torch.equal(padded[name][..., rows.shape[2] :], expected)


def test_padding_refuses_missing_modalities_and_other_widths() -> None:
    pad = ModalityPadding({"video": 5, "audio": 2}, min_padding=3)
    with pytest.raises(
        ValueError, match=r"expected modalities \['audio', 'video'\], got \['video'\]"
    ):
        pad({"video": torch.zeros(1, 1, 5)})
    with pytest.raises(ValueError, match=r"'audio' must be 2 wide, got shape \[1, 1, 3\]"):
        pad({"video": torch.zeros(1, 1, 5), "audio": torch.zeros(1, 1, 3)})
    with pytest.raises(ValueError, match="at least one modality"):
        ModalityPadding({}, 2)


def test_multimodal_queries_ask_for_some_modalities_and_some_outputs() -> None:
    builder = MultimodalQueries(
        {"label": LearnedQueries(1, 9), "image": PositionQueries(FourierPositions((2, 3), 2))}
    )
    queries = builder(INPUTS, {"image": torch.tensor([1, 2]), "label": None})
    assert list(queries) == ["image", "label"]
    assert queries["image"].shape == (2, 2, 12)  # 10 + 2, the widest and its padding
    assert queries["label"].shape == (2, 1, 12)
    assert list(builder(INPUTS, {"label": None})) == ["label"]
    with pytest.raises(ValueError, match=r"unknown modalities \['sound'\]"):
        builder(INPUTS, {"sound": None})


def test_a_large_output_decoded_in_parts_is_the_whole() -> None:
    config = PerceiverConfig(num_latents=3, latent_width=8, num_self_attends=1, self_heads=2)
    builder = LearnedQueries(7, 6)
    model = PerceiverIO(4, 6, config, output_width=2)
    latents = model.encode(INPUTS)
    whole = model.decoder(builder(INPUTS), latents)
    parts = [model.decoder(builder(INPUTS, i), latents) for i in torch.arange(7).split(3)]
    torch.testing.assert_close(torch.cat(parts, 1), whole)


def test_axes_of_resolution_and_shape_must_agree() -> None:
    with pytest.raises(ValueError, match="as many axes as shape"):
        FourierPositions((2, 3), 4, max_resolution=(5,))
