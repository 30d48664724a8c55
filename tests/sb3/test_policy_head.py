"""What the whole head does inside stable-baselines3: timing, maps, temperature, entropies, KL."""

import copy
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib import TRPO, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.distributions import kl_divergence
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import configure
from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
    EventAccumulator,
)

from perceiver_rl.sb3 import (
    EntityPolicy,
    EntropyLogger,
    MaskableEntityPolicy,
    RecurrentEntityPolicy,
    load_resized,
)
from perceiver_rl.spaces import (
    ActionError,
    ActionType,
    Column,
    ContractError,
    EntitySpace,
    ObservationError,
    UnitActionSpace,
    observation_space,
)

Observation = dict[str, NDArray[Any]]
ALPHASTAR: dict[str, Any] = {
    "head_kwargs": {"type_blocks": 1, "cell_decoder": "auto", "cell_blocks": 2, "max_selected": 2},
    "spatial_kwargs": {"scatter_width": 4, "channels": (4, 6), "blocks": 2},
}
SIZES: dict[str, Any] = {"n_steps": 8, "batch_size": 16, "n_epochs": 2, "device": "cpu"}


class Relay(gym.Env[Observation, NDArray[np.int64]]):
    """Units on a map; an order may be queued and says how long to wait.

    Reward: 1 for a queued order, minus the delay as a share of the longest, plus 1 if the cell is
    the lit one of the minimap. The best return is 2.
    """

    DELAYS = 4
    action_space: UnitActionSpace
    observation_space: spaces.Dict  # type: ignore[assignment]  # gymnasium's Dict is not generic here

    def __init__(self, max_entities: int = 4) -> None:
        columns = [Column("x", low=0, high=8), Column("y", low=0, high=8), Column("hurt", "binary")]
        self.action_space = UnitActionSpace(
            [
                ActionType("wait"),
                ActionType("go", selects=True, target="point", queueable=True),
                ActionType("heal", selects=True, target="unit", queueable=True, delays=False),
            ],
            max_entities,
            grid=(4, 4),
            queued=True,
            max_delay=self.DELAYS,
        )
        self.observation_space = observation_space(
            EntitySpace(columns, max_entities),
            self.action_space,
            scalars=spaces.Box(0, 1, (2,), np.float32),
            minimap=spaces.Box(0, 1, (1, 8, 8), np.float32),
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        slots, rng = self.action_space.max_entities, self.np_random
        present = np.arange(slots) < rng.integers(2, slots + 1)
        rows = rng.uniform(0, 8, (slots, 3)).astype(np.float32)
        rows[:, 2] = rng.integers(0, 2, slots)
        rows[~present] = 0
        self.lit = tuple(int(place) for place in rng.integers(0, 4, 2))
        minimap = np.zeros((1, 8, 8), np.float32)
        minimap[0, 2 * self.lit[0] : 2 * self.lit[0] + 2, 2 * self.lit[1] : 2 * self.lit[1] + 2] = 1
        return {
            "entities": rows,
            "entity_mask": present.astype(np.int8),
            "scalars": rng.random(2).astype(np.float32),
            "minimap": minimap,
            "action_type_mask": np.array([0, 1, 1], np.int8),
            "selectable_mask": present.astype(np.int8),
            "target_mask": np.tile(present, (3, 1)).astype(np.int8),
        }, {}

    def step(
        self, action: NDArray[np.int64]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        order = self.action_space.decode(action)
        reward = order.queued - order.delay / (self.DELAYS - 1) + (order.target_cell == self.lit)
        return *self.reset()[:1], float(reward), True, False, {}

    def action_masks(self) -> NDArray[np.bool_]:
        """Forbid to queue, and the longest delay."""
        masks = np.ones(int(self.action_space.nvec.sum()), bool)
        masks[-self.DELAYS - 1] = False
        masks[-1] = False
        return masks


def batch_of(count: int, max_entities: int = 4) -> dict[str, np.ndarray]:
    env = Relay(max_entities)
    rows = [env.reset(seed=i)[0] for i in range(count)]
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


def a_policy(seed: int = 0, **kwargs: Any) -> Any:
    env = Relay()
    torch.manual_seed(seed)
    return EntityPolicy(env.observation_space, env.action_space, lambda _: 1e-3, **kwargs)


@pytest.mark.parametrize("selection", ["independent", "pointer"])
@pytest.mark.parametrize("algorithm", [PPO, A2C])
def test_the_whole_head_trains_and_survives_saving(
    tmp_path: Path, algorithm: Any, selection: str
) -> None:
    sizes = SIZES if algorithm is PPO else {"device": "cpu"}
    env = make_vec_env(Relay, n_envs=2, seed=0)
    model = algorithm(
        EntityPolicy, env, policy_kwargs={"selection": selection, **ALPHASTAR}, seed=0, **sizes
    )
    before = {name: p.clone() for name, p in model.policy.named_parameters()}
    model.learn(64)
    still = [n for n, p in model.policy.named_parameters() if torch.equal(p, before[n])]
    # These biases shift the logits of all units or cells alike, which changes no probability.
    alike = {"action_net.target_unit.key.bias", "action_net.target_cell.grow.1.bias"}
    assert set(still) <= alike
    assert all(bool(torch.isfinite(p).all()) for p in model.policy.parameters())
    model.save(tmp_path / "model.zip")
    batch = batch_of(50)
    actions, _ = model.predict(batch, deterministic=True)
    again, _ = algorithm.load(tmp_path / "model.zip", device="cpu").predict(
        batch, deterministic=True
    )
    np.testing.assert_array_equal(actions, again)
    if selection == "pointer":
        assert actions[:, 1:5].sum(1).max() <= 2
    for i, action in enumerate(model.predict(batch)[0]):
        model.action_space.check_legal(action, {key: value[i] for key, value in batch.items()})


def test_masks_of_maskable_ppo_cover_queued_and_delay() -> None:
    env = make_vec_env(Relay, n_envs=2, seed=0)
    model: Any = MaskablePPO(MaskableEntityPolicy, env, policy_kwargs=ALPHASTAR, **SIZES)
    model.learn(32)
    batch = batch_of(200)
    free, _ = model.predict(batch)
    assert free[:, -2].any()
    assert (free[:, -1] == 3).any()
    bound, _ = model.predict(batch, action_masks=np.tile(Relay().action_masks(), (200, 1)))
    assert not bound[:, -2].any()
    assert set(bound[:, -1]) == {0, 1, 2}


def test_recurrent_ppo_carries_maps_and_scalars_past_its_lstm() -> None:
    env = make_vec_env(Relay, n_envs=2, seed=0)
    model: Any = RecurrentPPO(
        RecurrentEntityPolicy, env, policy_kwargs={"core": "lstm", **ALPHASTAR}, **SIZES
    )
    model.learn(32)
    assert all(bool(torch.isfinite(p).all()) for p in model.policy.parameters())
    assert model.policy.lstm_actor.hidden_size == 64


def test_the_alphastar_preset_is_the_papers_and_runs() -> None:
    env = Relay()
    wanted = env.observation_space, env.action_space, lambda _: 1e-3
    policy = EntityPolicy(*wanted, preset="alphastar", selection="pointer", encoder="transformer")
    head: Any = policy.action_net
    assert len(head.action_type.trunk) == 18  # linear, 16 residual blocks, ReLU
    assert head.from_selection.out_features == 1024
    assert type(head.target_cell).__name__ == "UpsampleCell"
    assert head.selection.max_selected == 64
    actions, _ = policy.predict(batch_of(2))
    env.action_space.decode(actions[0])
    recurrent = RecurrentEntityPolicy(*wanted, preset="alphastar")
    assert (recurrent.lstm_actor.hidden_size, recurrent.lstm_actor.num_layers) == (384, 3)


@pytest.mark.parametrize("selection", ["independent", "pointer"])
@pytest.mark.parametrize("kwargs", [{}, ALPHASTAR], ids=["entities in cells", "scattered map"])
def test_order_and_padding_of_entities_change_nothing(
    selection: str, kwargs: dict[str, Any]
) -> None:
    policy = a_policy(selection=selection, **kwargs)
    batch = batch_of(30)
    order = np.array([2, 3, 0, 1])
    axes = {"entities": 1, "entity_mask": 1, "selectable_mask": 1, "target_mask": 2}
    noise = np.random.default_rng(0).uniform(0, 8, batch["entities"].shape)
    absent = batch["entity_mask"][..., None] == 0
    noisy = {**batch, "entities": np.where(absent, noise, batch["entities"]).astype(np.float32)}
    moved = {
        key: np.take(value, order, axes[key]) if key in axes else value
        for key, value in noisy.items()
    }
    actions, _ = policy.predict(batch)
    there = actions.copy()
    there[:, 1:5] = actions[:, 1:5][:, order]
    aimed = actions[:, 0] == 2
    there[:, 5] = np.where(aimed, np.argsort(order)[actions[:, 5]], 0)
    with torch.no_grad():
        one = policy.evaluate_actions(policy.obs_to_tensor(batch)[0], torch.tensor(actions))
        padded = policy.evaluate_actions(policy.obs_to_tensor(noisy)[0], torch.tensor(actions))
        other = policy.evaluate_actions(policy.obs_to_tensor(moved)[0], torch.tensor(there))
    for a, b in zip(one, padded, strict=True):
        torch.testing.assert_close(a, b)
    torch.testing.assert_close(one[0], other[0])
    if selection == "independent":  # the pointer picks in the order of the rows
        torch.testing.assert_close(one[1], other[1])


def test_where_entities_are_reaches_the_policy_through_the_map_alone() -> None:
    """The encoder sees the columns too, so their weights are set to zero."""
    policy = a_policy(encoder="mlp", **ALPHASTAR)
    with torch.no_grad():
        policy.features_extractor.embed.weight.zero_()
        policy.features_extractor.embed.bias.fill_(1.0)
    batch = batch_of(20)
    moved = {**batch, "entities": batch["entities"].copy()}
    moved["entities"][:, :, :2] = 8 - moved["entities"][:, :, :2]
    values = [
        policy.predict_values(policy.obs_to_tensor(observation)[0])
        for observation in (batch, moved)
    ]
    assert bool((values[0] != values[1]).any())


def test_an_entity_draws_orders_to_the_cell_that_it_is_in() -> None:
    """The encoder sees no columns; row 0 is at the low end of y, and a cell is 2 wide."""
    policy = a_policy(encoder="mlp")
    with torch.no_grad():
        policy.features_extractor.embed.weight.zero_()
        policy.features_extractor.embed.bias.fill_(1.0)
        policy.action_net.target_cell.entity.query.bias.fill_(1.0)
    batch = {key: value[:1].copy() for key, value in batch_of(1).items()}
    batch["entity_mask"][:] = [[1, 0, 0, 0]]
    logits = []
    for x, y in ((7.5, 2.5), (0.5, 6.5)):
        batch["entities"][0, :, :2] = x, y
        observation = policy.obs_to_tensor(batch)[0]
        inputs = policy.head_inputs(policy.extract_features(observation))
        logits.append(policy.action_net.target_cell(torch.ones(1, 64), inputs)[0])
    changed = (logits[0] - logits[1]).abs() > 1e-6
    assert changed.nonzero().flatten().tolist() == [1 * 4 + 3, 3 * 4 + 0]


def test_temperature_changes_play_and_not_training() -> None:
    policy = a_policy(selection="pointer")
    batch = batch_of(40)
    tensors, _ = policy.obs_to_tensor(batch)
    greedy, _ = policy.predict(batch, deterministic=True)
    before = policy.evaluate_actions(tensors, torch.tensor(greedy))
    policy.set_temperature(0.0)
    np.testing.assert_array_equal(policy.predict(batch)[0], greedy)
    certain = policy.get_distribution(tensors).log_prob(torch.tensor(greedy))
    torch.testing.assert_close(certain, torch.zeros(40))
    after = policy.evaluate_actions(tensors, torch.tensor(greedy))
    torch.testing.assert_close(after, before)
    torch.manual_seed(0)
    drawn, _, log_prob = policy(tensors)  # a rollout keeps temperature 1
    assert (drawn.numpy() != greedy).any()
    torch.testing.assert_close(policy.evaluate_actions(tensors, drawn)[1], log_prob)
    policy.set_temperature(0.5)
    cool = policy.get_distribution(tensors)
    actions = cool.sample()
    log_prob = cool.log_prob(actions)
    again = policy.get_distribution(tensors).log_prob(actions.clone())
    torch.testing.assert_close(again, log_prob)


@pytest.mark.parametrize(
    ("temperature", "message"),
    [(-1.0, "at least 0"), (float("nan"), "finite"), (float("inf"), "finite")],
)
def test_impossible_temperatures_are_refused(temperature: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        a_policy().set_temperature(temperature)


def test_a_temperature_needs_structured_actions() -> None:
    env = Relay()
    policy = EntityPolicy(
        spaces.Dict({key: env.observation_space[key] for key in ("entities", "entity_mask")}),
        spaces.Discrete(3),
        lambda _: 1e-3,
    )
    with pytest.raises(ActionError, match="a temperature needs a UnitActionSpace"):
        policy.set_temperature(0.5)


@pytest.mark.parametrize("selection", ["independent", "pointer"])
def test_kl_divergence_of_stable_baselines3_compares_two_policies(selection: str) -> None:
    one, two = (a_policy(seed, selection=selection, **ALPHASTAR) for seed in (0, 1))
    with torch.no_grad():
        for parameter in two.action_net.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    count = 4000
    batch = {key: np.repeat(value, count, 0) for key, value in batch_of(1).items()}
    tensors, _ = one.obs_to_tensor(batch)
    torch.manual_seed(0)
    with torch.no_grad():
        first, second = one.get_distribution(tensors), two.get_distribution(tensors)
        estimate = kl_divergence(first, second)
        actions = first.last.actions
        ratio = first.log_prob(actions) - second.log_prob(actions)
        assert not bool(kl_divergence(first, copy.copy(first)).any())
    error = (ratio - estimate).std() / count**0.5
    assert abs(float(estimate.mean() - ratio.mean())) < 5 * float(error)
    assert float(estimate.mean()) > 0
    assert bool((estimate >= -1e-4).all())


def test_a_copied_distribution_keeps_the_weights_of_its_time() -> None:
    policy = a_policy()
    tensors, _ = policy.obs_to_tensor(batch_of(10))
    with torch.no_grad():
        old = copy.copy(policy.get_distribution(tensors))
        actions = old.sample()
        before = old.log_prob(actions)
        for parameter in policy.action_net.parameters():
            parameter.add_(1.0)
        torch.testing.assert_close(old.log_prob(actions.clone()), before)
        assert float(kl_divergence(policy.get_distribution(tensors), old).mean()) > 0


def test_policies_of_different_actions_have_no_divergence(muster: Any) -> None:
    one, env = a_policy(), muster()
    two = EntityPolicy(env.observation_space, env.action_space, lambda _: 1e-3)
    rows = [env.reset(seed=0)[0]]
    other = {key: np.stack([row[key] for row in rows]) for key in rows[0]}
    first = one.get_distribution(one.obs_to_tensor(batch_of(1))[0])
    second = two.get_distribution(two.obs_to_tensor(other)[0])
    with pytest.raises(ValueError, match="no divergence between actions of the parts"):
        kl_divergence(first, second)


@pytest.mark.parametrize(
    ("algorithm", "policy"),
    [
        (PPO, EntityPolicy),
        (MaskablePPO, MaskableEntityPolicy),
        (RecurrentPPO, RecurrentEntityPolicy),
    ],
)
def test_entropies_of_all_parts_reach_tensorboard(
    tmp_path: Path, algorithm: Any, policy: Any
) -> None:
    model = algorithm(policy, make_vec_env(Relay, n_envs=2, seed=0), **SIZES)
    model.set_logger(configure(str(tmp_path), ["tensorboard"]))
    model.learn(48, EntropyLogger(), log_interval=1)
    model.logger.close()
    assert model.policy.entropy_meter is None
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    parts = ("action_type", "delay", "queued", "selection", "target_unit", "target_cell")
    assert {f"entropy/{part}" for part in parts} <= set(events.Tags()["scalars"])
    (first, *_) = events.Scalars("entropy/action_type")
    assert first.value == pytest.approx(np.log(2), abs=0.05)  # two legal types, untrained
    delays = 3 if algorithm is MaskablePPO else 4
    assert events.Scalars("entropy/delay")[0].value == pytest.approx(np.log(delays), abs=0.05)


def test_entropies_need_an_entity_policy() -> None:
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8, device="cpu")
    with pytest.raises(ValueError, match="EntropyLogger needs an entity policy, got ActorCritic"):
        model.learn(8, EntropyLogger())


def test_cores_and_maps_that_a_policy_cannot_have_are_refused_with_a_hint(muster: Any) -> None:
    with pytest.raises(ValueError, match="core='lstm' needs RecurrentEntityPolicy, with Recurrent"):
        a_policy(core="lstm")
    with pytest.raises(ValueError, match="unknown core 'lsmt'.*'lstm'"):
        a_policy(core="lsmt")
    env, wanted = Relay(), lambda _: 1e-3
    with pytest.raises(ValueError, match="core='mlp' needs EntityPolicy"):
        RecurrentEntityPolicy(env.observation_space, env.action_space, wanted, core="mlp")
    with pytest.raises(ValueError, match="unknown spatial setting 'block'.*'blocks'"):
        a_policy(spatial_kwargs={"block": 2})
    other = muster()
    spaces_of = other.observation_space, other.action_space, wanted
    with pytest.raises(ObservationError, match="spatial_kwargs=.* need a 'minimap'"):
        EntityPolicy(*spaces_of, spatial_kwargs={"blocks": 2})
    with pytest.raises(ValueError, match="'upsample' needs an observation with a minimap"):
        EntityPolicy(*spaces_of, head_kwargs={"cell_decoder": "upsample"})
    placeless = spaces.Dict(
        {
            **env.observation_space.spaces,
            "entities": EntitySpace([Column("hurt", "binary")], 4),
        }
    )
    with pytest.raises(ObservationError, match="scatter_width needs entities with columns 'x' and"):
        EntityPolicy(placeless, env.action_space, wanted, spatial_kwargs={"scatter_width": 4})


def test_an_agent_with_map_and_timing_moves_to_another_number_of_entities(tmp_path: Path) -> None:
    env = make_vec_env(Relay, n_envs=2, seed=0)
    PPO(EntityPolicy, env, policy_kwargs=ALPHASTAR, **SIZES).save(tmp_path / "small.zip")
    large = make_vec_env(Relay, n_envs=2, seed=0, env_kwargs={"max_entities": 9})
    model: Any = load_resized(tmp_path / "small.zip", large, device="cpu")
    assert model.predict(large.reset())[0].shape == (2, 1 + 9 + 4)
    other = Relay()
    space = other.action_space
    other.action_space = UnitActionSpace(space.types, 4, (4, 4), queued=True, max_delay=7)
    with pytest.raises(ContractError, match="max_delay=4.*max_delay=7"):
        load_resized(tmp_path / "small.zip", other, device="cpu")


def test_trpo_trains_with_the_registered_divergence(muster: Any) -> None:
    env = make_vec_env(muster, n_envs=2, seed=0)
    model = TRPO(EntityPolicy, env, n_steps=16, batch_size=32, device="cpu", seed=0)
    before = [parameter.clone() for parameter in model.policy.action_net.parameters()]
    model.learn(64)
    after = list(model.policy.action_net.parameters())
    assert any(bool((a != b).any()) for a, b in zip(before, after, strict=True))


@pytest.mark.slow
def test_ppo_learns_to_queue_to_wait_not_and_to_aim_by_the_map() -> None:
    env = make_vec_env(Relay, n_envs=16, seed=0)
    kwargs = {
        "encoder": "mlp",
        "head_kwargs": {"cell_decoder": "auto", "cell_blocks": 1},
        "spatial_kwargs": {"channels": (8,), "blocks": 1, "scatter_width": 2},
    }
    model = PPO(
        EntityPolicy,
        env,
        seed=0,
        device="cpu",
        n_steps=32,
        batch_size=128,
        n_epochs=4,
        learning_rate=3e-3,
        policy_kwargs=kwargs,
    )
    model.learn(4096)
    env.seed(1)
    observation: Any = env.reset()
    rewards = []
    for _ in range(10):
        observation, reward, _, _ = env.step(model.predict(observation, deterministic=True)[0])
        rewards.append(reward.mean())
    assert np.mean(rewards) > 1.8  # of at most 2; whoever does not see the map gets 1 + 1 / 16


def test_what_a_rollout_chose_can_be_trained_on() -> None:
    policy = a_policy()
    with torch.no_grad():
        actions, values, log_prob = policy(policy.obs_to_tensor(batch_of(5))[0])
    weight = torch.ones(1, requires_grad=True)
    ((values.squeeze(1) + log_prob) * weight).sum().backward()
    assert weight.grad is not None
    evaluated = policy.evaluate_actions(policy.obs_to_tensor(batch_of(5))[0], actions)
    torch.testing.assert_close(evaluated[0], values)
    torch.testing.assert_close(evaluated[1], log_prob)
    evaluated[1].sum().backward()
