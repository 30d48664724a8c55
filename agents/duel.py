"""The ``duel`` command: agents against one another, from both sides of the same battles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from perceiver_rl.envs import BatchedEnv, Recorder, Replay

from .backends import PROXY
from .display import game_bar
from .duel_config import DuelConfig
from .elo import Ratings, rate
from .env_options import env_options
from .errors import UserError
from .machine import provenance
from .play import own_torch_seed, play_to_the_end
from .players import Contender, beside, contender, distinct, env_as_trained
from .run_folder import write_json
from .seeds import evaluation_seeds
from .statistics import Interval, wilson
from .strict_yaml import to_mapping
from .tables import duel_table, elo_table

Report = Callable[[int], None]
_FLIPPED = str.maketrans("WL", "LW")
_POINTS = {"W": 1.0, "D": 0.5, "L": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """All games of two agents; outcomes are those of the first.

    Args:
        first: Name of an agent.
        second: Name of another.
        own_side: A letter (W, L or D) per seed, of the games in which the first played our side.
        enemy_side: The same for the games on the enemy's side.
    """

    first: str
    second: str
    own_side: str
    enemy_side: str

    @property
    def outcomes(self) -> str:
        """Letters of all games."""
        return self.own_side + self.enemy_side

    @property
    def win_rate(self) -> float:
        """Share of the games that the first has won; a draw is no win."""
        return self.outcomes.count("W") / len(self.outcomes)

    @property
    def interval(self) -> Interval:
        """Wilson interval of the win rate."""
        return wilson(self.outcomes.count("W"), len(self.outcomes))

    @property
    def points(self) -> NDArray[np.float64]:
        """``[seed]``: points of the first in the two games of each seed; a draw is half a point."""
        pairs = zip(self.own_side, self.enemy_side, strict=True)
        return np.array([_POINTS[a] + _POINTS[b] for a, b in pairs])

    def summary(self) -> dict[str, Any]:
        """Return the numbers that go into the file, and the outcome of every game."""
        counts = {
            name: self.outcomes.count(letter)
            for name, letter in (("wins", "W"), ("losses", "L"), ("draws", "D"))
        }
        return {
            "first": self.first,
            "second": self.second,
            "games": len(self.outcomes),
            **counts,
            "win_rate": self.win_rate,
            "win_rate_low": self.interval.low,
            "win_rate_high": self.interval.high,
            "own_side": self.own_side,
            "enemy_side": self.enemy_side,
        }


@dataclass(frozen=True, slots=True)
class DuelResult:
    """What a duel has shown.

    Args:
        matches: One per pair.
        ratings: By agent, in the order of the agents; None for two.
    """

    matches: tuple[Match, ...]
    ratings: Ratings | None


def duel(config: DuelConfig, command: Sequence[str] = ()) -> DuelResult:
    """Play all pairs, print tables, write a JSON file, and return the results.

    Raises:
        UserError: If there are fewer than two agents, one does not exist, or two share a name.
        ContractError: If the environment does not exist or is no battle.
        CheckpointError: If a checkpoint does not fit the environment.
    """
    if len(config.agents) < 2:
        raise UserError("name at least two agents: checkpoints, run folders or controls")
    contenders = [contender(word) for word in config.agents]
    distinct(contenders)
    env, options = env_as_trained(contenders, config.env, config.options)
    config = replace(config, env=env, options=options)
    _check(config, contenders)
    pairs = list(combinations(contenders, 2))
    with game_bar(len(pairs) * config.games) as report:
        matches = tuple(play_match(first, second, config, report) for first, second in pairs)
    names = [each.name for each in contenders]
    ratings = rate_all(names, matches, config) if len(names) > 2 else None
    path = config.output or beside(contenders, "duel.json")
    write_json(path, _content(config, contenders, matches, ratings, command))
    console = Console()
    console.print(duel_table(config.env or "", matches))
    if ratings is not None:
        console.print(elo_table(names, ratings))
    console.print(f"games and settings: {path}", highlight=False, soft_wrap=True)
    if config.replay is not None:
        console.print(f"replays: {config.replay}", highlight=False, soft_wrap=True)
    return DuelResult(matches, ratings)


def play_match(
    first: Contender,
    second: Contender,
    config: DuelConfig,
    report: Report = lambda games: None,
) -> Match:
    """Return the games of two agents: every seed twice, with sides swapped.

    Args:
        first: An agent.
        second: Another.
        config: Environment, number of games and seeds.
        report: Told how many further games have ended.
    """
    seeds = evaluation_seeds(config.eval_seed, config.games // 2)
    sides = ["", ""]
    replays: tuple[list[Replay], list[Replay]] = ([], [])
    with own_torch_seed(config.eval_seed):
        for start in range(0, len(seeds), config.batch):
            batch = seeds[start : start + config.batch]
            for side, pair in enumerate(((first, second), (second, first))):
                outcomes, replay = _play_batch(*pair, config, batch)
                sides[side] += outcomes.translate(_FLIPPED) if side else outcomes
                if replay is not None:
                    replays[side].append(replay)
                report(len(batch))
    for parts in replays:
        if config.replay is not None:
            _save(parts, config.replay)
    return Match(first=first.name, second=second.name, own_side=sides[0], enemy_side=sides[1])


def _save(parts: Sequence[Replay], folder: Path) -> None:
    """Write the games of all batches of a pair, from one side, into one file."""
    whole = replace(parts[0], episodes=tuple(game for part in parts for game in part.episodes))
    whole.save(folder / f"{whole.player}-against-{whole.opponent}.npz")


def _play_batch(
    ours: Contender, theirs: Contender, config: DuelConfig, seeds: list[int]
) -> tuple[str, Replay | None]:
    options = env_options(config.options)
    probe = BatchedEnv(config.env or "", 1, opponent="no-op", **options)
    spaces = probe.observation_space, probe.action_space
    # Two scripts with the same stream of chance would do the same.
    enemy = theirs.player(*spaces, config.deterministic, seeds[0] + 1)
    games = BatchedEnv(config.env or "", len(seeds), opponent=enemy, **options)
    player = ours.player(*spaces, config.deterministic, seeds[0])
    if config.replay is None:
        return play_to_the_end(games, player, seeds).outcomes, None
    recorder = Recorder(games, ours.name)
    outcomes = play_to_the_end(recorder, player, seeds).outcomes
    return outcomes, replace(recorder.replay(), opponent=theirs.name)


def rate_all(names: Sequence[str], matches: Sequence[Match], config: DuelConfig) -> Ratings:
    """Return the Elo ratings of agents by their matches."""
    points = np.zeros((len(names), len(names), config.games // 2))
    for match in matches:
        first, second = names.index(match.first), names.index(match.second)
        points[first, second] = match.points
        points[second, first] = 2.0 - match.points
    return rate(points, config.resamples, np.random.default_rng(config.eval_seed))


def _check(config: DuelConfig, contenders: Sequence[Contender]) -> None:
    """Check that all can play before anybody does."""
    games = BatchedEnv(config.env or "", 1, opponent="commanded", **env_options(config.options))
    for each in contenders:
        each.player(games.observation_space, games.action_space, config.deterministic, 0)


def _content(
    config: DuelConfig,
    contenders: Sequence[Contender],
    matches: Sequence[Match],
    ratings: Ratings | None,
    command: Sequence[str],
) -> dict[str, Any]:
    content: dict[str, Any] = {
        "backend": PROXY,
        "config": to_mapping(config),
        "agents": [
            {
                "agent": each.name,
                "checkpoint": str(each.checkpoint) if each.checkpoint else None,
                "steps": each.description.num_timesteps if each.description else None,
            }
            for each in contenders
        ],
        "matches": [match.summary() for match in matches],
        **provenance(command),
    }
    if ratings is not None:
        content["elo_prior"] = ratings.prior
        for agent, rating in zip(content["agents"], ratings.ratings, strict=True):
            agent.update(elo=rating.elo, elo_low=rating.low, elo_high=rating.high)
    return content
