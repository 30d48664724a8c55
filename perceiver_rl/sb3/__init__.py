"""The plugin's face towards stable-baselines3: extractors and policies."""

from typing import TYPE_CHECKING, Any

from perceiver_rl.sb3.archive import CheckpointError
from perceiver_rl.sb3.auxiliary import AuxiliaryLosses, HiddenColumns
from perceiver_rl.sb3.buffer import TorchDictRolloutBuffer
from perceiver_rl.sb3.distribution import UnitActionDistribution
from perceiver_rl.sb3.entropy import EntropyLogger
from perceiver_rl.sb3.extractor import EntityExtractor, EntityFeatures
from perceiver_rl.sb3.hub import load_from_hub, push_to_hub
from perceiver_rl.sb3.onnx import export_onnx
from perceiver_rl.sb3.perceiver_extractor import PerceiverExtractor
from perceiver_rl.sb3.policy import EntityPolicy
from perceiver_rl.sb3.presets import PRESETS, Preset, PresetName, preset_named
from perceiver_rl.sb3.resume import ResumableCheckpoint, resume
from perceiver_rl.sb3.safe import describe_checkpoint, safe_load, safe_save
from perceiver_rl.sb3.transfer import load_resized
from perceiver_rl.sb3.vector_env import GymVectorToSB3

if TYPE_CHECKING:
    from perceiver_rl.sb3.contrib import MaskableEntityPolicy, RecurrentEntityPolicy

__all__ = [
    "PRESETS",
    "AuxiliaryLosses",
    "CheckpointError",
    "EntityExtractor",
    "EntityFeatures",
    "EntityPolicy",
    "EntropyLogger",
    "GymVectorToSB3",
    "HiddenColumns",
    "MaskableEntityPolicy",
    "PerceiverExtractor",
    "Preset",
    "PresetName",
    "RecurrentEntityPolicy",
    "ResumableCheckpoint",
    "TorchDictRolloutBuffer",
    "UnitActionDistribution",
    "describe_checkpoint",
    "export_onnx",
    "load_from_hub",
    "load_resized",
    "preset_named",
    "push_to_hub",
    "resume",
    "safe_load",
    "safe_save",
]


def __getattr__(name: str) -> Any:
    """Load what needs sb3-contrib only when it is asked for."""
    if name not in ("MaskableEntityPolicy", "RecurrentEntityPolicy"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from perceiver_rl.sb3 import contrib
    except ImportError as error:
        raise ImportError(
            f"{name} needs sb3-contrib: pip install 'perceiver-rl[contrib]'"
        ) from error
    return getattr(contrib, name)
