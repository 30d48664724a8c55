"""The ``report`` command: ``report.html``, ``report.md`` and ``report.json`` from ``results.json``.

The page is one file that loads nothing. Its drawings lie beside it as well, for the Markdown file.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich.console import Console

from perceiver_rl.files import write_text

from . import numbers
from .errors import RunError, UserError
from .report_config import ReportConfig
from .report_content import report_content
from .report_figures import crossover_sentence, pictures_of
from .report_svg import STYLE
from .run_folder import read_json, write_json

FIGURES: Final = "figures"
_NEEDED: Final = ("config", "scenarios", "arms", "agents", "claims", "uninformative", "missing")


def report(config: ReportConfig) -> Path:
    """Write the report of a comparison and print where it is; see :func:`write_report`.

    Raises:
        UserError: If no folder is named.
        RunError: If there are no results of a comparison.
    """
    if config.run is None:
        raise UserError("name the folder of a comparison, for instance runs/compare")
    folder = config.run.parent if config.run.is_file() else config.run
    path = write_report(folder)
    Console().print(f"report: {path}", highlight=False, soft_wrap=True)
    return path


def write_report(folder: Path) -> Path:
    """Write the report beside ``results.json``, and return the page's path.

    Raises:
        RunError: If there are no results of a comparison.
    """
    results = read_json(folder / "results.json")
    if results is None or not set(_NEEDED) <= set(results):
        raise RunError(
            f"{folder / 'results.json'} holds no results of a comparison; the `compare` command"
            " writes it once an agent has played its games"
        )
    content = report_content(results)
    drawings = pictures_of(content)
    for each in drawings:
        write_text(folder / FIGURES / f"{each.name}.svg", each.file + "\n")
    write_json(folder / "report.json", content)
    values = {
        "report": content,
        "drawings": drawings,
        "crossover": crossover_sentence(content["crossover"]) if content["crossover"] else "",
        "settings": yaml.safe_dump(content["config"], sort_keys=False),
    }
    for kind in ("html", "md"):
        text = _templates(folder).get_template(f"report.{kind}.j2").render(values, style=STYLE)
        write_text(folder / f"report.{kind}", text)
    return folder / "report.html"


def _templates(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        "rate_or_return": _rate_or_return,
        "signed": numbers.signed_with_interval,
        "probability": numbers.probability,
        "score": numbers.score,
        "count": numbers.count,
        "per_second": numbers.rate,
        "gigaflops": numbers.gigaflops,
        "milliseconds": numbers.milliseconds,
        "mebibytes": numbers.mebibytes,
        "ratio": numbers.ratio,
        "data_uri": lambda name: _data_uri(folder / name),
        "cell": lambda text: str(text).replace("|", "\\|").replace("\n", " "),
    }
    environment.filters.update(filters)
    return environment


def _rate_or_return(score: dict[str, Any] | None) -> str:
    """Return a win rate, or a return, with its interval."""
    if score is None:
        return "missing"
    if score["low"] is None:
        return numbers.score(score["value"])
    if score["kind"] == "return":
        low, high = (numbers.score(score[side]) for side in ("low", "high"))
        return f"{numbers.score(score['value'])} [{low}, {high}]"
    return numbers.with_interval(score["value"], score["low"], score["high"])


def _data_uri(path: Path) -> str:
    """Return a PNG as a URI that holds it; "" where the file is missing."""
    if not path.is_file():
        return ""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
