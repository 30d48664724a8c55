"""The ``compare`` command: train arms over seeds, play paired games, write what came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console

from perceiver_rl.files import write_text
from perceiver_rl.interrupt import stop_on_signals
from perceiver_rl.spaces import ENTITIES

from .compare_config import CompareConfig
from .compare_display import CompareDisplay, compare_display
from .compare_files import Comparison, findings_of, measure, show, write
from .errors import RunError
from .process_pool import run_tasks
from .report import write_report
from .results import AgentResult, agent_result
from .run_folder import read_json
from .strict_yaml import to_yaml
from .tasks import Task, phases, tasks_of


def compare(config: CompareConfig, command: Sequence[str] = ()) -> bool:
    """Run a comparison as far as it goes, write its results, and say whether it was finished.

    Runs that an earlier call has finished are not repeated, and those that it began go on. Results
    are written whenever at least one agent has played its games, also after an interruption.

    Raises:
        ContractError: If an environment, an opponent or a control does not exist.
        ConfigError: If no size of an encoder matches.
        RunError: If runs failed; the others are finished and written before.
    """
    comparisons = [_prepared(name, single) for name, single in config.singles().items()]
    found = [task for each in comparisons for task in tasks_of(each.config, each.scenario)]
    seeds = [*config.seeds, None]
    # Seed by seed, so that a comparison that is stopped early has as many seeds of each scenario.
    tasks = sorted(found, key=lambda task: seeds.index(task.seed))
    write_text(config.folder / "config.yaml", to_yaml(config))
    with stop_on_signals() as stop, compare_display(tasks) as display:
        for phase in phases(tasks):
            left = [task for task in phase if not task.is_done()]
            run_tasks(left, config.workers, stop, display.listen)
    agents = [result for task in tasks if (result := _result(task)) is not None]
    if agents:
        findings = findings_of(config, comparisons, agents)
        run = display.failures, command
        content = write(config, comparisons, tasks, agents, findings, run)
        if not stop.requested:
            measure(config, comparisons, tasks, content)
        write_report(config.folder)
        show(config, comparisons, agents, findings)
        _warn_of_mixture(config, tasks)
    _raise_failures(display, len(tasks))
    return not stop.requested


def _prepared(scenario: str, config: CompareConfig) -> Comparison:
    """Check what a scenario needs, and size its arms."""
    from perceiver_rl.envs.controls import suitable_controls

    from .backends import check_games, opponents_on, spaces_on
    from .matching import match_arms
    from .players import check_control

    opponents = opponents_on(config.backend, config.env.id, config.opponents)
    config = replace(config, opponents=opponents)
    matches = (config.env.opponent, *config.opponents)
    check_games(config.backend, config.env.id, matches, config.env.options)
    seen, actions = spaces_on(config.backend, config.env.id, config.env.options)
    if config.controls is None:
        config = replace(config, controls=suitable_controls(actions))
    for control in config.controls or ():
        check_control(control)
    shape = seen[ENTITIES].shape
    assert shape is not None  # entities are rows and columns
    sizes = match_arms(config.arms, config.match, shape[0])
    config = replace(config, arms={each.arm: each.policy for each in sizes})
    return Comparison(scenario=scenario, config=config, entities=shape[0], sizes=tuple(sizes))


def _result(task: Task) -> AgentResult | None:
    return agent_result(task, read_json(task.files.summary) if task.is_trained() else None)


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
