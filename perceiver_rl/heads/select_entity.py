"""The choice of one entity: a logit per entity, from the entity's own decoded query."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from perceiver_rl.heads.categorical import masked_log_softmax
from perceiver_rl.heads.config import HeadConfig
from perceiver_rl.heads.independent import IndependentSelection
from perceiver_rl.nn import Module, linear


class SelectEntityHead(Module):
    """Log-probabilities over the entities; no parameter depends on their number.

    Args:
        core_width: Features of the core.
        width: Features of an entity's embedding.
        config: Sizes.
    """

    def __init__(self, core_width: int, width: int, config: HeadConfig) -> None:
        super().__init__()
        self.from_core = linear(core_width, config.embedding_width)
        self.score = IndependentSelection(width, config)

    def forward(
        self,
        core: Float[Tensor, "batch core"],
        per_entity: Float[Tensor, "batch entity width"],
        legal: Bool[Tensor, "batch entity"],
    ) -> Float[Tensor, "batch entity"]:
        """Return the log-probability of each entity; without any legal one, entity 0 has 0."""
        return masked_log_softmax(self.score.logits(self.from_core(core).relu(), per_entity), legal)
