"""Small tasks on which feature extractors are compared; see compare_extractors.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib import QRDQN, TQC, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3
from stable_baselines3.common.noise import NormalActionNoise

from perceiver_rl.spaces import PadObservation

COLORS = {"red": (220, 40, 40), "green": (40, 200, 60), "blue": (50, 80, 230), "white": (240,) * 3}
SIDE = 36
"""The smallest image that stable-baselines3's NatureCNN takes."""


class Catch(gym.Env[Any, Any]):
    """Pixels: a ball falls, a bat moves left or right; 1 for a catch, -1 for a miss."""

    CELLS = 9
    observation_space = spaces.Box(0, 255, (SIDE, SIDE, 1), np.uint8)
    action_space = spaces.Discrete(3)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        """Drop a new ball."""
        super().reset(seed=seed)
        self.ball = np.array([0, self.np_random.integers(self.CELLS)])
        self.bat = int(self.np_random.integers(self.CELLS))
        return self._draw(), {}

    def step(self, action: Any) -> Any:
        """Move the bat by -1, 0 or 1, and let the ball fall by a row."""
        self.bat = int(np.clip(self.bat + int(action) - 1, 0, self.CELLS - 1))
        self.ball[0] += 1
        landed = self.ball[0] == self.CELLS - 1
        reward = (1.0 if self.ball[1] == self.bat else -1.0) if landed else 0.0
        return self._draw(), reward, bool(landed), False, {}

    def _draw(self) -> NDArray[np.uint8]:
        cells = np.zeros((self.CELLS, self.CELLS), np.uint8)
        cells[self.CELLS - 1, self.bat] = 128
        cells[tuple(self.ball)] = 255
        size = SIDE // self.CELLS
        return np.kron(cells, np.ones((size, size), np.uint8))[..., None]


