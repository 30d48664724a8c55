"""Imports go down only, and the light parts stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PLUGIN = ROOT / "perceiver_rl"
# What every part may use, the environments too: the standard library is all that it imports.
BOTTOM = ("files", "interrupt", "versions")
FLOORS = {
    **dict.fromkeys(BOTTOM, 0),
    "spaces": 1,
    "nn": 2,
    "entities": 3,
    "modalities": 4,
    "heads": 4,
    "sb3": 5,
    "models": 5,
}
PARTS = sorted(
    path.stem
    for path in PLUGIN.iterdir()
    if not path.is_symlink() and (path.suffix == ".py" or (path / "__init__.py").exists())
)
SURROUNDINGS = ("__init__", "__main__", "_register")  # tie the parts together


def files_of(part: str) -> list[Path]:
    """The files of a module or a package of the plugin."""
    module = PLUGIN / f"{part}.py"
    return [module] if module.exists() else list((PLUGIN / part).rglob("*.py"))


def imports_of(path: Path) -> set[str]:
    """Absolute names of all modules that a file imports, relative ones left out."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
    return found


def plugin_parts(path: Path) -> set[str]:
    """Which parts of the plugin a file imports: ``perceiver_rl.nn.attention`` -> ``nn``."""
    names = (name.split(".") for name in imports_of(path))
    return {name[1] for name in names if name[0] == "perceiver_rl" and len(name) > 1}


@pytest.mark.parametrize("part", [part for part in PARTS if part not in SURROUNDINGS])
def test_a_part_of_the_plugin_imports_only_parts_below_it(part: str) -> None:
    assert part in FLOORS, f"{part} has no floor"
    assert files_of(part)
    for path in files_of(part):
        for used in plugin_parts(path) - {part}:
            assert FLOORS[used] < FLOORS[part], f"{path} imports {used}"


@pytest.mark.parametrize("part", BOTTOM)
def test_the_lowest_parts_import_the_standard_library_alone(part: str) -> None:
    for path in files_of(part):
        assert {name.split(".")[0] for name in imports_of(path)} <= sys.stdlib_module_names


def test_environments_use_nothing_of_the_plugin_but_the_contract_and_the_lowest_parts() -> None:
    files = list((ROOT / "envs").rglob("*.py"))
    assert files
    for path in files:
        assert plugin_parts(path) <= {"spaces", *BOTTOM}, path


def test_nothing_imports_tests_or_scripts() -> None:
    for folder in ("perceiver_rl", "envs", "agents"):
        for path in (ROOT / folder).rglob("*.py"):
            roots = {name.split(".")[0] for name in imports_of(path)}
            assert not roots & {"tests", "scripts", "envs", "agents"}, path


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("perceiver_rl", ["torch", "numba", "stable_baselines3", "matplotlib"]),
        ("perceiver_rl.spaces", ["torch", "numba", "stable_baselines3"]),
        ("perceiver_rl.envs", ["torch", "stable_baselines3", "matplotlib"]),
        ("perceiver_rl.nn", ["stable_baselines3", "numba"]),
        ("perceiver_rl.heads", ["stable_baselines3", "numba"]),
        ("perceiver_rl.models", ["stable_baselines3", "numba", "transformers"]),
    ],
)
def test_importing_a_light_part_loads_nothing_heavy(module: str, absent: list[str]) -> None:
    code = f"import sys, {module}; print([m for m in {absent} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
