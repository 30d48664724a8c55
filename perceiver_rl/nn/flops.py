"""Counting of floating-point operations."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from perceiver_rl.nn.absorbed import plain_attention


def count_flops(call: Callable[[], object], plain: bool = True) -> int:
    """Count the matrix-product FLOPs of a forward pass; a multiply and an add are two.

    The counter does not see inside the fused CPU attention, so attention runs as separate matrix
    products while it counts.

    Args:
        call: Runs the forward pass.
        plain: Count attention in its textbook form, as publications do; False counts what is really
            executed, which is less where projections are absorbed.
    """
    form = plain_attention() if plain else nullcontext()
    with form, sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        call()
    return int(counter.get_total_flops())
