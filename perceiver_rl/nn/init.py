"""Parameter initialization of the Perceiver reference."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

# Standard deviation of a unit normal truncated at two standard deviations.
_TRUNCATED_STD = 0.87962566103423978


class _Linear(nn.Linear):
    """A linear layer that is quick to find its parameters.

    A module looks for them as for any attribute, and everywhere else first, which takes a layer of
    a small network a tenth of its time.
    """

    def forward(self, x: Tensor) -> Tensor:
        weight = self._parameters.get("weight")
        if weight is None:  # it is computed, as by torch's parametrizations
            return super().forward(x)
        return functional.linear(x, weight, self._parameters["bias"])


LinearInit = Literal["scaled", "truncated", "zeros"]


def linear(in_features: int, out_features: int, init: LinearInit = "scaled") -> nn.Linear:
    """Build a linear layer with bias 0 and one of the reference's initial weights.

    Args:
        in_features: Width of the input.
        out_features: Width of the output.
        init: ``scaled``, the reference's attention and MLP: truncated normal whose standard
            deviation is 1/sqrt(fan_in) after the cut; ``truncated``, its layers before and after
            the Perceiver: 1/sqrt(fan_in) before the cut, 0.88 of it after; ``zeros``, its flow.

    Raises:
        ValueError: If the initialization is unknown.
    """
    layer = _Linear(in_features, out_features)
    std = 1.0 / math.sqrt(in_features)
    if init == "zeros":
        nn.init.zeros_(layer.weight)
    elif init in ("scaled", "truncated"):
        std /= _TRUNCATED_STD if init == "scaled" else 1.0
        nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std)
    else:
        raise ValueError(f"unknown init {init!r}, expected one of {list(get_args(LinearInit))}")
    nn.init.zeros_(layer.bias)
    return layer


def learned_array(*shape: int, std: float = 0.02) -> nn.Parameter:
    """Build a parameter for latents, queries or positions: truncated normal, cut at two std."""
    array: Tensor = nn.init.trunc_normal_(
        nn.Parameter(torch.empty(*shape)), std=std, a=-2 * std, b=2 * std
    )
    return nn.Parameter(array)
