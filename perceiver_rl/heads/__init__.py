"""Action heads: type, delay, queued, selection, targets, and their joint distribution."""

from perceiver_rl.heads.arguments import ArgumentHead, GatedTypeHead, PlainTypeHead
from perceiver_rl.heads.build import (
    SELECTIONS,
    SelectionName,
    build_selection,
    build_target_cell,
    build_type_head,
)
from perceiver_rl.heads.conditionals import ActionParts, Conditionals
from perceiver_rl.heads.config import CELL_DECODERS, CellDecoder, HeadConfig
from perceiver_rl.heads.independent import IndependentSelection, ScoredCoins
from perceiver_rl.heads.inputs import PARTS, HeadInputs, InputSizes
from perceiver_rl.heads.pointer import PointerSelection, ScoredPicks
from perceiver_rl.heads.select_entity import SelectEntityHead
from perceiver_rl.heads.selection import Candidates, ScoredSet, SelectionHead
from perceiver_rl.heads.targets import EntityCell, PointerCell, QueryCell, TargetCell, TargetUnit
from perceiver_rl.heads.unit_action import UnitActionHead
from perceiver_rl.heads.upsample import UpsampleCell

__all__ = [
    "CELL_DECODERS",
    "PARTS",
    "SELECTIONS",
    "ActionParts",
    "ArgumentHead",
    "Candidates",
    "CellDecoder",
    "Conditionals",
    "EntityCell",
    "GatedTypeHead",
    "HeadConfig",
    "HeadInputs",
    "IndependentSelection",
    "InputSizes",
    "PlainTypeHead",
    "PointerCell",
    "PointerSelection",
    "QueryCell",
    "ScoredCoins",
    "ScoredPicks",
    "ScoredSet",
    "SelectEntityHead",
    "SelectionHead",
    "SelectionName",
    "TargetCell",
    "TargetUnit",
    "UnitActionHead",
    "UpsampleCell",
    "build_selection",
    "build_target_cell",
    "build_type_head",
]
