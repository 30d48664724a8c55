"""One imitation: epoch after epoch, with the files that it leaves between them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from stable_baselines3.common.logger import Logger, configure

from perceiver_rl.files import replacing
from perceiver_rl.interrupt import StopRequest
from perceiver_rl.sb3.archive import first_difference

from .checkpoint import read_tensors
from .cloning import Cloning
from .errors import CheckpointError, RunError
from .imitate_config import ImitateConfig
from .progress_log import Progress
from .run_folder import RunFolder

STATE = "imitation.pt"
REPORT_SECONDS = 0.2


@dataclass(slots=True)
class EpochProgress:
    """What is known after some epochs; with the tensors it is all that a run goes on from."""

    epochs: int = 0
    seconds: float = 0.0
    best_epoch: int = -1
    best_nll: float = math.inf
    history: list[dict[str, float | None]] = field(default_factory=list)

    def is_over(self, config: ImitateConfig) -> bool:
        """Whether all epochs are done, or validation has stopped getting better."""
        stale = self.epochs - 1 - self.best_epoch
        return self.epochs >= config.cloning.epochs or stale >= config.cloning.patience


class ImitationRun:
    """One training, with the files that it leaves between epochs.

    Args:
        config: How.
        folder: Where its files go.
        cloning: What is trained, and on what.
        stop: Says when to stop; looked at after every minibatch.
        report: Called a few times a second.
    """

    def __init__(
        self,
        config: ImitateConfig,
        folder: RunFolder,
        cloning: Cloning,
        stop: StopRequest,
        report: Callable[[Progress], None],
    ) -> None:
        self.config = config
        self.folder = folder
        self.cloning = cloning
        self.stop = stop
        self.report = report
        self.progress = EpochProgress()
        self._best: dict[str, torch.Tensor] = {}
        self._reported = 0.0

    @property
    def _state(self) -> Path:
        return self.folder.path / STATE

    def restore(self) -> None:
        """Go back to the end of the last epoch that was kept, if any was.

        Raises:
            CheckpointError: If the file is damaged or of another architecture.
        """
        if not self._state.exists():
            return
        state = read_tensors(self._state)
        difference = first_difference(self.cloning.policy.state_dict(), state["policy"])
        if difference:
            raise CheckpointError(f"{self._state} holds another architecture: {difference}")
        self.cloning.policy.load_state_dict(state["policy"])
        self.cloning.optimizer.load_state_dict(state["optimizer"])
        self._best = state["best"]
        self.progress = EpochProgress(**state["progress"])

    def learn(self) -> bool:
        """Learn until the end; False where somebody stopped it."""
        logger = configure(str(self.folder.tensorboard), ["tensorboard"])
        try:
            while not self.progress.is_over(self.config):
                if not self._epoch(logger):
                    return False
        finally:
            logger.close()
        return True

    def _epoch(self, logger: Logger) -> bool:
        began, number = time.perf_counter(), self.progress.epochs
        steps = [number * self.cloning.batches]

        def after_batch() -> bool:
            steps[0] += 1
            self._tell(steps[0], began)
            return not self.stop.requested

        learned = self.cloning.epoch(number, after_batch)
        if learned is None:
            return False
        row: dict[str, float | None] = {}
        for what, losses in (("train", learned), ("validation", self.cloning.validate())):
            means = losses.means(with_agreement=False)
            row.update({f"{what}/{name}": value for name, value in means.items()})
        for name, value in row.items():
            if value is not None:
                logger.record(name, value)
        logger.dump(number + 1)
        self._keep(row, time.perf_counter() - began)
        return True

    def _tell(self, batches: int, began: float) -> None:
        now = time.perf_counter()
        if now - self._reported < REPORT_SECONDS:
            return
        self._reported = now
        size = self.config.cloning.batch_size
        before = self.progress.epochs * self.cloning.batches
        rate = (batches - before) * size / max(now - began, 1e-9)
        total = self.config.cloning.epochs * self.cloning.batches
        self.report(Progress(batches * size, total * size, rate, None))

    def _keep(self, row: dict[str, float | None], seconds: float) -> None:
        progress, policy = self.progress, self.cloning.policy
        nll = row["validation/nll"]
        assert nll is not None  # every step has an action type
        if not math.isfinite(nll):
            raise RunError(
                f"the validation loss of epoch {progress.epochs + 1} is {nll}; a lower"
                " cloning.learning_rate may help"
            )
        if nll < progress.best_nll:
            progress.best_nll, progress.best_epoch = nll, progress.epochs
            self._best = {name: value.clone() for name, value in policy.state_dict().items()}
        progress.epochs += 1
        progress.seconds += seconds
        progress.history.append(row)
        state = {
            "policy": policy.state_dict(),
            "optimizer": self.cloning.optimizer.state_dict(),
            "best": self._best,
            "progress": {name: getattr(progress, name) for name in EpochProgress.__slots__},
        }
        with replacing(self._state) as file:
            torch.save(state, file)

    def take_best(self) -> None:
        """Give the policy the weights of the epoch that validated best."""
        self.cloning.policy.load_state_dict(self._best)
