"""Counting of floating-point operations."""

from __future__ import annotations

from collections.abc import Callable

from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


def count_flops(call: Callable[[], object]) -> int:
    """Count the matrix-product FLOPs of a forward pass; a multiply and an add are two.

    The counter does not see inside the fused CPU attention, so attention runs in its plain
    matrix-product form while it counts.
    """
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        call()
    return int(counter.get_total_flops())
