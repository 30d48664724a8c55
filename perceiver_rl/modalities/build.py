"""Which tokenizer fits which part of an observation space."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from torch import nn

from perceiver_rl.entities import BoxScaler, columns_of
from perceiver_rl.modalities.config import ModalityConfig
from perceiver_rl.modalities.tokenizers import (
    CategoryTokenizer,
    ImageTokenizer,
    SetTokenizer,
    SymbolTokenizer,
    TextTokenizer,
    Tokenizer,
    VectorTokenizer,
)
from perceiver_rl.spaces import ENTITIES, ENTITY_MASK, ObservationError, TextSpace

MOST_PATCHES = 64
MOST_GROUPS = 16
MASK = "_mask"


def parts_of(space: spaces.Space[Any]) -> dict[str, spaces.Space[Any]]:
    """Return the parts of an observation space by key; of one that is no Dict, under ``""``."""
    return dict(space.spaces) if isinstance(space, spaces.Dict) else {"": space}


def masks_of(parts: Mapping[str, spaces.Space[Any]]) -> dict[str, str]:
    """Return the keys of sets whose rows a mask ``[N]`` tells apart, with the mask's key.

    The mask of ``key`` is ``key_mask``; that of ``entities`` is ``entity_mask``.
    """
    found = {}
    for key, part in parts.items():
        mask = ENTITY_MASK if key == ENTITIES else key + MASK
        if _is_set(part) and mask in parts and parts[mask].shape == (part.shape or ())[:1]:
            found[key] = mask
    return found


def build_tokenizer(
    key: str,
    space: spaces.Space[Any],
    config: ModalityConfig,
    symbols: Sequence[int] | None = None,
) -> Tokenizer:
    """Build the tokenizer of a part.

    Args:
        key: Of the part, for messages.
        space: Of the part.
        config: Sizes.
        symbols: Values of each channel if the part is a grid of whole numbers; None: it is not.

    Raises:
        ObservationError: If the part cannot be turned into tokens; says what to do.
    """
    if 0 in (space.shape or ()):
        raise ObservationError(f"observation {key!r}: {space} holds no numbers; leave it out")
    if symbols is not None:
        return _symbols(key, space, config, symbols)
    if isinstance(space, spaces.Discrete):
        return CategoryTokenizer([int(space.n)], config.width)
    if isinstance(space, spaces.MultiDiscrete):
        return CategoryTokenizer([int(size) for size in space.nvec.flat], config.width)
    if isinstance(space, spaces.MultiBinary):
        return _vector(spaces.Box(0, 1, tuple(space.shape), np.float32), config)
    if isinstance(space, TextSpace):
        return TextTokenizer(space.max_bytes, config.width, config.bands)
    if isinstance(space, spaces.Box):
        return _box(key, space, config)
    raise ObservationError(
        f"observation {key!r}: {space} cannot be turned into tokens; wrap the environment in"
        " perceiver_rl.spaces.PadObservation"
    )


def _is_set(space: spaces.Space[Any]) -> bool:
    return isinstance(space, spaces.Box) and len(space.shape) == 2


def _box(key: str, space: spaces.Box, config: ModalityConfig) -> Tokenizer:
    if len(space.shape) <= 1:
        return _vector(space, config)
    if len(space.shape) == 2:
        return SetTokenizer(columns_of(space), config.width)
    if len(space.shape) == 3:
        patch = config.patch or _patch_of(space.shape[1:])
        shape = (space.shape[0], space.shape[1], space.shape[2])
        return ImageTokenizer(shape, _image_scaler(space), config.width, patch, config.bands)
    raise ObservationError(
        f"observation {key!r}: expected a Box of up to three axes (vector, rows, channels x rows x"
        f" columns), got shape {space.shape}; reshape it in a wrapper"
    )


def _vector(space: spaces.Box, config: ModalityConfig) -> Tokenizer:
    size = math.prod(space.shape)
    group = config.group or math.ceil(size / MOST_GROUPS)
    return VectorTokenizer(size, BoxScaler(space), config.width, group)


def is_image(space: spaces.Space[Any]) -> bool:
    """Tell whether stable-baselines3 divides this part by 255: uint8 ``[., ., .]`` in [0, 255]."""
    return (
        isinstance(space, spaces.Box)
        and len(space.shape) == 3
        and space.dtype == np.uint8
        and bool((space.low == 0).all() and (space.high == 255).all())
    )


def _image_scaler(space: spaces.Box) -> nn.Module:
    return BoxScaler(spaces.Box(0, 1, space.shape, np.float32) if is_image(space) else space)


def _patch_of(sides: tuple[int, ...]) -> int:
    """Return the smallest side of patches that cut an image into 64 at most."""

    def count(patch: int) -> int:
        return math.prod(math.ceil(side / patch) for side in sides)

    return next(patch for patch in itertools.count(1) if count(patch) <= MOST_PATCHES)


def _symbols(
    key: str, space: spaces.Space[Any], config: ModalityConfig, symbols: Sequence[int]
) -> Tokenizer:
    shape = space.shape or ()
    if not isinstance(space, spaces.Box) or len(shape) != 3 or shape[0] != len(symbols):
        raise ObservationError(
            f"observation {key!r}: symbols={list(symbols)} need a Box of shape"
            f" ({len(symbols)}, rows, columns), got {space}"
        )
    scale = 255.0 if is_image(space) else 1.0
    return SymbolTokenizer(
        (shape[0], shape[1], shape[2]), symbols, scale, config.width, config.bands
    )
