"""The autoencoder: parts of the output, hidden labels, modalities that meet in the latents."""

import pytest
import torch

from perceiver_rl.models import AudioClassifier, MultimodalAutoencoder

VIDEO, SOUND, LABEL = torch.randn(2, 2, 3, 8, 8), torch.randn(2, 24), torch.tensor([1, 4])


def test_everything_is_decoded_at_once_or_in_parts(autoencoder: MultimodalAutoencoder) -> None:
    latents = autoencoder.encode(VIDEO, SOUND, LABEL)
    parts = autoencoder.reconstruct(latents, chunk=50)
    assert {name: tuple(x.shape) for name, x in parts.items()} == {
        "label": (2, 5),
        "audio": (2, 24),
        "image": (2, 2, 3, 8, 8),
    }
    at = 1 * 64 + 3 * 8 + 5  # frame 1, row 3, column 5
    pixel = autoencoder.decode(latents, {"image": torch.tensor([at])})["image"]
    torch.testing.assert_close(pixel[:, 0], parts["image"][:, 1, :, 3, 5])
    once = autoencoder.reconstruct(latents, chunk=1000)
    torch.testing.assert_close(once["image"], parts["image"])


def test_the_whole_forward_pass_answers_every_modality(autoencoder: MultimodalAutoencoder) -> None:
    out = autoencoder(VIDEO, SOUND, LABEL)
    assert {name: tuple(x.shape) for name, x in out.items()} == {
        "audio": (2, 6, 4),
        "image": (2, 128, 3),
        "label": (2, 5),
    }


def test_every_modality_reaches_every_output(autoencoder: MultimodalAutoencoder) -> None:
    before = autoencoder(VIDEO, SOUND, LABEL)
    changes = (
        (VIDEO.flip(0), SOUND, LABEL),
        (VIDEO, SOUND.flip(0), LABEL),
        (VIDEO, SOUND, LABEL - 1),
    )
    for changed in changes:
        after = autoencoder(*changed)
        assert all(not torch.allclose(after[name], before[name]) for name in before)


def test_a_hidden_label_cannot_be_read(autoencoder: MultimodalAutoencoder) -> None:
    hidden = {"label": torch.tensor([True, False])}
    one = autoencoder.encode(VIDEO, SOUND, LABEL, hidden)
    other = autoencoder.encode(VIDEO, SOUND, LABEL - 1, hidden)
    torch.testing.assert_close(one[0], other[0])
    assert not torch.allclose(one[1], other[1])
    torch.testing.assert_close(autoencoder.encode(VIDEO, SOUND)[0], one[0])


def test_asking_for_nothing_or_for_an_unknown_modality_is_refused(
    autoencoder: MultimodalAutoencoder,
) -> None:
    latents = autoencoder.encode(VIDEO, SOUND)
    with pytest.raises(ValueError, match=r"ask for at least one of \['audio', 'image', 'label'\]"):
        autoencoder.decode(latents, {})
    with pytest.raises(ValueError, match="unknown modalities"):
        autoencoder.decode(latents, {"sound": None})
    with pytest.raises(ValueError, match=r"image must be \[B, 2, 3, 8, 8\], got \[2, 2, 3, 4, 8\]"):
        autoencoder.encode(VIDEO[:, :, :, :4], SOUND)


def test_an_audio_classifier_hears_every_sample(audio: AudioClassifier) -> None:
    sound = SOUND.clone().requires_grad_()
    logits = audio(sound)
    assert logits.shape == (2, 3)
    (gradient,) = torch.autograd.grad(logits[0, 0], sound)
    assert bool(gradient[0].all())
    assert not gradient[1].any()
