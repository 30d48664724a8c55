"""Options of an environment as settings give them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from perceiver_rl.envs import BatchedEnv
from perceiver_rl.spaces import unknown

from .errors import ConfigError


def env_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as keyword arguments.

    Raises:
        ConfigError: If the environment has no option of that name; names the nearest one.
    """
    known = [
        name
        for name, parameter in inspect.signature(BatchedEnv).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name != "opponent"
    ]
    for name in options:
        if name not in known:
            raise ConfigError(unknown("option of the environment", name, known))
    return dict(options)
