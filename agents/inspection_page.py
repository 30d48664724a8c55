"""A recorded game as one HTML file that opens without a network."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.entities import EntityAttention, LatentAttention
from perceiver_rl.files import write_text
from perceiver_rl.spaces import UnitActionSpace

from .inspection_decision import Decision
from .inspection_record import Episode, Frame

_LEVELS = 255
_SCRIPTS = tuple(f"inspection_{name}.js" for name in ("data", "map", "panels", "player"))


def write_page(
    path: Path, episode: Episode, space: UnitActionSpace, about: Mapping[str, Any]
) -> None:
    """Write the page; the file is the old one or the new one, never a part.

    Args:
        path: The file.
        episode: The game.
        space: The actions.
        about: What the page's header says: lines by their titles.

    Raises:
        OSError: If the folder cannot be written to or the disk is full.
    """
    data = {
        "about": dict(about),
        "size": episode.size,
        "map": [round(edge, 1) for edge in episode.map_box],
        "grid": space.grid,
        "types": [
            {"name": kind.name, "selects": kind.selects, "target": kind.target}
            for kind in space.types
        ],
        "frames": [_frame(frame) for frame in episode.frames],
    }
    # "<" would end the script element in the middle of a name.
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    page = _part("inspection.html")
    page = page.replace("/*STYLE*/", _part("inspection.css"))
    page = page.replace("/*SCRIPT*/", "\n".join(_part(name) for name in _SCRIPTS))
    write_text(path, page.replace("/*DATA*/", text))


def _part(name: str) -> str:
    return (files(__package__) / "pages" / name).read_text(encoding="utf-8")


def _frame(frame: Frame) -> dict[str, Any]:
    slots = [marker.slot for marker in frame.markers]
    return {
        "loop": frame.loop,
        "picture": "data:image/webp;base64," + base64.b64encode(frame.picture).decode(),
        "entities": [
            [
                marker.slot,
                marker.name,
                marker.alliance,
                *(round(number, 1) for number in (*marker.pixel, marker.radius)),
                round(marker.health, 3),
            ]
            for marker in frame.markers
        ],
        "reward": _short(frame.reward),
        "decision": None if frame.decision is None else _decision(frame.decision, slots),
    }


def _decision(decision: Decision, slots: Sequence[int]) -> dict[str, Any]:
    """Return a decision for JSON; what is per entity is that of the entities present."""
    return {
        "value": _short(decision.value),
        "type": int(decision.action[0]),
        "types": [_short(prob) for prob in decision.type_probs.tolist()],
        "legal": decision.legal_types.tolist(),
        "parts": {
            name: [_short(part.log_prob), _short(part.entropy)]
            for name, part in decision.parts.items()
        },
        "selected": _slots(decision.selected),
        "selectable": _slots(decision.selectable),
        "membership": None if decision.membership is None else packed(decision.membership[slots]),
        "picks": None
        if decision.picks is None
        else {
            "slots": decision.picks.slots,
            "end": len(decision.selectable),
            "probs": packed(decision.picks.probs[:, [*slots, -1]]),
        },
        "target": None
        if decision.target_probs is None
        else {
            "slot": decision.target_unit,
            "probs": packed(decision.target_probs[slots]),
            "legal": _slots(decision.legal_targets),
        },
        "cell": None
        if decision.cell_probs is None
        else {"cell": decision.target_cell, "probs": packed(decision.cell_probs)},
        "attention": _attention(decision.attention, slots),
    }


def _attention(attention: EntityAttention | None, slots: Sequence[int]) -> dict[str, Any] | None:
    """Return the weights between those that are present; of a Transformer, what each receives."""
    if attention is None:
        return None
    if isinstance(attention, LatentAttention):
        return {
            "reads": packed(attention.reads[0].cpu().numpy()[..., slots]),
            "answers": packed(attention.answers[0].cpu().numpy()[:, slots]),
        }
    return {"received": packed(attention.received()[0].cpu().numpy()[..., slots])}


def packed(numbers: NDArray[np.floating[Any]]) -> dict[str, Any]:
    """Return non-negative numbers in bytes, each row as shares of its largest.

    The page shows 255 levels of each row, so what it draws is within 0.2 % of the row's largest
    number; that number itself is kept to four digits.

    Args:
        numbers: ``[..., K]``.
    """
    rows = numbers.reshape(-1, numbers.shape[-1]).astype(np.float64)
    largest = rows.max(-1, initial=0.0)
    levels = np.rint(rows / np.where(largest > 0, largest, 1.0)[:, None] * _LEVELS)
    return {
        "shape": list(numbers.shape),
        "largest": [_short(number) for number in largest.tolist()],
        "levels": base64.b64encode(levels.astype(np.uint8).tobytes()).decode(),
    }


def _slots(bits: NDArray[np.bool_] | None) -> list[int] | None:
    return None if bits is None else np.flatnonzero(bits).tolist()


def _short(number: float) -> float:
    """Return four significant digits."""
    return float(f"{number:.4g}")
