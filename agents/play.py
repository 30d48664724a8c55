"""Playing evaluation games: fixed seeds, every game counted exactly once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from perceiver_rl.envs import BatchedEnv
from perceiver_rl.envs.opponents import find_player
from perceiver_rl.envs.scenarios import find_scenario
from perceiver_rl.envs.sides import looks_alike

from .backends import PROXY, play_on_backend
from .config import EvaluateConfig, Option
from .env_options import env_options
from .players import Contender, Player
from .seeds import evaluation_seeds
from .statistics import Games, outcome_letter, pool

Report = Callable[[int], None]
_FLIPPED = str.maketrans("WL", "LW")


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

    With ``config.two_sided``, opponents that play through the contract (``control:...``,
    ``policy:...``) are met from both sides of battles that are the same from both: the first half
    of the games is played on our side, the second half, over the same seeds, on the enemy's.

    Args:
        contender: Who plays.
        env: Registered id of the environment.
        opponent: Name of the scripted opponent.
        config: Number of games, seeds and options.
        report: Told how many further games have ended.
    """
    if config.backend != PROXY:
        return play_on_backend(contender, env, opponent, config, report)
    swapped = config.two_sided and is_two_sided(env, opponent)
    seeds = evaluation_seeds(config.eval_seed, config.games // 2 if swapped else config.games)
    parts = []
    with own_torch_seed(config.eval_seed):
        for play_batch in (_play_batch, _play_other_side) if swapped else (_play_batch,):
            for start in range(0, len(seeds), config.batch):
                batch = seeds[start : start + config.batch]
                parts.append(play_batch(contender, env, opponent, config, batch))
                report(len(batch))
    return pool(parts)


def is_two_sided(env: str, opponent: str) -> bool:
    """Return whether an opponent can be met from both sides, on equal terms."""
    scenario = find_scenario(env)
    return (
        ":" in opponent
        and not scenario.scored
        and scenario.draw is None
        and scenario.own == scenario.enemy
        and looks_alike(scenario)
    )


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


def _play_other_side(
    contender: Contender,
    env: str,
    opponent: str,
    config: EvaluateConfig,
    seeds: Sequence[int],
) -> Games:
    options = env_options(config.options)
    probe = BatchedEnv(env, 1, opponent="no-op", **options)
    spaces = probe.observation_space, probe.action_space
    ours = contender.player(*spaces, config.deterministic, seeds[0])
    games = BatchedEnv(env, len(seeds), opponent=ours, **options)
    theirs = find_player(opponent, *spaces)
    return play_to_the_end(games, theirs, seeds, for_enemy=True)


def play_to_the_end(
    games: Any, player: Player, seeds: Sequence[int], for_enemy: bool = False
) -> Games:
    """Play one game per seed and return them in the order of the seeds.

    A game that is begun anew because a failure has made it void counts from there.

    Args:
        games: A batch of as many games as there are seeds; finished ones stay finished.
        player: Chooses the actions of our side.
        seeds: One per game.
        for_enemy: Return outcomes and returns of the enemy, who must play through the contract.
    """
    observation = games.reset(seeds)
    playing = np.ones(len(seeds), dtype=bool)
    returns, lengths = np.zeros(len(seeds)), np.zeros(len(seeds), dtype=np.int64)
    outcomes = [""] * len(seeds)
    while playing.any():
        step = games.step(player.act(observation))
        observation = step.observation
        returns[playing] += (games.enemy_reward if for_enemy else step.reward)[playing]
        lengths[playing] += 1
        for row, info in enumerate(step.infos):
            if "void" in info:
                returns[row], lengths[row] = 0.0, 0
        ended = playing & (step.terminated | step.truncated)
        for index in np.flatnonzero(ended):
            outcomes[index] = outcome_letter(step.infos[index])
        playing &= ~ended
    return Games(
        outcomes="".join(outcomes).translate(_FLIPPED if for_enemy else {}),
        returns=tuple(returns.tolist()),
        lengths=tuple(lengths.tolist()),
        backend=getattr(games, "backend", PROXY),
    )


@contextlib.contextmanager
def own_torch_seed(seed: int) -> Iterator[None]:
    """Sample actions from a stream of this evaluation's own, whatever was drawn before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
