"""Lets a teacher play and writes its games; ``demonstrations.py`` describes and reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.envs import BatchedEnv
from perceiver_rl.envs.archive import read_archive, write_archive
from perceiver_rl.interrupt import StopRequest
from perceiver_rl.spaces import ENTITIES, SCALARS
from perceiver_rl.versions import versions

from .demonstrations import FORMAT, KIND, MANIFEST, Arrays
from .demonstrations_config import RecordConfig
from .env_options import env_options
from .errors import RunError
from .machine import commit
from .players import Observation, Player, contender
from .run_folder import read_json, write_json
from .seeds import training_seed
from .space_parts import describe_spaces
from .statistics import outcome_letter
from .strict_yaml import to_mapping

CHUNK_GAMES: Final = 50


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


def pack_actions(actions: NDArray[np.int64]) -> Arrays:
    """Return actions ``[T, 3 + N]`` in the dtypes of the files."""
    return {
        "action_type": actions[:, 0].astype(np.uint8),
        "selected": np.packbits(actions[:, 1:-2].astype(bool), axis=1),
        "target_unit": actions[:, -2].astype(np.int16),
        "target_cell": actions[:, -1].astype(np.int16),
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
        stop: Looked at between chunks.

    Returns:
        Whether all games are kept; False where somebody stopped it.

    Raises:
        RunError: If the folder holds demonstrations of other settings.
        ContractError: If the environment, the opponent or the teacher does not exist.
    """
    manifest = folder / MANIFEST
    settings = to_mapping(config)
    known = read_json(manifest)
    if known is not None and known["config"] != settings:
        raise RunError(f"{folder} holds demonstrations of other settings; choose another folder")
    if known is not None and known["complete"]:
        report(config.episodes)
        return True
    outcomes = ""
    who = contender(config.teacher)
    for chunk, start in enumerate(range(0, config.episodes, CHUNK_GAMES)):
        count = min(CHUNK_GAMES, config.episodes - start)
        path = folder / f"chunk-{chunk:04d}.npz"
        if known is None or not path.exists():
            seeds = [training_seed(config.seed) + start + game for game in range(count)]
            games = BatchedEnv(
                config.env, count, opponent=config.opponent, **env_options(config.options)
            )
            player = who.player(games.observation_space, games.action_space, True, seeds[0])
            arrays, letters = _play(games, player, seeds, start)
            write_archive(path, KIND, {"format": FORMAT, "outcomes": letters}, arrays)
            if chunk == 0:
                spaces_here = describe_spaces(games.observation_space, games.action_space)
                known = _manifest(config, spaces_here)
                write_json(manifest, known)
        outcomes += str(read_archive(path, KIND, FORMAT).header["outcomes"])
        report(count)
        if stop is not None and stop.requested and start + count < config.episodes:
            return False
    assert known is not None  # written with the first chunk
    write_json(manifest, {**known, "complete": True, "outcomes": outcomes})
    return True


def _manifest(config: RecordConfig, parts: dict[str, str]) -> dict[str, Any]:
    return {
        "kind": KIND,
        "format": FORMAT,
        "config": to_mapping(config),
        "spaces": parts,
        "complete": False,
        "commit": commit(),
        "versions": versions(),
    }


def _play(games: Any, player: Player, seeds: Sequence[int], first: int) -> tuple[Arrays, str]:
    """Return the steps of one game per seed, episode after episode, and how each ended."""
    observation = games.reset(seeds)
    playing = np.ones(len(seeds), dtype=bool)
    outcomes = ["?"] * len(seeds)
    steps: list[Arrays] = []
    while playing.any():
        rows = np.flatnonzero(playing)
        actions = player.act(observation)
        step = games.step(actions)
        steps.append(
            {
                **pack_observation(observation, rows),
                **pack_actions(actions[rows]),
                "reward": step.reward[rows].astype(np.float32),
                "episode": (first + rows).astype(np.int32),
            }
        )
        observation = step.observation
        ended = playing & (step.terminated | step.truncated)
        for row in np.flatnonzero(ended):
            outcomes[row] = outcome_letter(step.infos[row]) or "?"
        playing &= ~ended
    joined = {name: np.concatenate([step[name] for step in steps]) for name in steps[0]}
    order = np.argsort(joined["episode"], kind="stable")
    return {name: array[order] for name, array in joined.items()}, "".join(outcomes)
