"""Losses besides the reward: what an encoder learns by hiding parts of what it sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float
from stable_baselines3.common.callbacks import BaseCallback
from torch import Tensor, nn
from torch.nn import functional

from perceiver_rl.entities import PerceiverEntityEncoder
from perceiver_rl.nn import Module, linear
from perceiver_rl.sb3.extractor import EntityExtractor
from perceiver_rl.sb3.observations import by_key
from perceiver_rl.spaces import ENTITIES, ENTITY_MASK, Column, EntitySpace, unknown


class HiddenColumns(Module):
    """Hides columns of entities from an extractor's encoder and scores its guesses.

    Args:
        extractor: Whose columns, embedding and encoder are used.
        columns: Of the entities.
        known: Columns that are never hidden: they say which entity is asked for.

    Raises:
        ValueError: If ``known`` names a column that is not there, or leaves nothing to hide.
    """

    spread: Tensor
    may_hide: Tensor

    def __init__(
        self, extractor: EntityExtractor, columns: tuple[Column, ...], known: tuple[str, ...]
    ) -> None:
        super().__init__()
        names = [column.name for column in columns]
        for name in known:
            if name not in names:
                raise ValueError(unknown("column", name, names))
        if set(known) >= set(names):
            raise ValueError(f"known={list(known)} leaves no column to hide")
        self._extractor = [extractor]  # in a list: its parameters are not ours
        self.columns = columns
        self.mark = linear(len(columns), extractor.encoder.token_width)
        self.guess = linear(extractor.encoder.width, extractor.expand.out_features)
        spread = torch.zeros(len(columns), extractor.expand.out_features)
        first = 0
        for position, column in enumerate(columns):
            spread[position, first : first + (column.size or 1)] = 1.0
            first += column.size or 1
        self.register_buffer("spread", spread, persistent=False)
        may_hide = torch.tensor([name not in known for name in names], dtype=torch.float32)
        self.register_buffer("may_hide", may_hide, persistent=False)

    def draw(
        self,
        present: Bool[Tensor, "batch entity"],
        entities: float,
        columns: float,
        generator: torch.Generator,
    ) -> Float[Tensor, "batch entity feature"]:
        """Draw what is hidden: 1 for a hidden column of an entity, 0 elsewhere.

        Args:
            present: Which entities exist.
            entities: Share of the entities that hide something.
            columns: Share of their columns that are hidden.
            generator: Of the draws.
        """
        shape = (*present.shape, len(self.columns))
        device = generator.device
        chosen = torch.rand(*present.shape, 1, generator=generator, device=device) < entities
        hidden = chosen & (torch.rand(*shape, generator=generator, device=device) < columns)
        return hidden.to(present.device) * present.unsqueeze(-1) * self.may_hide

    def masked_loss(
        self,
        observations: Mapping[str, Tensor],
        hidden: Float[Tensor, "batch entity feature"],
    ) -> Float[Tensor, ""]:
        """Masked-entity modelling: guess hidden columns from all that is left in the set."""
        expanded, present = self._seen(observations)
        answers = self._extractor[0].encoder(self._tokens(expanded, hidden), present).per_entity
        return self._error(answers, expanded, hidden)

    def reconstruction_loss(self, observations: Mapping[str, Tensor]) -> Float[Tensor, ""]:
        """Reconstruction: from the latents alone, guess all but the known columns of each entity.

        The encoder reads everything; the decoder's queries hold the known columns alone.
        """
        expanded, present = self._seen(observations)
        hidden = self.may_hide * present.unsqueeze(-1)
        encoder = self._extractor[0].encoder
        assert isinstance(encoder, PerceiverEntityEncoder)  # checked by the callback
        tokens = self._extractor[0].embed(expanded)
        answers = encoder.ask(tokens, self._tokens(expanded, hidden), present)
        return self._error(answers, expanded, hidden)

    def _seen(self, observations: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        return self._extractor[0].expand(observations[ENTITIES]), observations[ENTITY_MASK] > 0.5

    def _tokens(
        self,
        expanded: Float[Tensor, "batch entity expanded"],
        hidden: Float[Tensor, "batch entity feature"],
    ) -> Float[Tensor, "batch entity token"]:
        visible = expanded * (1 - hidden @ self.spread)
        return self._extractor[0].embed(visible) + self.mark(hidden)

    def _error(
        self,
        answers: Float[Tensor, "batch entity width"],
        expanded: Float[Tensor, "batch entity expanded"],
        hidden: Float[Tensor, "batch entity feature"],
    ) -> Float[Tensor, ""]:
        """Return the mean error of hidden columns; 0 if nothing is hidden.

        Squared for scalars (scaled to [-1, 1]), cross-entropy for categories and binaries.
        """
        guesses = self.guess(answers)
        errors = []
        first = 0
        for column in self.columns:
            place = slice(first, first + (column.size or 1))
            guess, truth = guesses[..., place], expanded[..., place]
            errors.append(_column_error(column, guess, truth))
            first = place.stop
        found = torch.stack(errors, dim=-1) * hidden
        return found.sum() / hidden.sum().clamp(min=1.0)


def _column_error(column: Column, guess: Tensor, truth: Tensor) -> Tensor:
    if column.kind == "category":
        return -(functional.log_softmax(guess, dim=-1) * truth).sum(-1)
    if column.kind == "binary":
        loss = functional.binary_cross_entropy_with_logits(guess, truth, reduction="none")
        return loss.squeeze(-1)
    return (guess - truth).square().squeeze(-1)


class AuxiliaryLosses(BaseCallback):
    """Adds masked-entity modelling and reconstruction to every update of PPO or A2C.

    For entity policies and ``PerceiverExtractor`` on entities with named columns::

        model.learn(300_000, callback=AuxiliaryLosses(masked=0.1))

    Each minibatch that the algorithm scores is read once more with parts hidden; the gradient is
    added to the algorithm's own before its optimizer steps, shortened to ``max_grad_norm``. What
    guesses has an optimizer of its own and is thrown away at the end. Logs ``auxiliary/masked`` and
    ``auxiliary/reconstruction``.

    Args:
        masked: Weight of masked-entity modelling: some columns of some entities are hidden from the
            encoder, and their answers must say what they were.
        reconstruction: Weight of the reconstruction: decoder queries that hold the known columns
            alone must tell the others from the latents. Needs ``encoder="perceiver"``.
        known: Columns that are never hidden.
        entities: Share of the entities that hide something.
        columns: Share of their columns that are hidden.
        max_grad_norm: Longest gradient of the weighted losses.
        learning_rate: Of what guesses.

    Raises:
        ValueError: If both weights are 0, a weight is negative, or a share is not in (0, 1]; when
            training begins, if the policy's observations have no named columns.
    """

    def __init__(  # noqa: PLR0913 - one keyword per setting
        self,
        masked: float = 0.0,
        reconstruction: float = 0.0,
        *,
        known: tuple[str, ...] = ("x", "y"),
        entities: float = 0.3,
        columns: float = 0.5,
        max_grad_norm: float = 0.5,
        learning_rate: float = 1e-3,
    ) -> None:
        super().__init__()
        if min(masked, reconstruction) < 0 or not masked + reconstruction:
            raise ValueError(
                f"masked={masked} and reconstruction={reconstruction} must not be negative, and"
                " one of them not 0"
            )
        for name, share in (("entities", entities), ("columns", columns)):
            if not 0 < share <= 1:
                raise ValueError(f"{name} must be a share in (0, 1], not {share}")
        self.weights = {"masked": masked, "reconstruction": reconstruction}
        self.known = known
        self.shares = (entities, columns)
        self.max_grad_norm = max_grad_norm
        self.learning_rate = learning_rate
        self._handles: list[Any] = []
        self._batch: Mapping[str, Tensor] | None = None
        self._sums = dict.fromkeys(self.weights, 0.0)
        self._count = 0

    def _on_training_start(self) -> None:
        policy: Any = self.model.policy
        extractor = _entity_extractor(policy, self.weights["reconstruction"] > 0)
        space = extractor.entity_space
        assert isinstance(space, EntitySpace)  # or there would have been no extractor
        device = next(extractor.parameters()).device
        self.losses = HiddenColumns(extractor, space.columns, self.known).to(device)
        self.optimizer = torch.optim.Adam(self.losses.parameters(), lr=self.learning_rate)
        self.generator = torch.Generator().manual_seed(self.model.seed or 0)
        self._parameters = list(extractor.parameters())
        self._handles = [
            policy.features_extractor.register_forward_pre_hook(self._remember),
            policy.optimizer.register_step_pre_hook(self._add_gradient),
        ]

    def _remember(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        # Only what is learned from; a rollout needs no gradient.
        if torch.is_grad_enabled():
            self._batch = by_key(args[0])

    def _add_gradient(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        batch, self._batch = self._batch, None
        if batch is None:
            return
        total = torch.zeros((), device=batch[ENTITIES].device)
        if self.weights["masked"]:
            present = batch[ENTITY_MASK] > 0.5
            hidden = self.losses.draw(present, *self.shares, self.generator)
            loss = self.losses.masked_loss(batch, hidden)
            total = total + self._weighted("masked", loss)
        if self.weights["reconstruction"]:
            loss = self.losses.reconstruction_loss(batch)
            total = total + self._weighted("reconstruction", loss)
        self._count += 1
        guessing = list(self.losses.parameters())
        gradients = torch.autograd.grad(total, self._parameters + guessing, allow_unused=True)
        split = len(self._parameters)
        self._add(self._parameters, gradients[:split])
        for parameter, gradient in zip(guessing, gradients[split:], strict=True):
            parameter.grad = gradient
        self.optimizer.step()

    def _add(self, parameters: list[nn.Parameter], gradients: tuple[Tensor | None, ...]) -> None:
        found = [gradient for gradient in gradients if gradient is not None]
        norm = float(nn.utils.get_total_norm(found))
        scale = min(1.0, self.max_grad_norm / max(norm, 1e-12))
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if gradient is None:
                continue
            if parameter.grad is None:
                parameter.grad = gradient * scale
            else:
                parameter.grad.add_(gradient, alpha=scale)

    def _weighted(self, name: str, loss: Tensor) -> Tensor:
        self._sums[name] += float(loss.detach())
        return self.weights[name] * loss

    def _on_rollout_start(self) -> None:
        self._record()

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        self._record()
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _record(self) -> None:
        if not self._count:
            return
        for name, weight in self.weights.items():
            if weight:
                self.logger.record(f"auxiliary/{name}", self._sums[name] / self._count)
            self._sums[name] = 0.0
        self._count = 0


def _entity_extractor(policy: Any, with_latents: bool) -> EntityExtractor:
    """Return the extractor of a policy whose entities have named columns.

    Raises:
        ValueError: If there is none, or latents are needed and it has none.
    """
    extractor = getattr(policy, "features_extractor", None)
    extractor = getattr(extractor, "reader", extractor)
    if not isinstance(extractor, EntityExtractor):
        raise ValueError(
            f"auxiliary losses need a policy that reads entities, got {type(policy).__name__}"
        )
    if not isinstance(extractor.entity_space, EntitySpace):
        raise ValueError(
            f"auxiliary losses need an EntitySpace with named columns, got {extractor.entity_space}"
        )
    if with_latents and not isinstance(extractor.encoder, PerceiverEntityEncoder):
        raise ValueError(
            f"reconstruction asks latents, which {type(extractor.encoder).__name__} does not have;"
            " use encoder='perceiver', or masked alone"
        )
    return extractor
