"""Masked language modelling of bytes: the English of Python's own reference manual."""

from __future__ import annotations

import math
from pydoc_data import topics

import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from perceiver_rl.models import LanguageConfig, MaskedLanguageModel, decode_text
from perceiver_rl.models.text import MASK, NUM_SPECIAL, NUM_TOKENS
from perceiver_rl.nn import PerceiverConfig

from . import pictures
from .fitting import Budget, DemoResult, fit, parameters, seeded

STEPS = 3500
LENGTH = 96
HIDDEN = 0.15
_BATCH, _TEST_TEXTS = 32, 200
_SHARPNESS = 2.5


def manual() -> tuple[Tensor, Tensor]:
    """Return the tokens of the manual's training pages and of every tenth page, for tests."""
    pages: dict[str, str] = topics.topics
    training: list[str] = []
    test: list[str] = []
    for number, name in enumerate(sorted(pages)):
        text = " ".join(pages[name].split()) + " "
        (test if number % 10 == 9 else training).append(text)
    return _tokens("".join(training)), _tokens("".join(test))


def _tokens(text: str) -> Tensor:
    return torch.tensor(list(text.encode("utf-8"))) + NUM_SPECIAL


def windows(tokens: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return ``[count, LENGTH]`` pieces of a text."""
    start = torch.randint(len(tokens) - LENGTH, (count, 1), generator=generator)
    return tokens[start + torch.arange(LENGTH)]


def masked(tokens: Tensor, generator: torch.Generator) -> Tensor:
    """Return True where a byte is to be guessed: 15 % of them, by chance."""
    return torch.rand(tokens.shape, generator=generator) < HIDDEN


class Neighbours:
    """Guesses a byte from its neighbours, as often as it was seen between them.

    Counts of both neighbours are mixed with those of the left one alone, of the right one alone and
    of no neighbour, the less the more often a context was seen (Witten and Bell). A hidden
    neighbour is a context that was never seen.
    """

    def __init__(self, tokens: Tensor) -> None:
        left, middle, right = tokens[:-2], tokens[1:-1], tokens[2:]
        self.alone = torch.bincount(tokens, minlength=NUM_TOKENS).float()
        self.contexts: list[dict[tuple[int, ...], Tensor]] = []
        for parts in ((right,), (left,), (left, right)):
            found: dict[tuple[int, ...], Tensor] = {}
            key = torch.zeros_like(middle)
            for part in (*parts, middle):
                key = key * NUM_TOKENS + part
            keys, counts = key.unique(return_counts=True)
            for number, count in zip(keys.tolist(), counts.tolist(), strict=True):
                context, token = divmod(number, NUM_TOKENS)
                where = tuple(context // NUM_TOKENS**at % NUM_TOKENS for at in range(len(parts)))
                found.setdefault(where[::-1], torch.zeros(NUM_TOKENS))[token] = count
            self.contexts.append(found)

    def log_probabilities(self, shown: Tensor, at: Tensor) -> Tensor:
        """Return ``[guesses, tokens]`` of the bytes that are hidden.

        Args:
            shown: ``[B, LENGTH]`` with MASK where a byte is hidden.
            at: ``[guesses, 2]`` sample and place of each.
        """
        edge = torch.full((len(shown), 1), MASK)
        padded = torch.cat([edge, shown, edge], dim=1)
        rows = []
        for sample, place in at.tolist():
            left, right = int(padded[sample, place]), int(padded[sample, place + 2])
            guess = (self.alone + 1e-3) / (self.alone + 1e-3).sum()
            for context, key in zip(self.contexts, ((right,), (left,), (left, right)), strict=True):
                counts = context.get(key)
                if counts is not None:
                    kinds = int((counts > 0).sum())
                    guess = (counts + kinds * guess) / (counts.sum() + kinds)
            rows.append(guess.log())
        return torch.stack(rows)


def a_perceiver() -> MaskedLanguageModel:
    """Build a small model of the paper's kind."""
    perceiver = PerceiverConfig(
        num_latents=32,
        latent_width=128,
        num_self_attends=3,
        self_heads=4,
        cross_heads=4,
        qk_channels=64,
        v_channels=128,
        decoder_qk_channels=64,
        decoder_v_channels=96,
        query_residual=False,
    )
    model = MaskedLanguageModel(
        LanguageConfig(max_length=LENGTH, embed_width=96, perceiver=perceiver)
    )
    begin_in_place(model)
    return model


def begin_in_place(model: MaskedLanguageModel) -> None:
    """Let every latent begin with a stretch of the text, and every query with the latents there.

    Positions, latents and queries start as waves of their place in the text (Vaswani et al., 2017),
    and keys as queries do, so that what lies close attends to each other. The architecture is the
    paper's, and everything can be unlearned; from random arrays the same model needs many times the
    steps to find out which latent has read what.
    """
    width, latents = model.config.embed_width, model.perceiver.encoder.latents
    places = torch.arange(LENGTH, dtype=torch.float32)
    middles = (torch.arange(len(latents)) + 0.5) * LENGTH / len(latents) - 0.5
    reading = model.perceiver.encoder.cross_attend.attention
    asking = model.perceiver.decoder.cross_attend.attention
    with torch.no_grad():
        model.input.positions.table.copy_(_waves(places, width))
        model.queries.get_parameter("positions.table").copy_(_waves(places, width))
        latents.zero_()
        latents[:, :width] = _waves(middles, width)
        reading.query.weight.zero_()
        reading.query.weight[:, :width] = reading.key.weight
        # The processor's residual stream keeps a latent's place where it began.
        asking.key.weight[:, :width] = asking.query.weight
        asking.key.weight[:, width:] *= 0.3
        for layer in (reading.query, reading.key, asking.query, asking.key):
            layer.weight.mul_(_SHARPNESS)


def _waves(places: Tensor, width: int) -> Tensor:
    """Return ``[places, width]`` sines and cosines from every third byte to twice the text."""
    shortest, longest = math.log(3), math.log(2 * LENGTH)
    frequencies = 2 * math.pi * torch.exp(-torch.linspace(shortest, longest, width // 2))
    angles = places[:, None] * frequencies
    return math.sqrt(2) * torch.cat([angles.sin(), angles.cos()], dim=1)


def run(budget: Budget) -> DemoResult:
    """Train the model, and let it and three counting baselines fill in the same texts."""
    training, test = manual()
    model = seeded(budget.seed, a_perceiver)
    assert isinstance(model, MaskedLanguageModel)

    def loss(generator: torch.Generator) -> Tensor:
        texts = windows(training, _BATCH, generator)
        hidden = masked(texts, generator)
        logits = model(texts.masked_fill(hidden, MASK))
        return nn.functional.cross_entropy(logits[hidden], texts[hidden])

    seconds = fit("Perceiver IO", model, loss, budget, learning_rate=3e-3)
    generator = budget.generator(3)
    texts = windows(test, _TEST_TEXTS, generator)
    hidden = masked(texts, generator)
    shown, truth = texts.masked_fill(hidden, MASK), texts[hidden]
    with torch.no_grad():
        guesses = model(shown)[hidden].log_softmax(1)
    neighbours = Neighbours(training)
    frequency = (neighbours.alone + 1e-3) / (neighbours.alone + 1e-3).sum()
    rows: dict[str, tuple[float | None, ...]] = {
        "Perceiver IO": (*_scores(guesses, truth), parameters(model), seconds),
        "counts of both neighbours": (
            *_scores(neighbours.log_probabilities(shown, hidden.nonzero()), truth),
            None,
            None,
        ),
        "frequency of bytes": (
            *_scores(frequency.log().expand(len(truth), -1), truth),
            None,
            None,
        ),
    }
    filled = shown.masked_scatter(hidden, guesses.argmax(1))
    picture = pictures.figure(10, 3.2)
    _draw(picture.subplots(), texts[:8], filled[:8], hidden[:8])
    return DemoResult(
        title="Language: masked bytes of Python's reference manual",
        note=(
            f"{len(truth)} hidden bytes, 15 % of {_TEST_TEXTS} pieces of pages that are new;"
            f" {budget.steps} steps"
        ),
        columns=("accuracy", "bits per byte", "parameters", "CPU seconds"),
        rows=rows,
        figure=picture,
        text="\n".join(_sample(shown[at], filled[at]) for at in range(3)),
    )


def _scores(guesses: Tensor, truth: Tensor) -> tuple[float, float]:
    right = (guesses.argmax(1) == truth).float().mean()
    bits = -guesses.gather(1, truth[:, None]).mean() / math.log(2)
    return float(right), float(bits)


def _sample(shown: Tensor, filled: Tensor) -> str:
    holes = "".join("_" if i == MASK else decode_text([i]) for i in shown.tolist())
    return f"{holes}\n{decode_text(filled)}\n"


def _draw(axes: Axes, texts: Tensor, filled: Tensor, hidden: Tensor) -> None:
    """Write texts as they were filled in: green where that is right, red where it is wrong."""
    axes.set_axis_off()
    axes.set_xlim(0, LENGTH)
    axes.set_ylim(len(texts), -0.5)
    axes.set_title("filled in: right in green, wrong in red, what was shown in black", fontsize=9)
    for row, column in (filled >= 0).nonzero().tolist():
        color = "black"
        if hidden[row, column]:
            color = "green" if filled[row, column] == texts[row, column] else "red"
        letter = decode_text([int(filled[row, column])])
        if not (letter.isascii() and letter.isprintable() and letter):
            letter = "?"
        if letter == " " and color != "black":
            letter = "_"
        weight = "normal" if color == "black" else "bold"
        axes.text(
            column,
            row,
            letter,
            color=color,
            family="monospace",
            fontsize=9,
            weight=weight,
            parse_math=False,
        )
