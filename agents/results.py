"""Results of a comparison: agents, arms that pool them, and the files they are written to."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .bootstrap import Scores, mean_interval
from .statistics import Games, Interval, pool
from .tasks import Task

NETWORK_FACTS = ("parameters", "encoder_parameters", "encoder_flops")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentResult:
    """One trained agent or control and its games.

    Args:
        name: How tables call it.
        arm: The arm it belongs to; None for a control.
        seed: Its training seed; None for a control.
        games: Its games by opponent.
        facts: Its training: parameters, FLOPs, steps, steps per second; empty for a control.
        scenario: Where it played; "" where there is only one scenario.
        stage: How it was trained; None for a control.
    """

    name: str
    arm: str | None
    seed: int | None
    games: Mapping[str, Games]
    facts: Mapping[str, Any]
    scenario: str = ""
    stage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmResult:
    """All agents of one arm, scenario and stage.

    Args:
        name: The arm.
        agents: One per finished seed, at least one.
    """

    name: str
    agents: tuple[AgentResult, ...]

    @property
    def scenario(self) -> str:
        """Where its agents played."""
        return self.agents[0].scenario

    @property
    def stage(self) -> str:
        """How its agents were trained."""
        return self.agents[0].stage or ""

    @property
    def opponents(self) -> tuple[str, ...]:
        """Opponents that its agents have played."""
        return tuple(self.agents[0].games)

    def pooled(self, opponent: str) -> Games:
        """Return the games of all seeds against an opponent."""
        return pool([agent.games[opponent] for agent in self.agents])

    def seed_range(self, opponent: str) -> tuple[float, float] | None:
        """Return the lowest and highest win rate of a seed; None where games have no winner."""
        rates = [agent.games[opponent].win_rate for agent in self.agents]
        known = [rate for rate in rates if rate is not None]
        return (min(known), max(known)) if known else None

    @property
    def facts(self) -> dict[str, Any]:
        """Return the network's facts, and steps per second over all seeds together."""
        first = self.agents[0].facts
        seconds = sum(agent.facts["seconds"] for agent in self.agents)
        steps = sum(agent.facts["steps"] for agent in self.agents)
        return {
            **{name: first[name] for name in NETWORK_FACTS},
            "steps": steps,
            "seconds": seconds,
            "steps_per_second": steps / seconds if seconds else None,
        }


def agent_result(task: Task, facts: Mapping[str, Any] | None) -> AgentResult | None:
    """Return what a task has left behind; None if it is not finished."""
    games = task.games()
    if games is None or (task.training is not None and not facts):
        return None
    return AgentResult(
        name=task.name,
        arm=task.arm,
        seed=task.seed,
        games=games,
        facts=facts or {},
        scenario=task.scenario,
        stage=task.stage,
    )


def arms_of(agents: Sequence[AgentResult]) -> list[ArmResult]:
    """Return the arms in the order of their first agents; controls are no arm.

    Agents of an arm in different scenarios or stages are different arms.
    """
    arms: dict[tuple[str, str | None, str], list[AgentResult]] = {}
    for agent in agents:
        if agent.arm is not None:
            arms.setdefault((agent.scenario, agent.stage, agent.arm), []).append(agent)
    return [ArmResult(name=name, agents=tuple(group)) for (*_, name), group in arms.items()]


def scores_of(agents: Sequence[AgentResult], opponent: str) -> Scores:
    """Return ``[seed, game]``: 1 for a win, else 0; returns where games have no winner."""
    rows = []
    for agent in agents:
        games = agent.games[opponent]
        won = [float(letter == "W") for letter in games.outcomes]
        rows.append(won if games.has_winner else list(games.returns))
    return np.array(rows, dtype=np.float64)


def as_json(agents: Sequence[AgentResult]) -> dict[str, Any]:
    """Return agents and arms as plain values; arms leave out what their agents already say."""
    return {
        "agents": [
            {
                "agent": agent.name,
                "scenario": agent.scenario,
                "stage": agent.stage,
                "arm": agent.arm,
                "seed": agent.seed,
                "training": dict(agent.facts) or None,
                "opponents": {name: games.summary() for name, games in agent.games.items()},
            }
            for agent in agents
        ],
        "arms": [
            {
                "arm": arm.name,
                "scenario": arm.scenario,
                "stage": arm.stage,
                "seeds": [agent.seed for agent in arm.agents],
                **arm.facts,
                "opponents": {name: _pooled(arm, name) for name in arm.opponents},
            }
            for arm in arms_of(agents)
        ],
    }


def arm_interval(arm: ArmResult, opponent: str) -> Interval:
    """Return the hierarchical bootstrap's interval of an arm's score over seeds and games."""
    return mean_interval(scores_of(arm.agents, opponent), np.random.default_rng(0))


def _pooled(arm: ArmResult, opponent: str) -> dict[str, Any]:
    summary = arm.pooled(opponent).summary()
    seeds = arm.seed_range(opponent)
    scores = arm_interval(arm, opponent)
    return {
        **{name: value for name, value in summary.items() if not isinstance(value, list | str)},
        "bootstrap_low": scores.low,
        "bootstrap_high": scores.high,
        "seed_win_rate_low": seeds[0] if seeds else None,
        "seed_win_rate_high": seeds[1] if seeds else None,
    }


COLUMNS = (
    "scenario", "stage", "kind", "name", "seeds", "opponent", "games", "wins", "losses", "draws",
    "win_rate", "win_rate_low", "win_rate_high", "bootstrap_low", "bootstrap_high",
    "seed_win_rate_low", "seed_win_rate_high", "mean_return", "mean_length",
    *NETWORK_FACTS, "steps", "steps_per_second",
)  # fmt: skip


def as_csv(agents: Sequence[AgentResult]) -> str:
    """Return a row per arm and opponent, then per agent or control and opponent."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for arm in arms_of(agents):
        seeds = " ".join(str(agent.seed) for agent in arm.agents)
        for opponent in arm.opponents:
            row: dict[str, Any] = {
                "scenario": arm.scenario,
                "stage": arm.stage,
                "kind": "arm",
                "name": arm.name,
                "seeds": seeds,
                "opponent": opponent,
            }
            writer.writerow({**row, **arm.facts, **_pooled(arm, opponent)})
    for agent in agents:
        kind = "control" if agent.arm is None else "agent"
        for opponent, games in agent.games.items():
            row = {
                "scenario": agent.scenario,
                "stage": agent.stage,
                "kind": kind,
                "name": agent.name,
                "seeds": agent.seed,
                "opponent": opponent,
            }
            writer.writerow({**row, **agent.facts, **games.summary()})
    return text.getvalue()
