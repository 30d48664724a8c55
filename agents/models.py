"""From settings to an environment, an algorithm and a policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv

from perceiver_rl.envs import make_vec
from perceiver_rl.sb3 import EntityPolicy, TorchDictRolloutBuffer

from .backends import open_training
from .checkpoint import Description, check_spaces, load_weights
from .config import Backend, EnvConfig, PolicyConfig, PPOConfig, TrainConfig
from .env_options import env_options
from .errors import ConfigError
from .seeds import sampling_seed, training_seed


def make_training_env(
    config: EnvConfig, seed: int, steps_done: int = 0, backend: Backend = "proxy"
) -> VecEnv:
    """Return the batch of games that a run learns from, seeded for its first or a later part.

    Raises:
        UserError: If the backend cannot play them.
    """
    first = training_seed(seed, steps_done)
    if backend != "proxy":
        return open_training(backend, config, first)
    return make_vec(
        config.id,
        num_envs=config.num_envs,
        seed=first,
        opponent=config.opponent,
        **env_options(config.options),
    )


def build_model(config: TrainConfig, env: VecEnv, steps_done: int = 0) -> PPO:
    """Return PPO with a new entity policy, seeded for a run's first or a later part.

    Raises:
        ConfigError: If the policy's settings name or size something that does not exist.
    """
    ppo = asdict(config.ppo)
    ppo["learning_rate"] = _learning_rate(config.ppo)
    del ppo["schedule"]
    try:
        model = PPO(
            EntityPolicy,
            env,
            policy_kwargs=asdict(config.policy),
            seed=sampling_seed(config.seed, steps_done),
            device=config.device,
            rollout_buffer_class=TorchDictRolloutBuffer,
            **ppo,
        )
    except ValueError as error:
        raise ConfigError(f"policy: {error}") from error
    env.seed(training_seed(config.seed, steps_done))  # PPO has seeded it with the sampling seed
    return model


def _learning_rate(config: PPOConfig) -> float | Callable[[float], float]:
    if config.schedule == "constant":
        return config.learning_rate
    return LinearSchedule(config.learning_rate, 0.0, 1.0)


def build_policy(
    config: PolicyConfig, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]
) -> EntityPolicy:
    """Return a new policy that plays but does not learn."""
    return EntityPolicy(observation_space, action_space, lambda _: 0.0, **asdict(config))


def load_policy(
    path: Path,
    description: Description,
    observation_space: spaces.Space[Any],
    action_space: spaces.Space[Any],
) -> EntityPolicy:
    """Return a checkpoint's policy for an environment that may hold other numbers of entities.

    Raises:
        CheckpointError: If it was made for other spaces, or its tensors do not fit.
    """
    check_spaces(description, observation_space, action_space, path)
    policy = build_policy(description.settings.policy, observation_space, action_space)
    load_weights(policy, path)
    policy.set_training_mode(False)
    return policy


def count_parameters(policy: torch.nn.Module) -> int:
    """Count a policy's parameters, shared ones once."""
    return sum(parameter.numel() for parameter in policy.parameters())
