"""Where games are played: on the proxy, on the stand-in for the game, or on the game itself.

What is played elsewhere than on the proxy has the map's own opponent, and evaluation plays as many
games side by side as there are cores: each needs a process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from perceiver_rl.envs.scenarios import SCENARIOS, find_scenario
from perceiver_rl.spaces import ContractError

from .config import OPPONENTS, Backend, EnvConfig, EvaluateConfig, Option
from .errors import UserError
from .seeds import evaluation_seeds
from .statistics import Games, pool

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv

    from perceiver_rl.envs.pysc2.batch import SC2Batch

    from .players import Contender

PROXY: Final = "proxy"
# Options of agents trained on the proxy: a mini-game has one reward, and the game its own threads.
_OF_THE_PROXY: Final = ("reward", "threads")


def backend_of(env: object) -> str:
    """Return where an environment's games are played, as records call it."""
    return str(getattr(getattr(env, "unwrapped", env), "backend", PROXY))


def backend_of_games(results: Iterable[Mapping[str, Games]]) -> str:
    """Return where games were played: agents' games by opponent."""
    return next((games.backend for each in results for games in each.values()), PROXY)


def map_of(env: str, backend: Backend) -> str:
    """Return the map whose proxy an environment is.

    Raises:
        UserError: If the backend has no such map.
    """
    scenario = find_scenario(env)
    if scenario != SCENARIOS.get(scenario.name) or not scenario.scored:
        raise UserError(
            f"--backend {backend} plays the seven mini-games, and {env} is none of them"
        )
    return scenario.name


def opponents_on(backend: Backend, env: str, opponents: Sequence[str]) -> tuple[str, ...]:
    """Return whom agents meet: on a backend but the proxy, those that the map sets out.

    Raises:
        UserError: If somebody else is asked for.
    """
    if backend == PROXY:
        return tuple(opponents)
    brought = find_scenario(map_of(env, backend)).opponent
    if tuple(opponents) not in (OPPONENTS, (EnvConfig().opponent,), (brought,)):
        raise UserError(
            f"on --backend {backend} the map brings the opponent, {brought!r}; leave out"
            f" {list(opponents)}"
        )
    return (brought,)


def open_games(
    backend: Backend,
    env: str,
    num_envs: int,
    options: Mapping[str, Option],
    repeat_void: bool = False,
) -> SC2Batch:
    """Return games that are not played on the proxy; whoever asked for them closes them.

    Raises:
        UserError: If the backend has no such map, or an option makes no sense.
    """
    from perceiver_rl.envs.pysc2.batch import SC2Batch

    settings: dict[str, Any] = {**options, "stand_in": backend == "standin"}
    for name in _OF_THE_PROXY:
        settings.pop(name, None)
    try:
        return SC2Batch(map_of(env, backend), num_envs, repeat_void, **settings)
    except ContractError as error:
        raise UserError(f"--backend {backend}: {error}") from error


def check_games(
    backend: Backend, env: str, opponents: Sequence[str], options: Mapping[str, Option]
) -> None:
    """Check that games can be set up as they are asked for, without playing any.

    Raises:
        ContractError: Names what does not exist and the nearest thing that does.
        UserError: If the backend cannot play them.
    """
    from .play import check_matchups

    if backend == PROXY:
        check_matchups(env, opponents, options)
    else:
        open_games(backend, env, 1, options).close()


def open_training(backend: Backend, config: EnvConfig, seed: int) -> VecEnv:
    """Return games to learn from that are not played on the proxy.

    Raises:
        UserError: If the backend has no such map, or an option makes no sense.
    """
    from perceiver_rl.envs.pysc2.vec_env import SC2VecEnv

    opponents_on(backend, config.id, (config.opponent,))
    return SC2VecEnv(open_games(backend, config.id, config.num_envs, config.options), seed)


def play_on_backend(
    contender: Contender,
    env: str,
    config: EvaluateConfig,
    report: Callable[[int], None],
) -> Games:
    """Return all games of one agent, played as ``config.backend`` says.

    An episode that a failure of the game has made void is played again.
    """
    from .play import own_torch_seed, play_to_the_end

    seeds = evaluation_seeds(config.eval_seed, config.games)
    side_by_side = min(config.batch, config.games, os.cpu_count() or 1)
    parts = []
    opened = open_games(config.backend, env, side_by_side, config.options, repeat_void=True)
    with own_torch_seed(config.eval_seed), opened as games:
        for start in range(0, len(seeds), side_by_side):
            batch = seeds[start : start + side_by_side]
            player = contender.player(
                games.observation_space, games.action_space, config.deterministic, batch[0]
            )
            parts.append(play_to_the_end(games, player, batch))
            report(len(batch))
    return pool(parts)
