"""The ``evaluate`` command: agents against opponents over the same games, a table and a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console

from perceiver_rl.envs.controls import suitable_controls

from .backends import backend_of_games, check_games, opponents_on, spaces_on
from .config import EvaluateConfig
from .display import game_bar
from .errors import UserError
from .machine import provenance
from .play import play
from .players import (
    Contender,
    beside,
    check_control,
    contender,
    distinct,
    env_as_trained,
)
from .run_folder import write_json
from .statistics import Games
from .strict_yaml import to_mapping
from .tables import evaluation_table

Results = dict[str, dict[str, Games]]


def evaluate(config: EvaluateConfig, command: Sequence[str] = ()) -> Results:
    """Play all games, print a table, write a JSON file, and return the games by agent, opponent.

    Raises:
        UserError: If no agent is named, an agent or a control does not exist, or two agents have
            the same name.
        CheckpointError: If a checkpoint does not fit the environment.
    """
    if not config.agents:
        raise UserError("name at least one agent: a checkpoint, a run folder or a control")
    contenders = [contender(word) for word in config.agents]
    distinct(contenders)
    env, options = env_as_trained(contenders, config.env, config.options)
    opponents = opponents_on(config.backend, env, config.opponents)
    config = replace(config, env=env, options=options, opponents=opponents)
    check_games(config.backend, env, config.opponents, config.options)
    contenders += _controls(config, contenders)
    results: Results = {each.name: {} for each in contenders}
    with game_bar(len(contenders) * len(config.opponents) * config.games) as report:
        for each in contenders:
            for opponent in config.opponents:
                results[each.name][opponent] = play(each, env, opponent, config, report)
    path = config.output or beside(contenders, "evaluation.json")
    write_json(path, _content(config, contenders, results, command))
    console = Console()
    console.print(evaluation_table(env, results))
    console.print(f"games and settings: {path}", highlight=False, soft_wrap=True)
    return results


def _controls(config: EvaluateConfig, contenders: Sequence[Contender]) -> list[Contender]:
    """Return the controls that are not among the contenders already."""
    names = config.controls
    if names is None:
        assert config.env is not None  # evaluate() has set it
        trained = any(each.checkpoint for each in contenders)
        _, actions = spaces_on(config.backend, config.env, config.options)
        names = suitable_controls(actions) if trained else ()
    for name in names:
        check_control(name)
    named = {each.name for each in contenders}
    return [Contender(name) for name in dict.fromkeys(names) if name not in named]


def _content(
    config: EvaluateConfig,
    contenders: Sequence[Contender],
    results: Results,
    command: Sequence[str],
) -> dict[str, Any]:
    return {
        "backend": backend_of_games(results.values()),
        "config": to_mapping(config),
        "agents": [
            {
                "agent": each.name,
                "checkpoint": str(each.checkpoint) if each.checkpoint else None,
                "steps": each.description.num_timesteps if each.description else None,
                "opponents": {
                    opponent: games.summary() for opponent, games in results[each.name].items()
                },
            }
            for each in contenders
        ],
        **provenance(command),
    }
