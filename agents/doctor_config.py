"""Settings of the ``doctor`` command."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorConfig:
    """Say what is installed to play StarCraft II, what is missing, and how to get it."""
