"""A wrapper that brings observations of any shape into a flat Dict of fixed sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from perceiver_rl.spaces._errors import ContractError, ObservationError, unknown
from perceiver_rl.spaces._text import TextSpace

Arrays = dict[str, Any]
Part = Callable[[Any, Arrays], None]

OBSERVATION = "observation"
MASK = "_mask"
NODES, EDGES = "/nodes", "/edges"


class PadObservation(gym.ObservationWrapper[Any, Any, Any]):
    """Makes spaces that stable-baselines3 refuses into a flat Dict that it takes.

    ======================== ===================================================================
    space                    keys of the new observation
    ======================== ===================================================================
    ``Text``                 the key, a :class:`TextSpace`; so do other spaces of strings
    ``Sequence``             the key ``[N, F]``, padded with zeros, and ``<key>_mask`` ``[N]``
    ``Graph``                ``<key>/nodes`` ``[N, F]`` and ``<key>/edges`` ``[E, 2 F + G]``, each
                             with a mask; an edge's row holds the features of its two nodes, then
                             its own
    ``Dict``, ``Tuple``      their parts, named ``<key>/<name>`` and ``<key>/<number>``
    everything else          as it is
    ======================== ===================================================================

    An observation that is no Dict has the key ``observation``.

    Args:
        env: The environment.
        longest: Longest sequence, most nodes of a graph, or bytes of a text, where ``sizes`` says
            nothing else. A text's own ``max_length`` of characters comes first.
        sizes: The same, by key; of a graph's edges by ``<key>/edges`` (default: four per node).

    Raises:
        ContractError: If a space cannot be padded, or ``sizes`` has an unknown key.
    """

    def __init__(
        self, env: gym.Env[Any, Any], longest: int = 32, sizes: Mapping[str, int] | None = None
    ) -> None:
        super().__init__(env)
        self._longest = longest
        self._sizes = dict(sizes or {})
        self._asked: list[str] = []
        self._spaces: dict[str, spaces.Space[Any]] = {}
        space = env.observation_space
        self._write = self._part("", space)
        for key in self._sizes:
            if key not in self._asked:
                raise ContractError(unknown("size", key, self._asked))
        self.observation_space = spaces.Dict(self._spaces)

    def observation(self, observation: Any) -> Arrays:
        """Return the flat Dict.

        Raises:
            ObservationError: If something is longer than its size; names the key.
        """
        result: Arrays = {}
        self._write(observation, result)
        return result

    def _part(self, key: str, space: spaces.Space[Any]) -> Part:
        """Declare the keys of a space and return what writes them."""
        if isinstance(space, spaces.Dict):
            return self._all({name: (name, part) for name, part in space.spaces.items()}, key)
        if isinstance(space, spaces.Tuple):
            return self._all({i: (str(i), part) for i, part in enumerate(space.spaces)}, key)
        key = key or OBSERVATION
        if space.dtype is not None and space.dtype.kind == "U":
            return self._text(key, space)
        if isinstance(space, spaces.Sequence):
            return self._sequence(key, space)
        if isinstance(space, spaces.Graph):
            return self._graph(key, space)
        if isinstance(space, spaces.OneOf):
            raise ContractError(f"observation {key!r}: a OneOf cannot be padded, use a Dict")
        self._declare(key, space)
        return lambda value, into: into.__setitem__(key, value)

    def _all(self, parts: Mapping[Any, tuple[str, spaces.Space[Any]]], key: str) -> Part:
        written = {
            at: self._part(f"{key}/{name}" if key else name, part)
            for at, (name, part) in parts.items()
        }

        def write(value: Any, into: Arrays) -> None:
            for at, part in written.items():
                part(value[at], into)

        return write

    def _text(self, key: str, space: spaces.Space[Any]) -> Part:
        own = space.max_length if isinstance(space, spaces.Text) else None
        text = TextSpace(self._size(key, own))
        self._declare(key, text)

        def write(value: Any, into: Arrays) -> None:
            try:
                into[key] = text.encode(value)
            except ObservationError as error:
                raise ObservationError(f"observation {key!r}: {error}") from None

        return write

    def _sequence(self, key: str, space: spaces.Sequence) -> Part:
        width = _width(key, space.feature_space)
        rows = self._rows(key, width, self._size(key))

        def write(value: Any, into: Arrays) -> None:
            rows(_flat(space.feature_space, value, width), into)

        return write

    def _graph(self, key: str, space: spaces.Graph) -> Part:
        width = _width(key, space.node_space)
        own = _width(key, space.edge_space) if space.edge_space is not None else 0
        most = self._size(key)
        nodes = self._rows(key + NODES, width, most)
        edges = self._rows(key + EDGES, 2 * width + own, self._size(key + EDGES, 4 * most))

        def write(value: Any, into: Arrays) -> None:
            features = _flat(space.node_space, value.nodes, width)
            links = np.reshape([] if value.edge_links is None else value.edge_links, (-1, 2))
            ends = features[links.astype(int)].reshape(-1, 2 * width)
            if space.edge_space is not None:
                rows = () if value.edges is None else value.edges
                ends = np.concatenate([ends, _flat(space.edge_space, rows, own)], axis=1)
            nodes(features, into)
            edges(ends, into)

        return write

    def _rows(self, key: str, width: int, most: int) -> Callable[[NDArray[Any], Arrays], None]:
        """Declare a padded table and its mask, and return what writes them."""
        self._declare(key, spaces.Box(-np.inf, np.inf, (most, width), np.float32))
        self._declare(key + MASK, spaces.MultiBinary(most))

        def write(rows: NDArray[Any], into: Arrays) -> None:
            if len(rows) > most:
                raise ObservationError(
                    f"observation {key!r}: {len(rows)} rows do not fit {most};"
                    f" pass sizes={{{key!r}: {len(rows)}}} to PadObservation"
                )
            table = np.zeros((most, width), np.float32)
            table[: len(rows)] = rows
            into[key] = table
            into[key + MASK] = (np.arange(most) < len(rows)).astype(np.int8)

        return write

    def _size(self, key: str, own: int | None = None) -> int:
        self._asked.append(key)
        size = self._sizes.get(key, self._longest if own is None else own)
        if size < 1:
            raise ContractError(f"the size of {key!r} must be at least 1, not {size}")
        return size

    def _declare(self, key: str, space: spaces.Space[Any]) -> None:
        if key in self._spaces:
            raise ContractError(f"two parts of the observation would both be named {key!r}")
        self._spaces[key] = space


def _width(key: str, space: spaces.Space[Any]) -> int:
    """Return the features of a row of some space.

    Raises:
        ContractError: If its rows have no fixed number of features.
    """
    try:
        return int(spaces.flatdim(space))
    except (NotImplementedError, ValueError):
        raise ContractError(
            f"observation {key!r}: rows of {space} have no fixed number of features"
        ) from None


def _flat(space: spaces.Space[Any], rows: Iterable[Any], width: int) -> NDArray[np.float32]:
    """Return rows of some space as a table ``[N, F]``."""
    flat = [np.asarray(spaces.flatten(space, row), np.float32) for row in rows]
    return np.array(flat, np.float32).reshape(-1, width)
