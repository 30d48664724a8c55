"""Multimodal autoencoding: video, sound and label through one latent array (app. I)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from perceiver_rl.models.inputs import SoundInput, blocks, with_positions
from perceiver_rl.nn import (
    FourierPositions,
    LearnedQueries,
    ModalityPadding,
    Module,
    MultimodalQueries,
    PerceiverConfig,
    PerceiverIO,
    PositionQueries,
    learned_array,
    linear,
)

AUDIO, IMAGE, LABEL = "audio", "image", "label"


def _autoencoder_perceiver() -> PerceiverConfig:
    return PerceiverConfig(
        num_latents=784, latent_width=512, num_self_attends=8, query_residual=False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoencoderConfig:
    """Sizes of a multimodal autoencoder; the defaults are the paper's for Kinetics-700, 88x.

    Args:
        frames: Frames of a video.
        size: Rows and columns of a frame.
        channels: Of a frame.
        block: Side of the squares that the input's frames are cut into.
        samples: Samples of the sound.
        samples_per_patch: Samples per row of the sound, in and out.
        num_classes: Classes of the label.
        image_bands: Frequencies per axis of the video's positions.
        audio_bands: Frequencies of the sound's positions.
        label_query_width: Features of the learned query for the label.
        output_width: Features of an output before each modality's last layer.
        perceiver: Sizes of the Perceiver.
    """

    frames: int = 16
    size: tuple[int, int] = (224, 224)
    channels: int = 3
    block: int = 4
    samples: int = 30_720
    samples_per_patch: int = 16
    num_classes: int = 700
    image_bands: int = 32
    audio_bands: int = 192
    label_query_width: int = 1024
    output_width: int = 512
    perceiver: PerceiverConfig = field(default_factory=_autoencoder_perceiver)

    @property
    def num_outputs(self) -> dict[str, int]:
        """Queries of the whole output, by modality: patches of sound, pixels, one label."""
        pixels = self.frames * self.size[0] * self.size[1]
        return {AUDIO: self.samples // self.samples_per_patch, IMAGE: pixels, LABEL: 1}


class MultimodalAutoencoder(Module):
    """Video, sound and label in, any part of video, sound and label out.

    Outputs are asked for in parts: a whole video has 800,000 of them.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        height, width = config.size
        pixels = (config.frames, height, width)
        cells = (config.frames, height // config.block, width // config.block)
        self.audio_input = SoundInput(config.samples, config.samples_per_patch, config.audio_bands)
        self.image_positions = FourierPositions(cells, config.image_bands, pixels)
        widths = {
            AUDIO: self.audio_input.width,
            IMAGE: config.channels * config.block**2 + self.image_positions.width,
            LABEL: config.num_classes,
        }
        self.pad = ModalityPadding(widths, min_padding=4)
        self.mask = nn.ParameterDict({name: learned_array(1, self.pad.width) for name in widths})
        sound = FourierPositions(
            (config.num_outputs[AUDIO],), config.audio_bands, (config.samples,)
        )
        self.queries = MultimodalQueries(
            {
                AUDIO: PositionQueries(sound),
                IMAGE: PositionQueries(FourierPositions(pixels, config.image_bands)),
                LABEL: LearnedQueries(1, config.label_query_width),
            }
        )
        self.perceiver = PerceiverIO(
            self.pad.width, self.queries.width, config.perceiver, config.output_width
        )
        features = {AUDIO: config.samples_per_patch, IMAGE: config.channels}
        features[LABEL] = config.num_classes
        self.outputs = nn.ModuleDict(
            {
                name: linear(config.output_width, features[name], "truncated")
                for name in sorted(features)
            }
        )

    def encode(
        self,
        image: Float[Tensor, "batch frame channel row column"],
        audio: Float[Tensor, "batch sample"],
        label: Int[Tensor, " batch"] | None = None,
        hidden: Mapping[str, Bool[Tensor, " batch"]] | None = None,
    ) -> Float[Tensor, "batch latent latent_width"]:
        """Return the latents of videos with sound and label.

        Args:
            image: The frames.
            audio: The sound.
            label: The class; None hides it everywhere, so that decoding it is classification.
            hidden: By modality, True for samples whose rows a learned mask token replaces.

        Raises:
            ValueError: If an input has another size.
        """
        config = self.config
        expected = (config.frames, config.channels, *config.size)
        if image.shape[1:] != expected:
            raise ValueError(
                f"image must be [B, {', '.join(map(str, expected))}], got {list(image.shape)}"
            )
        hidden = dict(hidden or {})
        if label is None:
            label = torch.zeros(image.shape[0], dtype=torch.long, device=image.device)
            hidden[LABEL] = torch.ones_like(label, dtype=torch.bool)
        rows = blocks(image, config.block).flatten(1, 3)
        one_hot = nn.functional.one_hot(label, config.num_classes).to(rows.dtype)
        parts = self.pad(
            {
                AUDIO: self.audio_input(audio),
                IMAGE: with_positions(rows, self.image_positions),
                LABEL: one_hot.unsqueeze(1),
            }
        )
        for name, where in hidden.items():
            parts[name] = torch.where(where[:, None, None], self.mask[name], parts[name])
        return self.perceiver.encode(torch.cat(list(parts.values()), dim=1))

    def decode(
        self,
        latents: Float[Tensor, "batch latent latent_width"],
        index: Mapping[str, Int[Tensor, " output"] | None],
    ) -> dict[str, Float[Tensor, "batch ..."]]:
        """Return parts of the output.

        Args:
            latents: Of :meth:`encode`.
            index: By modality, which patches of sound and pixels (in row-major order of frame, row,
                column); None asks for all, a modality that is left out for nothing.

        Returns:
            ``audio`` ``[B, patches, samples_per_patch]``, ``image`` ``[B, pixels, channels]`` and
            the logits ``label`` ``[B, classes]``, as far as they are asked for.

        Raises:
            ValueError: If nothing is asked for, or an unknown modality.
        """
        queries = self.queries(latents, index)
        if not queries:
            raise ValueError(f"ask for at least one of {list(self.outputs)}")
        answers = self.perceiver.decoder(torch.cat(list(queries.values()), dim=1), latents)
        sizes = [rows.shape[1] for rows in queries.values()]
        found = {
            name: self.outputs[name](part)
            for name, part in zip(queries, answers.split(sizes, dim=1), strict=True)
        }
        if LABEL in found:
            found[LABEL] = found[LABEL].squeeze(1)
        return found

    def forward(
        self,
        image: Float[Tensor, "batch frame channel row column"],
        audio: Float[Tensor, "batch sample"],
        label: Int[Tensor, " batch"] | None = None,
        hidden: Mapping[str, Bool[Tensor, " batch"]] | None = None,
        index: Mapping[str, Int[Tensor, " output"] | None] | None = None,
    ) -> dict[str, Float[Tensor, "batch ..."]]:
        """Encode and decode; ``index`` None decodes everything at once."""
        everything = dict.fromkeys(self.outputs) if index is None else index
        return self.decode(self.encode(image, audio, label, hidden), everything)

    @torch.no_grad()
    def reconstruct(
        self, latents: Float[Tensor, "batch latent latent_width"], chunk: int = 8192
    ) -> dict[str, Float[Tensor, "batch ..."]]:
        """Return the whole output, decoded in parts.

        Args:
            latents: Of :meth:`encode`.
            chunk: Queries that are decoded at once.

        Returns:
            ``image`` ``[B, T, C, H, W]``, ``audio`` ``[B, S]``, and logits ``label``
            ``[B, classes]``.
        """
        config, whole = self.config, {LABEL: self.decode(latents, {LABEL: None})[LABEL]}
        for name in (AUDIO, IMAGE):
            index = torch.arange(config.num_outputs[name], device=latents.device)
            parts = [self.decode(latents, {name: part})[name] for part in index.split(chunk)]
            whole[name] = torch.cat(parts, dim=1)
        whole[AUDIO] = whole[AUDIO].flatten(1)
        video = whole[IMAGE].unflatten(1, (config.frames, *config.size))
        whole[IMAGE] = video.permute(0, 1, 4, 2, 3)
        return whole
