"""StarCraft II proxy environments: numpy and numba, no torch."""

if __name__ != "perceiver_rl.envs":  # a second copy under another name would break isinstance
    raise ImportError(f"import perceiver_rl.envs, not {__name__}")

from .batched_env import BatchedEnv
from .batched_step import BatchedStep
from .controls import Control, make_control
from .make import make_vec
from .replay import Recorder, Replay
from .scenarios import Scenario, Waves
from .snapshot import Snapshot

__all__ = [
    "BatchedEnv",
    "BatchedStep",
    "Control",
    "Recorder",
    "Replay",
    "Scenario",
    "Snapshot",
    "Waves",
    "make_control",
    "make_vec",
]
