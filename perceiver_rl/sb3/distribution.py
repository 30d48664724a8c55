"""The unit-action head as a stable-baselines3 distribution."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.distributions import Distribution
from torch import Tensor, nn

from perceiver_rl.heads import ActionParts, HeadInputs, UnitActionHead
from perceiver_rl.spaces import ActionError


class UnitActionDistribution(Distribution):
    """Joint distribution over the actions of a ``UnitActionSpace``.

    ``entropy`` is the sum of the conditional entropies along the action that was sampled or scored
    last: an estimator whose expectation over sampled actions is the exact joint entropy.
    """

    def __init__(self) -> None:
        super().__init__()
        self._head: UnitActionHead | None = None
        self._inputs: HeadInputs | None = None
        self._last: ActionParts | None = None

    def proba_distribution_net(self, *args: Any, **kwargs: Any) -> nn.Module:
        """Build the head; arguments as :class:`UnitActionHead`'s."""
        return UnitActionHead(*args, **kwargs)

    def proba_distribution(
        self, inputs: HeadInputs, head: UnitActionHead
    ) -> UnitActionDistribution:
        """Set what the head decides from."""
        self._inputs, self._head, self._last = inputs, head, None
        return self

    def apply_masking(self, masks: Any) -> None:
        """Forbid what flat masks ``[B, A + 2 N + N + cells]`` forbid, besides the inputs' own.

        Raises:
            ActionError: If the masks have another size, or forbid to leave an entity unselected.
        """
        head, inputs = self._ready()
        self._inputs = _restrict(inputs, torch.as_tensor(masks, device=inputs.core.device), head)
        self._last = None

    def sample(self) -> Tensor:
        """Draw actions ``[B, 3 + N]``."""
        return self._draw(deterministic=False)

    def mode(self) -> Tensor:
        """Return the greedy actions ``[B, 3 + N]``: the best choice of each part in turn."""
        return self._draw(deterministic=True)

    def log_prob(self, actions: Tensor) -> Tensor:
        """Return the log-probability ``[B]`` of actions; -inf for one that a mask forbids."""
        return self.parts(actions).log_prob

    def entropy(self) -> Tensor:
        """Return the entropy estimate ``[B]`` along the last action."""
        if self._last is None:
            self.sample()
        assert self._last is not None  # sample() sets it
        return self._last.entropy

    def parts(self, actions: Tensor) -> ActionParts:
        """Score actions part by part; those drawn last are not computed again."""
        if self._last is None or actions is not self._last.actions:
            head, inputs = self._ready()
            # The rollout buffer returns actions as floats.
            self._last = head.evaluate(inputs, actions.long())
        return self._last

    def actions_from_params(
        self, inputs: HeadInputs, head: UnitActionHead, deterministic: bool = False
    ) -> Tensor:
        """Set the parameters and return actions."""
        return self.proba_distribution(inputs, head).get_actions(deterministic=deterministic)

    def log_prob_from_params(
        self, inputs: HeadInputs, head: UnitActionHead
    ) -> tuple[Tensor, Tensor]:
        """Set the parameters and return sampled actions with their log-probability."""
        actions = self.actions_from_params(inputs, head)
        return actions, self.log_prob(actions)

    def _ready(self) -> tuple[UnitActionHead, HeadInputs]:
        if self._head is None or self._inputs is None:
            raise RuntimeError("call proba_distribution(inputs, head) first")
        return self._head, self._inputs

    def _draw(self, deterministic: bool) -> Tensor:
        head, inputs = self._ready()
        self._last = head.sample(inputs, deterministic)
        return self._last.actions


def _restrict(inputs: HeadInputs, masks: Tensor, head: UnitActionHead) -> HeadInputs:
    """Return the inputs with the algorithm's flat masks taken into account.

    Raises:
        ActionError: If the masks have another size, or forbid to leave an entity unselected.
    """
    sizes = (inputs.types.shape[1], 2 * head.num_entities, head.num_entities, head.num_cells)
    masks = masks.reshape(len(inputs.core), -1).bool()
    if masks.shape[1] != sum(sizes):
        raise ActionError(
            f"action masks must have {' + '.join(map(str, sizes))} = {sum(sizes)} columns,"
            f" got {masks.shape[1]}"
        )
    types, selection, units, cells = masks.split(sizes, dim=1)
    leave, select = selection.unflatten(1, (-1, 2)).unbind(-1)
    if not bool(leave.all()):
        raise ActionError("action masks cannot force a selection: mask what may not be selected")
    return inputs._replace(
        types=inputs.types & types,
        selectable=inputs.selectable & select,
        targets=inputs.targets & units.unsqueeze(1),
        cells=cells,
    )