class Signpost(gym.Env[Any, Any]):
    """Picture, words and numbers: find the square of the colour that the mission names.

    Four coloured squares lie in the quarters of a picture; one of them is barred, as a vector says.
    1 for the named square, 0 for another; where it is barred, "wait" is right.
    """

    observation_space = spaces.Dict(
        {
            "picture": spaces.Box(0, 255, (SIDE, SIDE, 3), np.uint8),
            "mission": spaces.Text(16),
            "barred": spaces.Box(-1, 1, (4,), np.float32),
        }
    )
    action_space = spaces.Discrete(5)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        """Lay the squares anew."""
        super().reset(seed=seed)
        names = list(self.np_random.permutation(list(COLORS)))
        picture = np.zeros((SIDE, SIDE, 3), np.uint8)
        for at, name in enumerate(names):
            row, column = np.array(divmod(at, 2)) * SIDE // 2 + SIDE // 8
            picture[row : row + SIDE // 4, column : column + SIDE // 4] = COLORS[name]
        self.named = int(self.np_random.integers(4))
        self.barred = np.full(4, -1.0, np.float32)
        self.barred[self.np_random.integers(4)] = 1.0
        mission = ("find {}", "go to {}")[self.np_random.integers(2)].format(names[self.named])
        return {"picture": picture, "mission": mission, "barred": self.barred}, {}

    def step(self, action: Any) -> Any:
        """Judge the choice and lay the squares anew."""
        right = 4 if self.barred[self.named] > 0 else self.named
        return self.reset()[0], float(action == right), True, False, {}

    def action_masks(self) -> NDArray[np.bool_]:
        """Forbid the barred square."""
        return np.append(self.barred < 0, True)


class Planes(gym.ObservationWrapper[Any, Any, Any]):
    """MiniGrid's symbols as plain numbers, for extractors that take images of 36 pixels or more."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        space: Any = env.observation_space
        image = spaces.Box(0, 1, space["image"].shape, np.float32)
        self.observation_space = spaces.Dict({**space.spaces, "image": image})

    def observation(self, observation: Any) -> Any:
        """Return the symbols as shares of their largest number."""
        image = observation["image"] / np.array([10, 5, 2], np.float32)
        return {**observation, "image": image.astype(np.float32)}


def _minigrid() -> gym.Env[Any, Any]:
    import minigrid  # noqa: F401 - registers its environments

    return PadObservation(gym.make("MiniGrid-Fetch-5x5-N2-v0"), longest=32)


@dataclass(frozen=True)
class TaskSpec:
    """A task and how it is learned.

    Args:
        make: Builds the environment.
        policy: Name of the policy class that stable-baselines3 has for it.
        baseline: The extractor that the policy has by default, in words.
        algorithms: Steps of training for each algorithm.
        arguments: Of the algorithms, by their names.
        policies: What the policies of both are built with, by the names of the algorithms.
        ours: What is different for ``PerceiverExtractor``.
        extractor: Settings of ``PerceiverExtractor``.
        normalize_rewards: Whether training divides rewards by the spread of returns (VecNormalize).
        wrap: What the environment is wrapped in for the baseline.
    """

    make: Callable[[], gym.Env[Any, Any]]
    policy: str
    baseline: str
    algorithms: dict[Any, int]
    arguments: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    ours: dict[str, dict[str, Any]] = field(default_factory=dict)
    extractor: dict[str, Any] = field(default_factory=dict)
    normalize_rewards: bool = False
    wrap: Callable[[gym.Env[Any, Any]], gym.Env[Any, Any]] | None = None


_PPO: dict[str, Any] = {"n_steps": 256, "batch_size": 256, "n_epochs": 6, "learning_rate": 1e-3}
_Q: dict[str, Any] = {
    **{"learning_rate": 1e-3, "learning_starts": 1000, "train_freq": 4, "gradient_steps": 2},
    **{"batch_size": 64, "exploration_fraction": 0.3, "target_update_interval": 250},
}
_OFF: dict[str, Any] = {"learning_rate": 1e-3, "learning_starts": 500, "batch_size": 128}
_ON: dict[str, dict[str, Any]] = {
    "PPO": _PPO,
    "MaskablePPO": _PPO,
    "RecurrentPPO": {**_PPO, "n_steps": 128},
    "A2C": {"n_steps": 16, "learning_rate": 7e-4},
}

_EXPLORING = {"action_noise": NormalActionNoise(np.zeros(1), np.full(1, 0.2))}
_HALF: dict[str, dict[str, Any]] = {
    name: {"learning_rate": 5e-4} for name in ("PPO", "MaskablePPO", "RecurrentPPO", "DQN")
}

_SMALL: dict[str, Any] = {
    "features_dim": 32,
    "encoder_kwargs": {"num_latents": 4, "latent_width": 32, "num_self_attends": 1},
    "modality_kwargs": {"width": 32},
}

TASKS: dict[str, TaskSpec] = {
    "CartPole": TaskSpec(
        make=lambda: gym.make("CartPole-v1"),
        policy="MlpPolicy",
        baseline="MLP",
        algorithms={
            PPO: 50_000,
            A2C: 100_000,
            DQN: 15_000,
            QRDQN: 15_000,
            RecurrentPPO: 25_000,
        },
        arguments={**_ON, "DQN": _Q, "QRDQN": _Q},
        policies={"QRDQN": {"n_quantiles": 10}},
        ours={
            "A2C": {"learning_rate": 3e-4},
            "DQN": {"learning_rate": 2.5e-4},
            "QRDQN": {"learning_rate": 5e-4},
        },
        normalize_rewards=True,
    ),
    "Pendulum": TaskSpec(
        make=lambda: gym.make("Pendulum-v1"),
        policy="MlpPolicy",
        baseline="MLP",
        algorithms={SAC: 4_000, TD3: 8_000, TQC: 4_000},
        arguments={"SAC": _OFF, "TD3": {**_OFF, **_EXPLORING}, "TQC": _OFF},
        extractor=_SMALL,
    ),
    "Catch": TaskSpec(
        make=Catch,
        policy="CnnPolicy",
        baseline="NatureCNN",
        algorithms={PPO: 40_000, DQN: 16_000},
        arguments={**_ON, "DQN": {**_Q, "buffer_size": 20_000}},
        ours=_HALF,
    ),
    "Signpost": TaskSpec(
        make=lambda: PadObservation(Signpost()),
        policy="MultiInputPolicy",
        baseline="CombinedExtractor",
        algorithms={PPO: 60_000, MaskablePPO: 60_000},
        arguments=_ON,
        ours=_HALF,
        extractor={"modality_kwargs": {"focus": 3.0}},
    ),
    "MiniGrid-Fetch": TaskSpec(
        make=_minigrid,
        policy="MultiInputPolicy",
        baseline="CombinedExtractor",
        algorithms={PPO: 60_000, RecurrentPPO: 40_000},
        arguments=_ON,
        ours=_HALF,
        extractor={"symbols": {"image": [11, 6, 3]}},
        wrap=Planes,
    ),
}
