"""Small settings, so that a whole run takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from perceiver_rl.agents.config import EnvConfig, PPOConfig, TrainConfig
from perceiver_rl.agents.progress_log import Progress
from perceiver_rl.agents.train import TrainResult, run_training
from perceiver_rl.interrupt import StopRequest

Run = Callable[..., TrainResult]


@pytest.fixture(autouse=True)
def _keep_torch_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tiny(tmp_path: Path) -> TrainConfig:
    """Two updates of 64 steps each."""
    return TrainConfig(
        name="tiny",
        runs=tmp_path,
        steps=128,
        device="cpu",
        env=EnvConfig(num_envs=4),
        ppo=PPOConfig(n_steps=16, batch_size=32, n_epochs=1),
    )


@pytest.fixture
def run(tiny: TrainConfig) -> Run:
    """Train the small settings with some of them changed, without a display."""

    def run_tiny(
        resume: bool = False,
        report: Callable[[Progress], None] = lambda progress: None,
        stop: StopRequest | None = None,
        **changes: Any,
    ) -> TrainResult:
        config = replace(tiny, **changes)
        return run_training(config, resume, stop or StopRequest(), report)

    return run_tiny
