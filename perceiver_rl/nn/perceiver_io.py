"""Perceiver IO (arXiv 2107.14795): encode a set into latents, process them, decode queries."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor, nn

from perceiver_rl.nn.attention import Activation, CrossAttentionBlock, SelfAttentionBlock
from perceiver_rl.nn.init import learned_array
from perceiver_rl.nn.kernels import standardize
from perceiver_rl.nn.layout import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class PerceiverConfig:
    """Sizes of a Perceiver IO.

    Args:
        num_latents: Rows of the latent array, L.
        latent_width: Features of a latent, D.
        num_self_attends: Self-attention blocks per processor block.
        num_blocks: Times the processor's blocks are applied, with shared weights.
        self_heads: Heads of the latents' self-attention.
        cross_heads: Heads of the encoder's and the decoder's cross-attention.
        widening: Hidden width of every MLP in multiples of its stream.
        query_residual: Whether the decoder adds the queries to what they attended to.
        activation: Nonlinearity of the MLPs.

    Raises:
        ValueError: If a size is less than 1 or heads do not divide a width.
    """

    num_latents: int = 512
    latent_width: int = 1024
    num_self_attends: int = 6
    num_blocks: int = 1
    self_heads: int = 8
    cross_heads: int = 1
    widening: int = 1
    query_residual: bool = True
    activation: Activation = "gelu_tanh"

    def __post_init__(self) -> None:
        for name in ("num_latents", "latent_width", "num_blocks", "self_heads", "cross_heads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.latent_width % self.self_heads:
            raise ValueError(
                f"latent_width={self.latent_width} must be a multiple of"
                f" self_heads={self.self_heads}"
            )


class PerceiverEncoder(nn.Module):
    """Learned latents that cross-attend to the inputs: ``[B, M, C] -> [B, L, D]``.

    The query residual is always on, as in the reference.
    """

    def __init__(self, input_width: int, config: PerceiverConfig) -> None:
        super().__init__()
        self.latents = learned_array(config.num_latents, config.latent_width)
        self.cross_attend = CrossAttentionBlock(
            config.latent_width,
            input_width,
            heads=config.cross_heads,
            widening=config.widening,
            activation=config.activation,
        )

    def forward(
        self,
        inputs: Float[Tensor, "batch input input_width"],
        mask: Bool[Tensor, "batch input"] | None = None,
    ) -> Float[Tensor, "batch latent latent_width"]:
        """Read the inputs into the latents.

        A sample whose inputs are all masked leaves the latents as they would be with nothing to
        attend to: a function of the parameters alone.
        """
        return self.cross_attend(self.latents.unsqueeze(0), inputs, mask)

    def read_rows(
        self, standard: Float[Tensor, "row input_width"], layout: Layout
    ) -> Float[Tensor, "batch latent latent_width"]:
        """Read the standardized rows of ragged sets into the latents."""
        return self.cross_attend.read_rows(self.latents.unsqueeze(0), standard, layout)


class PerceiverProcessor(nn.Module):
    """Self-attention over the latents; the same weights serve every block."""

    def __init__(self, config: PerceiverConfig) -> None:
        super().__init__()
        self.num_blocks = config.num_blocks
        self.self_attends = nn.ModuleList(
            SelfAttentionBlock(
                config.latent_width,
                heads=config.self_heads,
                widening=config.widening,
                activation=config.activation,
            )
            for _ in range(config.num_self_attends)
        )

    def forward(
        self, latents: Float[Tensor, "batch latent latent_width"]
    ) -> Float[Tensor, "batch latent latent_width"]:
        """Process the latents."""
        for _ in range(self.num_blocks):
            for self_attend in self.self_attends:
                latents = self_attend(latents)
        return latents


class PerceiverDecoder(nn.Module):
    """Queries that cross-attend to the latents: ``[B, O, Q] x [B, L, D] -> [B, O, Q]``."""

    def __init__(self, query_width: int, config: PerceiverConfig) -> None:
        super().__init__()
        self.cross_attend = CrossAttentionBlock(
            query_width,
            config.latent_width,
            heads=config.cross_heads,
            widening=config.widening,
            query_residual=config.query_residual,
            activation=config.activation,
        )

    def forward(
        self,
        queries: Float[Tensor, "batch output query_width"],
        latents: Float[Tensor, "batch latent latent_width"],
    ) -> Float[Tensor, "batch output query_width"]:
        """Read one output per query; queries do not see one another."""
        return self.cross_attend(queries, latents)

    def answer_rows(
        self,
        rows: Float[Tensor, "row query_width"],
        standard: Float[Tensor, "row query_width"],
        layout: Layout,
        latents: Float[Tensor, "batch latent latent_width"],
    ) -> Float[Tensor, "row query_width"]:
        """Read one output per row of ragged sets of queries, which come standardized as well."""
        return self.cross_attend.answer_rows(rows, standard, layout, latents)


class PerceiverIO(nn.Module):
    """Encoder, processor and decoder in a row.

    Args:
        input_width: Features of an input row, C.
        query_width: Features of a query and of the output, Q.
        config: Sizes.
    """

    def __init__(self, input_width: int, query_width: int, config: PerceiverConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = PerceiverEncoder(input_width, config)
        self.processor = PerceiverProcessor(config)
        self.decoder = PerceiverDecoder(query_width, config)

    def forward(
        self,
        inputs: Float[Tensor, "batch input input_width"],
        queries: Float[Tensor, "batch output query_width"],
        mask: Bool[Tensor, "batch input"] | None = None,
    ) -> Float[Tensor, "batch output query_width"]:
        """Answer every query from the inputs that the mask allows.

        The output is equivariant to a permutation of the queries and invariant to one of the
        inputs (together with the mask). A sample with no input at all gives finite outputs.
        """
        latents = self.processor(self.encoder(inputs, mask))
        return self.decoder(queries, latents)

    def relate_rows(
        self,
        inputs: Float[Tensor, "row input_width"],
        queries: Float[Tensor, "row query_width"],
        layout: Layout,
    ) -> Float[Tensor, "row query_width"]:
        """Answer one query per row of ragged sets, each from the rows of its own set.

        Inputs that are the queries, the very same tensor, are standardized once for both.
        """
        standard = standardize(inputs)
        latents = self.processor(self.encoder.read_rows(standard, layout))
        asked = standard if queries is inputs else standardize(queries)
        return self.decoder.answer_rows(queries, asked, layout, latents)
