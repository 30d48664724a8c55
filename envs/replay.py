"""Replays: seeds and actions, from which games play again bit for bit.

Games are recorded one after the other or side by side, and always played back one by one: a game's
course does not depend on the batch that it is in.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.spaces import ContractError

from .archive import read_archive, write_archive
from .batched_env import BatchedEnv
from .batched_step import BatchedStep, Observation
from .scenarios import Scenario, find_scenario
from .sides import COMMANDED
from .snapshot import fingerprint, state_hash

KIND: Final = "replay"
FORMAT: Final = 2
_SOURCES: Final = (
    "batched_env.py",
    "rewards.py",
    "engine",
    "opponents.py",
    "sides.py",
    "commands.py",
    "tactics.py",
    "maneuvers.py",
)
_ARRAYS: Final = ("seeds", "lengths", "actions")


class Episode(NamedTuple):
    """One recorded game.

    Args:
        seed: Of the game.
        actions: ``[step, 3 + N]``.
        final_hash: Of the state in which the recording ends.
        enemy_actions: ``[step, 3 + N]``; None if a script plays the enemy.
    """

    seed: int
    actions: NDArray[np.int64]
    final_hash: str
    enemy_actions: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replay:
    """Recorded games of one scenario against one opponent.

    Args:
        scenario: Name of the scenario.
        fingerprint: Of the scenario's content.
        opponent: Who played the other side: a script, which plays it again, or a player whose
            actions are part of the episodes.
        options: Of :class:`~perceiver_rl.envs.BatchedEnv`: reward, max_entities, illegal.
        episodes: The games.
        player: Who played our side; for titles only.
        version: Of the package that recorded.
        engine: Hash of the engine that recorded, see :func:`engine_hash`.
    """

    scenario: str
    fingerprint: str
    opponent: str
    options: Mapping[str, Any]
    episodes: tuple[Episode, ...]
    player: str
    version: str
    engine: str

    def make_batch(self, scenario: Scenario | None = None) -> BatchedEnv:
        """Return an environment of one game in which the episodes can be played.

        Args:
            scenario: What was played, if it is no registered scenario.

        Raises:
            ContractError: If the scenario or opponent does not exist (any more), or has changed.
        """
        found = self._registered() if scenario is None else scenario
        if fingerprint(found) != self.fingerprint:
            raise ContractError(
                f"scenario {found.name!r} is not the one that was recorded as {self.scenario!r}:"
                " its content differs"
            )
        opponent = COMMANDED if self.holds_both_sides else self.opponent
        return BatchedEnv(found, 1, opponent=opponent, **self.options)

    @property
    def holds_both_sides(self) -> bool:
        """Whether the enemy's actions are recorded, too."""
        return any(episode.enemy_actions is not None for episode in self.episodes)

    def _registered(self) -> Scenario:
        try:
            return find_scenario(self.scenario)
        except ContractError as error:
            raise ContractError(
                f"{error}; if it is a scenario of your own, name its file (--env), or hand it in"
            ) from None

    def play(
        self,
        batch: BatchedEnv,
        episode: Episode,
        show: Callable[[BatchedStep | None], None] = lambda step: None,
    ) -> None:
        """Play a recorded game again and check that it ends as it did.

        Args:
            batch: From :meth:`make_batch`; its game is restarted.
            episode: One of ``episodes``.
            show: Called with None after the start, and with the result of each step.

        Raises:
            ContractError: If the game ends in another state; says whether the engine has changed.
        """
        batch.reset([episode.seed])
        show(None)
        for at, action in enumerate(episode.actions):
            theirs = episode.enemy_actions
            show(batch.step(action[None], None if theirs is None else theirs[at][None]))
        if state_hash(batch.state) != episode.final_hash:
            raise ContractError(self._difference(episode))

    def _difference(self, episode: Episode) -> str:
        what = f"the game of seed {episode.seed} does not end as it was recorded"
        if self.engine != engine_hash():
            return (
                f"{what}: the rules have changed since (recorded by perceiver-rl {self.version},"
                f" engine {self.engine}; this one is {version()}, engine {engine_hash()})"
            )
        return f"{what}, although the engine is the same: the file or the opponent has changed"

    def save(self, path: str | Path) -> None:
        """Write a file: a JSON header and arrays, without pickle.

        Raises:
            OSError: If it cannot be written.
            TypeError: If the options hold what JSON cannot.
        """
        header = {
            "format": FORMAT,
            "version": self.version,
            "engine": self.engine,
            "scenario": self.scenario,
            "fingerprint": self.fingerprint,
            "opponent": self.opponent,
            "options": dict(self.options),
            "player": self.player,
            "final_hashes": [episode.final_hash for episode in self.episodes],
        }
        arrays = {
            "seeds": np.array([episode.seed for episode in self.episodes], np.int64),
            "lengths": np.array([len(episode.actions) for episode in self.episodes], np.int64),
            "actions": np.concatenate([episode.actions for episode in self.episodes]),
        }
        if self.holds_both_sides:
            arrays["enemy_actions"] = np.concatenate(
                [episode.enemy_actions for episode in self.episodes]
            )
        write_archive(path, KIND, header, arrays)

    @classmethod
    def load(cls, path: str | Path) -> Replay:
        """Read a file.

        Raises:
            ContractError: If it is missing, damaged, no replay or of a newer format.
        """
        header, arrays = read_archive(path, KIND, FORMAT)
        try:
            seeds, lengths, actions = (arrays[name] for name in _ARRAYS)
            hashes = header["final_hashes"]
            if not len(seeds) == len(lengths) == len(hashes) or lengths.sum() != len(actions):
                raise ContractError("its parts have different lengths")
            theirs = arrays.get("enemy_actions")
            if theirs is not None and len(theirs) != len(actions):
                raise ContractError("its parts have different lengths")
            parts = _per_game(actions, lengths)
            enemy_parts = [None] * len(seeds) if theirs is None else _per_game(theirs, lengths)
            return cls(
                scenario=str(header["scenario"]),
                fingerprint=str(header["fingerprint"]),
                opponent=str(header["opponent"]),
                options=dict(header["options"]),
                episodes=tuple(
                    Episode(int(seed), part, str(final), enemy_part)
                    for seed, part, final, enemy_part in zip(
                        seeds, parts, hashes, enemy_parts, strict=True
                    )
                ),
                player=str(header["player"]),
                version=str(header["version"]),
                engine=str(header["engine"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ContractError(f"{path} is no whole {KIND}: {error}") from None


def _per_game(actions: NDArray[Any], lengths: NDArray[Any]) -> list[NDArray[np.int64]]:
    return np.split(actions.astype(np.int64), np.cumsum(lengths)[:-1])


class Recorder:
    """A batch whose games are recorded; ``reset`` and ``step`` are those of the batch.

    The games of one ``reset`` are recorded from their start to their end, or as far as they got.

    Args:
        batch: The games.
        player: Who plays our side; for titles only.
    """

    def __init__(self, batch: BatchedEnv, player: str = "") -> None:
        self.batch = batch
        self.player = player
        self._episodes: list[Episode] = []
        self._seeds: list[int] = []
        self._actions: list[list[NDArray[np.int64]]] = []
        self._enemy_actions: list[list[NDArray[np.int64]]] = []
        self._final: dict[int, str] = {}

    def reset(self, seeds: Sequence[int]) -> Observation:
        """Start all games anew, each from its seed.

        Raises:
            ContractError: As the batch's reset does.
        """
        self._episodes += self._current()
        self._seeds = []
        self._final.clear()
        observation = self.batch.reset(seeds)
        self._seeds = [int(seed) for seed in seeds]
        self._actions = [[] for _ in seeds]
        self._enemy_actions = [[] for _ in seeds]
        return observation

    def step(
        self,
        actions: NDArray[np.integer[Any]],
        enemy_actions: NDArray[np.integer[Any]] | None = None,
    ) -> BatchedStep:
        """Play a step; actions of finished games are not recorded.

        Raises:
            ContractError: As the batch's step does, or if ``reset`` was not called first.
        """
        if not self._seeds:
            raise ContractError("a recording begins with reset()")
        playing = np.flatnonzero(~self.batch.finished)
        step = self.batch.step(actions, enemy_actions)
        theirs = self.batch.enemy_actions
        for row in playing.tolist():
            self._actions[row].append(np.array(actions[row], np.int64))
            if theirs is not None:
                self._enemy_actions[row].append(theirs[row].copy())
            if self.batch.finished[row]:
                self._final[row] = state_hash(self.batch.state, row)
        return step

    def _current(self) -> list[Episode]:
        width = self.batch.action_space.nvec.size
        commanded = self.batch.enemy_actions is not None
        return [
            Episode(
                seed,
                np.array(self._actions[row], np.int64).reshape(-1, width),
                self._final.get(row) or state_hash(self.batch.state, row),
                np.array(self._enemy_actions[row], np.int64).reshape(-1, width)
                if commanded
                else None,
            )
            for row, seed in enumerate(self._seeds)
        ]

    def replay(self) -> Replay:
        """Return what has been recorded so far.

        Raises:
            ContractError: If nothing has.
        """
        episodes = tuple(self._episodes + self._current())
        if not episodes:
            raise ContractError("nothing has been recorded: call reset() first")
        batch = self.batch
        return Replay(
            scenario=batch.scenario.name,
            fingerprint=fingerprint(batch.scenario),
            opponent=batch.opponent,
            options=batch.options,
            episodes=episodes,
            player=self.player,
            version=version(),
            engine=engine_hash(),
        )


def version() -> str:
    """Return the version of the installed package."""
    try:
        return importlib.metadata.version("perceiver-rl")
    except importlib.metadata.PackageNotFoundError:  # run from a folder, not installed
        return "unknown"


@lru_cache(maxsize=1)
def engine_hash() -> str:
    """Return a hash of the source that decides the course of a game."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for name in _SOURCES:
        place = folder / name
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            if file.is_file():
                digest.update(file.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:12]
