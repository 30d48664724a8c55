"""Draw the pictures of docs/observations.md: an observation as a table, and how queries read it.

python scripts/make_explanations.py
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from perceiver_rl.envs import BatchedEnv, make_control
from perceiver_rl.envs.contract import ALLIANCES
from perceiver_rl.envs.engine.units import UNIT_NAMES
from perceiver_rl.envs.render import Artist
from perceiver_rl.spaces import ENTITIES, ENTITY_MASK, SELECTABLE_MASK, EntitySpace

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SCENARIO = "Battle-2s3z"
STEPS = 22
SHOWN = ("alliance", "unit_type", "x", "y", "health", "shield", "weapon_cooldown")
WORDS = {"alliance": ALLIANCES, "unit_type": UNIT_NAMES}
INK, ENTITY, LATENT, ANSWER = "#222222", "#4477aa", "#cc8844", "#559966"


def main() -> None:
    """Draw both pictures."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    IMAGES.mkdir(exist_ok=True)
    plt.rcParams["svg.hashsalt"] = "perceiver-rl"
    observation_as_table().savefig(IMAGES / "observation.png", dpi=110)
    queries().savefig(IMAGES / "queries.svg", metadata={"Date": None})


def observation_as_table() -> Any:
    """Draw a moment of a battle beside the rows that a policy reads of it."""
    batch = BatchedEnv(SCENARIO, 1, opponent="attack-nearest")
    control = make_control("attack-nearest", batch.observation_space, batch.action_space, seed=0)
    observation = batch.reset([7])
    for _ in range(STEPS):
        observation = batch.step(control.act(observation)).observation
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(12, 4.4), width_ratios=(4, 6), layout="constrained"
    )
    artist = Artist(batch)
    left.imshow(artist.draw())
    left.set_axis_off()
    places = artist.placed()
    for row, unit in places.items():
        left.annotate(str(row), unit.pixel, (9, 9), textcoords="offset points", color="w")
    across, down = zip(*(unit.pixel for unit in places.values()), strict=True)
    left.set(xlim=(min(across) - 40, max(across) + 40), ylim=(max(down) + 60, min(down) - 60))
    space = batch.observation_space[ENTITIES]
    assert isinstance(space, EntitySpace)
    right.set_axis_off()
    rows = [_row(space, observation, row) for row in range(space.shape[0])]
    header = ["row", *SHOWN, "entity_mask", "selectable_mask"]
    table = right.table(cellText=rows, colLabels=header, loc="center", cellLoc="right")
    table.auto_set_font_size(False)
    table.set_fontsize(8)
    table.auto_set_column_width(list(range(len(header))))
    return figure


def _row(space: EntitySpace, observation: Any, row: int) -> list[str]:
    present, ours = (int(observation[mask][0, row]) for mask in (ENTITY_MASK, SELECTABLE_MASK))
    if not present:
        return [str(row), *[""] * len(SHOWN), "0", "0"]
    cells = []
    for name in SHOWN:
        value = float(observation[ENTITIES][0, row, space.index(name)])
        words = WORDS.get(name)
        cells.append(words[int(value)] if words else f"{value:.3g}")
    return [str(row), *cells, str(present), str(ours)]


def queries() -> Any:
    """Draw the way of N entities through L latents and back to N embeddings."""
    figure, axes = plt.subplots(figsize=(11, 4.2), layout="constrained")
    axes.set(xlim=(0, 11), ylim=(0, 4.4))
    axes.set_axis_off()
    _column(axes, 0.4, 8, ENTITY, "entities e\n[N, E]")
    _column(axes, 3.6, 3, LATENT, "latents\n[L, D]")
    _column(axes, 6.2, 3, LATENT, "latents\n[L, D]")
    _column(axes, 9.6, 8, ANSWER, "embeddings\n[N, W]")
    _arrow(axes, (1.1, 2.2), (3.5, 2.2), "cross-attend:\nlatents ask, entities answer")
    _arrow(axes, (4.3, 2.2), (6.1, 2.2), "self-attend\nL x L")
    _arrow(axes, (6.9, 2.2), (9.5, 2.2), "decode:\nentities ask, latents answer")
    axes.add_patch(
        FancyArrowPatch(
            (0.75, 0.9),
            (8.2, 2.0),
            connectionstyle="arc3,rad=0.28",
            arrowstyle="-|>",
            mutation_scale=14,
            color=ENTITY,
            linestyle="--",
        )
    )
    axes.text(4.4, 0.02, "each entity's own features are its query", color=ENTITY, ha="center")
    return figure


def _column(axes: Axes, x: float, count: int, color: str, label: str) -> None:
    height = 0.3
    low = 2.2 - count * height / 2
    for number in range(count):
        corner = (x, low + number * height + 0.04)
        style = "round,pad=0,rounding_size=0.05"
        axes.add_patch(
            FancyBboxPatch(
                corner, 0.7, height - 0.08, boxstyle=style, facecolor=color, edgecolor="none"
            )
        )
    axes.text(x + 0.35, 2.2 + count * height / 2 + 0.1, label, ha="center", va="bottom", color=INK)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], label: str) -> None:
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=16, color=INK))
    middle = (start[0] + end[0]) / 2
    axes.text(middle, start[1] + 0.12, label, ha="center", va="bottom", color=INK, fontsize=9)


if __name__ == "__main__":
    main()
