"""Where games are played: on the proxy, on the stand-in for the game, or on the game itself.

Elsewhere than on the proxy a mini-game's map brings the opponent, and in whole games it is the
built-in one, called by its difficulty. Evaluation plays as many games side by side as there are
cores: each needs a process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from gymnasium import spaces

from perceiver_rl._register import GAME_PREFIX
from perceiver_rl.envs import BatchedEnv
from perceiver_rl.envs.pysc2.options import ALIASES, DIFFICULTIES, GameOptions
from perceiver_rl.envs.scenarios import SCENARIOS, find_scenario, short_name
from perceiver_rl.spaces import ContractError, UnitActionSpace, unknown

from .config import OPPONENTS, Backend, EnvConfig, EvaluateConfig, Option
from .env_options import env_options
from .errors import UserError
from .seeds import evaluation_seeds
from .statistics import Games, pool

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv

    from perceiver_rl.envs.batched_step import Observation
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
    """Return the map that an environment is, or whose proxy it is.

    Raises:
        UserError: If the environment is a proxy of something else.
    """
    name = short_name(env)
    if name.startswith(GAME_PREFIX):
        return name.removeprefix(GAME_PREFIX)
    scenario = find_scenario(env)
    if scenario != SCENARIOS.get(scenario.name) or not scenario.scored:
        raise UserError(
            f"--backend {backend} plays the seven mini-games, and whole games as"
            f" perceiver_rl/{GAME_PREFIX}<map>-v0; {env} is neither"
        )
    return scenario.name


def _is_whole_game(map_name: str) -> bool:
    return map_name not in SCENARIOS


def opponents_on(backend: Backend, env: str, opponents: Sequence[str]) -> tuple[str, ...]:
    """Return whom agents meet: on a backend but the proxy, whom the game has.

    Raises:
        UserError: If somebody else is asked for.
    """
    if backend == PROXY:
        return tuple(opponents)
    name = map_of(env, backend)
    # Defaults name opponents of the proxy's; then whoever the game has is meant.
    unsaid = tuple(opponents) in (OPPONENTS, (EnvConfig().opponent,))
    if not _is_whole_game(name):
        brought = SCENARIOS[name].opponent
        if not unsaid and set(opponents) != {brought}:
            raise UserError(
                f"on --backend {backend} the map brings the opponent, {brought!r}; leave out"
                f" {list(opponents)}"
            )
        return (brought,)
    levels = (*DIFFICULTIES, *ALIASES)
    for opponent in () if unsaid else opponents:
        if opponent not in levels:
            raise UserError(
                f"on --backend {backend} the built-in opponent plays:"
                f" {unknown('difficulty', opponent, levels)}"
            )
    return (GameOptions().difficulty,) if unsaid else tuple(dict.fromkeys(opponents))


def open_games(
    backend: Backend,
    env: str,
    num_envs: int,
    options: Mapping[str, Option],
    opponent: str | None = None,
    repeat_void: bool = False,
) -> SC2Batch:
    """Return games that are not played on the proxy; whoever asked for them closes them.

    Args:
        backend: What plays.
        env: Registered id of a mini-game, or of a whole game.
        num_envs: Number of games, each with a process of its own.
        options: Of the environment.
        opponent: One of :func:`opponents_on`; the first of them if None.
        repeat_void: See :class:`~perceiver_rl.envs.pysc2.batch.SC2Batch`.

    Raises:
        UserError: If the backend has no such map, or an option makes no sense.
    """
    from perceiver_rl.envs.pysc2.batch import SC2Batch

    settings: dict[str, Any] = {**options, "stand_in": backend == "standin"}
    for name in _OF_THE_PROXY:
        settings.pop(name, None)
    name = map_of(env, backend)
    if _is_whole_game(name):
        if "difficulty" in settings:
            raise UserError("the difficulty is the opponent's name, not an option: opponent elite")
        settings["difficulty"] = opponent or GameOptions().difficulty
    try:
        return SC2Batch(name, num_envs, repeat_void, **settings)
    except ContractError as error:
        raise UserError(f"--backend {backend}: {error}") from error


def processes(games: int) -> int:
    """Return how many games to play side by side where each needs a process."""
    return min(games, os.cpu_count() or 1)


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
        return
    for opponent in opponents_on(backend, env, opponents):
        open_games(backend, env, 1, options, opponent).close()


def spaces_on(
    backend: Backend, env: str, options: Mapping[str, Option]
) -> tuple[spaces.Dict, UnitActionSpace]:
    """Return what a single game shows, and what can be done in it; none is begun.

    Raises:
        ContractError: If there is no such environment, or an option has no such value.
        ConfigError: If the environment has no such option.
        UserError: If the backend cannot play it.
    """
    if backend == PROXY:
        batch = BatchedEnv(env, 1, **env_options(options))
        return batch.observation_space, batch.action_space
    with open_games(backend, env, 1, options) as games:
        return games.observation_space, games.action_space


def first_observations(config: EvaluateConfig, games: int) -> Observation:
    """Return what is seen at the start of some games; elsewhere than on the proxy, of one of them.

    Args:
        config: Where they are played, and from which seeds.
        games: How many.
    """
    assert config.env is not None  # whoever evaluates says where
    seeds = evaluation_seeds(config.eval_seed, games)
    if config.backend == PROXY:
        return BatchedEnv(config.env, games, **env_options(config.options)).reset(seeds)
    with open_games(config.backend, config.env, 1, config.options) as one:
        first = one.reset(seeds[:1])
    return {key: np.repeat(part, games, axis=0) for key, part in first.items()}


def open_training(backend: Backend, config: EnvConfig, seed: int) -> VecEnv:
    """Return games to learn from that are not played on the proxy.

    Raises:
        UserError: If the backend has no such map, or an option makes no sense.
    """
    from perceiver_rl.envs.pysc2.vec_env import SC2VecEnv

    (opponent,) = opponents_on(backend, config.id, (config.opponent,))
    games = open_games(backend, config.id, config.num_envs, config.options, opponent)
    return SC2VecEnv(games, seed)


def play_on_backend(
    contender: Contender,
    env: str,
    opponent: str,
    config: EvaluateConfig,
    report: Callable[[int], None],
) -> Games:
    """Return all games of one agent against one opponent, played as ``config.backend`` says.

    An episode that a failure of the game has made void is played again.
    """
    from .play import own_torch_seed, play_to_the_end

    seeds = evaluation_seeds(config.eval_seed, config.games)
    side_by_side = processes(min(config.batch, config.games))
    parts = []
    opened = open_games(
        config.backend, env, side_by_side, config.options, opponent, repeat_void=True
    )
    with own_torch_seed(config.eval_seed), opened as games:
        for start in range(0, len(seeds), side_by_side):
            batch = seeds[start : start + side_by_side]
            player = contender.player(
                games.observation_space, games.action_space, config.deterministic, batch[0]
            )
            parts.append(play_to_the_end(games, player, batch))
            report(len(batch))
    return pool(parts)
