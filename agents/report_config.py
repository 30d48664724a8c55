"""Settings of the ``report`` command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportConfig:
    """Write the report of a comparison again, from its results.json."""

    run: tyro.conf.Positional[Path | None] = None
    """Folder of the comparison, or its results.json."""
