"""Lets a teacher play and writes its games; ``demonstrations.py`` describes and reads them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from perceiver_rl.envs import BatchedEnv
from perceiver_rl.envs.archive import read_archive, write_archive
from perceiver_rl.interrupt import StopRequest
from perceiver_rl.spaces import ENTITIES, SCALARS, UnitActionSpace
from perceiver_rl.versions import versions

from .backends import PROXY, backend_of, open_games, opponents_on, processes
from .demonstrations import FORMAT, KIND, MANIFEST, Arrays
from .demonstrations_config import RecordConfig
from .env_options import env_options
from .errors import RunError
from .machine import commit
from .players import Contender, Observation, Player, contender
from .run_folder import read_json, write_json
from .seeds import training_seed
from .space_parts import describe_spaces
from .statistics import outcome_letter
from .strict_yaml import to_mapping

CHUNK_GAMES: Final = 50
_CHUNK_GAMES_ELSEWHERE: Final = 8  # the game takes minutes where the proxy takes seconds
_LOOK_SECONDS: Final = 0.5


def pack_observation(observation: Observation, rows: NDArray[np.int64]) -> Arrays:
    """Return rows of an observation in the dtypes of the files."""
    packed: Arrays = {}
    for key, value in observation.items():
        part = value[rows]
        if key == ENTITIES:
            packed[key] = part.astype(np.float16)
        elif key == SCALARS:
            packed[key] = part.astype(np.float32)
        else:
            packed[key] = np.packbits(part.reshape(len(rows), -1).astype(bool), axis=1)
    return packed


def pack_actions(actions: NDArray[np.int64], space: UnitActionSpace) -> Arrays:
    """Return actions ``[T, 1 + N + arguments]`` in the dtypes of the files."""
    return {
        "action_type": actions[:, 0].astype(np.int16),
        "selected": np.packbits(actions[:, space.selection].astype(bool), axis=1),
        **{name: actions[:, space.position(name)].astype(np.int16) for name in space.arguments},
    }


def record(
    config: RecordConfig,
    folder: Path,
    report: Callable[[int], None] = lambda episodes: None,
    stop: StopRequest | None = None,
) -> bool:
    """Let a teacher play and keep its games; chunks that are already there stay as they are.

    Args:
        config: Who plays what, and how many games.
        folder: Where the files go.
        report: Told how many further episodes are kept.
        stop: Looked at between chunks, and while another process records the same games.

    Returns:
        Whether all games are kept; False where somebody stopped it.

    Raises:
        RunError: If the folder holds demonstrations of other settings.
        ContractError: If the environment, the opponent or the teacher does not exist.
        UserError: If the backend cannot play the games.
    """
    if _is_complete(config, folder):  # looked at first, because it may be read-only
        report(config.episodes)
        return True
    with _alone(folder, stop) as alone:
        return alone and _record(config, folder, report, stop)


def _is_complete(config: RecordConfig, folder: Path) -> bool:
    known = read_json(folder / MANIFEST)
    if known is not None and RecordConfig.from_mapping(known["config"]) != config:
        raise RunError(f"{folder} holds demonstrations of other settings; choose another folder")
    return known is not None and bool(known["complete"])


@contextlib.contextmanager
def _alone(folder: Path, stop: StopRequest | None) -> Iterator[bool]:
    """Wait until no other process writes in a folder; False if somebody stops the waiting.

    The arms of a comparison share their games; whoever comes second finds them complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    while not lock.is_locked:
        try:
            lock.acquire(timeout=_LOOK_SECONDS)
        except Timeout:
            if stop is not None and stop.requested:
                break
    try:
        yield lock.is_locked
    finally:
        lock.release()


