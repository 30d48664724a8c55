"""Pictures of a comparison: learning curves and win rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from perceiver_rl.files import replacing

from .progress_log import ProgressRow
from .results import AgentResult, ArmResult, arm_interval, arms_of
from .statistics import Games, Interval

# Okabe and Ito's palette can be told apart with any color vision; controls are gray.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_GRAYS = ("#5f5f5f", "#8f8f8f", "#b8b8b8", "#d4d4d4")
_BINS = 40

Curves = Mapping[str, Sequence[Sequence[ProgressRow]]]


def plot_learning_curves(path: Path, curves: Curves, opponent: str) -> None:
    """Draw the win rate (or, where games have no winner, the return) during training.

    Args:
        path: The PNG file.
        curves: Rows of every seed, by arm; arms without any row are left out.
        opponent: Whom the agents trained against, for the title.
    """
    rows = [row for runs in curves.values() for run in runs for row in run]
    with_winner = any(row.win_rate is not None for row in rows)
    figure, axes = _figure((7.2, 4.4))
    for color, (arm, runs) in zip(_cycle(len(curves)), curves.items(), strict=True):
        _draw_arm(axes, arm, color, [run for run in runs if run], with_winner)
    axes.set_xlabel("environment steps")
    axes.xaxis.set_major_formatter(lambda value, _: steps_label(value))
    axes.set_ylabel("win rate in training" if with_winner else "mean return in training")
    axes.set_title(f"Training against {opponent}: mean over seeds, band from lowest to highest")
    axes.set_xlim(left=0)
    if with_winner:
        axes.set_ylim(-0.02, 1.02)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best", frameon=False)
    _save(figure, path)


def _draw_arm(
    axes: Axes, arm: str, color: str, runs: Sequence[Sequence[ProgressRow]], with_winner: bool
) -> None:
    if not runs:
        return
    middle, values = curve(runs, with_winner)
    seeds = f"{len(runs)} seed{'s' if len(runs) > 1 else ''}"
    axes.plot(middle, np.nanmean(values, 0), color=color, linewidth=2, label=f"{arm} ({seeds})")
    axes.fill_between(
        middle, np.nanmin(values, 0), np.nanmax(values, 0), color=color, alpha=0.18, linewidth=0
    )


def curve(
    runs: Sequence[Sequence[ProgressRow]], with_winner: bool
) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
    """Return ``[bin]`` environment steps and ``[seed, bin]`` means; bins need games.

    Args:
        runs: Rows of every seed, at least one run and each with at least one row.
        with_winner: Whether means are win rates or returns.
    """
    end = max(run[-1].steps for run in runs)
    bins = max(1, min(_BINS, *(len(run) for run in runs)))
    edges = np.linspace(0, end, bins + 1)
    values = np.array([binned(run, edges, with_winner) for run in runs])
    known = ~np.isnan(values).all(0)
    return (edges[:-1] + edges[1:])[known] / 2, values[:, known]


def binned(
    rows: Sequence[ProgressRow], edges: NDArray[np.floating[Any]], with_winner: bool
) -> NDArray[np.floating[Any]]:
    """Return the mean over the games that ended in each bin of steps; NaN where none did.

    Rows count by their games: a mean of rows would give those with few games too much weight.
    """
    total, games = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
    for row in rows:
        value = row.win_rate if with_winner else row.return_mean
        if value is not None:
            at = min(int(np.searchsorted(edges, row.steps, side="left")), len(total)) - 1
            total[at] += value * row.games
            games[at] += row.games
    return np.divide(total, games, out=np.full(len(total), np.nan), where=games > 0)


def plot_win_rates(path: Path, agents: Sequence[AgentResult], title: str) -> None:
    """Draw a group of bars per opponent: arms (all seeds pooled, a dot per seed), then controls.

    Arms carry the hierarchical bootstrap's interval over seeds and games; controls, which have no
    seeds, Wilson's. Where games have no winner, bars are mean returns, and those of controls carry
    the normal interval of the mean. Without agents the picture is empty.
    """
    arms = arms_of(agents)
    controls = [agent for agent in agents if agent.arm is None]
    opponents = list(agents[0].games) if agents else []
    bars = len(arms) + len(controls)
    figure, axes = _figure((max(7.2, 1.2 + 0.48 * len(opponents) * (bars + 1)), 4.4))
    width = 0.84 / max(bars, 1)
    places = np.arange(len(opponents))
    for at, (arm, color) in enumerate(zip(arms, _cycle(len(arms)), strict=True)):
        place = places + (at - (bars - 1) / 2) * width
        _bars(axes, place, width, [_arm_bar(arm, name) for name in opponents], arm.name, color)
        _dots(axes, place + width / 4, arm, opponents)
    for at, agent in enumerate(controls, start=len(arms)):
        place = places + (at - (bars - 1) / 2) * width
        gray = _GRAYS[(at - len(arms)) % len(_GRAYS)]
        controlled = [_control_bar(agent.games[name]) for name in opponents]
        _bars(axes, place, width, controlled, f"{agent.name} (control)", gray)
    with_winner = all(games.has_winner for agent in agents for games in agent.games.values())
    axes.set_xticks(places, [f"against {name}" for name in opponents])
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("win rate" if with_winner else "mean return")
    if with_winner:
        axes.set_ylim(0, 1.03)
    axes.set_title(title)
    if bars:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    _save(figure, path)


def _bars(
    axes: Axes,
    places: NDArray[np.floating[Any]],
    width: float,
    bars: Sequence[tuple[float, Interval]],
    label: str,
    color: str,
) -> None:
    heights = [height for height, _ in bars]
    # Rounding may put the end of an interval a hair beyond its mean.
    below = [max(height - interval.low, 0.0) for height, interval in bars]
    above = [max(interval.high - height, 0.0) for height, interval in bars]
    axes.bar(places, heights, width * 0.92, color=color, label=label, zorder=2)
    axes.errorbar(
        places,
        heights,
        yerr=(below, above),
        fmt="none",
        ecolor="#222222",
        elinewidth=1.2,
        capsize=2.5,
        zorder=3,
    )


def _height(games: Games) -> float:
    return games.mean_return if games.win_rate is None else games.win_rate


def _arm_bar(arm: ArmResult, opponent: str) -> tuple[float, Interval]:
    return _height(arm.pooled(opponent)), arm_interval(arm, opponent)


def _control_bar(games: Games) -> tuple[float, Interval]:
    height = _height(games)
    if games.interval is not None:
        return height, games.interval
    spread = float(np.std(games.returns, ddof=1)) if games.count > 1 else 0.0
    half = 1.96 * spread / max(games.count, 1) ** 0.5
    return height, Interval(height - half, height + half)


def _dots(
    axes: Axes, places: NDArray[np.floating[Any]], arm: ArmResult, opponents: Sequence[str]
) -> None:
    for place, opponent in zip(places, opponents, strict=True):
        heights = [_height(agent.games[opponent]) for agent in arm.agents]
        axes.scatter(
            np.full(len(heights), place),
            heights,
            s=13,
            facecolor="white",
            edgecolor="#222222",
            linewidth=0.8,
            zorder=4,
            clip_on=False,
        )


def _figure(size: tuple[float, float]) -> tuple[Figure, Any]:
    # Not pyplot, which keeps figures alive and asks for a display.
    figure = Figure(figsize=size, layout="constrained", dpi=150)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e3e3e3", linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
    return figure, axes


def _cycle(count: int) -> list[str]:
    return [_COLORS[at % len(_COLORS)] for at in range(count)]


def steps_label(value: float) -> str:
    """Return a number of steps, short enough for an axis."""
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if value >= 1e3 else f"{value:g}"


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as file:
        figure.savefig(file, format="png")
