"""The tree is what the packaging says it is."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("envs", "agents")


@pytest.mark.parametrize("folder", FOLDERS)
def test_static_tools_find_the_folder_through_a_link(folder: str) -> None:
    assert (ROOT / "perceiver_rl" / folder).resolve() == ROOT / folder


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_has_one_import_name_only(folder: str) -> None:
    importlib.import_module(f"perceiver_rl.{folder}")
    done = subprocess.run(
        [sys.executable, "-c", f"import {folder}"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert f"import perceiver_rl.{folder}, not {folder}" in done.stderr


def test_every_folder_of_code_is_a_package() -> None:
    for folder in ("perceiver_rl", *FOLDERS):
        for path in (ROOT / folder).rglob("*.py"):
            assert (path.parent / "__init__.py").exists(), path.parent
