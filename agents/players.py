"""Who can play evaluation games: trained policies and scripted controls, behind one method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from perceiver_rl.envs import BatchedEnv, make_control
from perceiver_rl.envs.controls import CONTROLS
from perceiver_rl.spaces import UnitActionSpace, nearest, unknown

from .checkpoint import Description, describe
from .config import EnvConfig, Option
from .env_options import env_options
from .errors import UserError
from .models import load_policy

Observation = Mapping[str, NDArray[Any]]


class Player(Protocol):
    """Chooses actions for a batch of games."""

    def act(self, observation: Observation) -> NDArray[np.int64]:
        """Return one action ``[3 + N]`` for each of the B games."""


@dataclass(frozen=True, slots=True)
class PolicyPlayer:
    """A trained policy.

    Args:
        policy: The policy.
        deterministic: Play the most probable action instead of sampling.
    """

    policy: Any
    deterministic: bool

    def act(self, observation: Observation) -> NDArray[np.int64]:
        """Return one action for each game; sampled ones come from torch's global generator."""
        actions, _ = self.policy.predict(dict(observation), deterministic=self.deterministic)
        return np.asarray(actions, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who can be asked to play: a checkpoint or a control.

    Args:
        name: How tables call it.
        checkpoint: The file; None for a control.
        description: What the checkpoint says about itself; None for a control.
    """

    name: str
    checkpoint: Path | None = None
    description: Description | None = None

    def player(
        self,
        observation_space: spaces.Dict,
        action_space: UnitActionSpace,
        deterministic: bool,
        seed: int,
    ) -> Player:
        """Return the player for an environment.

        Raises:
            CheckpointError: If the checkpoint was made for other spaces.
        """
        if self.checkpoint is None or self.description is None:
            return make_control(self.name, observation_space, action_space, seed)
        policy = load_policy(self.checkpoint, self.description, observation_space, action_space)
        return PolicyPlayer(policy, deterministic)

    def game(
        self, env: str | None, opponent: str | None, options: Mapping[str, Option]
    ) -> BatchedEnv:
        """Return a single game; what is not asked for is as the checkpoint was trained.

        Raises:
            ContractError: If a name is wrong.
            ConfigError: If the environment has no such option.
        """
        name, options = env_as_trained([self], env, options)
        if self.description and name == self.description.settings.env.id:
            opponent = opponent or self.description.settings.env.opponent
        return BatchedEnv(name, 1, opponent=opponent, **env_options(options))


def env_as_trained(
    contenders: Sequence[Contender], env: str | None, options: Mapping[str, Option]
) -> tuple[str, dict[str, Option]]:
    """Return an environment's id and options; the first checkpoint says what was not asked for."""
    trained = [each.description.settings.env for each in contenders if each.description]
    source = trained[0] if trained else EnvConfig()
    name = env or source.id
    return name, dict(options or (source.options if name == source.id else {}))


def contender(word: str) -> Contender:
    """Return who a word on the command line means: a control, a checkpoint file or a run folder.

    Raises:
        UserError: If it is none of them.
        CheckpointError: If the file is no checkpoint.
    """
    if word in CONTROLS:
        return Contender(word)
    path = Path(word)
    if path.is_dir():
        path = path / "checkpoint.zip"
        return Contender(Path(word).name, path, describe(path))
    if not path.exists():
        raise UserError(
            f"there is no agent {word!r}: neither a checkpoint file, nor a run folder, nor a"
            f" control of {list(CONTROLS)}{nearest(word, CONTROLS)}"
        )
    name = path.parent.name if path.name == "checkpoint.zip" else path.stem
    return Contender(name or path.stem, path, describe(path))


def frozen_player(
    word: str, observation_space: spaces.Dict, action_space: UnitActionSpace
) -> Player:
    """Return a trained policy that plays its most probable actions: the opponent ``policy:...``.

    Args:
        word: A checkpoint file or a run folder.
        observation_space: Of the environment.
        action_space: Of the environment.

    Raises:
        UserError: If it is neither.
        CheckpointError: If the file is no checkpoint, or was made for other spaces.
    """
    who = contender(word)
    if who.checkpoint is None:
        raise UserError(f"opponent 'policy:{word}' is a script; name it without 'policy:'")
    return who.player(observation_space, action_space, deterministic=True, seed=0)


def check_control(name: str) -> None:
    """Check that there is a control of that name.

    Raises:
        UserError: If there is none; names the nearest one.
    """
    if name not in CONTROLS:
        raise UserError(unknown("control", name, list(CONTROLS)))


def distinct(contenders: Sequence[Contender]) -> None:
    """Check that tables can tell the contenders apart.

    Raises:
        UserError: If two have the same name.
    """
    names = [each.name for each in contenders]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"two agents are called {twice[0]!r}; rename a run folder or leave one out")


def beside(contenders: Sequence[Contender], name: str) -> Path:
    """Return where a file goes if nobody says: beside the first checkpoint, else in ``runs``."""
    for each in contenders:
        if each.checkpoint is not None:
            return each.checkpoint.parent / name
    return Path("runs") / name
