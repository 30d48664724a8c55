"""Attention weights as they are, for those who want to see what a network looks at.

The fast forms of attention never hold the weights of single keys. Inside
:func:`recorded_attention` every layer works in the textbook form, with the same parameters, and
keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from jaxtyping import Bool, Float
from torch import Tensor, nn

from perceiver_rl.nn.absorbed import plain_attention
from perceiver_rl.nn.kernels import additive_mask

Recording: TypeAlias = dict[nn.Module, list[Tensor]]
"""For each attention layer the weights ``[B, heads, queries, keys]`` of every call, in order."""

_recording: ContextVar[Recording | None] = ContextVar("_recording", default=None)


@contextmanager
def recorded_attention() -> Iterator[Recording]:
    """Attend in the textbook form and give a dictionary that fills with the layers' weights.

    Weights of a query sum to 1 over the keys that its mask allows and are 0 elsewhere; where no key
    is allowed all are 0, because the layer attends to nothing. Compiled graphs record nothing.

    Queries and keys are the rows that a layer gets: of a set that is packed
    (:class:`~perceiver_rl.nn.Packed`) those that are present. An encoder's weights per entity are
    what ``perceiver_rl.entities.attention_of`` gives.
    """
    recording: Recording = {}
    token = _recording.set(recording)
    try:
        with plain_attention():
            yield recording
    finally:
        _recording.reset(token)


def record(
    layer: nn.Module,
    q: Float[Tensor, "batch head query dim"],
    k: Float[Tensor, "batch head key dim"],
    mask: Bool[Tensor, "batch key"] | None,
) -> None:
    """Keep a layer's weights if somebody wants them.

    Args:
        layer: The layer that attends.
        q: Its projected queries.
        k: Its projected keys.
        mask: True where a key may be attended to; None allows all.
    """
    recording = _recording.get()
    if recording is None:
        return
    scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
    added = additive_mask(mask, scores.dtype)
    if added is not None:
        scores = scores + added
    weights = scores.softmax(-1)
    if mask is not None:
        weights = weights * mask[:, None, None, :]
    recording.setdefault(layer, []).append(weights.detach())
