"""Optical flow: random textures that shift, turn and stretch, with the flow that moved them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from perceiver_rl.models import FlowConfig, OpticalFlow, tiled_flow
from perceiver_rl.nn import PerceiverConfig

from . import pictures
from .fitting import Budget, DemoResult, fit, parameters, seeded

STEPS = 1800
SIZE = (20, 24)
LARGE = (32, 40)
_BATCH, _TEST = 16, 200
_SHIFT = 2.0


class Scene(NamedTuple):
    """Moving textures.

    Attributes:
        frames: ``[B, 2, 3, H, W]``.
        flow: ``[B, H, W, 2]``, from the first frame to the second, in pixels right and down.
    """

    frames: Tensor
    flow: Tensor


def scenes(count: int, size: tuple[int, int], generator: torch.Generator) -> Scene:
    """Return scenes of smooth colored noise under an affine motion of up to about 3 pixels.

    The second frame is the texture; the first one looks it up where its pixels go, so the flow is
    exact for every pixel, also for those that leave the frame.
    """
    margin = 6
    height, width = size[0] + 2 * margin, size[1] + 2 * margin
    noise = torch.randn(count, 3, height, width, generator=generator)
    fine = nn.functional.avg_pool2d(noise, 3, 1, 1)
    coarse = nn.functional.avg_pool2d(noise, 7, 1, 3)
    texture = (3 * fine + 5 * coarse).tanh()
    rows, columns = (torch.arange(n).float() - (n - 1) / 2 for n in size)
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)
    draw = 2 * torch.rand(count, 6, generator=generator) - 1
    matrix = 0.06 * draw[:, :4].view(count, 2, 2)
    flow = torch.einsum("bij,hwj->bhwi", matrix, grid) + _SHIFT * draw[:, None, None, 4:]
    target = (grid + flow) * 2 / torch.tensor([width - 1.0, height - 1.0])
    first = nn.functional.grid_sample(texture, target, mode="bicubic", align_corners=True)
    inner = slice(margin, -margin)
    return Scene(torch.stack([first, texture[:, :, inner, inner]], dim=1), flow)


def a_perceiver() -> OpticalFlow:
    """Build a small model of the paper's kind."""
    perceiver = PerceiverConfig(
        num_latents=48, latent_width=96, num_self_attends=4, self_heads=4, query_residual=False
    )
    return OpticalFlow(FlowConfig(size=SIZE, width=48, bands=8, scale=1.0, perceiver=perceiver))


class SmallConv(nn.Module):
    """Five convolutions over both frames."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width_in, width_out, dilation in ((6, 48, 1), (48, 48, 2), (48, 48, 4), (48, 48, 2)):
            conv = nn.Conv2d(width_in, width_out, 3, padding=dilation, dilation=dilation)
            layers += [conv, nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(48, 2, 3, padding=1))

    def forward(self, frames: Tensor) -> Tensor:
        """Return the flow ``[B, H, W, 2]``."""
        return self.layers(frames.flatten(1, 2)).permute(0, 2, 3, 1)


def lucas_kanade(frames: Tensor, window: int = 9, rounds: int = 5) -> Tensor:
    """Return the flow by least squares in windows around each pixel, without any learning.

    Lucas and Kanade's method, repeated on the second frame moved back by the flow so far.
    """
    first, second = frames.unbind(1)
    height, width = first.shape[-2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    grid = torch.stack([columns, rows], dim=-1).float()
    size = torch.tensor([width - 1.0, height - 1.0])
    flow = torch.zeros(*first.shape[:1], height, width, 2)
    for _ in range(rounds):
        moved = nn.functional.grid_sample(
            second, (grid + flow) * 2 / size - 1, padding_mode="border", align_corners=True
        )
        across = torch.gradient(moved, dim=3)[0]
        down = torch.gradient(moved, dim=2)[0]
        change = first - moved
        products = [across * across, across * down, down * down, across * change, down * change]
        sums = [
            nn.functional.avg_pool2d(p.sum(1, keepdim=True), window, 1, window // 2)[:, 0]
            for p in products
        ]
        xx, xy, yy, xt, yt = sums
        xx, yy = xx + 1e-3, yy + 1e-3
        determinant = xx * yy - xy * xy
        step = torch.stack([yy * xt - xy * yt, xx * yt - xy * xt], dim=-1)
        flow = flow + (step / determinant[..., None]).clamp(-1, 1)
    return flow


def error(guess: Tensor, truth: Tensor) -> float:
    """Return the mean length of the difference of two flows, in pixels (end-point error)."""
    return float((guess - truth).norm(dim=-1).mean())


def run(budget: Budget) -> DemoResult:
    """Train the model and a small CNN alike; compare them with two methods that learn nothing."""
    model, conv = seeded(budget.seed, a_perceiver), seeded(budget.seed, SmallConv)
    assert isinstance(model, OpticalFlow)

    def trained(name: str, network: nn.Module) -> float:
        def loss(generator: torch.Generator) -> Tensor:
            scene = scenes(_BATCH, SIZE, generator)
            return (network(scene.frames) - scene.flow).norm(dim=-1).mean()

        return fit(name, network, loss, budget)

    seconds = {"Perceiver IO": trained("Perceiver IO", model), "CNN": trained("small CNN", conv)}
    small = scenes(_TEST, SIZE, budget.generator(3))
    large = scenes(_TEST // 4, LARGE, budget.generator(4))
    with torch.no_grad():
        found = model(small.frames)
        rows: dict[str, tuple[float | None, ...]] = {
            "Perceiver IO": (
                error(found, small.flow),
                error(tiled_flow(model, large.frames, min_overlap=8), large.flow),
                parameters(model),
                seconds["Perceiver IO"],
            ),
            "small CNN": (
                error(conv(small.frames), small.flow),
                error(conv(large.frames), large.flow),
                parameters(conv),
                seconds["CNN"],
            ),
        }
    for name, method in (("Lucas-Kanade", lucas_kanade), ("zero flow", _no_flow)):
        small_error = error(method(small.frames), small.flow)
        rows[name] = (small_error, error(method(large.frames), large.flow), None, None)
    picture = pictures.figure(10, 5.6)
    with torch.no_grad():
        classical = lucas_kanade(small.frames)
        for row, at in enumerate(range(3)):
            first, second = (small.frames[at] / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).unbind(0)
            images = {
                "first frame": first,
                "second frame": second,
                "true flow": pictures.flow_colors(small.flow[at], 3),
                "Perceiver IO": pictures.flow_colors(found[at], 3),
                "Lucas-Kanade": pictures.flow_colors(classical[at], 3),
            }
            for column, (title, image) in enumerate(images.items()):
                axes = picture.add_subplot(3, 5, 5 * row + column + 1)
                pictures.show(axes, image, "" if row else title)
    return DemoResult(
        title="Optical flow: moving textures",
        note=(
            f"end-point error in pixels on {_TEST} new scenes of {SIZE[0]} x {SIZE[1]}, and on"
            f" {_TEST // 4} of {LARGE[0]} x {LARGE[1]}, by tiles; {budget.steps} steps"
        ),
        columns=("error", "error, large", "parameters", "CPU seconds"),
        rows=rows,
        figure=picture,
    )


def _no_flow(frames: Tensor) -> Tensor:
    return torch.zeros(len(frames), *frames.shape[-2:], 2)
