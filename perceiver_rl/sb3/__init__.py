"""The plugin's face towards stable-baselines3: extractors and policies."""

from perceiver_rl.sb3.distribution import UnitActionDistribution
from perceiver_rl.sb3.extractor import EntityExtractor, EntityFeatures, PerceiverExtractor
from perceiver_rl.sb3.policy import EntityPolicy
from perceiver_rl.sb3.presets import PRESETS, Preset, PresetName, preset_named
from perceiver_rl.sb3.vector_env import GymVectorToSB3

__all__ = [
    "PRESETS",
    "EntityExtractor",
    "EntityFeatures",
    "EntityPolicy",
    "GymVectorToSB3",
    "PerceiverExtractor",
    "Preset",
    "PresetName",
    "UnitActionDistribution",
    "preset_named",
]
