"""Training one agent: a run folder with settings, checkpoint, progress and TensorBoard logs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from stable_baselines3 import PPO
from stable_baselines3.common.logger import configure

from perceiver_rl.files import write_text
from perceiver_rl.interrupt import StopRequest, stop_on_signals
from perceiver_rl.sb3 import EntropyLogger
from perceiver_rl.versions import versions

from .checkpoint import check_policy, describe, restore, restore_games, start_from
from .config import TrainConfig
from .cpu import prepare_cpu
from .display import training_display
from .machine import commit, machine
from .models import build_model, count_parameters, make_training_env
from .progress_log import Progress, keep_until, read_rows
from .run_folder import RunFolder, write_json
from .strict_yaml import to_mapping, to_yaml
from .training_callback import TrainingCallback


class TrainResult(NamedTuple):
    """How a run ended.

    Args:
        folder: The run's folder.
        steps: Environment steps learned from, earlier parts of a resumed run included.
        finished: False where somebody stopped it before the configured total.
    """

    folder: Path
    steps: int
    finished: bool


def train(config: TrainConfig, resume: Path | None = None) -> TrainResult:
    """Train as the command does: with a progress bar, until the total or a signal to stop.

    Args:
        config: The settings; with ``resume``, those that the run shall have from now on.
        resume: Folder of the run to continue; None starts a new one.

    Raises:
        RunError: If a new run's folder already holds one, or there is nothing to resume.
        CheckpointError: If the checkpoint does not fit the settings.
    """
    if resume is not None:
        config = replace(config, runs=resume.parent, name=resume.name)
    RunFolder(config.runs / config.name).check(resume is not None)
    with stop_on_signals() as stop, training_display(config) as display:
        result = run_training(config, resume is not None, stop, display.report)
    display.conclude(result.folder, result.steps, result.finished)
    return result


def run_training(
    config: TrainConfig,
    resume: bool,
    stop: StopRequest,
    report: Callable[[Progress], None],
) -> TrainResult:
    """Train without any output of its own; see :func:`train`."""
    folder = RunFolder(config.runs / config.name)
    folder.check(resume)
    prepare_cpu(config.torch_threads)
    model, seconds = _prepare(config, folder, resume)
    write_text(folder.config, to_yaml(config))
    remaining = config.steps - model.num_timesteps
    if remaining > 0:
        model.set_logger(configure(str(folder.tensorboard), ["tensorboard"]))
        callback = TrainingCallback(folder, config, seconds, stop, report)
        try:
            model.learn(remaining, [EntropyLogger(), callback], reset_num_timesteps=not resume)
        finally:
            model.logger.close()
    env = model.get_env()
    if env is not None:
        env.close()
    finished = model.num_timesteps >= config.steps
    if finished:
        write_json(folder.summary, _summary(config, model, folder))
    return TrainResult(folder.path, model.num_timesteps, finished)


def _prepare(config: TrainConfig, folder: RunFolder, resume: bool) -> tuple[PPO, float]:
    """Return the algorithm, new or as the checkpoint left it, and the seconds already spent."""
    if not resume:
        env = make_training_env(config.env, config.seed, backend=config.backend)
        folder.progress.unlink(missing_ok=True)  # of a run that ended before its first checkpoint
        model = build_model(config, env)
        if config.from_checkpoint is not None:
            start_from(model, config.from_checkpoint, config)
        return model, 0.0
    description = describe(folder.checkpoint)
    check_policy(description, config, folder.checkpoint)
    done = description.num_timesteps
    env = make_training_env(config.env, config.seed, done, config.backend)
    model = build_model(config, env, done)
    restore(model, folder.checkpoint)
    same = description.settings
    if (same.env, same.backend) == (config.env, config.backend):
        restore_games(model, folder.checkpoint)  # otherwise new games begin
    rows = keep_until(folder.progress, done)
    return model, rows[-1].seconds if rows else 0.0


def _summary(config: TrainConfig, model: PPO, folder: RunFolder) -> dict[str, Any]:
    policy: Any = model.policy
    rows = read_rows(folder.progress)
    seconds = rows[-1].seconds if rows else 0.0
    return {
        "config": to_mapping(config),
        "steps": model.num_timesteps,
        "seconds": seconds,
        "steps_per_second": model.num_timesteps / seconds if seconds else None,
        "parameters": count_parameters(policy),
        "encoder_parameters": policy.encoder_parameters(),
        "encoder_flops": policy.count_encoder_flops(),
        "commit": commit(),
        "versions": versions(),
        "machine": machine(),
    }
