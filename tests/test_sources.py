"""The tables of docs/sources.md say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from perceiver_rl.envs.engine import gathering, hunt, unit_statistics
from perceiver_rl.envs.engine.objects import OBJECTS, TRADES
from perceiver_rl.envs.engine.units import UNITS
from perceiver_rl.envs.scenarios import scenario

PAGE = Path(__file__).parents[1] / "docs" / "sources.md"
ROWS = re.findall(r"^\| `([^`]+)` \| ([-0-9.]+) \|", PAGE.read_text(), re.MULTILINE)
TABLES = {"UNITS": UNITS, "OBJECTS": OBJECTS, "TRADES": TRADES}
MODULES = {
    "unit_statistics": unit_statistics,
    "gathering": gathering,
    "hunt": hunt,
    "scenario": scenario,
}


def test_the_page_has_tables() -> None:
    assert len(ROWS) > 30
    assert len(set(ROWS)) == len(ROWS)


@pytest.mark.parametrize(("name", "value"), ROWS)
def test_a_number_on_the_page_is_that_of_the_code(name: str, value: str) -> None:
    entry = re.fullmatch(r'(\w+)\["(\w+)"\]\.(\w+)', name)
    if entry:
        table, key, field = entry.groups()
        found = getattr(TABLES[table][key], field)
    else:
        module, field = name.split(".")
        found = getattr(MODULES[module], field)
    assert float(found) == pytest.approx(float(value), rel=1e-6)


@pytest.mark.parametrize("name", list(OBJECTS))
def test_no_object_has_a_source_for_its_health_that_is_not_named(name: str) -> None:
    known = {"command_center"}  # from the unit data
    assert name in known or (f'OBJECTS["{name}"].health', f"{OBJECTS[name].health:g}") in ROWS
