"""Learning curves of a comparison as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .plots import curve
from .progress_log import read_rows
from .run_folder import read_json
from .tasks import Task


def curves_of(tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """Return a curve per scenario, stage and arm that has something to show: an ended game.

    A curve has ``x``, ``x_label``, ``y_label``, ``seeds`` and ``values`` ``[seed, x]`` (None where
    a seed has none): win rate, or return, over environment steps; of clones the negative
    log-likelihood of the validation games over epochs.
    """
    groups: dict[tuple[str, str, str], list[Task]] = {}
    for task in tasks:
        if task.arm is not None and task.stage is not None:
            groups.setdefault((task.scenario, task.stage, task.arm), []).append(task)
    found = []
    for (scenario, stage, arm), group in groups.items():
        drawn = _of_clones(group) if stage == "imitation" else _of_training(group)
        if drawn is not None:
            found.append({"scenario": scenario, "stage": stage, "arm": arm, **drawn})
    return found


def _of_training(tasks: Sequence[Task]) -> dict[str, Any] | None:
    runs = {task.seed: rows for task in tasks if (rows := read_rows(task.files.progress))}
    if not runs:
        return None
    with_winner = any(row.win_rate is not None for rows in runs.values() for row in rows)
    steps, values = curve(list(runs.values()), with_winner)
    if np.isnan(values).all():
        return None
    return {
        "x_label": "environment steps",
        "y_label": "win rate in training" if with_winner else "mean return in training",
        "x": steps.tolist(),
        "seeds": list(runs),
        "values": [[None if np.isnan(y) else float(y) for y in row] for row in values],
    }


def _of_clones(tasks: Sequence[Task]) -> dict[str, Any] | None:
    summaries = {task.seed: read_json(task.files.summary) or {} for task in tasks}
    runs = {seed: summary["history"] for seed, summary in summaries.items() if summary}
    if not runs:
        return None
    epochs = max(len(history) for history in runs.values())
    values = [[epoch["validation/nll"] for epoch in history] for history in runs.values()]
    return {
        "x_label": "epochs",
        "y_label": "validation NLL",
        "x": list(range(1, epochs + 1)),
        "seeds": list(runs),
        "values": [[*row, *[None] * (epochs - len(row))] for row in values],
    }
