"""Parameter initialization of the Perceiver reference."""

from __future__ import annotations

import math

from torch import Tensor, nn

# Standard deviation of a unit normal truncated at two standard deviations.
_TRUNCATED_STD = 0.87962566103423978


def linear(in_features: int, out_features: int) -> nn.Linear:
    """Build a linear layer: weights truncated normal with std 1/sqrt(fan_in), bias 0."""
    layer = nn.Linear(in_features, out_features)
    std = 1.0 / math.sqrt(in_features) / _TRUNCATED_STD
    nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std)
    nn.init.zeros_(layer.bias)
    return layer


def learned_array(*shape: int, std: float = 0.02) -> nn.Parameter:
    """Build a parameter for latents, queries or positions: truncated normal, cut at two std."""
    array: Tensor = nn.init.trunc_normal_(
        nn.Parameter(Tensor(*shape)), std=std, a=-2 * std, b=2 * std
    )
    return nn.Parameter(array)
