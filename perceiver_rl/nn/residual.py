"""Residual and gated blocks of AlphaStar's heads and of its spatial network."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from perceiver_rl.nn.init import linear
from perceiver_rl.nn.module import Module
from perceiver_rl.nn.norm import LayerNorm


class ResidualBlock(Module):
    """Two linear layers around the stream, each behind a LayerNorm and a ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.update = nn.Sequential(
            *(LayerNorm(width), nn.ReLU(), linear(width, width)),
            *(LayerNorm(width), nn.ReLU(), linear(width, width)),
        )

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        """Update the stream."""
        return x + self.update(x)


class GatedLinearUnit(Module):
    """``linear(sigmoid(linear(context)) * x)`` (AlphaStar, detailed architecture)."""

    def __init__(self, in_features: int, context_width: int, out_features: int) -> None:
        super().__init__()
        self.gate = linear(context_width, in_features)
        self.out = linear(in_features, out_features)

    def forward(
        self, x: Float[Tensor, "batch feature"], context: Float[Tensor, "batch context"]
    ) -> Float[Tensor, "batch output"]:
        """Let the context decide which features pass."""
        return self.out(self.gate(context).sigmoid() * x)


class ConvResidualBlock(Module):
    """Two 3x3 convolutions around the stream, each behind a norm over the map and a ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.update = nn.Sequential(
            *(nn.GroupNorm(1, channels), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1)),
            *(nn.GroupNorm(1, channels), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1)),
        )

    def forward(
        self, x: Float[Tensor, "batch channel row column"]
    ) -> Float[Tensor, "batch channel row column"]:
        """Update the map."""
        return x + self.update(x)


class FilmResidualBlock(Module):
    """A gated residual block whose features a context scales and shifts (FiLM)."""

    def __init__(self, channels: int, context_width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.GroupNorm(1, channels)
        self.film = linear(context_width, 2 * channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.gate = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(
        self,
        x: Float[Tensor, "batch channel row column"],
        context: Float[Tensor, "batch context"],
    ) -> Float[Tensor, "batch channel row column"]:
        """Update the map in the light of the context."""
        scale, shift = self.film(context)[:, :, None, None].chunk(2, dim=1)
        hidden = self.norm(self.first(x.relu())) * (1 + scale) + shift
        return x + self.gate(x.relu()).sigmoid() * self.second(hidden.relu())
