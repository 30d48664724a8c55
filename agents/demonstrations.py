"""Demonstrations: games of a teacher in compact files, read back through memory maps.

A folder holds ``demonstrations.json`` and compressed chunks ``chunk-0000.npz`` of whole episodes:

=================== ============ ===========================================================
array               dtype        meaning
=================== ============ ===========================================================
``entities``        float16      ``[T, N, F]``
``scalars``         float32      ``[T, S]``, where the environment has them
the masks           packed bits  ``[T, ceil(mask size / 8)]``, each under its observation key
``action_type``     int16        ``[T]``
``selected``        packed bits  ``[T, ceil(N / 8)]``
``target_unit``     int16        ``[T]``
``target_cell``     int16        ``[T]``
``queued``          int16        ``[T]``, where the action space has it
``delay``           int16        ``[T]``, where the action space has it
``reward``          float32      ``[T]``, of the step that follows
``episode``         int32        ``[T]``, counted over all chunks, ascending
=================== ============ ===========================================================

T runs over the steps of all games. A half-precision number is within 0.05% of the value, and
categories, counts and hit points up to 2,048 are exact. On the first reading the chunks are
unpacked once into ``unpacked/*.npy``, which processes can map at the same time.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from perceiver_rl.envs.archive import read_archive
from perceiver_rl.spaces import ENTITIES, SCALARS, UnitActionSpace

from .backends import PROXY, spaces_on
from .demonstrations_config import RecordConfig
from .errors import RunError
from .run_folder import read_json
from .space_parts import describe_spaces

FORMAT: Final = 1
KIND: Final = "perceiver-rl demonstrations"
MANIFEST: Final = "demonstrations.json"
_UNPACKED: Final = "unpacked"

Arrays = dict[str, NDArray[Any]]


class Batch(NamedTuple):
    """Some steps of the demonstrations.

    Args:
        observation: Arrays ``[B, ...]`` as the environment gives them, masks as int8.
        actions: ``[B, 1 + N + arguments]``.
        returns: ``[B]``, discounted sums of the rewards that follow.
    """

    observation: dict[str, NDArray[Any]]
    actions: NDArray[np.int64]
    returns: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Demonstrations:
    """Recorded games, opened for reading.

    Args:
        config: What was recorded.
        outcomes: A letter per episode; ``?`` where games have no winner.
        observation_space: Of the environment.
        action_space: Of the environment.
        backend: What was played on, as records call it.
        arrays: Memory maps by name.
        sizes: Bytes of the chunks and of the unpacked arrays.
    """

    config: RecordConfig
    outcomes: str
    observation_space: spaces.Dict
    action_space: UnitActionSpace
    backend: str
    arrays: Arrays
    sizes: tuple[int, int]

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.arrays["episode"])

    def returns(self, gamma: float) -> NDArray[np.float32]:
        """Return ``[T]``, each step's discounted sum of the rewards that follow in its episode."""
        reward, episode = self.arrays["reward"], self.arrays["episode"]
        total = np.zeros(len(self), np.float32)
        following = 0.0
        for step in range(len(self) - 1, -1, -1):
            if step + 1 < len(self) and episode[step + 1] != episode[step]:
                following = 0.0
            following = float(reward[step]) + gamma * following
            total[step] = following
        return total

    def largest_selection(self) -> int:
        """Return how many entities the largest selection has."""
        bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(1)
        return int(bits[self.arrays["selected"]].sum(1).max(initial=0))

    def split(self, share: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the steps to learn from and those to validate with, whole episodes each.

        The last episodes validate: episodes have seeds of their own, so none is like another. At
        least one validates and one is learned from.
        """
        episodes = len(self.outcomes)
        kept = min(max(episodes - round(share * episodes), 1), episodes - 1)
        first = int(np.searchsorted(self.arrays["episode"], kept))
        return np.arange(first), np.arange(first, len(self))

    def observation(self, steps: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Return observations ``[B, ...]`` as the environment gives them."""
        return {
            key: _unpack(self.arrays[key][steps], key, space)
            for key, space in self.observation_space.spaces.items()
        }

    def actions(self, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return actions ``[B, 1 + N + arguments]``."""
        space = self.action_space
        actions = np.empty((len(steps), len(space.nvec)), np.int64)
        actions[:, 0] = self.arrays["action_type"][steps]
        actions[:, space.selection] = np.unpackbits(
            self.arrays["selected"][steps], axis=1, count=space.max_entities
        )
        for argument in space.arguments:
            actions[:, space.position(argument)] = self.arrays[argument][steps]
        return actions


def _unpack(packed: NDArray[Any], key: str, space: spaces.Space[Any]) -> NDArray[Any]:
    if key in (ENTITIES, SCALARS):
        return packed.astype(np.float32)
    shape = space.shape or ()
    bits = np.unpackbits(packed, axis=1, count=int(np.prod(shape)))
    return bits.reshape(len(packed), *shape).view(np.int8)


def open_demonstrations(folder: Path) -> Demonstrations:
    """Open recorded games; the first time they are unpacked into memory-mapped files.

    Raises:
        RunError: If the folder holds no complete demonstrations, or ones of other spaces.
        ContractError: If a chunk is damaged.
    """
    manifest = read_json(folder / MANIFEST)
    if manifest is None or manifest.get("kind") != KIND or manifest["format"] > FORMAT:
        raise RunError(f"{folder} holds no demonstrations that this version can read")
    if not manifest["complete"]:
        raise RunError(f"the demonstrations in {folder} are not complete; record them to the end")
    config = RecordConfig.from_mapping(manifest["config"])
    observation_space, action_space = spaces_on(config.backend, config.env, config.options)
    found = describe_spaces(observation_space, action_space)
    for part, theirs in manifest["spaces"].items():
        if found.get(part) != theirs:
            raise RunError(
                f"{folder} was recorded with other spaces: {part} is {theirs} there,"
                f" {found.get(part)} in the environment"
            )
    unpacked = folder / _UNPACKED
    if not unpacked.exists():
        _unpack_chunks(folder, unpacked)
    arrays = {path.stem: np.load(path, mmap_mode="r") for path in sorted(unpacked.glob("*.npy"))}
    return Demonstrations(
        config=config,
        outcomes=manifest["outcomes"],
        observation_space=observation_space,
        action_space=action_space,
        backend=manifest.get("backend", PROXY),
        arrays=arrays,
        sizes=(
            sum(path.stat().st_size for path in folder.glob("chunk-*.npz")),
            sum(path.stat().st_size for path in unpacked.glob("*.npy")),
        ),
    )


def _chunks(folder: Path) -> Iterator[Arrays]:
    for path in sorted(folder.glob("chunk-*.npz")):
        yield read_archive(path, KIND, FORMAT).arrays


def _unpack_chunks(folder: Path, target: Path) -> None:
    """Write each array of all chunks into a file of its own, one chunk in memory at a time."""
    total = sum(len(chunk["episode"]) for chunk in _chunks(folder))
    part = Path(tempfile.mkdtemp(dir=folder, prefix=f".{target.name}."))
    try:
        files: dict[str, Any] = {}
        start = 0
        for chunk in _chunks(folder):
            for name, array in chunk.items():
                if name not in files:
                    files[name] = np.lib.format.open_memmap(
                        part / f"{name}.npy", "w+", array.dtype, (total, *array.shape[1:])
                    )
                files[name][start : start + len(array)] = array
            start += len(chunk["episode"])
        for array in files.values():
            array.flush()
        part.replace(target)
    except OSError:
        if not target.exists():  # else another process was faster, with the same content
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
