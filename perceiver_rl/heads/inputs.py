"""What the heads read, and the parts of an action in the order in which they are chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Bool, Float, Int
from torch import Tensor

# AlphaStar's order; a space without queued or delay leaves these out.
PARTS = ("action_type", "delay", "queued", "selection", "target_unit", "target_cell")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSizes:
    """Sizes of what the head decides from.

    Args:
        core: Features of the core.
        entity: Features of an entity's embedding.
        scalars: Features of the embedded scalars; None where an observation has none.
        maps: Channels, rows and columns of a map skip, and how many there are; None where an
            observation has no minimap.
        placed: Whether the cell in which each entity is is known.
    """

    core: int
    entity: int
    scalars: int | None = None
    maps: tuple[int, int, int, int] | None = None
    placed: bool = False


class HeadInputs(NamedTuple):
    """What the head decides from.

    Attributes:
        core: ``[B, C]``, the state as one vector.
        per_entity: ``[B, N, W]``, the encoder's embedding of each entity.
        types: ``[B, A]``, True where an action type is legal.
        selectable: ``[B, N]``, True where an entity may be selected.
        targets: ``[B, A, N]``, True where an entity is a legal target of an action type.
        cells: ``[B, G_r * G_c]``, True where a cell is a legal target; None: all are.
        queued: ``[B, 2]``, True where a value of the flag is legal; None: both are.
        delays: ``[B, D]``, True where a delay is legal; None: all are.
        present: ``[B, N]``, True where an entity exists; None: all do.
        cell_of: ``[B, N]``, the cell in which each entity is; None where nothing says so.
        scalars: ``[B, S]``, the embedded scalars; None if there are none.
        maps: Map skips ``[B, K, h, w]`` of the spatial encoder; empty if there is no minimap.
        temperature: Divides the logits of every part; 0 leaves the greedy action alone.
    """

    core: Float[Tensor, "batch core"]
    per_entity: Float[Tensor, "batch entity width"]
    types: Bool[Tensor, "batch action"]
    selectable: Bool[Tensor, "batch entity"]
    targets: Bool[Tensor, "batch action entity"]
    cells: Bool[Tensor, "batch cell"] | None = None
    queued: Bool[Tensor, "batch 2"] | None = None
    delays: Bool[Tensor, "batch delay"] | None = None
    present: Bool[Tensor, "batch entity"] | None = None
    cell_of: Int[Tensor, "batch entity"] | None = None
    scalars: Float[Tensor, "batch scalar"] | None = None
    maps: tuple[Float[Tensor, "batch channel row column"], ...] = ()
    temperature: float = 1.0

    @property
    def scalar_context(self) -> Float[Tensor, "batch context"]:
        """What gates the action type: the embedded scalars, or the core where there are none."""
        return self.core if self.scalars is None else self.scalars
