"""What an entity encoder attends to."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from perceiver_rl.entities.encoders import (
    EntityEncoder,
    PerceiverEntityEncoder,
    TransformerEntityEncoder,
)
from perceiver_rl.nn import Dense, recorded_attention


@dataclass(frozen=True, slots=True)
class LatentAttention:
    """What passes through the latents of a Perceiver IO.

    Attributes:
        reads: ``[B, H, L, N]``, how much a latent reads from each entity; sums to 1 over those
            that are present, all 0 if none is.
        answers: ``[B, H, N, L]``, how much an entity's query reads from each latent; sums to 1 over
            the latents, all 0 for an absent entity.
    """

    reads: Float[Tensor, "batch head latent entity"]
    answers: Float[Tensor, "batch head entity latent"]


@dataclass(frozen=True, slots=True)
class MutualAttention:
    """What the entities read from one another in a Transformer.

    Attributes:
        layers: ``[B, layers, H, N, N]``, how much an entity (fourth axis) reads from each entity in
            every layer; sums to 1 over those that are present, all 0 for an absent entity.
    """

    layers: Float[Tensor, "batch layer head entity entity"]

    def received(self) -> Float[Tensor, "batch layer head entity"]:
        """Return how much is read from each entity, on average over the entities present."""
        reading = (self.layers.sum(-1) > 0).to(self.layers).sum(-1, keepdim=True)
        return self.layers.sum(-2) / reading.clamp(min=1)


EntityAttention = LatentAttention | MutualAttention


@torch.no_grad()
def attention_of(
    encoder: EntityEncoder,
    tokens: Float[Tensor, "batch entity token"],
    mask: Bool[Tensor, "batch entity"],
) -> EntityAttention | None:
    """Encode a set in the textbook form and return the attention weights.

    Args:
        encoder: The encoder.
        tokens: As :meth:`EntityEncoder.forward` takes them.
        mask: True where an entity exists.

    Returns:
        None for an encoder that treats every entity by itself.
    """
    # Not packed, so that keys are entities.
    layout = Dense(mask.shape[0], mask.shape[1], mask)
    present = mask[:, None, :, None]
    if isinstance(encoder, PerceiverEntityEncoder):
        perceiver = encoder.perceiver
        with recorded_attention() as recording:
            encoder.trunk(layout.gather(tokens), layout)
        (reads,) = recording[perceiver.encoder.cross_attend.attention]
        (answers,) = recording[perceiver.decoder.cross_attend.attention]
        return LatentAttention(reads, answers * present)
    if isinstance(encoder, TransformerEntityEncoder):
        with recorded_attention() as recording:
            encoder.trunk(layout.gather(tokens), layout)
        layers = [weights for calls in recording.values() for weights in calls]
        return MutualAttention(torch.stack([weights * present for weights in layers], dim=1))
    return None
