"""The rollout buffer on the device gives exactly the stock buffer's training run."""

from typing import Any

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import DictRolloutBuffer
from stable_baselines3.common.env_util import make_vec_env

from perceiver_rl.sb3 import EntityPolicy, TorchDictRolloutBuffer


def trained(muster: Any, buffer: type[DictRolloutBuffer]) -> PPO:
    env = make_vec_env(muster, n_envs=3, seed=0)
    model = PPO(
        EntityPolicy,
        env,
        n_steps=8,
        batch_size=12,
        n_epochs=2,
        seed=0,
        device="cpu",
        rollout_buffer_class=buffer,
    )
    return model.learn(48)


def test_training_is_bit_for_bit_that_of_the_stock_buffer(muster: Any) -> None:
    ours, stock = (trained(muster, b) for b in (TorchDictRolloutBuffer, DictRolloutBuffer))
    for a, b in zip(ours.policy.parameters(), stock.policy.parameters(), strict=True):
        assert torch.equal(a, b)


def test_an_epoch_holds_every_sample_once_and_in_a_new_order(muster: Any) -> None:
    buffer = trained(muster, TorchDictRolloutBuffer).rollout_buffer
    epochs = [torch.cat([batch.old_log_prob for batch in buffer.get(7)]) for _ in range(2)]
    assert not torch.equal(*epochs)
    assert torch.equal(*(epoch.sort().values for epoch in epochs))


def test_a_new_rollout_replaces_the_old_one(muster: Any) -> None:
    model = trained(muster, TorchDictRolloutBuffer)
    old = torch.cat([batch.old_log_prob for batch in model.rollout_buffer.get()])
    model.learn(24)
    new = torch.cat([batch.old_log_prob for batch in model.rollout_buffer.get()])
    assert not torch.equal(old.sort().values, new.sort().values)
