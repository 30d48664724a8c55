"""Action heads: type, selection, targets, and their joint distribution."""

from perceiver_rl.heads.config import HeadConfig
from perceiver_rl.heads.select_entity import SelectEntityHead
from perceiver_rl.heads.selection import (
    SELECTIONS,
    IndependentSelection,
    PointerSelection,
    Scored,
    SelectionHead,
    SelectionName,
    build_selection,
)
from perceiver_rl.heads.targets import TargetCell, TargetUnit
from perceiver_rl.heads.unit_action import PARTS, ActionParts, HeadInputs, UnitActionHead

__all__ = [
    "PARTS",
    "SELECTIONS",
    "ActionParts",
    "HeadConfig",
    "HeadInputs",
    "IndependentSelection",
    "PointerSelection",
    "Scored",
    "SelectEntityHead",
    "SelectionHead",
    "SelectionName",
    "TargetCell",
    "TargetUnit",
    "UnitActionHead",
    "build_selection",
]
