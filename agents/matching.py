"""Sizing the Perceiver so that it costs what the Transformer costs.

At the same width both encoders have the presets' sizes, and differ in parameters and FLOPs. Else
the Perceiver's number and width of latents are searched for the sizes nearest to its own whose
parameters or FLOPs lie within a tolerance of the Transformer's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import torch

from perceiver_rl.entities import EntityConfig, build_encoder, configured
from perceiver_rl.nn import PerceiverConfig, count_flops
from perceiver_rl.sb3.presets import preset_named

from .config import PolicyConfig
from .errors import ConfigError

Quantity = Literal["width", "parameters", "flops"]

TOLERANCE = 0.02
_WIDEST = 8  # times the preset's latents' width


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """An arm's encoder after matching.

    Args:
        arm: The arm.
        policy: Its settings.
        parameters: Of the encoder.
        flops: Of the encoder, for one observation with every entity slot filled.
        ratio: The matched quantity in multiples of the Transformer's; None where nothing is matched
            to it.
    """

    arm: str
    policy: PolicyConfig
    parameters: int
    flops: int
    ratio: float | None


def match_arms(
    arms: Mapping[str, PolicyConfig], quantity: Quantity, num_entities: int
) -> list[Sized]:
    """Return all arms, those with a Perceiver sized to match; the MLP, a control, stays as it is.

    Args:
        arms: By name.
        quantity: What shall agree.
        num_entities: Slots of the scenario, for FLOPs.

    Raises:
        ConfigError: If there is no Transformer to match, several of different sizes, or no size of
            the Perceiver comes near enough.
    """
    if quantity == "width":
        return [_sized(arm, policy, num_entities, None, quantity) for arm, policy in arms.items()]
    references = {
        _measure(policy, policy.encoder_kwargs, num_entities, quantity)
        for policy in arms.values()
        if policy.encoder == "transformer"
    }
    if len(references) != 1:
        raise ConfigError(
            f"match {quantity} needs arms with one size of the transformer encoder, not"
            f" {len(references)}"
        )
    target = references.pop()
    result = []
    for arm, policy in arms.items():
        changed = policy
        if policy.encoder == "perceiver":
            sizes = _search(policy, num_entities, quantity, target)
            changed = replace(policy, encoder_kwargs={**policy.encoder_kwargs, **sizes})
        result.append(_sized(arm, changed, num_entities, target, quantity))
    return result


def _sized(
    arm: str, policy: PolicyConfig, entities: int, target: int | None, quantity: Quantity
) -> Sized:
    parameters, flops = (
        _measure(policy, policy.encoder_kwargs, entities, what) for what in ("parameters", "flops")
    )
    matched = target is not None and policy.encoder != "mlp"
    own = parameters if quantity == "parameters" else flops
    return Sized(
        arm=arm,
        policy=policy,
        parameters=parameters,
        flops=flops,
        ratio=own / target if matched and target is not None else None,
    )


def _measure(
    policy: PolicyConfig, changes: Mapping[str, Any], num_entities: int, quantity: str
) -> int:
    """Return the parameters or FLOPs of a policy's encoder.

    Raises:
        ConfigError: If the sizes do not fit.
    """
    config: EntityConfig = preset_named(policy.preset).entities
    try:
        encoder = build_encoder(policy.encoder, config, changes)
    except ValueError as error:
        raise ConfigError(f"policy: {error}") from error
    if quantity == "parameters":
        return sum(parameter.numel() for parameter in encoder.parameters())
    tokens = torch.zeros(1, num_entities, encoder.token_width)
    mask = torch.ones(1, num_entities, dtype=torch.bool)
    return count_flops(lambda: encoder(tokens, mask))


def _search(
    policy: PolicyConfig, num_entities: int, quantity: Quantity, target: int
) -> dict[str, int]:
    preset = preset_named(policy.preset).entities.perceiver
    start: PerceiverConfig = configured(preset, policy.encoder_kwargs, "perceiver")
    best: tuple[float, dict[str, int]] | None = None
    widths = range(start.self_heads, _WIDEST * start.latent_width + 1, start.self_heads)

    def reshaping(width: int) -> float:
        return abs(math.log(width / start.latent_width))

    for width in sorted(widths, key=reshaping):
        if best is not None and reshaping(width) >= best[0]:
            break  # no number of latents makes up for it

        @cache  # every cost is that of a network built for it
        def cost(latents: int, width: int = width) -> int:
            sizes = {"num_latents": latents, "latent_width": width}
            return _measure(policy, {**policy.encoder_kwargs, **sizes}, num_entities, quantity)

        latents = _nearest(cost, target, num_entities)
        if latents is None:
            continue
        change = reshaping(width) + abs(math.log(latents / start.num_latents))
        if best is None or change < best[0]:
            best = change, {"num_latents": latents, "latent_width": width}
    if best is None:
        raise ConfigError(
            f"no Perceiver with at most {num_entities} latents has the Transformer's {target:,}"
            f" {quantity} within {TOLERANCE:.0%}"
        )
    return best[1]


def _nearest(cost: Callable[[int], int], target: int, most: int) -> int | None:
    """Return the number in ``[1, most]`` whose growing cost is nearest to a target.

    None where no cost is within the tolerance.
    """
    low, high = 1, most
    if cost(high) < target * (1 - TOLERANCE) or cost(low) > target * (1 + TOLERANCE):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if cost(middle) < target else (low, middle)
    best = min((low, high), key=lambda number: abs(cost(number) - target))
    return best if abs(cost(best) / target - 1) <= TOLERANCE else None
