"""PerceiverExtractor on observations that are no set of entities, in every algorithm."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import QRDQN, TQC, TRPO, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecFrameStack
from torch import nn
from torch.nn import functional

from perceiver_rl.sb3 import PerceiverExtractor
from perceiver_rl.sb3.observations import drawn_from
from perceiver_rl.spaces import ObservationError, PadObservation


class Scene(gym.Env[Any, Any]):
    """A picture, numbers, a category, symbols, a mission in words and a bag of things."""

    observation_space = spaces.Dict(
        {
            "picture": spaces.Box(0, 255, (12, 12, 3), np.uint8),
            "numbers": spaces.Box(-np.inf, np.inf, (3,), np.float32),
            "kind": spaces.Discrete(4),
            "cells": spaces.Box(0, 255, (5, 5, 2), np.uint8),
            "mission": spaces.Text(10),
            "bag": spaces.Sequence(spaces.Box(-1, 1, (2,), np.float32)),
        }
    )

    def __init__(self, action_space: spaces.Space[Any]) -> None:
        self.action_space = action_space
        self.clock = 0

    def look(self) -> Any:
        draw = self.np_random
        return {
            "picture": draw.integers(0, 256, (12, 12, 3), dtype=np.uint8),
            "numbers": draw.normal(size=3).astype(np.float32),
            "kind": np.int64(draw.integers(4)),
            "cells": draw.integers(0, 5, (5, 5, 2), dtype=np.uint8),
            "mission": ("go", "fetch it")[draw.integers(2)],
            "bag": tuple(draw.uniform(-1, 1, (draw.integers(4), 2)).astype(np.float32)),
        }

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.clock = 0
        return self.look(), {}

    def step(self, action: Any) -> Any:
        self.clock += 1
        return self.look(), float(np.mean(action)), self.clock == 5, False, {}

    def action_masks(self) -> Any:
        return np.array([1, 0, 1], bool)


TURN = spaces.Box(-1, 1, (2,), np.float32)
CHOICE = spaces.Discrete(3)
ON_POLICY: dict[str, Any] = {"n_steps": 8, "batch_size": 8}
OFF_POLICY: dict[str, Any] = {"learning_starts": 8, "buffer_size": 64, "batch_size": 8}
CASES = [
    (PPO, CHOICE, ON_POLICY),
    (A2C, CHOICE, {}),
    (TRPO, CHOICE, ON_POLICY),
    (MaskablePPO, CHOICE, ON_POLICY),
    (RecurrentPPO, CHOICE, ON_POLICY),
    (DQN, CHOICE, OFF_POLICY),
    (QRDQN, CHOICE, OFF_POLICY),
    (SAC, TURN, OFF_POLICY),
    (TD3, TURN, OFF_POLICY),
    (TQC, TURN, OFF_POLICY),
]


def scene(actions: spaces.Space[Any] = CHOICE) -> PadObservation:
    return PadObservation(Scene(actions), longest=4, sizes={"mission": 10})


@pytest.mark.parametrize(("algorithm", "actions", "kwargs"), CASES, ids=lambda c: str(c)[:50])
def test_every_algorithm_trains_saves_and_loads(
    tmp_path: Path, algorithm: Any, actions: spaces.Space[Any], kwargs: dict[str, Any]
) -> None:
    name = "MultiInputLstmPolicy" if algorithm is RecurrentPPO else "MultiInputPolicy"
    settings = {
        "features_dim": 16,
        "symbols": {"cells": [5, 5]},
        "twice_differentiable": algorithm is TRPO,
    }
    env = make_vec_env(lambda: scene(actions), n_envs=2, seed=0)
    if algorithm is RecurrentPPO:  # it cannot pad masks of whole numbers
        env = make_vec_env(
            lambda: gym.wrappers.FilterObservation(
                scene(actions), ["picture", "numbers", "kind", "cells", "mission", "bag"]
            ),
            n_envs=2,
            seed=0,
        )
    model = algorithm(
        name,
        env,
        policy_kwargs={
            "features_extractor_class": PerceiverExtractor,
            "features_extractor_kwargs": settings,
        },
        device="cpu",
        seed=0,
        **kwargs,
    )
    before = torch.cat([p.detach().flatten().clone() for p in model.policy.parameters()])
    model.learn(32)
    after = torch.cat([p.detach().flatten() for p in model.policy.parameters()])
    assert bool(torch.isfinite(after).all())
    assert not torch.equal(before, after)
    model.save(tmp_path / "model.zip")
    again = algorithm.load(tmp_path / "model.zip", device="cpu")
    observation = model.get_env().reset()
    np.testing.assert_array_equal(
        *(one.predict(observation, deterministic=True)[0] for one in (model, again))
    )


def test_stacked_frames_are_more_channels() -> None:
    class Frames(gym.Env[Any, Any]):
        observation_space = spaces.Box(0, 255, (16, 16, 1), np.uint8)
        action_space = CHOICE

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            super().reset(seed=seed)
            return self.observation_space.sample(), {}

        def step(self, action: Any) -> Any:
            return self.observation_space.sample(), 0.0, True, False, {}

    env = VecFrameStack(make_vec_env(Frames, n_envs=2, seed=0), 4)
    kwargs = {"features_extractor_class": PerceiverExtractor, "normalize_images": True}
    model = PPO("CnnPolicy", env, n_steps=8, batch_size=8, policy_kwargs=kwargs, device="cpu")
    model.learn(16)
    reader: Any = model.policy.features_extractor.reader
    assert reader.tokenizers[0].patches.in_channels == 4


HUGE = float(np.finfo(np.float32).max)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-HUGE, HUGE, (3,), np.float32),
        spaces.Box(0, 255, (3, 16, 16), np.uint8),
        scene().observation_space,
    ],
)
def test_a_new_extractor_answers_zero_on_average(space: spaces.Space[Any]) -> None:
    extractor = PerceiverExtractor(space, 8)
    with torch.no_grad():
        mean = extractor(drawn_from(space, 32)).mean(0)
    torch.testing.assert_close(mean, torch.zeros(8), atol=1e-5, rtol=0)


def test_observations_are_drawn_without_touching_the_space() -> None:
    space = spaces.Dict({"a": spaces.Box(-np.inf, np.inf, (2,), np.float32)})
    space.seed(3)
    expected = space.sample()
    space.seed(3)
    first, second = drawn_from(space, 4), drawn_from(space, 4)
    assert torch.equal(first["a"], second["a"])
    assert np.array_equal(space.sample()["a"], expected["a"])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_values_with_a_large_mean_are_learned(seed: int) -> None:
    torch.manual_seed(seed)
    extractor = PerceiverExtractor(spaces.Box(-HUGE, HUGE, (4,), np.float32))
    model = nn.Sequential(extractor, nn.Linear(extractor.features_dim, 64), nn.ReLU())
    model += nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def batch(size: int) -> tuple[Any, Any]:
        states = torch.randn(size, 4) / 2
        return states, 60 - 20 * (states[:, :1] + states[:, 1:2]) ** 2

    for _ in range(600):
        states, values = batch(64)
        optimizer.zero_grad()
        functional.smooth_l1_loss(model(states), values).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
    states, values = batch(1000)
    with torch.no_grad():
        correlation = torch.corrcoef(torch.cat([model(states), values], 1).T)[0, 1]
    assert float(correlation) > 0.95


def test_what_is_not_finite_is_named() -> None:
    space = spaces.Dict({"numbers": spaces.Box(-1, 1, (3,), np.float32)})
    extractor = PerceiverExtractor(space)
    batch = {"numbers": torch.tensor([[0.0, 0, 0], [0, float("nan"), 0]])}
    with (
        torch.no_grad(),
        pytest.raises(ObservationError, match="'numbers' of environment 1 "),
    ):
        extractor(batch)


@pytest.mark.parametrize(
    ("space", "kwargs", "message"),
    [
        (CHOICE, {"encoder": "mlp"}, "encoder='mlp' reads sets of entities alone"),
        (CHOICE, {"spatial_kwargs": {"width": 3}}, "spatial_kwargs=.* has no meaning"),
        (TURN, {"modality_kwargs": {"grup": 3}}, "unknown modality setting 'grup'.*'group'"),
        (TURN, {"encoder_kwargs": {"num_latent": 3}}, "unknown perceiver setting 'num_latent'"),
        (
            spaces.Box(-1, 1, (3, 2), np.float32),
            {"symbols": {"": [3]}},
            "symbols=.* has no meaning for a set of entities",
        ),
        (spaces.Dict({"text": spaces.Text(3)}), {}, "'text'.*PadObservation"),
    ],
)
def test_settings_and_spaces_that_do_not_fit_are_refused(
    space: spaces.Space[Any], kwargs: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        PerceiverExtractor(space, **kwargs)
