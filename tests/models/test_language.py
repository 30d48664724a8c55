"""Language models: what they may read, and which query asks."""

from dataclasses import replace

import pytest
import torch

from perceiver_rl.models import (
    LanguageConfig,
    MaskedLanguageModel,
    TextClassifier,
    TextClassifierConfig,
    encode_text,
)
from perceiver_rl.models.language import TaskInput
from perceiver_rl.nn import PerceiverConfig


def test_padding_changes_no_logit_of_the_text(language: MaskedLanguageModel) -> None:
    short, short_mask = encode_text(["word"], 6)
    long, long_mask = encode_text(["word"], 11)
    torch.testing.assert_close(
        language(long, long_mask)[:, :6], language(short, short_mask), rtol=1e-5, atol=1e-5
    )


def test_every_logit_depends_on_every_token(language: MaskedLanguageModel) -> None:
    tokens, mask = encode_text(["some words"], 12)
    before = language(tokens, mask)
    for at in range(12):
        changed = tokens.clone()
        changed[0, at] = 200
        assert bool((language(changed, mask) != before).any(-1).all())


def test_some_places_may_be_guessed_alone(language: MaskedLanguageModel) -> None:
    tokens, mask = encode_text(["some words", "few"], 12)
    index = torch.tensor([5, 1])
    torch.testing.assert_close(
        language(tokens, mask, index), language(tokens, mask)[:, index], rtol=1e-5, atol=1e-5
    )


def test_the_decoder_is_tied_to_the_embedding(language: MaskedLanguageModel) -> None:
    tokens, mask = encode_text(["x"], 4)
    language(tokens, mask)[0, 1, 250].backward()
    gradient = language.input.embed.weight.grad
    assert gradient is not None
    assert bool(gradient[250].any())  # a token that is not in the text


def test_tokens_that_do_not_exist_and_texts_that_are_too_long_are_refused(
    language: MaskedLanguageModel,
) -> None:
    with pytest.raises(ValueError, match=r"may have 12 tokens, got \[1, 13\]"):
        language(torch.zeros(1, 13, dtype=torch.long))
    with pytest.raises(ValueError, match="between 0 and 261, got 0 to 262"):
        language(torch.tensor([[0, 262]]))


def a_classifier(tiny: PerceiverConfig, asks: TaskInput) -> TextClassifier:
    torch.manual_seed(0)
    language = LanguageConfig(max_length=12, embed_width=6, perceiver=tiny)
    tasks = {"sentiment": 2, "topic": 5, "score": 1}
    return TextClassifier(
        TextClassifierConfig(tasks=tasks, asks=asks, language=language, query_width=4)
    ).eval()


@pytest.mark.parametrize("asks", ["queries", "tokens", "shared"])
def test_a_task_is_answered_alike_alone_and_among_others(
    tiny: PerceiverConfig, asks: TaskInput
) -> None:
    model = a_classifier(tiny, asks)
    tokens, mask = encode_text(["good", "bad indeed"], 12)
    everything = model(tokens, mask)
    assert {name: logits.shape for name, logits in everything.items()} == {
        "sentiment": (2, 2),
        "topic": (2, 5),
        "score": (2, 1),
    }
    alone = model(tokens, mask, ["topic"])
    assert list(alone) == ["topic"]
    torch.testing.assert_close(alone["topic"], everything["topic"])
    with pytest.raises(ValueError, match="unknown task 'topics'"):
        model(tokens, mask, ["topics"])


@pytest.mark.parametrize(("asks", "own"), [("queries", True), ("tokens", True), ("shared", False)])
def test_only_queries_and_tokens_tell_the_network_which_task_it_solves(
    tiny: PerceiverConfig, asks: TaskInput, own: bool
) -> None:
    model = a_classifier(tiny, asks)
    same = model.heads["sentiment"].state_dict()
    other = TextClassifierConfig(
        tasks={"a": 2, "b": 2}, asks=asks, language=model.config.language, query_width=4
    )
    twins = TextClassifier(replace(other)).eval()
    for head in twins.heads.values():
        head.load_state_dict(same)
    answers = twins(*encode_text(["text"], 8))
    assert bool((answers["a"] != answers["b"]).any()) == own
