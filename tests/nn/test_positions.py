"""Fourier position encodings with numbers by hand."""

import math

import torch

from perceiver_rl.nn import fourier_features, grid_positions


def test_grid_positions_run_row_first_from_corner_to_corner() -> None:
    expected = torch.tensor([[-1.0, -1], [-1, 0], [-1, 1], [1, -1], [1, 0], [1, 1]])
    torch.testing.assert_close(grid_positions((2, 3)), expected)


def test_features_are_position_then_sines_then_cosines() -> None:
    # Resolution 4 and two bands: frequencies 1 and 2.
    features = fourier_features(torch.tensor([[0.25]]), 2, (4,))
    angle = math.pi / 4
    expected = [0.25, math.sin(angle), math.sin(2 * angle), math.cos(angle), math.cos(2 * angle)]
    torch.testing.assert_close(features, torch.tensor([expected]))


def test_width_is_two_bands_and_one_position_per_axis() -> None:
    features = fourier_features(grid_positions((5, 7)), 64, (5, 7))
    assert features.shape == (35, 258)  # the published 258 of a 2-D encoding with 64 bands
