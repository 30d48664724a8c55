"""From settings to an environment and an algorithm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from perceiver_rl.agents.config import EnvConfig, PolicyConfig, TrainConfig
from perceiver_rl.agents.errors import ConfigError
from perceiver_rl.agents.models import build_model, build_policy, count_parameters
from perceiver_rl.agents.models import make_training_env as make_env
from perceiver_rl.agents.seeds import sampling_seed, training_seed


@pytest.mark.parametrize("steps_done", [0, 640])
def test_games_and_samples_have_the_seeds_of_the_part_of_the_run(
    tiny: TrainConfig, steps_done: int
) -> None:
    config = replace(tiny, seed=3)
    model: Any = build_model(config, make_env(config.env, config.seed, steps_done), steps_done)
    first = training_seed(3, steps_done)
    assert model.env._seeds == [first, first + 1, first + 2, first + 3]
    assert model.seed == sampling_seed(3, steps_done)


def test_settings_reach_the_algorithm_and_the_policy(tiny: TrainConfig) -> None:
    policy = PolicyConfig(encoder="transformer", selection="pointer")
    config = replace(tiny, policy=policy, ppo=replace(tiny.ppo, gamma=0.5, ent_coef=0.125))
    model: Any = build_model(config, make_env(config.env, 0))
    assert (model.gamma, model.ent_coef, model.n_steps, model.batch_size) == (0.5, 0.125, 16, 32)
    assert (model.policy.encoder_name, model.policy.selection_name) == ("transformer", "pointer")


@pytest.mark.parametrize(("schedule", "halfway"), [("linear", 0.5), ("constant", 1.0)])
def test_the_learning_rate_falls_or_stays(tiny: TrainConfig, schedule: Any, halfway: float) -> None:
    config = replace(tiny, ppo=replace(tiny.ppo, learning_rate=0.01, schedule=schedule))
    model = build_model(config, make_env(config.env, 0))
    assert model.lr_schedule(1.0) == pytest.approx(0.01)
    assert model.lr_schedule(0.5) == pytest.approx(0.01 * halfway)


def test_sizes_that_do_not_exist_are_errors_of_the_settings(tiny: TrainConfig) -> None:
    config = replace(tiny, policy=PolicyConfig(head_kwargs={"key_widht": 3}))
    with pytest.raises(ConfigError, match=r"policy: .*'key_widht'.*did you mean 'key_width'"):
        build_model(config, make_env(config.env, 0))
    with pytest.raises(ConfigError, match=r"unknown option .* 'rewards'.*did you mean 'reward'"):
        make_env(EnvConfig(options={"rewards": "win"}), 0)


def test_shared_parameters_count_once(tiny: TrainConfig) -> None:
    env = make_env(tiny.env, 0)
    shared, separate = (
        build_policy(
            PolicyConfig(share_features_extractor=share), env.observation_space, env.action_space
        )
        for share in (True, False)
    )
    extractor = count_parameters(shared.features_extractor)
    assert count_parameters(separate) - count_parameters(shared) == extractor
