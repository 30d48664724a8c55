"""Sizes of the action head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from perceiver_rl.spaces import unknown

CellDecoder = Literal["auto", "pointer", "entities", "queries", "upsample"]

CELL_DECODERS: tuple[CellDecoder, ...] = ("auto", "pointer", "entities", "queries", "upsample")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadConfig:
    """Sizes of the action head.

    Args:
        embedding_width: Features of the autoregressive embedding.
        hidden_width: Hidden features of the action type's MLP and of the pointer's query path.
        key_width: Features of the keys of entities and cells, and of the pointer's LSTM.
        type_blocks: Residual blocks of the action type's head, which the scalars then gate
            (AlphaStar: 16); with 0 it is a plain MLP.
        max_selected: Most entities that the pointer selects (the independent head has no limit).
        cell_decoder: How a target cell is chosen: ``pointer`` compares a query with Fourier
            positions; ``entities`` does so too, and points at the entities in the cells as well
            (where nothing says in which cell they are, it is ``pointer``); ``queries`` lets Fourier
            positions attend to the entities, as Perceiver IO decodes; ``upsample`` is AlphaStar's,
            from the map to the grid by convolutions, and needs a minimap; ``auto`` is ``upsample``
            with a minimap and ``queries`` without.
        cell_bands: Fourier bands per axis of a target cell's position.
        cell_blocks: Gated residual blocks of ``upsample``.
    """

    embedding_width: int = 64
    hidden_width: int = 64
    key_width: int = 32
    type_blocks: int = 0
    max_selected: int = 64
    cell_decoder: str = "pointer"
    cell_bands: int = 8
    cell_blocks: int = 4

    def __post_init__(self) -> None:
        least = {name: 1 for name in ("embedding_width", "hidden_width", "key_width")}
        least |= {"cell_bands": 1, "max_selected": 1, "type_blocks": 0, "cell_blocks": 1}
        for name, size in least.items():
            if getattr(self, name) < size:
                raise ValueError(f"{name} must be at least {size}, not {getattr(self, name)}")
        if self.cell_decoder not in CELL_DECODERS:
            raise ValueError(unknown("cell decoder", self.cell_decoder, CELL_DECODERS))
