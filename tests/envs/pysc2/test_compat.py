"""PySC2 is imported in spite of what breaks, and what cannot be helped is explained."""

import importlib
import random
import subprocess
import sys

import pytest

from perceiver_rl.envs.pysc2 import compat
from perceiver_rl.spaces import ContractError


def test_pysc2_and_what_it_needs_can_be_imported() -> None:
    pytest.importorskip("pysc2")
    client = compat.load_client()
    assert client.name in compat.CLIENTS
    assert client.env.SC2Env
    assert client.flags.FLAGS.is_parsed()
    assert compat.missing_dependencies() == ()


def test_shuffle_is_as_before_once_pysc2_is_imported() -> None:
    pytest.importorskip("pysc2")
    compat.load_client()
    assert random.shuffle == random._inst.shuffle


def test_the_old_shuffle_permutes_by_the_given_numbers() -> None:
    items = list(range(6))
    with compat._old_shuffle():
        random.shuffle(items, lambda: 0.5)  # type: ignore[call-arg]
    # From the back: each is exchanged with the one in the middle of those up to it.
    assert items == [0, 5, 1, 4, 2, 3]


def test_a_missing_pysc2_is_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compat, "installed_client", lambda: None)
    compat.load_client.cache_clear()
    try:
        with pytest.raises(ContractError, match=r"pip install 'perceiver-rl\[sc2\]'.*doctor"):
            compat.load_client()
    finally:
        compat.load_client.cache_clear()


def test_a_broken_pysc2_is_an_error_that_names_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("s2clientprotocol")
    monkeypatch.setattr(compat, "installed_client", lambda: "no_such_client")
    compat.load_client.cache_clear()
    try:
        with pytest.raises(ContractError, match="no_such_client is installed but cannot be"):
            compat.load_client()
    finally:
        compat.load_client.cache_clear()


def test_a_video_module_that_cannot_be_imported_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(name: str) -> None:
        raise AttributeError("module 'numpy' has no attribute 'float'")

    names = [name for name in sys.modules if name.partition(".")[0] == "skvideo"]
    for name in names:
        monkeypatch.delitem(sys.modules, name)
    with monkeypatch.context() as patch:
        patch.setattr(importlib, "import_module", fails)
        compat._ensure_video_module()
    try:
        with pytest.raises(ContractError, match="sk-video"):
            sys.modules["skvideo.io"].FFmpegWriter("film.mp4")
    finally:
        for name in ("skvideo", "skvideo.io"):
            del sys.modules[name]


def test_the_package_itself_needs_no_pysc2() -> None:
    code = (
        "import sys, perceiver_rl.envs.pysc2.compat as compat;"
        "print([m for m in ('pysc2', 'torch', 'pygame', 's2clientprotocol') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
