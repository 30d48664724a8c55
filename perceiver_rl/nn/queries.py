"""Decoder queries: every construction of the paper (Perceiver IO, section 3.2 and figure 3).

A builder turns what is known about the outputs into one query per output. All take the decoder's
inputs, of which most use no more than the batch, and an index that picks some of the outputs: large
outputs are decoded in parts, or trained on a sample.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from perceiver_rl.nn.init import learned_array
from perceiver_rl.nn.module import Module
from perceiver_rl.nn.positions import LearnedPositions, PositionEncoding


class Queries(Module, ABC):
    """Builds one query per output.

    Attributes:
        width: Features of a query.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    @abstractmethod
    def forward(
        self,
        inputs: Float[Tensor, "batch input input_width"],
        index: Int[Tensor, " output"] | None = None,
    ) -> Float[Tensor, "batch output query_width"]:
        """Return the queries.

        Args:
            inputs: What the queries may be made of; most builders use its batch alone.
            index: Which outputs to ask for; None asks for all.
        """


class PositionQueries(Queries):
    """One query per cell of a grid: its position (text, images, video, audio).

    Args:
        positions: Encoding of the output's cells, Fourier or learned.
    """

    def __init__(self, positions: PositionEncoding) -> None:
        super().__init__(positions.width)
        self.positions = positions

    def forward(
        self,
        inputs: Float[Tensor, "batch input input_width"],
        index: Int[Tensor, " output"] | None = None,
    ) -> Float[Tensor, "batch output query_width"]:
        """Return the positions; the same for all samples."""
        return self.positions(index).expand(inputs.shape[0], -1, -1)


class LearnedQueries(PositionQueries):
    """Learned queries: one for a classifier, one per task or per position of a text.

    Args:
        number: Outputs.
        width: Features of a query.
    """

    def __init__(self, number: int, width: int) -> None:
        super().__init__(LearnedPositions((number,), width))


class TaskQueries(LearnedQueries):
    """One learned query per task (multitask GLUE).

    Args:
        tasks: Names, in the order of their queries.
        width: Features of a query.

    Raises:
        ValueError: If there is no task, or one twice.
    """

    def __init__(self, tasks: Sequence[str], width: int) -> None:
        if not tasks or len(set(tasks)) < len(tasks):
            raise ValueError(f"tasks must be different names, at least one, not {list(tasks)}")
        super().__init__(len(tasks), width)
        self.tasks = tuple(tasks)

    def of(self, task: str) -> Int[Tensor, "1"]:
        """Return the index that asks for one task.

        Raises:
            ValueError: If there is no such task.
        """
        if task not in self.tasks:
            raise ValueError(f"unknown task {task!r}, expected one of {list(self.tasks)}")
        return torch.tensor([self.tasks.index(task)], device=next(self.parameters()).device)


class InputQueries(Queries):
    """One query per input row: its features (StarCraft's entities), optionally with its position.

    With positions it is the optical flow's query: features of the pixel beside where it is.

    Args:
        input_width: Features of an input row.
        positions: Encoding that is concatenated to the rows; None: features alone.
    """

    def __init__(self, input_width: int, positions: PositionEncoding | None = None) -> None:
        super().__init__(input_width + (positions.width if positions else 0))
        self.input_width = input_width
        self.positions = positions

    def forward(
        self,
        inputs: Float[Tensor, "batch input input_width"],
        index: Int[Tensor, " output"] | None = None,
    ) -> Float[Tensor, "batch output query_width"]:
        """Return the rows, with their positions.

        Raises:
            ValueError: If rows have another width, or do not fit the positions.
        """
        batch, number, width = inputs.shape
        if width != self.input_width:
            raise ValueError(
                f"queries need inputs of width {self.input_width},"
                f" got {list(inputs.shape)} of width {width}"
            )
        if self.positions and number != self.positions.num_cells:
            raise ValueError(
                f"{number} inputs do not fit the {self.positions.num_cells} positions of the grid"
                f" {self.positions.shape}"
            )
        rows = inputs if index is None else inputs[:, index]
        if self.positions is None:
            return rows
        # Beside inputs, which lie on the whole grid, positions are the whole grid's.
        positions = self.positions() if index is None else self.positions()[index]
        return torch.cat([rows, positions.to(rows).expand(batch, -1, -1)], dim=2)


class ModalityPadding(Module):
    """Brings rows of several modalities to one width, so that one attention serves all.

    Each modality's rows are followed by a learned vector of its own, which says what they are and
    fills them up to the widest modality plus ``min_padding``. Modalities stand in sorted order of
    their names, as in the reference.

    Args:
        widths: Features of a row, by modality.
        min_padding: Learned features of the widest modality.

    Raises:
        ValueError: If there is no modality.
    """

    def __init__(self, widths: Mapping[str, int], min_padding: int) -> None:
        super().__init__()
        if not widths:
            raise ValueError("at least one modality is needed")
        self.widths = dict(sorted(widths.items()))
        self.width = max(widths.values()) + min_padding
        self.padding = nn.ParameterDict(
            {name: learned_array(1, self.width - width) for name, width in self.widths.items()}
        )

    def forward(
        self, parts: Mapping[str, Float[Tensor, "batch _ _"]]
    ) -> dict[str, Float[Tensor, "batch _ width"]]:
        """Return the rows of all modalities, padded, in sorted order.

        Raises:
            ValueError: If a modality is missing, unknown or of another width.
        """
        if sorted(parts) != list(self.widths):
            raise ValueError(f"expected modalities {list(self.widths)}, got {sorted(parts)}")
        return {name: self.rows(name, parts[name]) for name in self.widths}

    def rows(
        self, name: str, rows: Float[Tensor, "batch row part"]
    ) -> Float[Tensor, "batch row width"]:
        """Return the rows of one modality, padded.

        Raises:
            ValueError: If they have another width.
        """
        if rows.shape[2] != self.widths[name]:
            raise ValueError(
                f"{name!r} must be {self.widths[name]} wide, got shape {list(rows.shape)}"
            )
        padding = self.padding[name].expand(rows.shape[0], rows.shape[1], -1)
        return torch.cat([rows, padding.to(rows.dtype)], dim=2)


class MultimodalQueries(Module):
    """Queries of several modalities side by side, told apart by learned padding.

    Args:
        parts: Builder of each modality's queries.
        min_padding: Learned features of the widest modality.
    """

    def __init__(self, parts: Mapping[str, Queries], min_padding: int = 2) -> None:
        super().__init__()
        self.parts = nn.ModuleDict(dict(sorted(parts.items())))
        widths = {name: part.width for name, part in parts.items()}
        self.pad = ModalityPadding(widths, min_padding)
        self.width = self.pad.width

    def forward(
        self,
        inputs: Float[Tensor, "batch input input_width"],
        index: Mapping[str, Int[Tensor, " output"] | None],
    ) -> dict[str, Float[Tensor, "batch _ query_width"]]:
        """Return the queries of the modalities that are asked for, in sorted order.

        Args:
            inputs: What queries may be made of.
            index: Which outputs to ask for, by modality; None asks for all of a modality, one that
                is left out for none.

        Raises:
            ValueError: If a modality is unknown.
        """
        strange = sorted(set(index) - set(self.parts))
        if strange:
            raise ValueError(f"unknown modalities {strange}, expected some of {list(self.parts)}")
        return {
            name: self.pad.rows(name, part(inputs, index[name]))
            for name, part in self.parts.items()
            if name in index
        }
