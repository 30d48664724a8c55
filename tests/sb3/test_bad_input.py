"""What a policy says about observations, masks and algorithms that cannot work."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import QRDQN, TQC, MaskablePPO
from stable_baselines3 import DQN, PPO, SAC, TD3
from stable_baselines3.common.vec_env import DummyVecEnv

from perceiver_rl.sb3 import EntityPolicy, MaskableEntityPolicy, PerceiverExtractor
from perceiver_rl.spaces import ObservationError, SelectEntity

SIZES: dict[str, Any] = {"n_steps": 8, "batch_size": 16, "device": "cpu"}


def spoiled(muster: Any, key: str, value: float, place: tuple[Any, ...]) -> type[gym.Env[Any, Any]]:
    """Return an environment whose third observation has one wrong number."""

    class Spoiled(muster):  # type: ignore[misc]
        count = 0

        def reset(self, **kwargs: Any) -> Any:
            observation, info = super().reset(**kwargs)
            self.count += 1
            if self.count == 3:
                observation[key][place] = value
            return observation, info

    return Spoiled


@pytest.mark.parametrize(
    ("key", "value", "place", "message"),
    [
        ("entities", np.nan, (2, 1), "'entities' of environment 1 is nan at entity 2, column 'mar"),
        ("entities", np.inf, (0, 2), "'entities' of environment 1 is inf at entity 0, column 'x'"),
        ("scalars", -np.inf, (1,), r"'scalars' of environment 1 is -inf at index \[1\]"),
    ],
)
@pytest.mark.parametrize("own", [True, False], ids=["EntityPolicy", "PerceiverExtractor"])
def test_a_number_that_is_not_finite_stops_the_rollout_before_it_reaches_the_weights(
    muster: Any, key: str, value: float, place: tuple[int, ...], message: str, own: bool
) -> None:
    env = DummyVecEnv([muster, spoiled(muster, key, value, place)])
    kwargs = {} if own else {"features_extractor_class": PerceiverExtractor}
    model: Any = PPO(
        EntityPolicy if own else "MultiInputPolicy", env, policy_kwargs=kwargs, seed=0, **SIZES
    )
    with pytest.raises(ObservationError, match=message):
        model.learn(64)
    assert all(bool(torch.isfinite(p).all()) for p in model.policy.parameters())


def test_large_finite_numbers_are_no_error() -> None:
    space = spaces.Box(-np.inf, np.inf, (3, 2), np.float32)
    extractor = PerceiverExtractor(space)
    with torch.no_grad():
        extractor(torch.full((2, 3, 2), 3e38))


@pytest.mark.parametrize("policy", [EntityPolicy, MaskableEntityPolicy])
def test_a_mask_without_a_legal_action_type_stops_the_rollout(muster: Any, policy: Any) -> None:
    env = DummyVecEnv([muster, spoiled(muster, "action_type_mask", 0, (slice(None),))])
    algorithm: Any = PPO if policy is EntityPolicy else MaskablePPO
    kwargs: dict[str, Any] = {} if policy is EntityPolicy else {"use_masking": False}
    message = "'action_type_mask' of environment 1 forbids every action type; allow one"
    with pytest.raises(ObservationError, match=message):
        algorithm(policy, env, seed=0, **SIZES).learn(64, **kwargs)


def test_a_mask_without_a_selectable_entity_stops_the_rollout() -> None:
    space = spaces.Dict(
        {
            "entities": spaces.Box(0, 1, (3, 1), np.float32),
            "entity_mask": spaces.MultiBinary(3),
            "selectable_mask": spaces.MultiBinary(3),
        }
    )
    policy = EntityPolicy(space, SelectEntity(3), lambda _: 1e-3)
    batch = {
        "entities": torch.zeros(2, 3, 1),
        "entity_mask": torch.tensor([[1, 1, 0], [1, 1, 0]]),
        "selectable_mask": torch.tensor([[1, 0, 0], [0, 0, 1]]),
    }
    with pytest.raises(ObservationError, match="'selectable_mask' of environment 1 forbids every"):
        policy(batch)


@pytest.mark.parametrize(
    ("algorithm", "actions"),
    [
        (DQN, spaces.Discrete(2)),
        (QRDQN, spaces.Discrete(2)),
        (SAC, spaces.Box(-1, 1, (2,), np.float32)),
        (TD3, spaces.Box(-1, 1, (2,), np.float32)),
        (TQC, spaces.Box(-1, 1, (2,), np.float32)),
    ],
)
def test_an_off_policy_algorithm_is_told_to_take_the_extractor(
    algorithm: Any, actions: Any
) -> None:
    class Still(gym.Env[Any, Any]):
        observation_space = spaces.Box(0, 1, (3, 1), np.float32)
        action_space = actions

    with pytest.raises(AttributeError, match="In DQN, QRDQN, SAC, TD3 or TQC use 'MultiInputPol"):
        algorithm(EntityPolicy, Still(), buffer_size=8)


@pytest.mark.parametrize("algorithm", [DQN, SAC])
def test_an_algorithm_without_multi_discrete_says_which_ones_act_in_the_space(
    muster: Any, algorithm: Any
) -> None:
    with pytest.raises(AssertionError, match="UnitActionSpace.*for PPO, A2C, TRPO, MaskablePPO"):
        algorithm("MultiInputPolicy", muster(), buffer_size=8)


def test_encoder_sizes_that_do_not_divide_are_refused_with_both_numbers(muster: Any) -> None:
    env = muster()
    for encoder, sizes in (
        ("perceiver", {"latent_width": 30, "self_heads": 4}),
        ("transformer", {"heads": 0}),
    ):
        with pytest.raises(ValueError, match=r"30.*4|heads"):
            EntityPolicy(
                env.observation_space,
                env.action_space,
                lambda _: 1e-3,
                encoder=encoder,
                encoder_kwargs=sizes,
            )
