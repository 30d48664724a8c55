"""What happens around the updates of a run: progress, logs, checkpoints, stopping."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from perceiver_rl.interrupt import StopRequest
from perceiver_rl.sb3.training_state import TrainingState

from .checkpoint import save
from .config import TrainConfig
from .progress_log import Progress, ProgressRow, append_row
from .run_folder import RunFolder
from .statistics import outcome_letter

REPORT_SECONDS = 0.2
RECENT_GAMES = 100


@dataclass(slots=True)
class _Ended:
    """Games that ended since the last update."""

    returns: list[float] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    wins: list[bool] = field(default_factory=list)

    def add(self, info: dict[str, Any]) -> None:
        self.returns.append(float(info["episode"]["r"]))
        self.lengths.append(int(info["episode"]["l"]))
        letter = outcome_letter(info)
        if letter:
            self.wins.append(letter == "W")


def _mean(values: list[Any]) -> float | None:
    return statistics.fmean(values) if values else None


class TrainingCallback(BaseCallback):
    """Writes progress and checkpoints between updates, and stops where somebody asked for it.

    A stop drops the rollout that is under way, so the count of steps is always the number that the
    network has learned from; a resumed run collects the same rollout again.

    Args:
        folder: Where files go.
        config: The run's settings.
        seconds: Time already spent in earlier parts of a resumed run.
        stop: Looked at after every step.
        report: Told of the progress a few times per second.
    """

    def __init__(
        self,
        folder: RunFolder,
        config: TrainConfig,
        seconds: float,
        stop: StopRequest,
        report: Callable[[Progress], None],
    ) -> None:
        super().__init__()
        self.folder = folder
        self.config = config
        self.stop = stop
        self.report = report
        self.seconds = seconds
        self._ended = _Ended()
        self._recent: deque[str] = deque(maxlen=RECENT_GAMES)
        self._state: TrainingState | None = None
        self._learned = 0
        self._saved = 0
        self._collected = False
        self._rate = 0.0
        self._update_began = self._reported = time.perf_counter()

    def _on_training_start(self) -> None:
        self._learned = self._saved = self.model.num_timesteps
        self._update_began = time.perf_counter()

    def _on_rollout_start(self) -> None:
        if self._collected:
            self._after_update()
        self._state = self._current_state()
        if self.model.num_timesteps - self._saved >= self.config.checkpoint_every:
            self.save()

    def _on_step(self) -> bool:
        infos = self.locals["infos"]
        for index in np.flatnonzero(self.locals["dones"]):
            self._ended.add(infos[index])
            self._recent.extend(outcome_letter(infos[index]))
        now = time.perf_counter()
        if now - self._reported >= REPORT_SECONDS:
            self._reported = now
            self._report(self.model.num_timesteps)
        return not self.stop.requested

    def _on_rollout_end(self) -> None:
        self._collected = True
        self._state = None
        recent = self._recent_win_rate()
        if recent is not None:
            self.logger.record("rollout/win_rate", recent)

    def _on_training_end(self) -> None:
        if self._collected:
            self._after_update()
            self.logger.dump(self._learned)
        self.model.num_timesteps = self._learned
        self.save()
        self._report(self._learned)

    def _after_update(self) -> None:
        """Write a row about the rollout and the update that have just ended."""
        now = time.perf_counter()
        steps, spent = self.model.num_timesteps, now - self._update_began
        self._rate = (steps - self._learned) / spent
        self.seconds += spent
        row = ProgressRow(
            steps=steps,
            seconds=self.seconds,
            games=len(self._ended.returns),
            return_mean=_mean(self._ended.returns),
            win_rate=_mean(self._ended.wins),
            length_mean=_mean(self._ended.lengths),
            steps_per_second=self._rate,
        )
        append_row(self.folder.progress, row)
        self._ended, self._collected = _Ended(), False
        self._learned, self._update_began = steps, now

    def save(self) -> None:
        """Write a checkpoint of what has been learned so far."""
        state = self._state or self._current_state()
        save(self.model, self.folder.checkpoint, self.config, state)
        self._saved = self.model.num_timesteps

    def _current_state(self) -> TrainingState | None:
        """Return what the run is doing; None where games cannot be kept as they are."""
        return TrainingState(self.model) if self.config.backend == "proxy" else None

    def _report(self, steps: int) -> None:
        self.report(Progress(steps, self.config.steps, self._rate, self._recent_win_rate()))

    def _recent_win_rate(self) -> float | None:
        return self._recent.count("W") / len(self._recent) if self._recent else None
