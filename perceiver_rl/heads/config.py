"""Sizes of the action head."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadConfig:
    """Sizes of the action head.

    Args:
        embedding_width: Features of the autoregressive embedding.
        hidden_width: Hidden features of the action type's MLP and of the pointer's query path.
        key_width: Features of the keys of entities and cells, and of the pointer's LSTM.
        cell_bands: Fourier bands per axis of a target cell's position.
    """

    embedding_width: int = 64
    hidden_width: int = 64
    key_width: int = 32
    cell_bands: int = 8

    def __post_init__(self) -> None:
        for name in ("embedding_width", "hidden_width", "key_width", "cell_bands"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