def _record(
    config: RecordConfig,
    folder: Path,
    report: Callable[[int], None],
    stop: StopRequest | None,
) -> bool:
    if _is_complete(config, folder):  # by another process, in the meantime
        report(config.episodes)
        return True
    manifest = folder / MANIFEST
    known = read_json(manifest)
    outcomes = ""
    who = contender(config.teacher)
    size = CHUNK_GAMES if config.backend == PROXY else _CHUNK_GAMES_ELSEWHERE
    for chunk, start in enumerate(range(0, config.episodes, size)):
        count = min(size, config.episodes - start)
        path = folder / f"chunk-{chunk:04d}.npz"
        if known is None or not path.exists():
            seeds = [training_seed(config.seed) + start + game for game in range(count)]
            with _opened(config, count) as games:
                arrays, letters = _play_all(games, who, seeds, start)
                write_archive(path, KIND, {"format": FORMAT, "outcomes": letters}, arrays)
                if chunk == 0:
                    known = _manifest(config, games)
                    write_json(manifest, known)
        outcomes += str(read_archive(path, KIND, FORMAT).header["outcomes"])
        report(count)
        if stop is not None and stop.requested and start + count < config.episodes:
            return False
    assert known is not None  # written with the first chunk
    write_json(manifest, {**known, "complete": True, "outcomes": outcomes})
    return True


def _opened(config: RecordConfig, count: int) -> AbstractContextManager[Any]:
    """Return games to play side by side: as many, or as many processes as there are cores."""
    if config.backend == PROXY:
        options = env_options(config.options)
        return contextlib.nullcontext(
            BatchedEnv(config.env, count, opponent=config.opponent, **options)
        )
    (opponent,) = opponents_on(config.backend, config.env, (config.opponent,))
    return open_games(
        config.backend, config.env, processes(count), config.options, opponent, repeat_void=True
    )


def _manifest(config: RecordConfig, games: Any) -> dict[str, Any]:
    return {
        "kind": KIND,
        "format": FORMAT,
        "config": to_mapping(config),
        "spaces": describe_spaces(games.observation_space, games.action_space),
        "backend": backend_of(games),
        "complete": False,
        "commit": commit(),
        "versions": versions(),
    }


def _play_all(games: Any, who: Contender, seeds: Sequence[int], first: int) -> tuple[Arrays, str]:
    """Return the steps of one game per seed, episode after episode, and how each ended."""
    played, letters = [], ""
    side_by_side = games.num_envs
    for start in range(0, len(seeds), side_by_side):
        part = seeds[start : start + side_by_side]
        player = who.player(games.observation_space, games.action_space, True, part[0])
        arrays, outcomes = play_and_keep(games, player, part, first + start)
        played.append(arrays)
        letters += outcomes
    return {name: np.concatenate([part[name] for part in played]) for name in played[0]}, letters


def play_and_keep(
    games: Any, player: Player, seeds: Sequence[int], first: int
) -> tuple[Arrays, str]:
    """Return the steps of as many games as there are seeds, and how each ended.

    A game that is begun anew because a failure has made it void counts from there.

    Args:
        games: The games; finished ones stay finished.
        player: Chooses the actions.
        seeds: One per game.
        first: Episode of the first game; the others follow.
    """
    observation = games.reset(seeds)
    playing = np.ones(len(seeds), dtype=bool)
    begun = np.zeros(len(seeds), dtype=np.int64)
    outcomes = ["?"] * len(seeds)
    steps: list[Arrays] = []
    while playing.any():
        rows = np.flatnonzero(playing)
        actions = player.act(observation)
        step = games.step(actions)
        steps.append(
            {
                **pack_observation(observation, rows),
                **pack_actions(actions[rows], games.action_space),
                "reward": step.reward[rows].astype(np.float32),
                "episode": (first + rows).astype(np.int32),
            }
        )
        observation = step.observation
        for row in np.flatnonzero(["void" in info for info in step.infos]):
            begun[row] = len(steps)
        ended = playing & (step.terminated | step.truncated)
        for row in np.flatnonzero(ended):
            outcomes[row] = outcome_letter(step.infos[row]) or "?"
        playing &= ~ended
    number = np.repeat(np.arange(len(steps)), [len(step["episode"]) for step in steps])
    joined = {name: np.concatenate([step[name] for step in steps]) for name in steps[0]}
    order = np.argsort(joined["episode"], kind="stable")
    order = order[(number >= begun[joined["episode"] - first])[order]]
    return {name: array[order] for name, array in joined.items()}, "".join(outcomes)
