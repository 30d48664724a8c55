"""The plots of a report: learning curves, win rates, FLOPs and latency."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullLocator, ScalarFormatter

from .plots import steps_label
from .report_svg import SERIES, Picture, as_picture, new_figure

Content = Mapping[str, Any]

_MARKERS: Final = "os^DvP"
_RATES: Final = (-0.03, 1.03)
_LINES: Final = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))


def pictures_of(content: Content) -> list[Picture]:
    """Return all pictures for which there is something to draw.

    Args:
        content: See :func:`~.report_content.report_content`.
    """
    return [
        *_learning_curves(content),
        *_over_entities(content),
        *_over_flops(content),
        *_crossover(content),
    ]


def _learning_curves(content: Content) -> list[Picture]:
    groups: dict[tuple[str, str], list[Content]] = {}
    for curve in content["curves"]:
        groups.setdefault((curve["scenario"], curve["stage"]), []).append(curve)
    return [_draw_curves(content, *place, group) for place, group in groups.items()]


def _draw_curves(content: Content, scenario: str, stage: str, curves: Sequence[Content]) -> Picture:
    figure, axes = new_figure()
    ends = []
    for curve in curves:
        color, _, line = _look(content, curve["arm"])
        values = np.array(curve["values"], dtype=float)
        known = ~np.isnan(values).all(0)
        x, values = np.array(curve["x"])[known], values[:, known]
        mean = np.nanmean(values, 0)
        seeds = len(curve["seeds"])
        label = f"{curve['arm']} ({seeds} seed{'s' if seeds != 1 else ''})"
        marker = "o" if len(x) < 2 else None
        axes.plot(x, mean, color=color, linestyle=line, marker=marker, label=label)
        low, high = np.nanmin(values, 0), np.nanmax(values, 0)
        axes.fill_between(x, low, high, color=color, alpha=0.18, linewidth=0)
        ends.append(f"{curve['arm']} ends at {mean[-1]:.3g} ({low[-1]:.3g} to {high[-1]:.3g})")
    axes.set_xlabel(curves[0]["x_label"])
    axes.set_ylabel(curves[0]["y_label"])
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if curves[0]["y_label"].startswith("win rate"):
        axes.set_ylim(*_RATES)
    if stage != "imitation":
        axes.xaxis.set_major_formatter(lambda value, _: steps_label(value))
    title = _joined("Learning curves", scenario, stage)
    alt = f"{title}: {curves[0]['y_label']} over {curves[0]['x_label']}; {'; '.join(ends)}."
    return as_picture(figure, axes, title, alt)


def _over_entities(content: Content) -> list[Picture]:
    return _for_opponents(content, "Win rate over entity count", _draw_over_entities)


def _over_flops(content: Content) -> list[Picture]:
    return _for_opponents(content, "Win rate over FLOPs", _draw_over_flops)


Point = tuple[str, int, int, Content]
"""Arm, entities, FLOPs and win rate with its interval."""


def _for_opponents(
    content: Content, title: str, draw: Callable[[Content, Axes, Sequence[Point]], None]
) -> list[Picture]:
    """Draw a picture per stage and opponent with a win rate."""
    groups: dict[tuple[str, str], list[Point]] = {}
    for scenario in content["scenarios"]:
        for table in scenario["tables"]:
            for row in table["rows"]:
                for opponent, score in row["scores"].items():
                    if score is not None and score["kind"] == "win rate" and not row["control"]:
                        point = (row["name"], scenario["entities"], row["encoder_flops"], score)
                        groups.setdefault((table["stage"], opponent), []).append(point)
    drawn = []
    for (stage, opponent), points in groups.items():
        figure, axes = new_figure()
        draw(content, axes, points)
        axes.set_ylim(*_RATES)
        axes.set_ylabel("win rate")
        full = _joined(title, f"against {opponent}", stage)
        said = "; ".join(
            f"{arm} at {entities} entities and {flops / 1e9:.3g} GFLOPs {score['value']:.2f}"
            f" ({score['low']:.2f} to {score['high']:.2f})"
            for arm, entities, flops, score in points
        )
        drawn.append(as_picture(figure, axes, full, f"{full}: {said}."))
    return drawn


def _draw_over_entities(content: Content, axes: Axes, points: Sequence[Point]) -> None:
    arms = list(dict.fromkeys(arm for arm, *_ in points))
    for at, arm in enumerate(arms):
        own = sorted((entities, score["value"], score) for name, entities, _, score in points
                     if name == arm)  # fmt: skip
        marks = [(_apart(x, at, len(arms)), score) for x, _, score in own]
        _error_bars(content, axes, arm, marks)
    _entity_axis(axes, sorted({entities for _, entities, *_ in points}))


def _draw_over_flops(content: Content, axes: Axes, points: Sequence[Point]) -> None:
    arms = list(dict.fromkeys(arm for arm, *_ in points))
    for number, arm in enumerate(arms):
        own = sorted((_apart(flops / 1e9, number, len(arms)), at)
                     for at, (name, _, flops, _) in enumerate(points)
                     if name == arm)  # fmt: skip
        _error_bars(content, axes, arm, [(x, points[at][3]) for x, at in own], markersize=3)
        color, marker, _ = _look(content, arm)
        sizes = [14 * np.log2(1 + points[at][1]) for _, at in own]
        heights = [points[at][3]["value"] for _, at in own]
        axes.scatter([x for x, _ in own], heights, s=sizes, color=color, marker=marker)
    axes.set_xscale("log")
    _log_ticks(axes.xaxis, [flops / 1e9 for *_, flops, _ in points], wide=1.5)
    axes.margins(x=0.12)
    axes.set_xlabel("encoder GFLOPs per observation (larger marks: more entities)")


def _apart(x: float, number: int, arms: int) -> float:
    """Return where on a logarithmic axis an arm's mark does not cover the others' at the same x."""
    return x * 1.04 ** (number - (arms - 1) / 2)


def _error_bars(
    content: Content,
    axes: Axes,
    arm: str,
    points: Sequence[tuple[float, Content]],
    markersize: float = 5,
) -> None:
    color, marker, line = _look(content, arm)
    heights = [score["value"] for _, score in points]
    reach = [
        [max(score["value"] - score["low"], 0) for _, score in points],
        [max(score["high"] - score["value"], 0) for _, score in points],
    ]
    axes.errorbar(
        [x for x, _ in points],
        heights,
        yerr=reach,
        color=color,
        marker=marker,
        markersize=markersize,
        linestyle=line,
        linewidth=1.4,
        elinewidth=1.1,
        capsize=2.5,
        label=arm,
    )


def _crossover(content: Content) -> list[Picture]:
    measured = content["crossover"]
    if not measured:
        return []
    figure, axes = new_figure()
    counts = measured["entities"]
    drawn = measured["milliseconds"]
    for at, (name, spent) in enumerate(drawn.items()):
        axes.plot(
            counts,
            np.array(spent) / measured["sets"],
            color=SERIES[at % len(SERIES)],
            marker=_MARKERS[at % len(_MARKERS)],
            linestyle=_LINES[at % len(_LINES)],
            markersize=4.5,
            label=name,
        )
    axes.set_yscale("log")
    _log_ticks(
        axes.yaxis,
        [each / measured["sets"] for spent in drawn.values() for each in spent],
        wide=3.0,
    )
    _entity_axis(axes, counts)
    axes.set_ylabel("ms per set of entities")
    title = "Latency of encoders over entity count"
    return [as_picture(figure, axes, title, f"{title}: {crossover_sentence(measured)}")]


def crossover_sentence(measured: Content) -> str:
    """Say from how many entities on the Perceiver's encoder is faster than the Transformer's.

    Args:
        measured: The crossover: ``entities``, ``sets`` and ``milliseconds`` by encoder.
    """
    spent, counts = measured["milliseconds"], measured["entities"]
    if not {"perceiver", "transformer"} <= set(spent):
        return "Encoders are shown one by one; see the numbers in report.json."
    pairs = list(zip(spent["perceiver"], spent["transformer"], strict=True))
    faster = [
        count
        for at, count in enumerate(counts)
        if all(ours < theirs for ours, theirs in pairs[at:])
    ]
    share = pairs[-1][1] / pairs[-1][0]
    last = f"at {counts[-1]} the Transformer takes {share:.2f} times as long."
    if not faster:
        return f"The Perceiver is not faster at {counts[-1]} entities; {last}"
    return f"The Perceiver is faster from {faster[0]} entities on; {last}"


def _log_ticks(axis: Axis, values: Sequence[float], wide: float) -> None:
    """Label 1, 2 and 5 of every decade, or 1 alone on an axis so long that they would touch."""
    decades = np.log10(max(values) / min(values))
    axis.set_major_locator(LogLocator(10, (1.0, 2.0, 5.0) if decades < wide else (1.0,)))
    axis.set_major_formatter(
        lambda value, _: np.format_float_positional(value, precision=6, trim="-")
    )
    axis.set_minor_locator(NullLocator())


def _entity_axis(axes: Axes, counts: Sequence[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(counts))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    if len(counts) == 1:
        axes.set_xlim(counts[0] / 2, counts[0] * 2)
    axes.set_xlabel("entities")


def _look(content: Content, arm: str) -> tuple[str, str, Any]:
    """Return an arm's color, marker and line, the same in all pictures."""
    at = list(content["config"]["arms"]).index(arm)
    return SERIES[at % len(SERIES)], _MARKERS[at % len(_MARKERS)], _LINES[at % len(_LINES)]


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
