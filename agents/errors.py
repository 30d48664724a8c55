"""Errors that a user of the command can cause; the command prints them as one line."""

from __future__ import annotations


class UserError(Exception):
    """Something that the user asked for cannot be done; the message says what and why."""


class ConfigError(UserError):
    """A setting with an unknown name, a wrong type or an impossible value."""


class CheckpointError(UserError):
    """A file that is no checkpoint, or one that does not fit what it is loaded for."""


class RunError(UserError):
    """A run folder that does not hold what a command needs, or holds what it must not lose."""
