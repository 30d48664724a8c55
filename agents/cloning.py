"""Behavioural cloning: maximum likelihood of recorded actions, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from perceiver_rl.heads import PARTS, HeadInputs, UnitActionHead
from perceiver_rl.sb3 import EntityPolicy
from perceiver_rl.spaces import (
    ENTITIES,
    ENTITY_MASK,
    SELECTABLE_MASK,
    TARGET_MASK,
    UnitActionSpace,
)

from .cloning_config import CloningConfig
from .demonstrations import Batch, Demonstrations

_ENTITY_AXIS = {ENTITIES: 1, ENTITY_MASK: 1, SELECTABLE_MASK: 1, TARGET_MASK: 2}


class Losses(NamedTuple):
    """Sums over steps.

    Args:
        steps: How many steps.
        used: ``[6]``, how many of them use each part of an action (``PARTS``).
        nll: ``[6]``, negative log-likelihood of each part, in nats.
        squared_error: Of the critic, in units of the variance of returns.
        agreeing: ``[6]``, greedy choices that are the teacher's, where the part is used.
    """

    steps: int
    used: NDArray[np.float64]
    nll: NDArray[np.float64]
    squared_error: float
    agreeing: NDArray[np.float64]

    def plus(self, other: Losses) -> Losses:
        """Return the sums over both."""
        return Losses(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))  # type: ignore[operator]

    def means(self, with_agreement: bool) -> dict[str, float | None]:
        """Return plain values: ``nll`` per step, and per part ``nll_<part>`` where it is used.

        A part that no step uses has None.
        """
        result: dict[str, float | None] = {
            "nll": float(self.nll.sum()) / self.steps,
            "value_error": self.squared_error / self.steps,
        }
        for at, part in enumerate(PARTS):
            count = self.used[at]
            result[f"nll_{part}"] = float(self.nll[at] / count) if count else None
            if with_agreement:
                result[f"accuracy_{part}"] = float(self.agreeing[at] / count) if count else None
        return result


NOTHING = Losses(0, np.zeros(len(PARTS)), np.zeros(len(PARTS)), 0.0, np.zeros(len(PARTS)))


class Cloning:
    """A policy that learns from demonstrations.

    Everything that is random comes from the seed and the epoch, so a run that is continued from
    what it kept after an epoch goes on bit for bit.

    Args:
        policy: Changed in place.
        demonstrations: What to learn from.
        config: How.
        gamma: Discount of the returns that the critic learns.
        seed: Of the order of steps and of the exchange of rows.
    """

    def __init__(
        self,
        policy: EntityPolicy,
        demonstrations: Demonstrations,
        config: CloningConfig,
        gamma: float,
        seed: int,
    ) -> None:
        self.policy = policy
        self.demonstrations = demonstrations
        self.config = config
        self.seed = seed
        self.learning, self.validating = demonstrations.split(config.validation)
        self.returns = demonstrations.returns(gamma)
        spread = float(self.returns[self.learning].var())
        self._value_scale = 1.0 / spread if spread > 0 else 1.0
        self.optimizer = torch.optim.Adam(policy.parameters(), lr=config.learning_rate, eps=1e-5)
        self.batches = math.ceil(len(self.learning) / config.batch_size)

    def epoch(self, number: int, after_batch: Callable[[], bool] = lambda: True) -> Losses | None:
        """Learn from every step once.

        Args:
            number: Counts from 0.
            after_batch: Called after every minibatch; learning is dropped when it says False.

        Returns:
            The losses before each update; None where learning was dropped.
        """
        rng = np.random.default_rng([self.seed, number])
        order = rng.permutation(self.learning)
        self.policy.set_training_mode(True)
        total = NOTHING
        for at, steps in enumerate(np.array_split(order, self.batches)):
            batch = self._batch(steps)
            if self.config.shuffle_entities:
                batch = exchange_rows(batch, rng, self.demonstrations.action_space)
            done = (number * self.batches + at) / (self.config.epochs * self.batches)
            for group in self.optimizer.param_groups:
                group["lr"] = self._learning_rate(done)
            total = total.plus(self._update(batch))
            if not after_batch():
                return None
        return total

    def validate(self, with_agreement: bool = False) -> Losses:
        """Score the episodes that are held back; accuracies cost a pass more."""
        self.policy.set_training_mode(False)
        total = NOTHING
        with torch.no_grad():
            for steps in self._pieces(self.validating):
                batch = self._batch(steps)
                total = total.plus(self._score(batch, 0.0, with_agreement)[1])
        return total

    def _pieces(self, steps: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        for start in range(0, len(steps), self.config.batch_size):
            yield steps[start : start + self.config.batch_size]

    def _batch(self, steps: NDArray[np.int64]) -> Batch:
        steps = np.sort(steps)  # neighbours in the file are read together
        demonstrations = self.demonstrations
        return Batch(
            demonstrations.observation(steps), demonstrations.actions(steps), self.returns[steps]
        )

    def _learning_rate(self, done: float) -> float:
        shapes = {
            "constant": 1.0,
            "linear": 1.0 - done,
            "cosine": 0.5 + 0.5 * math.cos(math.pi * done),
        }
        return self.config.learning_rate * shapes[self.config.schedule]

    def _update(self, batch: Batch) -> Losses:
        loss, losses = self._score(batch, self.config.label_smoothing, False)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        return losses

    def _score(self, batch: Batch, smoothing: float, with_agreement: bool) -> tuple[Tensor, Losses]:
        observation, _ = self.policy.obs_to_tensor(batch.observation)
        actions = torch.from_numpy(batch.actions).to(self.policy.device)
        returns = torch.from_numpy(batch.returns).to(self.policy.device)
        inputs, values = read(self.policy, observation)
        head = self.policy.action_net
        assert isinstance(head, UnitActionHead)  # built by the policy
        log_probs = head.evaluate(inputs, actions, smoothing).log_probs
        error = (values - returns).square() * self._value_scale
        loss = self.config.value_weight * error.mean() - log_probs.sum(-1).mean()
        used = head.uses[actions[:, 0]]
        agreeing = torch.zeros_like(used)
        if with_agreement:
            agreeing = head.agreement(inputs, actions) & used
        losses = Losses(
            len(actions),
            _sums(head, used),
            -_sums(head, log_probs),
            float(error.detach().sum()),
            _sums(head, agreeing),
        )
        return loss, losses


def _sums(head: UnitActionHead, values: Tensor) -> NDArray[np.float64]:
    """Return sums in the order of ``PARTS``; a part that the head does not have has 0."""
    sums = np.zeros(len(PARTS))
    positions = [PARTS.index(part) for part in head.parts]
    sums[positions] = values.detach().double().sum(0).cpu().numpy()
    return sums


def read(policy: EntityPolicy, observation: Any) -> tuple[HeadInputs, Tensor]:
    """Return what the action head decides from, and the critic's values ``[B]``."""
    features = policy.extract_features(observation)
    if policy.share_features_extractor:
        actor, critic = policy.mlp_extractor(features)
    else:
        actor = policy.mlp_extractor.forward_actor(features[0])
        critic = policy.mlp_extractor.forward_critic(features[1])
    return policy.head_inputs(actor), policy.value_net(critic).squeeze(-1)


def exchange_rows(batch: Batch, rng: np.random.Generator, space: UnitActionSpace) -> Batch:
    """Give every step's entities another order, with the masks and the action that go with it.

    The order carries no meaning, so the step stays as true as it was. The pointer picks in
    ascending row, so it learns to pick the same units in another order; every set keeps its one
    sequence of picks and its exact probability, which changes with the order of the rows.
    """
    count, width = batch.observation[ENTITY_MASK].shape
    order = rng.permuted(np.broadcast_to(np.arange(width), (count, width)), axis=1)
    observation = dict(batch.observation)
    for key, axis in _ENTITY_AXIS.items():
        if key in observation:
            value = observation[key]
            shape = [count] + [1] * (value.ndim - 1)
            shape[axis] = width
            observation[key] = np.take_along_axis(value, order.reshape(shape), axis)
    actions = batch.actions.copy()
    actions[:, space.selection] = np.take_along_axis(actions[:, space.selection], order, 1)
    target = space.position("target_unit")
    actions[:, target] = np.argsort(order, axis=1)[np.arange(count), actions[:, target]]
    return Batch(observation, actions, batch.returns)
