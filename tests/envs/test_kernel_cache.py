"""Caches of compiled kernels do not pile up, and removing one harms nobody."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numba
import pytest

from perceiver_rl.envs.engine._jit import remove_old_caches


def test_only_the_caches_used_last_are_kept(tmp_path: Path) -> None:
    names = [f"kernels-{age}" for age in range(5)]
    for age, name in enumerate(names):
        (tmp_path / name).mkdir()
        (tmp_path / name / "kernel.nbi").touch()
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    (tmp_path / "module.pyc").touch()
    remove_old_caches(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "kernels-0",
        "kernels-1",
        "module.pyc",
    ]


def test_a_process_goes_on_when_its_cache_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "kernels-0"))

    @numba.njit(cache=True)
    def twice(value: float) -> float:
        return value + value

    assert twice(2) == 4
    shutil.rmtree(tmp_path / "kernels-0")
    assert twice(2.5) == 5.0
    assert any((tmp_path / "kernels-0").rglob("*.nbi"))
