"""The plugin's face towards stable-baselines3: extractors and policies."""

from perceiver_rl.sb3.distribution import UnitActionDistribution
from perceiver_rl.sb3.extractor import EntityExtractor, EntityFeatures, PerceiverExtractor
from perceiver_rl.sb3.policy import EntityPolicy
from perceiver_rl.sb3.presets import PRESETS, Preset, PresetName, preset_named

__all__ = [
    "PRESETS",
    "EntityExtractor",
    "EntityFeatures",
    "EntityPolicy",
    "PerceiverExtractor",
    "Preset",
    "PresetName",
    "UnitActionDistribution",
    "preset_named",
]
