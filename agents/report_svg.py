"""Drawings as SVG whose colors are CSS variables, so that a page can be light or dark.

Text stays text. Every drawing has an alternative text that says what it shows.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# matplotlib draws in these and no other colors; in the file they become the variables.
_INK, FAINT, _GRID = "#010203", "#010204", "#010205"
SERIES: Final = tuple(f"#0102{number:02x}" for number in range(16, 22))
_VARIABLES: Final = {
    _INK: "--ink",
    FAINT: "--faint",
    _GRID: "--grid",
    **{color: f"--series-{at}" for at, color in enumerate(SERIES)},
}
_SIZE: Final = (4.4, 2.9)  # inches; a telephone shows it at about its size
_LEGEND_ROW: Final = 0.17
_SHORT: Final = 20

STYLE: Final = """:root {
  --ink: #1c2024; --faint: #5a626b; --grid: #dfe3e8;
  --series-0: #0067a6; --series-1: #c24e00; --series-2: #00805c;
  --series-3: #b0487f; --series-4: #8f6500; --series-5: #3b7fb0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e8eaed; --faint: #a3abb5; --grid: #343b44;
    --series-0: #58b4f5; --series-1: #ff8f4d; --series-2: #3dcca0;
    --series-3: #ec93c2; --series-4: #e8b84a; --series-5: #9ad0f2;
  }
}"""
"""Values of the variables; a file by itself carries them, a page sets them once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture.

    Args:
        name: Of the file, and prefix of all ids in it.
        title: What it is.
        alt: What there is to see, for those who cannot.
        svg: The drawing, to be put into a page.
    """

    name: str
    title: str
    alt: str
    svg: str

    @property
    def file(self) -> str:
        """Return the drawing as a file by itself."""
        return self.svg.replace("><", f"><style>{STYLE}</style><", 1)


def new_figure() -> tuple[Figure, Axes]:
    """Return an empty figure in the colors of a report."""
    figure = Figure(figsize=_SIZE, layout="constrained")
    figure.patch.set_visible(False)
    axes = figure.subplots()
    axes.patch.set_visible(False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=FAINT, labelcolor=_INK, labelsize=8)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set(color=_INK, fontsize=8.5)
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def as_picture(figure: Figure, axes: Axes, title: str, alt: str) -> Picture:
    """Return a figure with its legend below as a picture."""
    handles, labels = axes.get_legend_handles_labels()
    columns = 2 if max(map(len, labels)) <= _SHORT else 1
    rows = -(-len(labels) // columns)
    figure.set_size_inches(_SIZE[0], _SIZE[1] + rows * _LEGEND_ROW)
    figure.legend(
        handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=8,
        labelcolor=_INK,
    )  # fmt: skip
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    return Picture(name=name, title=title, alt=alt, svg=_svg(figure, name, alt))


def _svg(figure: Figure, name: str, alt: str) -> str:
    text = io.StringIO()
    # The salt makes the ids, and so the file, the same every time.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    drawing = text.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>\s*", "", drawing, flags=re.DOTALL)
    drawing = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", drawing, count=1)
    drawing = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", drawing, count=1)
    drawing = drawing.replace("<svg", f'<svg role="img" aria-label="{_attribute(alt)}"', 1)
    for pattern in (r'(\bid=")', r'(href="#)', r"(url\(#)"):
        drawing = re.sub(pattern, rf"\g<1>{name}-", drawing)
    drawing = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", drawing)
    for color, variable in _VARIABLES.items():
        drawing = drawing.replace(color, f"var({variable})")
    return re.sub(r">\s+<", "><", drawing)


def _attribute(text: str) -> str:
    for plain, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(plain, escaped)
    return text
