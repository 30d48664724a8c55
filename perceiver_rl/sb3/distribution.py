"""The unit-action head as a stable-baselines3 distribution."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import torch
from stable_baselines3.common.distributions import Distribution
from torch import Tensor, nn

from perceiver_rl.heads import ActionParts, Conditionals, HeadInputs, UnitActionHead
from perceiver_rl.spaces import ActionError


class UnitActionDistribution(Distribution):
    """Joint distribution over the actions of a ``UnitActionSpace``.

    ``entropy`` is the sum of the conditional entropies along the action that was sampled or scored
    last: an estimator whose expectation over sampled actions is the exact joint entropy.

    A copy keeps the weights that the head has now, as TRPO expects of the old policy.
    """

    def __init__(self) -> None:
        # The parent would only set ``distribution``, which is a property here.
        self._head: UnitActionHead | None = None
        self._inputs: HeadInputs | None = None
        self._last: ActionParts | None = None
        self._drawn = False

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

        Masks of ``queued`` (2) and of ``delay`` follow where the action space has them.

        Raises:
            ActionError: If the masks have another size, or forbid to leave an entity unselected.
        """
        head, inputs = self._ready()
        self._inputs = _restrict(inputs, torch.as_tensor(masks, device=inputs.core.device), head)
        self._last = None

    def apply_temperature(self, temperature: float) -> None:
        """Divide the logits of every part; with 0 the greedy action has probability 1."""
        self._inputs = self._ready()[1]._replace(temperature=temperature)
        self._last = None

    def sample(self) -> Tensor:
        """Draw actions ``[B, 1 + N + arguments]``."""
        return self._draw(deterministic=False)

    def mode(self) -> Tensor:
        """Return the greedy actions: the best choice of each part in turn."""
        return self._draw(deterministic=True)

    def log_prob(self, actions: Tensor) -> Tensor:
        """Return the log-probability ``[B]`` of actions; -inf for one that a mask forbids."""
        return self.parts(actions).log_prob

    def entropy(self) -> Tensor:
        """Return the entropy estimate ``[B]`` along the last action."""
        return self.last.entropy

    def kl(self, other: UnitActionDistribution) -> Tensor:
        """Estimate the KL divergence ``[B]`` to another distribution for the same observations.

        Each part's divergence is taken along actions that were sampled from this distribution, so
        the expectation of the sum is the exact divergence.

        Raises:
            ValueError: If the two have different parts or numbers of choices.
        """
        if not self._drawn or self._last is None:
            with torch.no_grad():
                self.sample()
        actions = self.last.actions
        return self.conditionals(actions).kl(other.conditionals(actions)).sum(-1)

    def conditionals(self, actions: Tensor) -> Conditionals:
        """Return the distribution of every part along given actions."""
        head, inputs = self._ready()
        return head.conditionals(inputs, actions)

    @property
    def last(self) -> ActionParts:
        """The actions that were sampled or scored last, part by part."""
        if self._last is None:
            self.sample()
        assert self._last is not None  # sample() sets it
        return self._last

    @property
    def part_names(self) -> tuple[str, ...]:
        """Names of the parts, in the order in which they are chosen."""
        return self._ready()[0].parts

    @property
    def somebody_present(self) -> Tensor:
        """``[B]``, True where an observation holds an entity."""
        inputs = self._ready()[1]
        if inputs.present is None:
            return inputs.selectable.new_ones(inputs.core.shape[0])
        return inputs.present.any(-1)

    @property
    def distribution(self) -> JointDistribution:  # type: ignore[override]  # an attribute there
        """What torch's ``kl_divergence``, and so stable-baselines3's, compares."""
        return JointDistribution(self)

    def parts(self, actions: Tensor) -> ActionParts:
        """Score actions part by part; those drawn last are not computed again."""
        if self._last is None or actions is not self._last.actions:
            head, inputs = self._ready()
            # The rollout buffer returns actions as floats.
            self._last, self._drawn = head.evaluate(inputs, actions.long()), False
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

    def __copy__(self) -> UnitActionDistribution:
        head, inputs = self._ready()
        twin = type(self)().proba_distribution(inputs, copy.deepcopy(head).requires_grad_(False))
        twin._last, twin._drawn = self._last, self._drawn
        return twin

    def _ready(self) -> tuple[UnitActionHead, HeadInputs]:
        if self._head is None or self._inputs is None:
            raise RuntimeError("call proba_distribution(inputs, head) first")
        return self._head, self._inputs

    def _draw(self, deterministic: bool) -> Tensor:
        head, inputs = self._ready()
        self._last, self._drawn = head.sample(inputs, deterministic), not deterministic
        return self._last.actions


class JointDistribution(torch.distributions.Distribution):
    """A :class:`UnitActionDistribution` for torch's registry of KL divergences."""

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, joint: UnitActionDistribution) -> None:
        super().__init__(validate_args=False)
        self.joint = joint


@torch.distributions.register_kl(JointDistribution, JointDistribution)  # type: ignore[untyped-decorator]
def _kl(first: JointDistribution, second: JointDistribution) -> Tensor:
    return first.joint.kl(second.joint)


def _restrict(inputs: HeadInputs, masks: Tensor, head: UnitActionHead) -> HeadInputs:
    """Return the inputs with the algorithm's flat masks taken into account.

    Raises:
        ActionError: If the masks have another size, or forbid to leave an entity unselected.
    """
    sizes = (inputs.types.shape[1], 2 * head.num_entities, *head.arguments.values())
    masks = masks.reshape(inputs.core.shape[0], -1).bool()
    if masks.shape[1] != sum(sizes):
        raise ActionError(
            f"action masks must have {' + '.join(map(str, sizes))} = {sum(sizes)} columns,"
            f" got {masks.shape[1]}"
        )
    types, selection, *rest = masks.split(sizes, dim=1)
    arguments = dict(zip(head.arguments, rest, strict=True))
    leave, select = selection.unflatten(1, (-1, 2)).unbind(-1)
    if not bool(leave.all()):
        raise ActionError("action masks cannot force a selection: mask what may not be selected")
    return inputs._replace(
        types=inputs.types & types,
        selectable=inputs.selectable & select,
        targets=inputs.targets & arguments["target_unit"].unsqueeze(1),
        cells=arguments["target_cell"],
        queued=arguments.get("queued"),
        delays=arguments.get("delay"),
    )
