"""Rows of images and sound against loops and torch's own layers."""

import pytest
import torch

from perceiver_rl.models.inputs import (
    ConvStem,
    ImageInput,
    ImageInputConfig,
    SoundInput,
    blocks,
    neighbourhoods,
)


def test_blocks_run_over_rows_columns_and_channels() -> None:
    video = torch.arange(2 * 3 * 4 * 6).float().view(1, 2, 3, 4, 6)
    cut = blocks(video, 2)
    assert cut.shape == (1, 2, 2, 3, 12)
    expected = video[0, 1, :, 2:4, 4:6].permute(1, 2, 0).flatten()
    assert torch.equal(cut[0, 1, 1, 2], expected)
    with pytest.raises(ValueError, match="blocks of 4 pixels do not fit frames of 4 x 6"):
        blocks(video, 4)


def test_neighbourhoods_are_the_pixels_around_zero_outside() -> None:
    image = torch.randn(1, 3, 4, 5)
    rows = neighbourhoods(image)
    assert rows.shape == (1, 4, 5, 27)
    torch.testing.assert_close(rows[0, 2, 3], image[0, :, 1:4, 2:5].permute(1, 2, 0).flatten())
    assert torch.equal(rows[0, 0, 0, :9], torch.zeros(9))  # the row above the image


@pytest.mark.parametrize(
    ("size", "reference", "transformers"), [(224, 56, 55), (9, 3, 2), (8, 2, 1)]
)
def test_the_convolutional_stem_quarters_the_image(
    size: int, reference: int, transformers: int
) -> None:
    ours, theirs = ConvStem(3, 2, "reference"), ConvStem(3, 2, "transformers")
    image = torch.randn(1, 3, size, size)
    assert ours(image).shape[-2:] == (reference, reference)
    assert ours.cells(size) == reference
    assert theirs(image).shape[-2:] == (transformers, transformers)
    assert theirs.cells(size) == transformers


def test_an_image_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"images must be \[B, 3, 4, 4\], got \[2, 1, 4, 4\]"):
        ImageInput(ImageInputConfig(size=(4, 4), bands=2))(torch.zeros(2, 1, 4, 4))


@pytest.mark.parametrize("stem", ["pixels", "conv1x1", "conv"])
@pytest.mark.parametrize("positions", ["fourier", "learned"])
def test_an_image_becomes_rows_of_the_announced_width(stem: str, positions: str) -> None:
    config = ImageInputConfig(
        size=(8, 12),
        stem=stem,  # type: ignore[arg-type]
        positions=positions,  # type: ignore[arg-type]
        stem_width=6,
        bands=2,
        position_width=5,
    )
    model = ImageInput(config)
    cells = 2 * 3 if stem == "conv" else 8 * 12
    assert model(torch.randn(2, 3, 8, 12)).shape == (2, cells, model.width)


def test_sound_is_cut_into_patches_beside_their_positions() -> None:
    sound = torch.randn(2, 12)
    model = SoundInput(12, 4, 3)
    rows = model(sound)
    assert rows.shape == (2, 3, 4 + 7)
    assert torch.equal(rows[1, 2, :4], sound[1, 8:])
    torch.testing.assert_close(rows[0, :, 4], torch.tensor([-1.0, 0.0, 1.0]))
    with pytest.raises(ValueError, match="samples_per_patch=5 must divide samples=12"):
        SoundInput(12, 5, 3)
    with pytest.raises(ValueError, match=r"sound must be \[B, 12\], got \[2, 11\]"):
        model(sound[:, 1:])
