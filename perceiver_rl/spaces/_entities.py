"""Entity observations: columns with names, kinds, bounds and units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from perceiver_rl.spaces._errors import ContractError, unknown

Kind = Literal["scalar", "binary", "category"]


@dataclass(frozen=True, slots=True)
class Column:
    """One feature of an entity.

    Args:
        name: Unique within its :class:`EntitySpace`.
        kind: ``scalar`` (bounded by low and high), ``binary`` (0 or 1) or ``category`` (an integer
            in ``[0, size)``, written by the environment as one float; the policy expands it).
        low: Smallest value of a scalar, in ``unit``.
        high: Largest value of a scalar, in ``unit``.
        size: Number of categories, for the kind ``category`` only.
        unit: What the number counts (``"cell"``, ``"hit point"``, ``"loop"``).

    Raises:
        ContractError: If the kind is unknown, the bounds are not ordered, or ``size`` is missing
            for a category or given for anything else.
    """

    name: str
    kind: Kind = "scalar"
    low: float = -np.inf
    high: float = np.inf
    size: int | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        if self.kind not in ("scalar", "binary", "category"):
            kinds = ("scalar", "binary", "category")
            raise ContractError(f"column {self.name!r}: {unknown('kind', self.kind, kinds)}")
        if self.kind == "category" and (self.size is None or self.size < 1):
            raise ContractError(
                f"column {self.name!r}: a category needs size >= 1, not {self.size}"
            )
        if self.kind != "category" and self.size is not None:
            raise ContractError(f"column {self.name!r}: only a category has a size")
        if not self.low < self.high:
            raise ContractError(
                f"column {self.name!r}: low={self.low} must be less than high={self.high}"
            )

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest value, whatever the kind."""
        if self.kind == "binary":
            return 0.0, 1.0
        if self.size is not None:
            return 0.0, float(max(self.size - 1, 0))
        return self.low, self.high


class EntitySpace(spaces.Box):
    """A float32 ``Box [N, F]`` of entities that knows its columns.

    A row of zeros pads the entities to N, so the box's bounds include 0 even where a column's own
    bounds do not. The space survives ``copy``, ``pickle`` and stable-baselines3's save and load.

    Args:
        columns: One per feature.
        max_entities: N, the number of rows.
        seed: Seed of :meth:`sample`.

    Raises:
        ContractError: If there is no column, a name appears twice or ``max_entities < 1``.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        max_entities: int,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        names = [column.name for column in columns]
        if not names or len(set(names)) != len(names):
            raise ContractError(f"an EntitySpace needs columns with distinct names, not {names}")
        if max_entities < 1:
            raise ContractError(f"max_entities must be at least 1, not {max_entities}")
        self.columns = tuple(columns)
        self.max_entities = int(max_entities)
        bounds = np.array([column.bounds for column in self.columns], dtype=np.float32)
        low = np.tile(np.minimum(bounds[:, 0], 0.0), (self.max_entities, 1))
        high = np.tile(np.maximum(bounds[:, 1], 0.0), (self.max_entities, 1))
        super().__init__(low, high, dtype=np.float32, seed=seed)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    def index(self, name: str) -> int:
        """Return the position of a column on the feature axis.

        Raises:
            ContractError: If there is no such column; names the nearest one.
        """
        if name not in self.names:
            raise ContractError(unknown("column", name, self.names))
        return self.names.index(name)

    def sample(self, mask: None = None, probability: None = None) -> NDArray[np.float32]:
        """Draw a random ``[N, F]``; categories and binaries are whole numbers."""
        rows = super().sample(mask, probability)
        whole = [i for i, column in enumerate(self.columns) if column.kind != "scalar"]
        rows[:, whole] = np.round(rows[:, whole])
        return rows.astype(np.float32, copy=False)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, EntitySpace)
            and self.columns == other.columns
            and self.max_entities == other.max_entities
        )

    __hash__ = None  # type: ignore[assignment]  # mutable, as every gymnasium space

    def __repr__(self) -> str:
        return f"EntitySpace({', '.join(self.names)}; max_entities={self.max_entities})"
