"""The ``compare`` command: train arms over seeds, play paired games, write what came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console

from perceiver_rl.files import write_text
from perceiver_rl.interrupt import stop_on_signals

from .checkpoint import BACKEND
from .compare_display import CompareDisplay, compare_display
from .config import CompareConfig
from .errors import RunError
from .machine import provenance
from .process_pool import run_tasks
from .progress_log import read_rows
from .results import AgentResult, agent_result, as_csv, as_json
from .run_folder import read_json, write_json
from .strict_yaml import to_mapping, to_yaml
from .tables import comparison_table
from .tasks import Task, tasks_of


def compare(config: CompareConfig, command: Sequence[str] = ()) -> bool:
    """Run a comparison as far as it goes, write its results, and say whether it was finished.

    Runs that an earlier call has finished are not repeated, and those that it began go on. Results
    are written whenever at least one agent has played its games, also after an interruption.

    Raises:
        ContractError: If the environment, an opponent or a control does not exist.
        RunError: If runs failed; the others are finished and written before.
    """
    from .play import check_matchups
    from .players import check_control, scripts_for

    check_matchups(config.env.id, (config.env.opponent, *config.opponents), config.env.options)
    if config.controls is None:
        config = replace(config, controls=scripts_for(config.env.id, config.env.options))
    for control in config.controls or ():
        check_control(control)
    tasks = tasks_of(config)
    write_text(config.folder / "config.yaml", to_yaml(config))
    with stop_on_signals() as stop, compare_display(tasks) as display:
        left = [task for task in tasks if not task.is_done()]
        run_tasks(left, config.workers, stop, display.listen)
    agents = [result for task in tasks if (result := _result(task)) is not None]
    if agents:
        _write(config, tasks, agents, command, display.failures)
        _show(config, agents)
        _warn_of_mixture(config, tasks)
    _raise_failures(display, len(tasks))
    return not stop.requested


def _result(task: Task) -> AgentResult | None:
    return agent_result(task, read_json(task.files.summary) if task.is_trained() else None)


def _write(
    config: CompareConfig,
    tasks: Sequence[Task],
    agents: Sequence[AgentResult],
    command: Sequence[str],
    failures: dict[str, str],
) -> None:
    from .plots import plot_learning_curves, plot_win_rates

    done = {agent.name for agent in agents}
    content: dict[str, Any] = {
        "backend": BACKEND,
        "config": to_mapping(config),
        "missing": [task.name for task in tasks if task.name not in done],
        "failed": failures,
        **as_json(agents),
        **provenance(command),
    }
    folder = config.folder
    write_json(folder / "results.json", content)
    write_text(folder / "results.csv", as_csv(agents))
    curves = {
        arm: [read_rows(task.files.progress) for task in tasks if task.arm == arm]
        for arm in config.arms
    }
    plot_learning_curves(folder / "learning_curves.png", curves, config.env.opponent)
    title = f"{config.env.id}: {config.games} games per agent, 95% intervals, a dot per seed"
    plot_win_rates(folder / "win_rates.png", agents, title)


def _show(config: CompareConfig, agents: Sequence[AgentResult]) -> None:
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, 140)  # a file has no edge to wrap at
    console.print(comparison_table(config.env.id, agents))
    for name in ("results.json", "results.csv", "learning_curves.png", "win_rates.png"):
        console.print(str(config.folder / name), highlight=False, soft_wrap=True)


def _warn_of_mixture(config: CompareConfig, tasks: Sequence[Task]) -> None:
    """Say so if results that were kept come from other source code than the new ones."""
    commits = sorted(set().union(*(task.commits() for task in tasks)))
    if len(commits) > 1:
        Console(stderr=True).print(
            f"the agents were made at {len(commits)} different commits ({', '.join(commits)});"
            f" to compare them at one, delete {config.folder} and run this again",
            highlight=False,
            soft_wrap=True,
        )


def _raise_failures(display: CompareDisplay, total: int) -> None:
    if display.failures:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in display.failures.items())
        raise RunError(f"{len(display.failures)} of {total} runs failed: {reasons}")
