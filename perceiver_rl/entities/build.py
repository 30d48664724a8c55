"""Sizes of the entity encoders, and the one place where an encoder is chosen by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeVar

from perceiver_rl.entities.encoders import (
    EntityEncoder,
    MlpConfig,
    MlpEntityEncoder,
    PerceiverEntityEncoder,
    TransformerEntityEncoder,
)
from perceiver_rl.nn import PerceiverConfig, TransformerConfig
from perceiver_rl.spaces import unknown

EncoderName = Literal["perceiver", "transformer", "mlp"]

ENCODERS: tuple[EncoderName, ...] = ("perceiver", "transformer", "mlp")

Config = TypeVar("Config")


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityConfig:
    """Sizes of every encoder at one scale, so that encoders of a scale can be exchanged.

    Args:
        width: Features per entity, and of the pooled embedding.
        kv_width: Features of the Perceiver's input; None to read the queries' embedding.
        perceiver: Sizes of the Perceiver.
        transformer: Sizes of the Transformer.
        mlp: Sizes of the per-entity MLP.
    """

    width: int
    kv_width: int | None = None
    perceiver: PerceiverConfig
    transformer: TransformerConfig
    mlp: MlpConfig = field(default_factory=MlpConfig)


def configured(config: Config, changes: Mapping[str, Any], what: str) -> Config:
    """Return a config dataclass with some fields changed.

    Raises:
        ValueError: If a field does not exist; names the nearest one.
    """
    known = [item.name for item in fields(config)]  # type: ignore[arg-type]  # always a dataclass
    for name in changes:
        if name not in known:
            raise ValueError(unknown(f"{what} setting", name, known))
    return replace(config, **changes)  # type: ignore[type-var]


def build_encoder(
    name: str, config: EntityConfig, changes: Mapping[str, Any] | None = None
) -> EntityEncoder:
    """Build one encoder of a scale.

    Args:
        name: ``perceiver``, ``transformer`` or ``mlp``.
        config: Where the sizes come from.
        changes: Fields of the chosen encoder's own config to set differently.

    Raises:
        ValueError: If the encoder or one of the changed fields does not exist, or sizes do not fit.
    """
    changes = changes or {}
    if name == "perceiver":
        perceiver = configured(config.perceiver, changes, "perceiver")
        return PerceiverEntityEncoder(config.width, perceiver, config.kv_width)
    if name == "transformer":
        transformer = configured(config.transformer, changes, "transformer")
        return TransformerEntityEncoder(config.width, transformer)
    if name == "mlp":
        return MlpEntityEncoder(config.width, configured(config.mlp, changes, "mlp"))
    raise ValueError(unknown("encoder", name, ENCODERS))
