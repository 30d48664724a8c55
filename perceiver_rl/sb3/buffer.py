"""A rollout buffer that copies each rollout to the device once."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.buffers import DictRolloutBuffer
from stable_baselines3.common.type_aliases import DictRolloutBufferSamples


class TorchDictRolloutBuffer(DictRolloutBuffer):
    """Minibatches are taken on the device, from tensors that are made once per rollout.

    The stock buffer converts every key of every minibatch of every epoch, which costs most where
    observations are large and the device is a GPU. Pass it as ``rollout_buffer_class`` to PPO or
    A2C; the numbers, and so the training run, are exactly the stock buffer's.
    """

    _on_device: DictRolloutBufferSamples | None

    def reset(self) -> None:
        """Forget the rollout."""
        self._on_device = None
        super().reset()

    def _get_samples(  # type: ignore[override]  # as the parent does
        self, batch_inds: NDArray[np.int64], env: Any = None
    ) -> DictRolloutBufferSamples:
        if self._on_device is None:
            self._on_device = super()._get_samples(np.arange(len(self.actions)), env)
        index = torch.from_numpy(batch_inds).to(self.device)
        observations, *others = self._on_device
        return DictRolloutBufferSamples(
            {key: value.index_select(0, index) for key, value in observations.items()},
            *(value.index_select(0, index) for value in others),
        )
