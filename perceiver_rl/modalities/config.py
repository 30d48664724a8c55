"""Sizes of the encoder of any observation."""

from __future__ import annotations

from dataclasses import dataclass, field

from perceiver_rl.nn import PerceiverConfig


def _small() -> PerceiverConfig:
    # Heads, for with one a latent reads one mixture of all tokens, and the answer is one of all
    # latents; as wide as the latents, because tokens are as wide as their positions make them.
    return PerceiverConfig(
        num_latents=8,
        latent_width=64,
        num_self_attends=2,
        self_heads=4,
        cross_heads=4,
        cross_shape="q",
        activation="relu",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModalityConfig:
    """Sizes of the encoder of any observation.

    Args:
        width: Features of a token, before its position and its modality's vector.
        group: Numbers of a vector that share a token; 0 chooses it so that there are at most 16
            tokens.
        patch: Side of an image's patches; 0 chooses it so that there are at most 64 of them.
        bands: Fourier bands per axis of the positions of patches and letters.
        modality_width: Learned features that tell the widest modality's tokens from others.
        focus: Factor on the initial queries. With 1 an untrained Perceiver attends to all tokens
            nearly alike, and what one of them says is lost in the mean; with more, to a few.
        perceiver: Sizes of the Perceiver.
    """

    width: int = 64
    group: int = 0
    patch: int = 0
    bands: int = 6
    modality_width: int = 8
    focus: float = 1.0
    perceiver: PerceiverConfig = field(default_factory=_small)

    def __post_init__(self) -> None:
        least = {"width": 1, "group": 0, "patch": 0, "bands": 1, "modality_width": 1}
        if self.focus <= 0:
            raise ValueError(f"focus must be above 0, not {self.focus}")
        for name, size in least.items():
            if getattr(self, name) < size:
                raise ValueError(f"{name} must be at least {size}, not {getattr(self, name)}")
