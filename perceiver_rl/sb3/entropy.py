"""Entropies of the parts of an action during training, for TensorBoard."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.callbacks import BaseCallback
from torch import Tensor

from perceiver_rl.sb3.distribution import UnitActionDistribution


class EntropyMeter:
    """Running means of the parts' entropies over the actions that an algorithm scores."""

    def __init__(self) -> None:
        self._parts: tuple[str, ...] = ()
        self._totals: Tensor | None = None

    def add(self, distribution: UnitActionDistribution) -> None:
        """Add the actions that were scored last.

        Observations without any entity, such as the padding of sequences, do not count.
        """
        last = distribution.last
        with torch.no_grad():
            counted = last.used & distribution.somebody_present.unsqueeze(-1)
            totals = torch.stack([(last.entropies * counted).sum(0), counted.sum(0)])
        self._parts = distribution.part_names
        self._totals = totals if self._totals is None else self._totals + totals

    def take(self) -> dict[str, float]:
        """Return the mean of each part over the actions that use it, in nats, and start anew."""
        if self._totals is None:
            return {}
        sums, counts = self._totals.tolist()
        self._totals = None
        return {
            part: total / count
            for part, total, count in zip(self._parts, sums, counts, strict=True)
            if count
        }


class EntropyLogger(BaseCallback):
    """Logs ``entropy/action_type``, ``entropy/selection`` ... beside the algorithm's own values.

    For PPO, A2C, MaskablePPO and RecurrentPPO with an entity policy on a ``UnitActionSpace``::

        model.learn(100_000, callback=EntropyLogger())

    A value is the mean of a part's conditional entropy, in nats, over the actions of the last
    update that use the part.
    """

    def _on_training_start(self) -> None:
        policy: Any = self.model.policy
        if not hasattr(policy, "entropy_meter"):
            raise ValueError(f"EntropyLogger needs an entity policy, got {type(policy).__name__}")
        policy.entropy_meter = EntropyMeter()

    def _on_rollout_start(self) -> None:
        self._record()

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        self._record()
        policy: Any = self.model.policy
        policy.entropy_meter = None

    def _record(self) -> None:
        meter = self.model.policy.entropy_meter
        assert isinstance(meter, EntropyMeter)  # set at the start of the training
        for part, mean in meter.take().items():
            self.logger.record(f"entropy/{part}", mean)
