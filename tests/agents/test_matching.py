"""Sizing the Perceiver to the Transformer."""

from __future__ import annotations

from typing import Any

import pytest

from perceiver_rl.agents.config import PolicyConfig
from perceiver_rl.agents.errors import ConfigError
from perceiver_rl.agents.matching import TOLERANCE, match_arms
from perceiver_rl.agents.models import build_policy
from perceiver_rl.envs import BatchedEnv

ARMS = {
    "perceiver": PolicyConfig(),
    "transformer": PolicyConfig(encoder="transformer"),
    "mlp": PolicyConfig(encoder="mlp"),
}


@pytest.mark.parametrize("quantity", ["parameters", "flops"])
@pytest.mark.parametrize("env", ["Battle-3m", "Battle-64m"])
def test_the_sized_perceiver_costs_what_the_transformer_costs(quantity: Any, env: str) -> None:
    games = BatchedEnv(env, 1)
    perceiver, transformer, mlp = match_arms(ARMS, quantity, games.entity_space.max_entities)
    assert perceiver.ratio == pytest.approx(1, abs=TOLERANCE)
    assert transformer.ratio == 1
    assert transformer.policy == ARMS["transformer"]
    assert (mlp.policy, mlp.ratio) == (ARMS["mlp"], None)
    built = [
        build_policy(each.policy, games.observation_space, games.action_space)
        for each in (perceiver, transformer)
    ]
    costs = [
        policy.encoder_parameters() if quantity == "parameters" else policy.count_encoder_flops()
        for policy in built
    ]
    assert costs[0] == pytest.approx(costs[1], rel=TOLERANCE)


def test_the_same_width_changes_nothing() -> None:
    assert {each.arm: each.policy for each in match_arms(ARMS, "width", 16)} == ARMS


def test_without_a_transformer_there_is_nothing_to_match() -> None:
    with pytest.raises(ConfigError, match="one size of the transformer"):
        match_arms({"perceiver": PolicyConfig()}, "flops", 16)


def test_a_size_that_cannot_be_reached_is_refused() -> None:
    huge = PolicyConfig(encoder="transformer", encoder_kwargs={"num_layers": 200})
    with pytest.raises(ConfigError, match="no Perceiver with at most 6 latents"):
        match_arms({"perceiver": PolicyConfig(), "transformer": huge}, "flops", 6)
