"""Layer norms in the form that is fastest: torch's, or a few products where rows are narrow."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from perceiver_rl.nn.kernels import constant

_EPS = 1e-5

# Where a few operations on all numbers are faster than the CPU's kernel, which goes row by row: as
# long as rows are not wider, and there are many of them, but not more than caches hold.
_WIDEST = 32
_PRODUCTS_FROM, _PRODUCTS_TO = 1 << 15, 1 << 19


class LayerNorm(nn.LayerNorm):
    """A layer norm over the last dimension, quick to find its parameters and fast in rollouts.

    Args:
        width: Features of a row.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, _EPS)

    def forward(self, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        """Normalize every row."""
        # A module looks for its parameters everywhere else first.
        gain = self._parameters.get("weight")
        if gain is None:  # it is computed, as by torch's parametrizations
            return super().forward(x)
        offset = self._parameters["bias"]
        if offset is not None and _are_narrow(x):
            return torch.addcmul(offset, _standardized(x, self.eps), gain)
        return functional.layer_norm(x, self.normalized_shape, gain, offset, self.eps)


def standardize(x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
    """Give every row mean 0 and variance 1: a layer norm without gain and offset."""
    if _are_narrow(x):
        return _standardized(x, _EPS)
    # With constants, because the CPU kernel is slower without them.
    ones, zeros = constant(_ones_and_zeros, x, x.shape[-1])
    return functional.layer_norm(x, ones.shape, ones, zeros, _EPS)


def _are_narrow(x: Float[Tensor, "*batch width"]) -> bool:
    """Return whether rows are many and narrow, and no gradient is wanted, which costs more."""
    if torch.is_grad_enabled() or torch.compiler.is_compiling():
        return False
    if x.shape[-1] > _WIDEST or not _PRODUCTS_FROM <= x.numel() <= _PRODUCTS_TO:
        return False
    return x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)


def _standardized(x: Float[Tensor, "*batch width"], eps: float) -> Float[Tensor, "*batch width"]:
    """Return what :func:`standardize` does, by sums that are products with equal weights."""
    rows, mean = x.reshape(-1, x.shape[-1]), constant(_equal_weights, x, x.shape[-1])
    centered = rows - torch.mv(rows, mean).unsqueeze(1)
    variance = torch.mv(centered * centered, mean)
    return centered.mul_(variance.add_(eps).rsqrt_().unsqueeze(1)).view(x.shape)


def _ones_and_zeros(
    dtype: torch.dtype, device: torch.device, width: int
) -> tuple[Float[Tensor, " width"], Float[Tensor, " width"]]:
    return (
        torch.ones(width, dtype=dtype, device=device),
        torch.zeros(width, dtype=dtype, device=device),
    )


def _equal_weights(dtype: torch.dtype, device: torch.device, width: int) -> Float[Tensor, " width"]:
    return torch.full((width,), 1.0 / width, dtype=dtype, device=device)
