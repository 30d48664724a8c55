"""The state of a batch of games, kept apart from it: to go back, to branch, to go on elsewhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.spaces import ContractError

from .archive import read_archive, write_archive
from .scenarios import Scenario

KIND: Final = "snapshot"
FORMAT: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A batch at one moment; take it with ``snapshot()`` and give it to ``restore()``.

    It holds the games and what an opponent remembers, not what surrounds them: opponent, reward and
    options are those of the batch that it is restored to. With the same ones, games go on bit for
    bit.

    Args:
        scenario: Name of the scenario.
        fingerprint: Of the scenario's content, see :func:`fingerprint`.
        face: What it was taken of: ``batch``, ``env``, ``vector_env`` or ``sb3_vec_env``.
        arrays: The state, and the counters of the face.
    """

    scenario: str
    fingerprint: str
    face: str
    arrays: Mapping[str, NDArray[Any]]

    @property
    def num_envs(self) -> int:
        """Number of games."""
        return len(self.arrays["games"])

    def of_face(self, face: str, **counters: NDArray[Any]) -> Snapshot:
        """Return the snapshot of a face over this batch."""
        return replace(self, face=face, arrays={**self.arrays, **counters})

    def counters(self, face: str, names: Iterable[str]) -> tuple[NDArray[Any], ...]:
        """Return the counters of a face.

        Raises:
            ContractError: If the snapshot was taken of something else.
        """
        if self.face != face:
            raise ContractError(
                f"this snapshot was taken of a {self.face!r}, not of a {face!r}: it lacks the"
                " counters of episodes (to restore the games alone, use the batch's restore)"
            )
        return tuple(self.arrays[name] for name in names)

    def check(self, scenario: Scenario, state: Mapping[str, NDArray[Any]]) -> None:
        """Check that the snapshot fits a batch.

        Raises:
            ContractError: If it is of another scenario or of another number of games.
        """
        if self.scenario != scenario.name:
            raise ContractError(
                f"this snapshot is of scenario {self.scenario!r}, not of {scenario.name!r}"
            )
        if self.fingerprint != fingerprint(scenario):
            raise ContractError(
                f"this snapshot is of a scenario {self.scenario!r} with another content"
            )
        for name, array in state.items():
            if name not in self.arrays:
                raise ContractError(f"this snapshot lacks the state {name!r}: it is incomplete")
            found = self.arrays[name]
            if len(found) != len(array):
                raise ContractError(
                    f"this snapshot is of {len(found)} games, the batch has {len(array)}"
                )
            if found.shape != array.shape or found.dtype != array.dtype:
                raise ContractError(
                    f"this snapshot's state {name!r} is {found.dtype} {found.shape}, expected"
                    f" {array.dtype} {array.shape}: it comes from another version"
                )

    def save(self, path: str | Path) -> None:
        """Write a file: npz, without pickle.

        Raises:
            OSError: If it cannot be written.
        """
        header = {
            "format": FORMAT,
            "scenario": self.scenario,
            "fingerprint": self.fingerprint,
            "face": self.face,
        }
        write_archive(path, KIND, header, self.arrays)

    @classmethod
    def load(cls, path: str | Path) -> Snapshot:
        """Read a file.

        Raises:
            ContractError: If it is missing, damaged, no snapshot or of a newer format.
        """
        header, arrays = read_archive(path, KIND, FORMAT)
        names = ("scenario", "fingerprint", "face")
        if "games" not in arrays or not all(isinstance(header.get(name), str) for name in names):
            raise ContractError(f"{path} is no {KIND}, or it is damaged: it is incomplete")
        return cls(header["scenario"], header["fingerprint"], header["face"], arrays)


def fingerprint(scenario: Scenario) -> str:
    """Return a short hash of everything that a scenario says, its name included."""

    def plain(value: Any) -> Any:
        return sorted(value) if isinstance(value, (set, frozenset)) else repr(value)

    text = json.dumps(asdict(scenario), sort_keys=True, default=plain)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def state_hash(state: Mapping[str, NDArray[Any]], row: int = 0) -> str:
    """Return a hash of the state of one game, bit for bit."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(state[name][row]).tobytes())
    return digest.hexdigest()[:16]
