"""Training that can be stopped, or killed, and goes on as if it had not been."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure
from stable_baselines3.common.type_aliases import GymEnv

from perceiver_rl.interrupt import StopRequest, stop_on_signals
from perceiver_rl.sb3.archive import CheckpointError
from perceiver_rl.sb3.safe import safe_load, safe_save
from perceiver_rl.sb3.training_state import TrainingState, restore_training

_NAME = re.compile(r"steps_(\d+)\.zip")


class ResumableCheckpoint(BaseCallback):
    """Writes checkpoints from which :func:`resume` goes on bit for bit.

    A checkpoint is written between rollouts, after the update: weights, optimizer, counters, random
    generators, the environment with all its episodes, last observations and LSTM states. The last
    one is written when training ends; one that was stopped in the middle of a rollout drops that
    rollout, and ``num_timesteps`` with it.

    As a context, ``with ResumableCheckpoint(...) as checkpoints: model.learn(..., checkpoints)``,
    it turns Ctrl-C and SIGTERM into a stop with a checkpoint; a second signal interrupts at once.

    Args:
        folder: Where files named by the number of steps go.
        every_steps: Environment steps between two files; it is rounded up to whole rollouts.
        keep: Files that stay; older ones of the folder are deleted.
        exact: Whether to save the environment. Where it does not know its own state, False begins
            new episodes when the run is resumed, which then is not the same bit for bit.

    Raises:
        ValueError: If a number is below 1.
        CheckpointError: When training begins, if the model or its environment cannot be saved, or
            the folder holds a checkpoint of more steps.
    """

    def __init__(
        self, folder: str | Path, every_steps: int, *, keep: int = 3, exact: bool = True
    ) -> None:
        super().__init__()
        for name, value in (("every_steps", every_steps), ("keep", keep)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        self.folder = Path(folder)
        self.every_steps = every_steps
        self.keep = keep
        self.exact = exact
        self._stop = StopRequest()
        self._signals = contextlib.ExitStack()
        self._state: TrainingState | None = None
        self._saved = 0

    def __enter__(self) -> ResumableCheckpoint:
        self._stop = self._signals.enter_context(stop_on_signals())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._signals.close()

    def _on_training_start(self) -> None:
        self._saved = self.model.num_timesteps
        self._check_folder()
        self._save()  # what cannot be saved is told now, and an early crash loses nothing

    def _on_rollout_start(self) -> None:
        self._state = TrainingState(self.model, self.exact)
        if self.model.num_timesteps - self._saved >= self.every_steps:
            self._save()

    def _on_step(self) -> bool:
        return not self._stop.requested

    def _on_rollout_end(self) -> None:
        self._state = None

    def _on_training_end(self) -> None:
        if self._state is not None:
            self.model.num_timesteps = self._state.num_timesteps
        self._save()

    def _check_folder(self) -> None:
        found = checkpoints_in(self.folder) if self.folder.is_dir() else []
        if found and _steps(found[-1]) > self.model.num_timesteps:
            raise CheckpointError(
                f"{found[-1]} is ahead of this run, which has {self.model.num_timesteps} steps:"
                " resume from it, or choose another folder"
            )

    def _save(self) -> None:
        state = self._state or TrainingState(self.model, self.exact)
        path = self.folder / f"steps_{state.num_timesteps}.zip"
        safe_save(self.model, path, members=state.members())
        self._saved = state.num_timesteps
        for old in checkpoints_in(self.folder)[: -self.keep]:
            old.unlink()


def checkpoints_in(folder: Path) -> list[Path]:
    """Return a folder's checkpoints, those of the fewest steps first."""
    return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), key=_steps)


def _steps(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    assert match is not None  # only such files are asked about
    return int(match[1])


def resume(
    path: str | Path,
    env: GymEnv,
    *,
    device: torch.device | str = "auto",
    verbose: int = 0,
    tensorboard_log: str | None = None,
) -> Any:
    """Return a model that goes on where a :class:`ResumableCheckpoint` was written.

    Go on with ``model.learn(total - model.num_timesteps, reset_num_timesteps=False)``: with the
    same environment and the same total, the weights become the same, bit for bit, as without the
    interruption. Nothing in the file is executed.

    Args:
        path: The file, or its folder: the latest one in it.
        env: An environment made like the run's: the same number of games, wrappers and options.
        device: As in stable-baselines3.
        verbose: As in stable-baselines3.
        tensorboard_log: The folder that the run's logs went to; they go on in the same run.

    Raises:
        CheckpointError: If there is no checkpoint, it is damaged, or the environment is another.
        ContractError: If the environment has other spaces, or is of another scenario.
    """
    path = Path(path)
    if path.is_dir():
        found = checkpoints_in(path)
        if not found:
            raise CheckpointError(f"{path} holds no checkpoint to resume from")
        path = found[-1]
    model = safe_load(path, env, device=device, verbose=verbose, tensorboard_log=tensorboard_log)
    run = restore_training(model, path)
    if tensorboard_log is not None and run is not None:
        formats = ["tensorboard", *(["stdout"] if verbose else [])]
        model.set_logger(configure(str(Path(tensorboard_log) / Path(run).name), formats))
    return model
