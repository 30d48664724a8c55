"""PerceiverExtractor in algorithms that know nothing of entities."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import QRDQN, TQC, TRPO
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


class Rows(gym.ObservationWrapper[Any, Any, Any]):
    """The entities alone, as a plain Box."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        assert isinstance(env.observation_space, spaces.Dict)
        entities = env.observation_space["entities"]
        assert isinstance(entities, spaces.Box)
        self.observation_space = spaces.Box(entities.low, entities.high, dtype=np.float32)

    def observation(self, observation: Any) -> Any:
        return observation["entities"]


TURN = spaces.Box(-1, 1, (2,), np.float32)
OFF_POLICY: dict[str, Any] = {"learning_starts": 8, "buffer_size": 64, "batch_size": 8}
CASES = [
    (PPO, spaces.Discrete(3), {"n_steps": 16, "batch_size": 16}),
    (A2C, spaces.MultiDiscrete([2, 3]), {}),
    (TRPO, spaces.Discrete(3), {"n_steps": 16, "batch_size": 16}),
    (DQN, spaces.Discrete(3), OFF_POLICY),
    (QRDQN, spaces.Discrete(3), OFF_POLICY),
    (SAC, TURN, OFF_POLICY),
    (TD3, TURN, OFF_POLICY),
    (TQC, TURN, OFF_POLICY),
]


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(("algorithm", "actions", "kwargs"), CASES, ids=lambda c: str(c)[:40])
def test_any_algorithm_trains_saves_and_loads(
    muster: Any,
    tmp_path: Path,
    algorithm: Any,
    actions: spaces.Space[Any],
    kwargs: dict[str, Any],
    plain: bool,
) -> None:
    env: Any = Flat(muster(), actions)
    if plain:
        env = Rows(env)
    model = algorithm(
        "MlpPolicy" if plain else "MultiInputPolicy",
        env,
        policy_kwargs={
            "features_extractor_class": PerceiverExtractor,
            "features_extractor_kwargs": {
                "features_dim": 16,
                "encoder": "perceiver",
                "twice_differentiable": algorithm is TRPO,
            },
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
    for seed in range(5):
        observation, _ = env.reset(seed=seed)
        np.testing.assert_array_equal(
            *(one.predict(observation, deterministic=True)[0] for one in (model, again))
        )


def test_separate_encoders_survive_save_and_load_of_the_algorithm(
    muster: Any, tmp_path: Path
) -> None:
    kwargs = {"features_extractor_class": PerceiverExtractor, "share_features_extractor": False}
    env = Flat(muster(), spaces.Discrete(3))
    model = PPO("MultiInputPolicy", env, n_steps=16, batch_size=16, policy_kwargs=kwargs, seed=0)
    model.learn(32)  # actor and critic differ from now on
    model.save(tmp_path / "model.zip")
    again = PPO.load(tmp_path / "model.zip")
    for name, value in model.policy.state_dict().items():
        assert torch.equal(again.policy.state_dict()[name], value), name
    assert again.policy.pi_features_extractor is not again.policy.vf_features_extractor


def test_absent_rows_of_a_plain_box_change_nothing() -> None:
    space = spaces.Box(-1, 1, (4, 2), np.float32)
    extractor = PerceiverExtractor(space)
    rows = torch.zeros(1, 4, 2)
    rows[0, :2] = torch.tensor([[0.5, 0.0], [-0.2, 0.9]])
    few = PerceiverExtractor(spaces.Box(-1, 1, (2, 2), np.float32))
    few.load_state_dict(extractor.state_dict())
    torch.testing.assert_close(extractor(rows), few(rows[:, :2]))
    torch.testing.assert_close(extractor(rows[:, [3, 1, 2, 0]]), extractor(rows))
    assert bool(torch.isfinite(extractor(torch.zeros(1, 4, 2))).all())


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
