"""What a comparison leaves behind: results.json, results.csv, pictures, and tables in the terminal.

``results.json`` holds ``config``, ``command``, ``commit``, ``versions`` and ``machine``, and

- ``scenarios``: name, environment, entity slots, and each arm's encoder sizes;
- ``agents``: every agent and control of every scenario with ``scenario``, ``stage``, ``arm`` and
  ``seed``, facts of its training, and all its games by opponent (one letter per game; the games of
  two agents against an opponent are paired by position);
- ``arms``: the same pooled over seeds, with Wilson's and the hierarchical bootstrap's interval;
- ``claims``: pairs of arms with tests and verdicts, see :class:`~.claims.Claim`;
- ``uninformative``: tables in which a weak control comes near the agents;
- ``curves``: learning curves; ``costs``: latency and memory of the arms, and the latency of their
  encoders over the number of entities; ``pictures``: of one game per scenario (the last two are
  empty in a comparison that was stopped);
- ``missing`` and ``failed``: runs that are not in it, and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.console import Console

from perceiver_rl.files import write_text

from .backends import backend_of_games
from .claims import Claim, Uninformative, claims_of, uninformative_tables
from .compare_config import CompareConfig
from .compare_curves import curves_of
from .machine import provenance
from .matching import Sized
from .plots import plot_learning_curves, plot_win_rates
from .progress_log import read_rows
from .results import AgentResult, as_csv, as_json
from .run_folder import write_json
from .strict_yaml import to_mapping
from .tables import claims_table, comparison_table, sizes_table
from .tasks import Task

SHOWN: Final = ("results.json", "results.csv", "report.html", "report.md", "report.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A comparison in one scenario.

    Args:
        scenario: Its name; "" where there is only one.
        config: Settings, with the arms sized for it.
        entities: Slots of its observation.
        sizes: The arms' encoders.
    """

    scenario: str
    config: CompareConfig
    entities: int
    sizes: tuple[Sized, ...]

    def summary(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "scenario": self.scenario,
            "env": self.config.env.id,
            "opponent": self.config.env.opponent,
            "teacher": self.config.teacher,
            "stages": list(self.config.stages),
            "opponents": list(self.config.opponents),
            "controls": list(self.config.controls or ()),
            "games": self.config.games,
            "entities": self.entities,
            "match": self.config.match,
            "sizes": [{**asdict(each), "policy": to_mapping(each.policy)} for each in self.sizes],
        }


class Findings(NamedTuple):
    """What follows from the results."""

    claims: list[Claim]
    uninformative: list[Uninformative]


def findings_of(
    config: CompareConfig, comparisons: Sequence[Comparison], agents: Sequence[AgentResult]
) -> Findings:
    """Test all claims, which resamples all games, and look for tables that say nothing."""
    teachers = {each.scenario: each.config.teacher for each in comparisons}
    claims = claims_of(agents, config.arms, teachers, config.margin)
    return Findings(claims, uninformative_tables(agents, config.margin))


def write(
    config: CompareConfig,
    comparisons: Sequence[Comparison],
    tasks: Sequence[Task],
    agents: Sequence[AgentResult],
    findings: Findings,
    run: tuple[Mapping[str, str], Sequence[str]],
) -> dict[str, Any]:
    """Write all files but the report, and return the content of ``results.json``.

    Args:
        config: The whole comparison.
        comparisons: Of each scenario.
        tasks: All of them.
        agents: Results of those that are finished.
        findings: What follows from them.
        run: Failures by task, and the command.
    """
    failures, command = run
    done = {(agent.scenario, agent.name) for agent in agents}
    content: dict[str, Any] = {
        "backend": backend_of_games(agent.games for agent in agents),
        "config": to_mapping(config),
        "missing": [task.title for task in tasks if (task.scenario, task.name) not in done],
        "failed": dict(failures),
        "scenarios": [each.summary() for each in comparisons],
        "claims": [claim.summary() for claim in findings.claims],
        "uninformative": [asdict(each) for each in findings.uninformative],
        **as_json(agents),
        "curves": curves_of(tasks),
        "costs": {},
        "pictures": [],
        **provenance(command),
    }
    write_json(config.folder / "results.json", content)
    write_text(config.folder / "results.csv", as_csv(agents))
    for each in comparisons:
        for stage, group in _by_stage(each, agents):
            _draw(each, stage, group, tasks)
    return content


