"""The places where parts of the head are chosen by name or by configuration."""

from __future__ import annotations

from typing import Literal

from perceiver_rl.heads.arguments import GatedTypeHead, PlainTypeHead, TypeHead
from perceiver_rl.heads.config import HeadConfig
from perceiver_rl.heads.independent import IndependentSelection
from perceiver_rl.heads.inputs import InputSizes
from perceiver_rl.heads.pointer import PointerSelection
from perceiver_rl.heads.selection import SelectionHead
from perceiver_rl.heads.targets import EntityCell, PointerCell, QueryCell, TargetCell
from perceiver_rl.heads.upsample import UpsampleCell
from perceiver_rl.spaces import unknown

SelectionName = Literal["independent", "pointer"]

SELECTIONS: tuple[SelectionName, ...] = ("independent", "pointer")


def build_selection(name: str, width: int, config: HeadConfig) -> SelectionHead:
    """Build a selection head by name.

    Raises:
        ValueError: If there is none of that name.
    """
    if name == "independent":
        return IndependentSelection(width, config)
    if name == "pointer":
        return PointerSelection(width, config)
    raise ValueError(unknown("selection", name, SELECTIONS))


def build_type_head(num_types: int, sizes: InputSizes, config: HeadConfig) -> TypeHead:
    """Build AlphaStar's head if the configuration has residual blocks, else the plain one."""
    head = GatedTypeHead if config.type_blocks else PlainTypeHead
    return head(num_types, sizes, config)


def build_target_cell(
    grid: tuple[int, int] | None, sizes: InputSizes, config: HeadConfig
) -> TargetCell:
    """Build the decoder of target cells; a space without a grid has the cheapest, for one cell.

    Raises:
        ValueError: If ``upsample`` is asked for where there is no minimap.
    """
    name = config.cell_decoder
    if name == "auto":
        name = "queries" if sizes.maps is None else "upsample"
    if name == "entities" and grid is not None and sizes.placed:
        return EntityCell(grid, sizes.entity, config)
    if name in ("entities", "pointer") or grid is None:
        return PointerCell(grid or (1, 1), config)
    if name == "queries":
        return QueryCell(grid, sizes.entity, config)
    if sizes.maps is None:
        raise ValueError(
            "cell_decoder='upsample' needs an observation with a minimap; without one use"
            " 'queries' or 'pointer'"
        )
    return UpsampleCell(grid, sizes.maps, config)
