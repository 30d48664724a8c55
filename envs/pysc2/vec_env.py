"""Games of the real thing as a stable-baselines3 :class:`VecEnv`."""

from __future__ import annotations

from ..sb3_vec_env import BatchVecEnv
from .batch import SC2Batch


class SC2VecEnv(BatchVecEnv):
    """Games that share every call, each with a process of its own.

    An episode that a failure has made void ends as one that is truncated, with ``info["void"]``.

    Args:
        batch: The games.
        seed: Game i starts from seed + i; drawn at random if None.
    """

    def __init__(self, batch: SC2Batch, seed: int | None = None) -> None:
        super().__init__(batch, seed)

    @property
    def backend(self) -> str:
        """What plays; known once a game has been started."""
        return str(self.batch.backend)

    def close(self) -> None:
        """End all processes."""
        self.batch.close()
