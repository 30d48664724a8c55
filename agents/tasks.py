"""What a comparison consists of: one task per arm and seed, and one per control."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from perceiver_rl.versions import versions

from .compare_config import CompareConfig, Stage
from .config import EvaluateConfig, TrainConfig
from .imitate_config import ImitateConfig
from .machine import commit
from .run_folder import RunFolder, read_json, write_json
from .statistics import Games
from .strict_yaml import to_mapping

# Settings that decide where a result lies, not what it is.
_PLACES = ("name", "runs", "checkpoint_every", "agents", "output", "demonstrations")

Training = TrainConfig | ImitateConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Train one agent, if it is one that learns, and let it play its evaluation games.

    Args:
        name: How messages and tables call it.
        arm: The arm it belongs to; None for a control.
        seed: Its training seed; None for a control.
        training: Settings of the training; None for a control.
        evaluation: Settings of the games.
        folder: Where its files go.
        scenario: Name of the scenario; "" where there is only one.
        stage: How the agent was trained; None for a control.
    """

    name: str
    arm: str | None
    seed: int | None
    training: Training | None
    evaluation: EvaluateConfig
    folder: Path
    scenario: str
    stage: Stage | None

    @property
    def title(self) -> str:
        """How messages call it, among all scenarios."""
        return f"{self.scenario}/{self.name}" if self.scenario else self.name

    @property
    def files(self) -> RunFolder:
        """Paths of its files."""
        return RunFolder(self.folder)

    @property
    def steps(self) -> int:
        """Environment steps to train; 0 for a control or a clone."""
        return self.training.steps if isinstance(self.training, TrainConfig) else 0

    def evaluation_fingerprint(self, opponents: Iterable[str] | None = None) -> str:
        """Changes with everything that the outcome of the games depends on.

        Args:
            opponents: Whom the games are played against; None: those of the settings.
        """
        settings = to_mapping(self.evaluation)
        if opponents is not None:
            settings["opponents"] = list(opponents)
        return fingerprint([settings, _of_training(self.training), self.name])

    def is_trained(self) -> bool:
        """Whether there is nothing left to train."""
        if self.training is None:
            return True
        summary = read_json(self.files.summary)
        return (
            summary is not None
            and summary.get("fingerprint") == fingerprint(_of_training(self.training))
            and self.files.checkpoint.exists()
        )

    def is_done(self) -> bool:
        """Whether there is nothing left to train or to play."""
        return self.is_trained() and self.games() is not None

    def finish_training(self) -> None:
        """Record by which settings the finished training was made."""
        summary = read_json(self.files.summary) or {}
        summary["fingerprint"] = fingerprint(_of_training(self.training))
        write_json(self.files.summary, summary)

    def games(self) -> dict[str, Games] | None:
        """Return the games by opponent if all have been played by these settings, else None."""
        played = self._played()
        if played is None or not {*self.evaluation.opponents} <= {*played["opponents"]}:
            return None
        return {
            name: Games.from_summary(played["opponents"][name])
            for name in self.evaluation.opponents
        }

    def missing_opponents(self) -> list[str]:
        """Return against whom no games have been played by these settings."""
        played = self._played() or {"opponents": {}}
        return [name for name in self.evaluation.opponents if name not in played["opponents"]]

    def _played(self) -> dict[str, Any] | None:
        """Return what is kept of games by these settings, be it against others or in parts."""
        content = read_json(self.files.paired_games)
        if content is None:
            return None
        same = self.evaluation_fingerprint(content.get("opponents", ()))
        return content if content.get("fingerprint") == same else None

    def commits(self) -> set[str]:
        """Return the commits at which it was trained and played, as far as they are known."""
        played = read_json(self.files.paired_games) or {}
        found = {(read_json(self.files.summary) or {}).get("commit"), *_commits(played).values()}
        return {str(name) for name in found if name is not None}

    def keep_games(self, games: dict[str, Games]) -> None:
        """Write games by opponent, beside those that are kept."""
        played = self._played() or {"opponents": {}}
        opponents = {
            **played["opponents"],
            **{name: part.summary() for name, part in games.items()},
        }
        content = {
            "fingerprint": self.evaluation_fingerprint(opponents),
            "commits": {**_commits(played), **dict.fromkeys(games, commit())},
            "opponents": opponents,
        }
        write_json(self.files.paired_games, content)


def _commits(played: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the commit of the games against each opponent; older files have one for all."""
    single = dict.fromkeys(played.get("opponents", ()), played.get("commit"))
    return {**single, **played.get("commits", {})}


def fingerprint(content: Any) -> str:
    """Return a short hash of settings and of the versions that turn them into a result."""
    text = json.dumps([_without(content, _PLACES), versions()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _without(content: Any, names: Collection[str]) -> Any:
    if isinstance(content, dict):
        kept = {key: _without(item, names) for key, item in content.items() if key not in names}
        if kept.get("backend") == "proxy":  # as all results were before there were others
            del kept["backend"]
        return kept
    if isinstance(content, list):
        return [_without(item, names) for item in content]
    return content


def _of_training(config: Training | None) -> dict[str, Any] | None:
    if config is None:
        return None
    settings = to_mapping(config)
    start = settings.get("from_checkpoint")
    if start is not None:  # the folder's name has the hash of the settings that it was made by
        settings["from_checkpoint"] = Path(start).parent.name
    return settings


def tasks_of(config: CompareConfig, scenario: str = "") -> list[Task]:
    """Return all tasks of a comparison of one scenario: seed by seed over the arms, then controls.

    So a comparison that is stopped early has arms of equal numbers of seeds. A run's folder carries
    the hash of its settings: other settings never overwrite or continue it.

    Args:
        config: The comparison; only its ``env`` is the scenario.
        scenario: How results call it.
    """
    tasks = [
        task
        for seed in config.seeds
        for arm in config.arms
        for task in _tasks_of_agent(config, scenario, arm, seed)
    ]
    for control in config.controls or ():
        tasks.append(
            Task(
                name=control,
                arm=None,
                seed=None,
                training=None,
                evaluation=config.evaluation(),
                folder=config.folder / "controls" / control,
                scenario=scenario,
                stage=None,
            )
        )
    return tasks


def _tasks_of_agent(config: CompareConfig, scenario: str, arm: str, seed: int) -> list[Task]:
    tasks: list[Task] = []
    for stage, settings in config.trainings(arm, seed).items():
        name, training = settings.name, settings
        if stage == "tuning" and isinstance(training, TrainConfig):
            clone = tasks[0].folder / "checkpoint.zip"
            training = replace(training, from_checkpoint=clone)
        training = _placed(training)
        tasks.append(
            Task(
                name=name,
                arm=arm,
                seed=seed,
                training=training,
                evaluation=config.evaluation(),
                folder=config.folder / training.name,
                scenario=scenario,
                stage=stage,
            )
        )
    return tasks


def _placed(training: Training) -> Training:
    """Return settings whose folder carries their hash."""
    name = f"{training.name}-{fingerprint(_of_training(training))[:8]}"
    return replace(training, name=name)


def phases(tasks: Sequence[Task]) -> list[list[Task]]:
    """Return the tasks in an order in which all that a task goes on from is done before it."""
    tuned = [task for task in tasks if task.stage == "tuning"]
    return [[task for task in tasks if task.stage != "tuning"], tuned]
