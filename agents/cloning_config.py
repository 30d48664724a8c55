"""Settings of behavioural cloning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class CloningConfig:
    """Maximum likelihood of the teacher's actions, each part counted where it is used."""

    epochs: int = 30
    """Passes over the demonstrations at most."""
    batch_size: int = 256
    """Steps in a minibatch."""
    learning_rate: float = 1.0e-3
    """Adam's step size at the start."""
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    """How the learning rate goes over all epochs: it stays, or it falls to zero."""
    max_grad_norm: float = 1.0
    """Gradients longer than this are shortened to it."""
    label_smoothing: float = 0.0
    """How often each decision of the teacher is replaced by a uniform legal one."""
    shuffle_entities: bool = False
    """Exchange the rows of entities at random in every minibatch, so that the pointer learns to
    pick in random order; the independent selection and the encoders see no difference."""
    value_weight: float = 0.1
    """Weight of the critic's squared error, in units of the variance of returns; 0 trains none."""
    validation: float = 0.1
    """Share of the episodes that only validate."""
    patience: int = 5
    """Epochs without a better validation likelihood after which learning ends."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("learning_rate", "max_grad_norm"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} must be positive, not {getattr(self, name)}")
        for name in ("label_smoothing", "validation"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} must lie in [0, 1), not {getattr(self, name)}")
        if self.value_weight < 0:
            raise ConfigError(f"value_weight must be at least 0, not {self.value_weight}")
