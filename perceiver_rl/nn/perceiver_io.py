"""Perceiver IO (arXiv 2107.14795): encode a set into latents, process them, decode queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from jaxtyping import Bool, Float
from torch import Tensor, nn

from perceiver_rl.nn.blocks import Activation, CrossAttentionBlock, SelfAttentionBlock
from perceiver_rl.nn.init import LinearInit, learned_array, linear
from perceiver_rl.nn.layout import Layout
from perceiver_rl.nn.module import Module
from perceiver_rl.nn.norm import standardize


@dataclass(frozen=True, slots=True, kw_only=True)
class PerceiverConfig:
    """Sizes of a Perceiver IO; every detail in which the published models differ.

    Args:
        num_latents: Rows of the latent array, L.
        latent_width: Features of a latent, D.
        num_self_attends: Self-attention blocks per processor block.
        num_blocks: Times the processor's blocks are applied, with shared weights.
        self_heads: Heads of the latents' self-attention.
        cross_heads: Heads of the encoder's and the decoder's cross-attention.
        widening: Hidden width of every MLP in multiples of its stream.
        cross_widening: The same for the cross-attentions; None: as ``widening``.
        query_residual: Whether the decoder adds the queries to what they attended to.
        encoder_residual: Whether the encoder adds the latents to what they attended to.
        cross_shape: Whose width the encoder's cross-attention works in if ``qk_channels`` is None:
            the inputs' (``kv``) or the latents' (``q``).
        qk_channels: Width of queries and keys in encoder and processor; None: as ``cross_shape``
            says, and the latents' width.
        v_channels: Width of values in encoder and processor; None: that of queries and keys.
        decoder_heads: Heads of the decoder; None: as ``cross_heads``.
        decoder_qk_channels: Width of queries and keys in the decoder; None: the latents' width.
        decoder_v_channels: Width of values in the decoder; None: that of queries and keys.
        decoder_widening: Hidden width of the decoder's MLP; None: as ``cross_widening``.
        activation: Nonlinearity of the MLPs.
        dropout: Share of the features that training leaves out after attention and MLP, in the
            encoder and the processor; the reference's decoder drops nothing.
        attention_dropout: Share of the attention weights that training leaves out there.

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
    cross_widening: int | None = None
    query_residual: bool = True
    encoder_residual: bool = True
    cross_shape: Literal["kv", "q"] = "kv"
    qk_channels: int | None = None
    v_channels: int | None = None
    decoder_heads: int | None = None
    decoder_qk_channels: int | None = None
    decoder_v_channels: int | None = None
    decoder_widening: int | None = None
    activation: Activation = "gelu_tanh"
    dropout: float = 0.0
    attention_dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("num_latents", "latent_width", "num_blocks", "self_heads", "cross_heads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.qk_channels is None and self.latent_width % self.self_heads:
            raise ValueError(
                f"latent_width={self.latent_width} must be a multiple of"
                f" self_heads={self.self_heads}"
            )
        if self.cross_shape not in ("kv", "q"):
            raise ValueError(f"cross_shape must be 'kv' or 'q', not {self.cross_shape!r}")

    @property
    def encoder_block(self) -> dict[str, Any]:
        """Settings of the encoder's cross-attention; its heads must divide its widths."""
        as_queries = self.latent_width if self.cross_shape == "q" else None
        return {
            "heads": self.cross_heads,
            "qk_channels": as_queries if self.qk_channels is None else self.qk_channels,
            "v_channels": self.v_channels,
            "widening": self._cross_widening,
            "query_residual": self.encoder_residual,
            "activation": self.activation,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
        }

    @property
    def processor_block(self) -> dict[str, Any]:
        """Settings of the latents' self-attention."""
        return {
            "heads": self.self_heads,
            "qk_channels": self.qk_channels,
            "v_channels": self.v_channels,
            "widening": self.widening,
            "activation": self.activation,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
        }

    @property
    def decoder_block(self) -> dict[str, Any]:
        """Settings of the decoder's cross-attention."""
        own = self.decoder_widening
        return {
            "heads": self.cross_heads if self.decoder_heads is None else self.decoder_heads,
            "qk_channels": self.decoder_qk_channels,
            "v_channels": self.decoder_v_channels,
            "widening": self._cross_widening if own is None else own,
            "query_residual": self.query_residual,
            "activation": self.activation,
        }

    @property
    def _cross_widening(self) -> int:
        return self.widening if self.cross_widening is None else self.cross_widening


class PerceiverEncoder(Module):
    """Learned latents that cross-attend to the inputs: ``[B, M, C] -> [B, L, D]``."""

    def __init__(self, input_width: int, config: PerceiverConfig) -> None:
        super().__init__()
        self.latents = learned_array(config.num_latents, config.latent_width)
        self.cross_attend = CrossAttentionBlock(
            config.latent_width, input_width, **config.encoder_block
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
        return self.cross_attend.read_rows(self.latents, standard, layout)


class PerceiverProcessor(Module):
    """Self-attention over the latents; the same weights serve every block."""

    def __init__(self, config: PerceiverConfig) -> None:
        super().__init__()
        self.num_blocks = config.num_blocks
        self.self_attends = nn.ModuleList(
            SelfAttentionBlock(config.latent_width, **config.processor_block)
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


class PerceiverDecoder(Module):
    """Queries that cross-attend to the latents: ``[B, O, Q] x [B, L, D] -> [B, O, W]``.

    Args:
        query_width: Features of a query, Q.
        config: Sizes.
        output_width: Features of an output, W, by a final projection; None: no projection, W = Q.
        output_init: Initial weights of the final projection; zeros for the reference's flow.
    """

    def __init__(
        self,
        query_width: int,
        config: PerceiverConfig,
        output_width: int | None = None,
        output_init: LinearInit = "truncated",
    ) -> None:
        super().__init__()
        self.cross_attend = CrossAttentionBlock(
            query_width, config.latent_width, **config.decoder_block
        )
        self.output = (
            nn.Identity()
            if output_width is None
            else linear(query_width, output_width, output_init)
        )

    def forward(
        self,
        queries: Float[Tensor, "shared output query_width"],
        latents: Float[Tensor, "batch latent latent_width"],
        query_mask: Bool[Tensor, "batch output"] | None = None,
    ) -> Float[Tensor, "batch output output_width"]:
        """Read one output per query; queries do not see one another.

        Queries that are the same for all samples may come once. Outputs of queries that
        ``query_mask`` leaves out do not depend on the latents; they mean nothing.
        """
        return self.output(self.cross_attend(queries, latents, query_mask=query_mask))

    def answer_rows(
        self,
        rows: Float[Tensor, "row query_width"],
        standard: Float[Tensor, "row query_width"],
        layout: Layout,
        latents: Float[Tensor, "batch latent latent_width"],
    ) -> Float[Tensor, "row output_width"]:
        """Read one output per row of ragged sets of queries, which come standardized as well."""
        return self.output(self.cross_attend.answer_rows(rows, standard, layout, latents))


class PerceiverIO(Module):
    """Encoder, processor and decoder in a row.

    Args:
        input_width: Features of an input row, C.
        query_width: Features of a query, Q, and of the output if it is not projected.
        config: Sizes.
        output_width: Features of an output by a final projection; None: no projection.
        output_init: Initial weights of the final projection.
    """

    def __init__(
        self,
        input_width: int,
        query_width: int,
        config: PerceiverConfig,
        output_width: int | None = None,
        output_init: LinearInit = "truncated",
    ) -> None:
        super().__init__()
        self.config = config
        self.encoder = PerceiverEncoder(input_width, config)
        self.processor = PerceiverProcessor(config)
        self.decoder = PerceiverDecoder(query_width, config, output_width, output_init)

    def forward(
        self,
        inputs: Float[Tensor, "batch input input_width"],
        queries: Float[Tensor, "shared output query_width"],
        mask: Bool[Tensor, "batch input"] | None = None,
        query_mask: Bool[Tensor, "batch output"] | None = None,
    ) -> Float[Tensor, "batch output output_width"]:
        """Answer every query from the inputs that the mask allows.

        The output is equivariant to a permutation of the queries and invariant to one of the
        inputs (together with the mask). A sample with no input at all gives finite outputs.
        """
        return self.decoder(queries, self.encode(inputs, mask), query_mask)

    def encode(
        self,
        inputs: Float[Tensor, "batch input input_width"],
        mask: Bool[Tensor, "batch input"] | None = None,
    ) -> Float[Tensor, "batch latent latent_width"]:
        """Return the processed latents, which any number of queries may be asked of."""
        return self.processor(self.encoder(inputs, mask))

    def relate_rows(
        self,
        inputs: Float[Tensor, "row input_width"],
        queries: Float[Tensor, "row query_width"],
        layout: Layout,
    ) -> Float[Tensor, "row output_width"]:
        """Answer one query per row of ragged sets, each from the rows of its own set.

        Inputs that are the queries, the very same tensor, are standardized once for both.
        """
        standard = standardize(inputs)
        latents = self.processor(self.encoder.read_rows(standard, layout))
        asked = standard if queries is inputs else standardize(queries)
        return self.decoder.answer_rows(queries, asked, layout, latents)
