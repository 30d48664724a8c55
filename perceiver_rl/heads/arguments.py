"""Heads of the action type and of the small arguments that follow it: delay and queued."""

from __future__ import annotations

from abc import ABC, abstractmethod

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from perceiver_rl.heads.config import HeadConfig
from perceiver_rl.heads.inputs import HeadInputs, InputSizes
from perceiver_rl.nn import GatedLinearUnit, Module, ResidualBlock, linear


class TypeHead(Module, ABC):
    """Chooses the action type and starts the autoregressive embedding."""

    @abstractmethod
    def logits(self, inputs: HeadInputs) -> Float[Tensor, "batch action"]:
        """Return the logit of each action type."""

    @abstractmethod
    def embed(
        self, inputs: HeadInputs, action_type: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch embedding"]:
        """Return the autoregressive embedding after the choice."""


class PlainTypeHead(TypeHead):
    """An MLP of one hidden layer; its small last layer makes an untrained policy nearly uniform."""

    def __init__(self, num_types: int, sizes: InputSizes, config: HeadConfig) -> None:
        super().__init__()
        last = linear(config.hidden_width, num_types)
        nn.init.normal_(last.weight, std=0.01)
        self.mlp = nn.Sequential(linear(sizes.core, config.hidden_width), nn.ReLU(), last)
        self.from_core = linear(sizes.core, config.embedding_width)
        self.from_type = nn.Embedding(num_types, config.embedding_width)

    def logits(self, inputs: HeadInputs) -> Float[Tensor, "batch action"]:
        """Return the logit of each action type."""
        return self.mlp(inputs.core)

    def embed(
        self, inputs: HeadInputs, action_type: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch embedding"]:
        """Join core and action type."""
        return (self.from_core(inputs.core) + self.from_type(action_type)).relu()


class GatedTypeHead(TypeHead):
    """AlphaStar's: residual blocks, then a linear unit that the scalars gate.

    Without scalars the core gates.
    """

    def __init__(self, num_types: int, sizes: InputSizes, config: HeadConfig) -> None:
        super().__init__()
        context = sizes.core if sizes.scalars is None else sizes.scalars
        hidden, embedding = config.hidden_width, config.embedding_width
        self.trunk = nn.Sequential(
            linear(sizes.core, hidden),
            *(ResidualBlock(hidden) for _ in range(config.type_blocks)),
            nn.ReLU(),
        )
        self.gated = GatedLinearUnit(hidden, context, num_types)
        nn.init.normal_(self.gated.out.weight, std=0.01)
        self.from_core = GatedLinearUnit(sizes.core, context, embedding)
        self.type_embedding = nn.Embedding(num_types, hidden)
        self.from_type = GatedLinearUnit(hidden, context, embedding)

    def logits(self, inputs: HeadInputs) -> Float[Tensor, "batch action"]:
        """Return the logit of each action type."""
        return self.gated(self.trunk(inputs.core), inputs.scalar_context)

    def embed(
        self, inputs: HeadInputs, action_type: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch embedding"]:
        """Join core and action type, each gated."""
        context = inputs.scalar_context
        chosen = self.from_type(self.type_embedding(action_type), context)
        return chosen + self.from_core(inputs.core, context)


class ArgumentHead(Module):
    """Chooses one of a few values, as AlphaStar chooses delay and queued."""

    def __init__(self, num_values: int, config: HeadConfig) -> None:
        super().__init__()
        hidden, embedding = config.hidden_width, config.embedding_width
        last = linear(hidden, num_values)
        nn.init.normal_(last.weight, std=0.01)
        self.mlp = nn.Sequential(
            *(linear(embedding, hidden), nn.ReLU(), linear(hidden, hidden), nn.ReLU(), last)
        )
        self.embedding = nn.Sequential(
            *(nn.Embedding(num_values, hidden), nn.ReLU(), linear(hidden, hidden), nn.ReLU()),
            linear(hidden, embedding),
        )

    def forward(self, context: Float[Tensor, "batch embedding"]) -> Float[Tensor, "batch value"]:
        """Return the logit of each value."""
        return self.mlp(context)

    def extend(
        self,
        context: Float[Tensor, "batch embedding"],
        value: Int[Tensor, " batch"],
        used: Bool[Tensor, " batch"],
    ) -> Float[Tensor, "batch embedding"]:
        """Add the value to the embedding of the actions that use it."""
        return context + self.embedding(value) * used.unsqueeze(-1)
