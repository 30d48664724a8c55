"""Which actions a batch of games takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.spaces import ActionError, UnitActionSpace

from .engine.orders import first_outside


class ActionCheck:
    """Checks the actions of a batch of games, and names the game where one is wrong.

    Args:
        space: Of a single game.
        games: How many there are.
    """

    def __init__(self, space: UnitActionSpace, games: int) -> None:
        self._space = space
        self._nvec = space.nvec.astype(np.int64)
        self._shape = (games, self._nvec.size)

    def vectors(self, actions: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Return actions ``[game, 3 + N]`` as the kernels want them.

        Raises:
            ActionError: If one is not in its space.
        """
        actions = np.asarray(actions)
        if actions.shape != self._shape or actions.dtype.kind not in "iu":
            raise ActionError(
                f"actions must be integers of shape {self._shape}, got {actions.dtype} of shape"
                f" {actions.shape}"
            )
        vectors: NDArray[np.int64] = np.ascontiguousarray(actions, dtype=np.int64)
        outside = first_outside(vectors, self._nvec)
        if outside >= 0:
            row, at = divmod(outside, self._nvec.size)
            raise ActionError(
                f"env {row}: {self._space.component(at)}={vectors[row, at]} is not in"
                f" [0, {self._nvec[at]})"
            )
        return vectors

    def legal(
        self,
        vectors: NDArray[np.int64],
        observation: Mapping[str, NDArray[Any]],
        rows: NDArray[np.intp],
    ) -> None:
        """Check that the masks of an observation allow the actions of some games.

        Raises:
            ActionError: If they do not.
        """
        for row in rows:
            current = {key: value[row] for key, value in observation.items()}
            try:
                self._space.check_legal(vectors[row], current)
            except ActionError as error:
                raise ActionError(f"env {row}: {error}") from None
