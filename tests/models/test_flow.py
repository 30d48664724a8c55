"""Optical flow: parts, tiles, weights."""

import itertools

import pytest
import torch

from perceiver_rl.models import FlowConfig, OpticalFlow, tiled_flow
from perceiver_rl.models.flow import tile_starts, tile_weights
from perceiver_rl.nn import PerceiverConfig

FRAMES = torch.randn(2, 2, 3, 6, 8)


def test_an_untrained_network_sees_no_motion(tiny: PerceiverConfig) -> None:
    model = OpticalFlow(FlowConfig(size=(6, 8), width=5, bands=3, perceiver=tiny))
    assert torch.equal(model(FRAMES), torch.zeros(2, 6, 8, 2))


def test_pixels_may_be_decoded_in_parts(flow: OpticalFlow) -> None:
    torch.testing.assert_close(flow(FRAMES, chunk=7), flow(FRAMES))


def test_frames_of_another_size_are_refused(flow: OpticalFlow) -> None:
    with pytest.raises(
        ValueError, match=r"frames must be \[B, 2, 3, 6, 8\], got \[1, 2, 3, 8, 6\]"
    ):
        flow(torch.zeros(1, 2, 3, 8, 6))


@pytest.mark.parametrize("length", range(6, 40))
def test_tiles_cover_an_axis_and_overlap_enough(length: int) -> None:
    starts = tile_starts(length, 6, 2).tolist()
    assert starts[0] == 0
    assert starts[-1] == length - 6
    gaps = [b - a for a, b in itertools.pairwise(starts)]
    assert all(0 < gap <= 4 for gap in gaps)
    assert len(starts) == 1 + -(-(length - 6) // 4)  # no more than needed


def test_weights_are_distances_to_the_edge() -> None:
    expected = [[1, 1, 1, 1], [1, 2, 2, 1], [1, 1, 1, 1]]
    assert tile_weights((3, 4)).tolist() == expected


def test_tiles_are_averaged_by_their_weights(flow: OpticalFlow) -> None:
    frames = torch.randn(1, 2, 3, 6, 11)
    left, right = flow(frames[..., :8]), flow(frames[..., 3:])
    weights = tile_weights((6, 8))[..., None]
    out = tiled_flow(flow, frames, min_overlap=2)
    torch.testing.assert_close(out[:, :, :3], left[:, :, :3])
    torch.testing.assert_close(out[:, :, 8:], right[:, :, 5:])
    shared = weights[:, 3:] * left[:, :, 3:] + weights[:, :5] * right[:, :, :5]
    torch.testing.assert_close(out[:, :, 3:8], shared / (weights[:, 3:] + weights[:, :5]))


def test_an_image_smaller_than_a_tile_is_refused(flow: OpticalFlow) -> None:
    with pytest.raises(ValueError, match="5 pixels is smaller than the tile of 6"):
        tiled_flow(flow, torch.zeros(1, 2, 3, 5, 8))
    with pytest.raises(ValueError, match="min_overlap must lie between 0 and 5, not 6"):
        tile_starts(9, 6, 6)
