"""The ``imitate`` command: record a teacher's games and train a policy on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from stable_baselines3 import PPO

from perceiver_rl.files import write_text
from perceiver_rl.heads import UnitActionHead
from perceiver_rl.interrupt import StopRequest, stop_on_signals

from .checkpoint import save
from .cloning import Cloning
from .cpu import prepare_cpu
from .demonstrations import Demonstrations, open_demonstrations
from .display import progress_bar
from .errors import RunError
from .imitate_config import ImitateConfig
from .imitate_run import ImitationRun
from .machine import provenance
from .models import build_model, count_parameters, make_training_env
from .progress_log import Progress
from .recording import record
from .run_folder import RunFolder, read_json, write_json
from .strict_yaml import read_settings, to_mapping, to_yaml


class ImitateResult(NamedTuple):
    """How a run ended.

    Args:
        folder: The run's folder.
        epochs: Passes over the demonstrations.
        finished: False where somebody stopped it before the end.
    """

    folder: Path
    epochs: int
    finished: bool


def imitate(config: ImitateConfig, command: list[str] | None = None) -> ImitateResult:
    """Record and train as the command does, with a progress bar; a stopped run goes on.

    Raises:
        RunError: If the folder holds a run or demonstrations of other settings.
        ContractError: If the environment, the opponent or the teacher does not exist.
    """
    console = Console(stderr=True)
    folder = RunFolder(config.folder)
    with stop_on_signals() as stop, progress_bar(console) as bar:
        task = bar.add_task(config.name, total=None)

        def report(progress: Progress) -> None:
            bar.update(
                task,
                completed=progress.steps,
                total=progress.total,
                rate=progress.steps_per_second,
            )

        result = run_imitation(config, stop, report, command or [])
    if result.finished:
        _show(Console(), folder, read_json(folder.summary) or {})
    else:
        console.print(f"stopped after {result.epochs} epochs; the same command continues it")
    return result


def _show(console: Console, folder: RunFolder, summary: dict[str, Any]) -> None:
    games, scores = summary["demonstrations"], summary["validation"]
    console.print(
        f"{games['steps']:,} steps of {games['episodes']} games by {games['teacher']}"
        f" (win rate {games['win_rate']}), {games['bytes'] / 1e6:.2f} MB,"
        f" {games['unpacked_bytes'] / 1e6:.2f} MB unpacked",
        highlight=False,
    )
    for name, value in scores.items():
        if value is not None:
            console.print(f"validation {name}: {value:.4f}", highlight=False)
    console.print(
        f"checkpoint after epoch {summary['best_epoch'] + 1} of {summary['epochs']}:"
        f" {folder.checkpoint}",
        highlight=False,
        soft_wrap=True,
    )
    for verb in ("evaluate", "train --from"):
        console.print(f"  perceiver-rl {verb} {folder.checkpoint}", highlight=False, soft_wrap=True)


def run_imitation(
    config: ImitateConfig,
    stop: StopRequest,
    report: Callable[[Progress], None] = lambda progress: None,
    command: list[str] | None = None,
) -> ImitateResult:
    """Record and train without any output of its own; see :func:`imitate`."""
    folder = RunFolder(config.folder)
    _check_same(config, folder)
    prepare_cpu(config.torch_threads)
    if not record(config.recording(), config.demonstrations_folder, stop=stop):
        return ImitateResult(folder.path, 0, False)
    demonstrations = open_demonstrations(config.demonstrations_folder)
    write_text(folder.config, to_yaml(config))
    settings = config.checkpoint_config()
    env = make_training_env(settings.env, settings.seed, backend=settings.backend)
    model = build_model(settings, env)
    policy: Any = model.policy
    _check_selections(demonstrations, policy.action_net)
    cloning = Cloning(policy, demonstrations, config.cloning, config.ppo.gamma, config.seed)
    run = ImitationRun(config, folder, cloning, stop, report)
    run.restore()
    finished = run.learn()
    if finished:
        run.take_best()
        save(model, folder.checkpoint, settings, backend=demonstrations.backend)
        write_json(folder.summary, _summary(config, run, model, command or []))
    env.close()
    return ImitateResult(folder.path, run.progress.epochs, finished)


def _check_same(config: ImitateConfig, folder: RunFolder) -> None:
    if not folder.config.exists():
        return
    known = to_mapping(read_settings(folder.config, ImitateConfig))
    asked = to_mapping(config)
    for place in ("name", "runs", "demonstrations"):  # they say where, not what
        known.pop(place)
        asked.pop(place)
    if known != asked:
        raise RunError(
            f"{folder.path} holds a run of other settings; choose another --name, or delete it"
        )


def _check_selections(demonstrations: Demonstrations, head: Any) -> None:
    limit = head.selection.max_selected if isinstance(head, UnitActionHead) else None
    if limit is not None and (largest := demonstrations.largest_selection()) > limit:
        raise RunError(
            f"the teacher selects up to {largest} units at once, more than the {limit} that the"
            f" pointer picks; set policy.head_kwargs: {{max_selected: {largest}}}"
        )


def _summary(
    config: ImitateConfig, run: ImitationRun, model: PPO, command: list[str]
) -> dict[str, Any]:
    policy: Any = model.policy
    progress, demonstrations = run.progress, run.cloning.demonstrations
    return {
        "config": to_mapping(config),
        "demonstrations": _about(demonstrations, config),
        "epochs": progress.epochs,
        "best_epoch": progress.best_epoch,
        "validation": run.cloning.validate(with_agreement=True).means(with_agreement=True),
        "history": progress.history,
        "steps": progress.epochs * len(run.cloning.learning),
        "seconds": progress.seconds,
        "steps_per_second": progress.epochs * len(run.cloning.learning) / progress.seconds,
        "parameters": count_parameters(policy),
        "encoder_parameters": policy.encoder_parameters(),
        "encoder_flops": policy.count_encoder_flops(),
        **provenance(command),
    }


def _about(demonstrations: Demonstrations, config: ImitateConfig) -> dict[str, Any]:
    outcomes = demonstrations.outcomes
    won = outcomes.count("W") / len(outcomes) if "?" not in outcomes else None
    return {
        "folder": str(config.demonstrations_folder),
        "teacher": demonstrations.config.teacher,
        "opponent": demonstrations.config.opponent,
        "backend": demonstrations.backend,
        "episodes": len(outcomes),
        "steps": len(demonstrations),
        "win_rate": won,
        "bytes": demonstrations.sizes[0],
        "unpacked_bytes": demonstrations.sizes[1],
    }
