"""Losses besides the reward."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.logger import configure

from perceiver_rl.envs import make_vec
from perceiver_rl.sb3 import (
    AuxiliaryLosses,
    EntityExtractor,
    EntityPolicy,
    HiddenColumns,
    PerceiverExtractor,
)
from perceiver_rl.spaces import Column, EntitySpace

COLUMNS = (
    Column("x", low=0, high=4),
    Column("kind", "category", size=3),
    Column("hurt", "binary"),
    Column("life", low=-1, high=1),
)
SPACE = spaces.Dict({"entities": EntitySpace(COLUMNS, 4), "entity_mask": spaces.MultiBinary(4)})


def an_extractor(**kwargs: Any) -> EntityExtractor:
    torch.manual_seed(0)
    return EntityExtractor(SPACE, **kwargs)


def batch_of(count: int, seed: int = 0) -> dict[str, torch.Tensor]:
    draw = np.random.default_rng(seed)
    entities = np.stack(
        [
            draw.uniform(0, 4, (count, 4)),
            draw.integers(0, 3, (count, 4)),
            draw.integers(0, 2, (count, 4)),
            draw.uniform(-1, 1, (count, 4)),
        ],
        axis=-1,
    )
    mask = np.ones((count, 4))
    mask[:, 3] = 0
    return {
        "entities": torch.tensor(entities, dtype=torch.float32),
        "entity_mask": torch.tensor(mask, dtype=torch.float32),
    }


def hiding(*names: str, rows: tuple[int, ...] = (0, 1, 2)) -> torch.Tensor:
    hidden = torch.zeros(1, 4, len(COLUMNS))
    for row in rows:
        hidden[0, row] = torch.tensor([float(column.name in names) for column in COLUMNS])
    return hidden


@pytest.mark.parametrize("encoder", ["perceiver", "transformer", "mlp"])
def test_what_is_hidden_cannot_be_seen(encoder: str) -> None:
    losses = HiddenColumns(an_extractor(encoder=encoder), COLUMNS, ("x",))
    guesses: list[Any] = []
    losses.guess.register_forward_hook(lambda module, args, out: guesses.append(out.detach()))
    one = batch_of(1)
    other = {**one, "entities": one["entities"].clone()}
    other["entities"][0, 1, 1:] = torch.tensor([2.0, 1.0, 0.7]) - other["entities"][0, 1, 1:]
    for batch in (one, other):
        losses.masked_loss(batch, hiding("kind", "hurt", "life", rows=(1,)))
    torch.testing.assert_close(guesses[0], guesses[1])
    losses.masked_loss(other, hiding("kind", rows=(1,)))  # life and hurt can be seen
    assert not torch.allclose(guesses[0], guesses[2])


def test_the_error_is_the_mean_over_what_is_hidden() -> None:
    losses = HiddenColumns(an_extractor(), COLUMNS, ())
    guesses: list[Any] = []
    losses.guess.register_forward_hook(lambda module, args, out: guesses.append(out.detach()))
    batch = batch_of(1)
    loss = losses.masked_loss(batch, hiding("x", "kind", "hurt", "life"))
    expected = []
    for row in range(3):
        x, kind, hurt, life = batch["entities"][0, row].tolist()
        guess = guesses[0][0, row]
        expected += [
            (guess[0] - (x / 2 - 1)) ** 2,
            -guess[1:4].log_softmax(0)[int(kind)],
            -torch.nn.functional.logsigmoid(guess[4] if hurt else -guess[4]),
            (guess[5] - life) ** 2,
        ]
    torch.testing.assert_close(loss.detach(), torch.stack(expected).mean())
    assert losses.masked_loss(batch, torch.zeros(1, 4, 4)).item() == 0


def test_known_columns_and_absent_entities_are_never_hidden() -> None:
    losses = HiddenColumns(an_extractor(), COLUMNS, ("x",))
    present = batch_of(500)["entity_mask"] > 0.5
    hidden = losses.draw(present, 0.5, 0.4, torch.Generator().manual_seed(0))
    assert not hidden[..., 0].any()
    assert not hidden[:, 3].any()
    assert float(hidden[:, :3, 1:].mean()) == pytest.approx(0.2, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["masked", "reconstruction"])
def test_what_can_be_known_is_learned_and_the_rest_is_not(what: str) -> None:
    """Life of an entity is that of its neighbour: hidden in one, it stands in the other."""
    extractor = an_extractor(encoder_kwargs={"num_latents": 8})
    losses = HiddenColumns(extractor, COLUMNS, ("x", "kind", "hurt"))
    optimizer = torch.optim.Adam([*extractor.parameters(), *losses.parameters()], lr=3e-3)

    def loss_of(seed: int, known: bool) -> torch.Tensor:
        batch = batch_of(256, seed)
        batch["entities"][:, 2, 3] = batch["entities"][:, 0, 3]
        batch["entities"][:, 2, 1] = batch["entities"][:, 0, 1] = 1
        batch["entities"][:, 1, 1] = 0
        if what == "reconstruction":
            return losses.reconstruction_loss(batch)
        hidden = hiding("life", rows=(0,) if known else (1,)).expand(256, -1, -1)
        return losses.masked_loss(batch, hidden)

    for seed in range(400):
        optimizer.zero_grad()
        (loss_of(seed, known=True) + loss_of(seed, known=False)).backward()
        optimizer.step()
    assert loss_of(1000, known=True).item() < 0.1
    if what == "masked":
        assert loss_of(1000, known=False).item() > 0.25  # the variance is 1 / 3


@pytest.mark.parametrize("weights", [{"masked": 0.5}, {"masked": 0.2, "reconstruction": 0.3}])
def test_their_gradient_joins_the_algorithms_own(weights: dict[str, Any]) -> None:
    env = make_vec("perceiver_rl/Battle-3m-v0", num_envs=4, seed=0)
    model = PPO(EntityPolicy, env, n_steps=4, batch_size=16, seed=0, device="cpu")
    callback = AuxiliaryLosses(**weights, max_grad_norm=1e9)
    callback.init_callback(model)
    callback.on_training_start({}, {})
    policy: Any = model.policy
    extractor = policy.features_extractor
    observation = policy.obs_to_tensor(env.reset())[0]
    observation = {key: value.float() for key, value in observation.items()}
    state = callback.generator.get_state()
    actions, _, _ = policy(observation)
    policy.optimizer.zero_grad()
    policy.evaluate_actions(observation, actions)[0].sum().backward()
    parameters = list(extractor.parameters())
    before = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in parameters]
    total = torch.zeros(())
    generator = torch.Generator()
    generator.set_state(state)
    if "masked" in weights:
        present = observation["entity_mask"] > 0.5
        hidden = callback.losses.draw(present, *callback.shares, generator)
        total = total + weights["masked"] * callback.losses.masked_loss(observation, hidden)
    if "reconstruction" in weights:
        loss = callback.losses.reconstruction_loss(observation)
        total = total + weights["reconstruction"] * loss
    expected = torch.autograd.grad(total, parameters, allow_unused=True)
    guessing = [p.detach().clone() for p in callback.losses.parameters()]
    policy.optimizer.step()
    for parameter, old, added in zip(parameters, before, expected, strict=True):
        if added is not None:
            torch.testing.assert_close(parameter.grad, old + added, rtol=1e-4, atol=1e-5)
    moved = [
        bool((a != b).any()) for a, b in zip(callback.losses.parameters(), guessing, strict=True)
    ]
    assert all(moved)


@pytest.mark.parametrize("algorithm", [PPO, A2C])
def test_training_logs_them_and_leaves_nothing_behind(tmp_path: Path, algorithm: Any) -> None:
    env = make_vec("perceiver_rl/Battle-3m-v0", num_envs=4, seed=0)
    kwargs = {"batch_size": 16} if algorithm is PPO else {}
    model = algorithm(EntityPolicy, env, n_steps=8, seed=0, device="cpu", **kwargs)
    model.set_logger(configure(str(tmp_path), ["csv"]))
    model.learn(96, callback=AuxiliaryLosses(masked=0.1, reconstruction=0.1), log_interval=1)
    model.logger.close()
    header = (tmp_path / "progress.csv").read_text().splitlines()[0]
    assert "auxiliary/masked" in header
    assert "auxiliary/reconstruction" in header
    assert not model.policy.features_extractor._forward_pre_hooks
    assert not model.policy.optimizer._optimizer_step_pre_hooks
    assert all(bool(p.isfinite().all()) for p in model.policy.parameters())


def test_they_work_with_the_extractor_alone() -> None:
    env = make_vec("perceiver_rl/Battle-3m-v0", num_envs=4, seed=0)
    kwargs = {"features_extractor_class": PerceiverExtractor, "ortho_init": False}
    model = PPO("MultiInputPolicy", env, n_steps=4, batch_size=16, policy_kwargs=kwargs)
    callback = AuxiliaryLosses(masked=0.1)
    model.learn(16, callback=callback)
    assert callback.optimizer.state  # it has guessed and learned


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({}, "one of them not 0"),
        ({"masked": -1.0, "reconstruction": 2.0}, "must not be negative"),
        ({"masked": 1.0, "entities": 0.0}, r"entities must be a share in \(0, 1\], not 0.0"),
        ({"masked": 1.0, "columns": 1.5}, "columns must be a share"),
    ],
)
def test_impossible_settings_are_refused(kwargs: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AuxiliaryLosses(**kwargs)


def test_policies_and_columns_that_do_not_fit_are_refused() -> None:
    env = make_vec("perceiver_rl/Battle-3m-v0", num_envs=2, seed=0)
    model = PPO(
        EntityPolicy, env, n_steps=4, batch_size=8, policy_kwargs={"encoder": "transformer"}
    )
    with pytest.raises(ValueError, match="reconstruction asks latents.*use encoder='perceiver'"):
        model.learn(8, callback=AuxiliaryLosses(reconstruction=0.1))
    with pytest.raises(ValueError, match="unknown column 'z'"):
        model.learn(8, callback=AuxiliaryLosses(masked=0.1, known=("z",)))
    with pytest.raises(ValueError, match="leaves no column to hide"):
        HiddenColumns(an_extractor(), COLUMNS, ("x", "kind", "hurt", "life"))
    with pytest.raises(ValueError, match="need a policy that reads entities, got MlpPolicy|Actor"):
        PPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8, device="cpu").learn(
            8, callback=AuxiliaryLosses(masked=0.1)
        )
