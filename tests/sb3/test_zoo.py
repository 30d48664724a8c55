"""The hyperparameters for rl_zoo3 build what they name."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
import yaml
from stable_baselines3 import PPO

import perceiver_rl  # noqa: F401  # registers the environments
from perceiver_rl.sb3 import EntityPolicy

FILE = Path(__file__).parents[2] / "configs" / "zoo" / "ppo.yml"
SETTINGS: dict[str, Any] = yaml.safe_load(FILE.read_text())
OF_THE_ZOO = {"policy", "n_envs", "n_timesteps", "policy_kwargs"}


@pytest.mark.parametrize("env_id", [name for name in SETTINGS if name != "default"])
def test_the_hyperparameters_of_an_environment_build_its_policy(env_id: str) -> None:
    settings = SETTINGS[env_id]
    module, _, name = settings["policy"].rpartition(".")
    assert getattr(importlib.import_module(module), name) is EntityPolicy
    assert set(settings) - OF_THE_ZOO <= set(inspect.signature(PPO).parameters)
    assert settings["n_steps"] * settings["n_envs"] % settings["batch_size"] == 0
    env = gym.make(env_id)
    kwargs = eval(settings["policy_kwargs"], {"dict": dict})  # as rl_zoo3 does
    EntityPolicy(env.observation_space, env.action_space, lambda _: 1e-3, **kwargs)
