"""Pictures of the demos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor


def figure(width: float, height: float) -> Figure:
    """Return an empty figure; its size is in inches."""
    # Not pyplot, which keeps figures alive and asks for a display.
    return Figure(figsize=(width, height), layout="constrained", dpi=120)


def confusion(axes: Axes, truth: Tensor, guesses: Tensor, names: Sequence[str], title: str) -> None:
    """Draw how often each class (row) is taken for each other (column), in percent."""
    count = len(names)
    table = np.zeros((count, count))
    np.add.at(table, (truth.numpy(), guesses.numpy()), 1)
    share = 100 * table / np.maximum(table.sum(1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
    for row, column in np.ndindex(count, count):
        if share[row, column] >= 0.5:
            dark = share[row, column] > 50
            text = f"{share[row, column]:.0f}"
            axes.text(column, row, text, ha="center", va="center", color="w" if dark else "k")
    axes.set_xticks(range(count), names, rotation=45 if max(map(len, names)) > 2 else 0)
    axes.set_yticks(range(count), names)
    axes.set_xlabel("taken for")
    axes.set_ylabel("is")
    axes.set_title(title)


def flow_colors(flow: Tensor, longest: float) -> NDArray[np.floating[Any]]:
    """Return the usual colors of a flow ``[H, W, 2]``: direction as hue, length as saturation."""
    x, y = flow[..., 0].numpy(), flow[..., 1].numpy()
    hue = (np.arctan2(y, x) / (2 * np.pi)) % 1.0
    length = np.clip(np.hypot(x, y) / longest, 0, 1)
    return hsv_to_rgb(np.stack([hue, length, np.ones_like(hue)], axis=-1))


def show(axes: Axes, image: Any, title: str) -> None:
    """Draw an array or tensor ``[H, W]`` or ``[H, W, 3]`` without axes, gray without colors."""
    array = image.numpy() if isinstance(image, Tensor) else image
    axes.imshow(array, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_title(title, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
