"""PerceiverExtractor in algorithms that know nothing of entities."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3

from perceiver_rl.sb3 import PerceiverExtractor
from perceiver_rl.spaces import ObservationError


class Flat(gym.Wrapper[Any, Any, Any, Any]):
    """The same observations with an ordinary action space."""

    def __init__(self, env: gym.Env[Any, Any], action_space: spaces.Space[Any]) -> None:
        super().__init__(env)
        self.action_space = action_space

    def step(self, action: Any) -> Any:
        vector = np.zeros(8, np.int64)
        return self.env.step(vector)


CASES = [
    (PPO, spaces.Discrete(3), {"n_steps": 16, "batch_size": 16}),
    (A2C, spaces.MultiDiscrete([2, 3]), {}),
    (DQN, spaces.Discrete(3), {"learning_starts": 8, "buffer_size": 64}),
    (SAC, spaces.Box(-1, 1, (2,), np.float32), {"learning_starts": 8, "buffer_size": 64}),
    (TD3, spaces.Box(-1, 1, (2,), np.float32), {"learning_starts": 8, "buffer_size": 64}),
]


@pytest.mark.parametrize(("algorithm", "actions", "kwargs"), CASES, ids=lambda c: str(c)[:40])
def test_any_algorithm_with_a_multi_input_policy_trains(
    muster: Any, algorithm: Any, actions: spaces.Space[Any], kwargs: dict[str, Any]
) -> None:
    model = algorithm(
        "MultiInputPolicy",
        Flat(muster(), actions),
        policy_kwargs={
            "features_extractor_class": PerceiverExtractor,
            "features_extractor_kwargs": {"features_dim": 16, "encoder": "perceiver"},
        },
        device="cpu",
        **kwargs,
    )
    model.learn(32)
    assert all(bool(torch.isfinite(p).all()) for p in model.policy.parameters())


def test_features_do_not_depend_on_order_or_padding(muster: Any) -> None:
    env = muster()
    extractor = PerceiverExtractor(env.observation_space, features_dim=12)
    obs, _ = env.reset(seed=0)
    batch = {key: torch.as_tensor(value)[None].float() for key, value in obs.items()}
    order = torch.tensor([4, 2, 0, 1, 3])
    moved = dict(batch)
    moved["entities"] = batch["entities"][:, order]
    moved["entity_mask"] = batch["entity_mask"][:, order]
    features = extractor(batch)
    assert features.shape == (1, 12)
    torch.testing.assert_close(extractor(moved), features)
    rubbish = dict(batch)
    absent = (batch["entity_mask"] == 0).unsqueeze(-1)
    rubbish["entities"] = torch.where(absent, torch.tensor(9.0), batch["entities"])
    torch.testing.assert_close(extractor(rubbish), features)


def test_shapes_that_do_not_agree_are_refused() -> None:
    space = spaces.Dict(
        {"entities": spaces.Box(0, 1, (4, 2), np.float32), "entity_mask": spaces.MultiBinary(5)}
    )
    with pytest.raises(ObservationError, match=r"'entity_mask' must have shape \(4,\)"):
        PerceiverExtractor(space)
