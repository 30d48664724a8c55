"""Masked categorical choices in log space, for whole batches, with the empty case decided.

Where nothing is legal, index 0 is chosen with probability 1: the choice carries no information, its
log-probability and its entropy are 0, and no gradient flows. Illegal indices have a finite
log-probability below half of ``ILLEGAL``, so that products with probability 0 are 0 and never NaN.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor
from torch.nn import functional

from perceiver_rl.nn import constant

ILLEGAL = -1e30


def masked_log_softmax(
    logits: Float[Tensor, "*batch choice"],
    legal: Bool[Tensor, "*batch choice"] | None = None,
    temperature: float = 1.0,
) -> Float[Tensor, "*batch choice"]:
    """Normalize logits over the legal choices.

    Args:
        logits: Finite everywhere.
        legal: True where a choice may be made, None if all may; a row without any takes choice 0.
        temperature: Divides the logits; 0 leaves the (first) likeliest choice alone.

    Returns:
        Log-probabilities, below half of ``ILLEGAL`` where a choice is not legal.
    """
    if temperature == 0:
        log_probs = masked_log_softmax(logits, legal)
        legal = functional.one_hot(log_probs.argmax(-1), logits.shape[-1]).bool()
    elif temperature != 1:
        logits = logits / temperature
    if legal is None:
        return logits.log_softmax(-1)
    return torch.where(legal, logits, constant(_instead, logits, logits.shape[-1])).log_softmax(-1)


def _instead(dtype: torch.dtype, device: torch.device, choices: int) -> Float[Tensor, " choice"]:
    """Return logits for choices that are not legal; that of choice 0 counts where none is.

    Both it and its distance to the others are beyond half of ``ILLEGAL``, which tells them apart
    from legal choices.
    """
    logits = torch.full((choices,), 2 * ILLEGAL, dtype=dtype, device=device)
    logits[:1] = 0.75 * ILLEGAL
    return logits


def entropy(log_probs: Float[Tensor, "*batch choice"]) -> Float[Tensor, "*batch"]:
    """Return the exact entropy in nats."""
    return -(log_probs.exp() * log_probs).sum(-1)


def kl(
    log_probs: Float[Tensor, "*batch choice"], others: Float[Tensor, "*batch choice"]
) -> Float[Tensor, "*batch"]:
    """Return the exact KL divergence in nats; infinite where ``others`` forbids what may happen."""
    forbidden = ((log_probs > ILLEGAL / 2) & (others < ILLEGAL / 2)).any(-1)
    divergence = (log_probs.exp() * (log_probs - others)).sum(-1)
    return divergence.masked_fill(forbidden, torch.inf)


def sample(log_probs: Float[Tensor, "*batch choice"], deterministic: bool) -> Int[Tensor, "*batch"]:
    """Draw a choice per row, or take the most probable one."""
    if deterministic:
        return log_probs.argmax(-1)
    probs = log_probs.exp()
    return draw(probs.cumsum(-1), probs)


def draw(
    sums: Float[Tensor, "*batch choice"], probs: Shaped[Tensor, "*batch choice"]
) -> Int[Tensor, "*batch"]:
    """Draw a choice per row by one uniform number, against the cumulative probabilities.

    A choice of probability 0 is never drawn, however the sums are rounded.

    Args:
        sums: Cumulative probabilities, up to a factor.
        probs: Positive where a choice may be drawn. In a row without any the result means nothing.
    """
    total = sums[..., -1:]
    share = torch.rand_like(total)
    if _ascends(sums):
        return torch.searchsorted(sums, share * total, right=True).squeeze(-1)
    return _first_beyond(share, sums, probs > 0)


def _ascends(sums: Float[Tensor, "*batch choice"]) -> bool:
    """Return whether sums from left to right never fall, and stay the same where 0 is added.

    Those of a CPU do; a GPU adds in parallel and rounds as it does. An exported graph is for any
    device.
    """
    return sums.device.type == "cpu" and not torch.compiler.is_exporting()


def _first_beyond(
    share: Float[Tensor, "*batch 1"],
    sums: Float[Tensor, "*batch choice"],
    possible: Bool[Tensor, "*batch choice"],
) -> Int[Tensor, "*batch"]:
    """Return the first possible choice whose sum is beyond a share of the largest."""
    reached = sums * possible
    drawn = share * reached.amax(-1, keepdim=True)
    return (reached > drawn).to(torch.uint8).argmax(-1)


def pick(
    log_probs: Float[Tensor, "*batch choice"],
    choice: Int[Tensor, "*batch"],
    smoothing: float = 0.0,
) -> Float[Tensor, "*batch"]:
    """Return the log-probability of a choice per row.

    Args:
        log_probs: Of all choices.
        choice: One per row.
        smoothing: Share of a uniform draw among the legal choices; with it the result is the mean
            log-probability of a choice that is replaced by such a draw that often.
    """
    chosen = log_probs.gather(-1, choice.unsqueeze(-1)).squeeze(-1)
    if not smoothing:
        return chosen
    legal = log_probs > ILLEGAL / 2
    mean = (log_probs * legal).sum(-1) / legal.sum(-1)
    return (1.0 - smoothing) * chosen + smoothing * mean


def strict(log_prob: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Turn the log-probability of an illegal choice into minus infinity."""
    return log_prob.masked_fill(log_prob < ILLEGAL / 2, -torch.inf)
