"""What an entity policy's actor reads, and how actor and critic share it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from perceiver_rl.nn import Module
from perceiver_rl.sb3.extractor import EntityExtractor, EntityFeatures
from perceiver_rl.sb3.observations import by_key


class ActorFeatures(NamedTuple):
    """Features of the actor, and the masks of the observation they come from."""

    features: EntityFeatures
    masks: Mapping[str, Tensor]


class MaskedExtractor(EntityExtractor):
    """The extractor of an entity policy: passes the observation's masks on to the head."""

    def forward(self, observations: Mapping[str, Tensor] | Tensor) -> ActorFeatures:  # type: ignore[override]
        """Return features and masks."""
        observations = by_key(observations)
        return ActorFeatures(self.encode(observations), observations)


class ActorCriticSplit(Module):
    """In the place of the parent's MLP: the actor reads everything, the critic the state."""

    def __init__(self, features_dim: int) -> None:
        super().__init__()
        self.latent_dim_pi = self.latent_dim_vf = features_dim

    def forward(self, latent: ActorFeatures) -> tuple[ActorFeatures, Tensor]:
        """Return what the actor and what the critic reads."""
        return self.forward_actor(latent), self.forward_critic(latent)

    def forward_actor(self, latent: ActorFeatures) -> ActorFeatures:
        """Return what the actor reads."""
        return latent

    def forward_critic(self, latent: ActorFeatures) -> Tensor:
        """Return what the critic reads."""
        return latent.features.state
