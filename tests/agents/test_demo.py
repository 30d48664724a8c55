"""The demos: what they are made of is what they say, and each runs from end to end."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from perceiver_rl.agents.command_line import parse
from perceiver_rl.agents.demo import demo
from perceiver_rl.agents.demo_config import DEMOS, DemoConfig
from perceiver_rl.agents.demos import audio, flow, image, language, multimodal, tasks
from perceiver_rl.agents.demos.fitting import seeded
from perceiver_rl.agents.errors import ConfigError
from perceiver_rl.agents.main import main
from perceiver_rl.models import MaskedLanguageModel, decode_text
from perceiver_rl.models.text import MASK
from perceiver_rl.nn import recorded_attention


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", DEMOS)
def test_a_demo_trains_and_leaves_table_numbers_and_picture(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = demo(DemoConfig(name=name, steps=2, output=tmp_path / name), ["perceiver-rl", "demo"])
    record = json.loads((tmp_path / name / "results.json").read_text())
    assert list(record["results"]) == list(result.rows)
    assert "Perceiver IO" in next(iter(result.rows))
    assert len(result.rows) >= 3
    for numbers in result.rows.values():
        assert all(value is None or math.isfinite(value) for value in numbers)
    with Image.open(tmp_path / name / "picture.png") as picture:
        assert min(picture.size) > 300
    printed = capsys.readouterr().out
    assert result.title in printed
    assert record["command"] == "perceiver-rl demo"


def test_the_same_seed_gives_the_same_numbers(tmp_path: Path) -> None:
    runs: list[Any] = [
        demo(DemoConfig(name="image", steps=1, seed=seed, output=tmp_path), []).rows
        for seed in (1, 1)
    ]
    first, again = ([row[0] for row in rows.values()] for rows in runs)
    assert first == again


def test_a_demo_of_another_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="unknown demo 'video', expected one of"):
        parse(["demo", "video"])
    assert main(["demo"]) == 2
    assert parse(["demo", "image", "--steps", "5"]) == DemoConfig(name="image", steps=5)


def test_every_question_has_its_answers_and_the_answers_are_those_of_the_text() -> None:
    training, test = tasks.library()
    tokens, labels = tasks.samples(test, 500, generator())
    assert {name: int(answers.max()) + 1 for name, answers in labels.items()} == tasks.TASKS
    for row, text in enumerate(map(decode_text, tokens[:50])):
        assert labels["digit"][row] == any(letter in "0123456789" for letter in text)
        assert labels["capitals"][row] == min(2, sum("A" <= letter <= "Z" for letter in text))
        assert labels["blanks"][row] == sum(text.count(" ") > most for most in (7, 10, 13))
        assert labels["first"][row] == (
            0 if text[0].isascii() and text[0].isalpha() else 1 if text[0] == " " else 2
        )
    # Pages and modules of the tests are no part of what is learned.
    for ours, theirs in zip(training, test, strict=True):
        assert bytes(theirs[:200].tolist()) not in bytes(ours.tolist())


def test_true_flow_moves_the_first_frame_onto_the_second() -> None:
    scene = flow.scenes(4, (24, 28), generator())
    guess = flow.lucas_kanade(scene.frames)
    inner = (slice(None), slice(6, -6), slice(6, -6))
    still = flow.error(torch.zeros_like(scene.flow[inner]), scene.flow[inner])
    assert flow.error(guess[inner], scene.flow[inner]) < 0.2 * still
    assert float(scene.flow.abs().max()) < 6  # the margin, beyond which there is no texture


def test_a_still_scene_has_no_flow() -> None:
    frames = flow.scenes(2, (12, 12), generator()).frames
    still = frames[:, :1].expand(-1, 2, -1, -1, -1)
    assert float(flow.lucas_kanade(still).abs().max()) == 0


def test_the_label_is_the_shape_and_the_pitch_the_height() -> None:
    clips = multimodal.clips(64, generator())
    assert set(clips.label.tolist()) == set(range(len(multimodal.SHAPES)))
    assert float(clips.image.min()) >= 0
    assert float(clips.image.max()) <= 1
    brightness = clips.image[:, 0].mean(1) - clips.image[:, 0].mean(1).amin((1, 2), keepdim=True)
    rows = torch.arange(multimodal.SIDE).float()
    height = (brightness.sum(2) * rows).sum(1) / brightness.sum((1, 2))
    pitch = torch.fft.rfft(clips.audio).abs().argmax(1).float()
    assert float(torch.corrcoef(torch.stack([height, pitch]))[0, 1]) > 0.9


def test_psnr_is_that_of_a_hand_made_example() -> None:
    assert multimodal.psnr(torch.tensor([0.1]), torch.tensor([0.0]), 1.0) == pytest.approx(20)
    assert multimodal.psnr(torch.tensor([0.2]), torch.tensor([0.0]), 2.0) == pytest.approx(20)


def test_test_fonts_are_not_trained_on() -> None:
    assert not set(image._TEST_FONTS) & set(image._TRAINING_FONTS)
    squares = image.glyphs(image._TEST_FONTS)
    assert squares.shape == (len(image._TEST_FONTS), 10, 32, 32)
    assert float(squares.amax((2, 3)).min()) > 0.9  # every font has every digit


def test_every_class_of_sound_is_heard_at_any_pitch() -> None:
    sounds, labels = audio.tones(400, generator())
    assert sounds.shape == (400, audio.SAMPLES)
    assert set(labels.tolist()) == set(range(len(audio.CLASSES)))
    sines = sounds[labels == 0]
    pitch = torch.fft.rfft(sines).abs().argmax(1) * audio.RATE / audio.SAMPLES
    assert 140 <= float(pitch.min()) < 200
    assert 500 < float(pitch.max()) <= 610


def test_counts_of_neighbours_guess_what_they_saw() -> None:
    tokens = language._tokens("the cat the cat the cat the hat ")
    baseline = language.Neighbours(tokens)
    shown = language._tokens("the ?at").unsqueeze(0)
    shown[0, 4] = MASK
    guess = baseline.log_probabilities(shown, torch.tensor([[0, 4]]))
    assert float(guess.exp().sum()) == pytest.approx(1, abs=1e-5)
    c, h = (int(language._tokens(letter)[0]) for letter in "ch")
    assert int(guess.argmax()) == c
    assert float(guess[0, h]) > float(guess[0, int(language._tokens("t")[0])])


def test_the_model_of_texts_begins_by_reading_and_asking_in_place() -> None:
    model = seeded(0, language.a_perceiver)
    assert isinstance(model, MaskedLanguageModel)
    texts = language.windows(language.manual()[0], 32, generator())
    with torch.no_grad(), recorded_attention() as weights:
        model(texts)
    perceiver = model.perceiver
    ends = (perceiver.encoder.cross_attend, perceiver.decoder.cross_attend)
    reads, asks = (weights[block.attention][0].mean((0, 1)) for block in ends)
    places, latents = language.LENGTH, len(reads)
    stretch = torch.arange(places) * latents // places
    # Where attention were spread evenly, a stretch would have 1 / latents of it.
    own = torch.nn.functional.one_hot(stretch, latents).bool()
    assert float(reads[own.T].sum()) / latents > 5 / latents
    assert float(asks[own].mean()) > 5 / latents


def test_pages_for_tests_are_not_trained_on() -> None:
    training, test = language.manual()
    assert len(training) > 5 * len(test) > 20_000
    piece = test[1000:1100].tolist()
    haystack = bytes(i - 6 for i in training.tolist())
    assert bytes(i - 6 for i in piece) not in haystack
