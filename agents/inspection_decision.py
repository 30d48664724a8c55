"""What a policy sees and prefers in one observation, as it decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from perceiver_rl.entities import EntityAttention
from perceiver_rl.heads import Conditionals, ScoredCoins, ScoredPicks
from perceiver_rl.heads.categorical import ILLEGAL
from perceiver_rl.sb3 import EntityPolicy
from perceiver_rl.sb3.distribution import UnitActionDistribution

from .players import Observation

Floats: TypeAlias = NDArray[np.float32]
Bits: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of an action, given the parts before it.

    Args:
        log_prob: Of what was chosen.
        entropy: In nats.
    """

    log_prob: float
    entropy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Picks:
    """A selection by a pointer.

    Args:
        slots: Entities in the order of the picks; N is the end token.
        probs: ``[T, N + 1]``, of every entity and of the end token, at each pick.
    """

    slots: tuple[int, ...]
    probs: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An action and all that it was chosen from.

    What the action type does not use is None.

    Args:
        action: ``[3 + N]``, canonical.
        value: The critic's estimate of the discounted return from here.
        type_probs: ``[A]``.
        legal_types: ``[A]``.
        parts: By name, those that the action uses.
        selected: ``[N]``.
        selectable: ``[N]``.
        membership: ``[N]``, probability of each entity to be selected; None for a pointer.
        picks: What a pointer did; None for the other head.
        target_unit: The one chosen.
        target_probs: ``[N]``, of target units.
        legal_targets: ``[N]``.
        target_cell: The one chosen.
        cell_probs: ``[G_r * G_c]``, of target cells in row-major order.
        attention: Of the entity encoder; None for one that relates no entities.
    """

    action: NDArray[np.int64]
    value: float
    type_probs: Floats
    legal_types: Bits
    parts: dict[str, Part]
    selected: Bits | None
    selectable: Bits
    membership: Floats | None
    picks: Picks | None
    target_unit: int | None
    target_probs: Floats | None
    legal_targets: Bits | None
    target_cell: int | None
    cell_probs: Floats | None
    attention: EntityAttention | None


@torch.no_grad()
def decide(policy: EntityPolicy, observation: Observation, deterministic: bool) -> Decision:
    """Let a policy choose an action, as its ``predict`` does, and say what it was chosen from.

    Args:
        policy: The policy.
        observation: Of a single game, ``[1, ...]``.
        deterministic: Take the most probable action; sampled ones come from torch's generator.
    """
    tensors: Any
    tensors, _ = policy.obs_to_tensor(dict(observation))
    distribution: Any = policy.get_distribution(tensors)
    action = distribution.get_actions(deterministic=deterministic)
    decided = distribution.conditionals(action)
    used = dict(zip(decided.parts, decided.used[0].tolist(), strict=True))
    types = decided.log_probs["action_type"]
    legal_targets = _legal(decided.log_probs["target_unit"]) if used["target_unit"] else None
    return Decision(
        action=action[0].cpu().numpy(),
        value=float(policy.predict_values(tensors)),
        type_probs=_probs(types),
        legal_types=_legal(types),
        parts=_parts(distribution, action, used),
        selected=_row(decided.chosen.selected) if used["selection"] else None,
        selectable=_row(decided.candidates.selectable),
        membership=_membership(decided) if used["selection"] else None,
        picks=_picks(decided) if used["selection"] else None,
        target_unit=_choice(decided, "target_unit"),
        target_probs=_probs(decided.log_probs["target_unit"]) if used["target_unit"] else None,
        legal_targets=legal_targets,
        target_cell=_choice(decided, "target_cell"),
        cell_probs=_probs(decided.log_probs["target_cell"]) if used["target_cell"] else None,
        attention=policy.features_extractor.attention(tensors),  # type: ignore[operator]
    )


def _parts(
    distribution: UnitActionDistribution, action: Tensor, used: dict[str, bool]
) -> dict[str, Part]:
    scored = distribution.parts(action)
    numbers = zip(
        distribution.part_names,
        scored.log_probs[0].tolist(),
        scored.entropies[0].tolist(),
        strict=True,
    )
    return {
        name: Part(log_prob=log_prob, entropy=entropy)
        for name, log_prob, entropy in numbers
        if used[name]
    }


def _choice(decided: Conditionals, part: str) -> int | None:
    used = decided.used[0, decided.parts.index(part)]
    return int(decided.choices[part][0]) if used else None


def _membership(decided: Conditionals) -> Floats | None:
    chosen = decided.chosen
    return _row(chosen.membership) if isinstance(chosen, ScoredCoins) else None


def _picks(decided: Conditionals) -> Picks | None:
    chosen = decided.chosen
    if not isinstance(chosen, ScoredPicks):
        return None
    probs = chosen.log_probs.exp().cpu().numpy()
    slots = np.flatnonzero(_row(chosen.selected)).tolist()
    if len(slots) < len(probs):  # the last pick that a limit allows needs no end
        slots.append(probs.shape[1] - 1)
    return Picks(slots=tuple(slots), probs=probs)


def _probs(log_probs: Tensor) -> Floats:
    return _row(log_probs.exp())


def _legal(log_probs: Tensor) -> Bits:
    return _row(log_probs > ILLEGAL / 2)


def _row(batch: Tensor) -> NDArray[Any]:
    """Return the only row of a batch."""
    return batch[0].cpu().numpy()
