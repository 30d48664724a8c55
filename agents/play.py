"""Playing evaluation games: fixed seeds, every game counted exactly once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from perceiver_rl.envs import BatchedEnv

from .config import EvaluateConfig, Option
from .env_options import env_options
from .players import Contender, Player
from .seeds import evaluation_seeds
from .statistics import Games, outcome_letter, pool

Report = Callable[[int], None]


def play(
    contender: Contender,
    env: str,
    opponent: str,
    config: EvaluateConfig,
    report: Report = lambda games: None,
) -> Games:
    """Return all games of one agent against one opponent.

    Game k has the seed ``config.eval_seed + k`` whoever plays it, so agents are paired. Games run
    in batches, and each batch runs until its last game has ended: to stop at a number of finished
    games would prefer the short ones.

    Args:
        contender: Who plays.
        env: Registered id of the environment.
        opponent: Name of the scripted opponent.
        config: Number of games, seeds and options.
        report: Told how many further games have ended.
    """
    seeds = evaluation_seeds(config.eval_seed, config.games)
    parts = []
    with own_torch_seed(config.eval_seed):
        for start in range(0, len(seeds), config.batch):
            batch = seeds[start : start + config.batch]
            parts.append(_play_batch(contender, env, opponent, config, batch))
            report(len(batch))
    return pool(parts)


def check_matchups(env: str, opponents: Sequence[str], options: Mapping[str, Option]) -> None:
    """Check that the environment, its options and all opponents exist, before anything is played.

    Raises:
        ContractError: Names what does not exist and the nearest thing that does.
        ConfigError: If the environment has no such option.
    """
    for opponent in opponents:
        BatchedEnv(env, 1, opponent=opponent, **env_options(options))


def _play_batch(
    contender: Contender,
    env: str,
    opponent: str,
    config: EvaluateConfig,
    seeds: Sequence[int],
) -> Games:
    games = BatchedEnv(env, len(seeds), opponent=opponent, **env_options(config.options))
    player = contender.player(
        games.observation_space, games.action_space, config.deterministic, seeds[0]
    )
    return play_to_the_end(games, player, seeds)


def play_to_the_end(games: Any, player: Player, seeds: Sequence[int]) -> Games:
    """Play one game per seed and return them in the order of the seeds.

    Args:
        games: A batch of as many games as there are seeds; finished ones stay finished.
        player: Chooses the actions.
        seeds: One per game.
    """
    observation = games.reset(seeds)
    playing = np.ones(len(seeds), dtype=bool)
    returns, lengths = np.zeros(len(seeds)), np.zeros(len(seeds), dtype=np.int64)
    outcomes = [""] * len(seeds)
    while playing.any():
        step = games.step(player.act(observation))
        observation = step.observation
        returns[playing] += step.reward[playing]
        lengths[playing] += 1
        ended = playing & (step.terminated | step.truncated)
        for index in np.flatnonzero(ended):
            outcomes[index] = outcome_letter(step.infos[index])
        playing &= ~ended
    return Games(
        outcomes="".join(outcomes),
        returns=tuple(returns.tolist()),
        lengths=tuple(lengths.tolist()),
    )


@contextlib.contextmanager
def own_torch_seed(seed: int) -> Iterator[None]:
    """Sample actions from a stream of this evaluation's own, whatever was drawn before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
