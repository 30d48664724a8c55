"""Errors of the contract, and the wording they share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class ContractError(ValueError):
    """A space, an observation or an action that does not keep the contract of this module."""


class ActionError(ContractError):
    """An action outside its space, or one that the observation's masks forbid."""


class ObservationError(ContractError):
    """An observation (or observation space) with missing, unknown or misshapen keys."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest known word, or ``""`` if none is close."""
    match = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {match[0]!r}?" if match else ""


def unknown(what: str, word: str, known: Sequence[str]) -> str:
    """Return the message for a name that is not among the known ones."""
    return f"unknown {what} {word!r}, expected one of {list(known)}{nearest(word, known)}"
