"""Versions of the packages that results and saved models depend on."""

from __future__ import annotations

import importlib.metadata
import platform

_PACKAGES = ("perceiver-rl", "torch", "stable-baselines3", "gymnasium", "numpy", "numba")


def versions() -> dict[str, str]:
    """Return the versions of Python and the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:  # run from a folder, not installed
            found[package] = "unknown"
    return found
