"""What the stand-in cannot do, told to the client in the response's error."""

from __future__ import annotations


class RequestError(Exception):
    """A request that cannot be answered; the message goes into the response."""
