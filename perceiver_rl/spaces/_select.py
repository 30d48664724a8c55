"""The choice of one entity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from perceiver_rl.spaces._errors import ActionError, ContractError
from perceiver_rl.spaces._keys import ENTITY_MASK, SELECTABLE_MASK


class SelectEntity(spaces.Discrete):
    """``Discrete(N)`` whose action n means the observation's entity n.

    A plain ``Discrete`` says nothing about entities. With this one an entity policy gives each
    entity its own logit, so the policy follows the entities when their order changes, and no
    parameter depends on N.

    Args:
        max_entities: N, the same as the observation's.
        seed: Seed of :meth:`sample`.

    Raises:
        ContractError: If ``max_entities < 1``.
    """

    def __init__(self, max_entities: int, seed: int | np.random.Generator | None = None) -> None:
        if max_entities < 1:
            raise ContractError(f"max_entities must be at least 1, not {max_entities}")
        super().__init__(int(max_entities), seed=seed)

    @property
    def max_entities(self) -> int:
        """Number of entity slots, N."""
        return int(self.n)

    def check_legal(self, action: int, observation: Mapping[str, NDArray[Any]]) -> None:
        """Check a choice against the masks of one (unbatched) Dict observation.

        Raises:
            ActionError: If the entity is out of range, does not exist, or is not selectable.
        """
        if not 0 <= action < self.max_entities:
            raise ActionError(f"entity {action} is not in [0, {self.max_entities})")
        for key in (ENTITY_MASK, SELECTABLE_MASK):
            if key in observation and not observation[key][action]:
                raise ActionError(f"entity {action} is masked by {key}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SelectEntity) and self.n == other.n

    __hash__ = None  # type: ignore[assignment]  # mutable, as every gymnasium space

    def __repr__(self) -> str:
        return f"SelectEntity({self.max_entities})"