def measure(
    config: CompareConfig,
    comparisons: Sequence[Comparison],
    tasks: Sequence[Task],
    content: Mapping[str, Any],
) -> None:
    """Add costs and pictures to ``results.json``.

    Args:
        config: The whole comparison.
        comparisons: Of each scenario.
        tasks: All of them.
        content: Of the file.
    """
    from .compare_costs import costs_of
    from .game_pictures import draw_pictures

    largest = max(comparisons, key=lambda each: each.entities)
    costs = costs_of(config.folder, tasks, largest.config.arms)
    pictures = draw_pictures(config.folder, tasks)
    write_json(config.folder / "results.json", {**content, "costs": costs, "pictures": pictures})


def show(
    config: CompareConfig,
    comparisons: Sequence[Comparison],
    agents: Sequence[AgentResult],
    findings: Findings,
) -> None:
    """Print tables of results, sizes and verdicts, and where the files are."""
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, 140)  # a file has no edge to wrap at
    for each in comparisons:
        for stage, group in _by_stage(each, agents):
            console.print(comparison_table(_title(each, stage), group))
        if config.match != "width":
            console.print(sizes_table(each.scenario, config.match, each.sizes))
    if findings.claims:
        console.print(claims_table(findings.claims, config.margin))
    for table in findings.uninformative:
        console.print(
            f"uninformative: {table.scenario} {table.stage} against {table.opponent}: the control"
            f" {table.control} has {table.control_score:.3f}, the best arm {table.best_arm}"
            f" {table.arm_score:.3f}",
            highlight=False,
        )
    for path in sorted(config.folder.glob("**/*")):
        if path.name in SHOWN or path.name.endswith(("curves.png", "rates.png")):
            console.print(str(path), highlight=False, soft_wrap=True)


def _by_stage(
    comparison: Comparison, agents: Sequence[AgentResult]
) -> Iterator[tuple[str, list[AgentResult]]]:
    """Yield the agents of a scenario stage by stage, with the controls each time."""
    here = [agent for agent in agents if agent.scenario == comparison.scenario]
    controls = [agent for agent in here if agent.stage is None]
    stages = dict.fromkeys(agent.stage for agent in here if agent.stage is not None)
    if not stages and controls:
        yield "", controls
    for stage in stages:
        yield stage, [agent for agent in here if agent.stage == stage] + controls


def _title(comparison: Comparison, stage: str) -> str:
    several = len(comparison.config.stages) > 1 or stage not in ("", "scratch")
    return f"{comparison.config.env.id}, {stage}" if several else comparison.config.env.id


def _draw(
    comparison: Comparison, stage: str, agents: Sequence[AgentResult], tasks: Sequence[Task]
) -> None:
    config = comparison.config
    # What is tuned has been cloned, so one stage may bring another.
    stages = config.trainings(next(iter(config.arms)), config.seeds[0])
    prefix = f"{stage}_" if len(stages) > 1 else ""

    def file(name: str) -> Path:
        return config.folder / f"{prefix}{name}"

    curves = {
        arm: [
            read_rows(task.files.progress)
            for task in tasks
            if (task.scenario, task.arm, task.stage) == (comparison.scenario, arm, stage)
        ]
        for arm in config.arms
    }
    if any(rows for runs in curves.values() for rows in runs):
        plot_learning_curves(file("learning_curves.png"), curves, config.env.opponent)
    title = _title(comparison, stage)
    title = f"{title}: {config.games} games per agent, 95% intervals, a dot per seed"
    plot_win_rates(file("win_rates.png"), agents, title)
