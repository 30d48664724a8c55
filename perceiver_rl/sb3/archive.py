"""The container of saved models: stable-baselines3's zip file with JSON and safetensors beside.

What stable-baselines3 wrote is for its own ``load``, which unpickles; it is never read here.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as bytes_from_tensors
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor

from perceiver_rl.files import replacing


class CheckpointError(ValueError):
    """A file that is no saved model, is damaged, or does not fit what it is loaded for."""


def write_members(path: str | Path, model: BaseAlgorithm, members: Mapping[str, bytes]) -> None:
    """Write a model as stable-baselines3 does, and members beside.

    After a crash there is the old file or the new one, never a part.

    Raises:
        OSError: If the folder cannot be written to or the disk is full.
    """
    with replacing(Path(path)) as file:
        model.save(file)
        with zipfile.ZipFile(file, "a") as archive:
            for name, content in members.items():
                archive.writestr(name, content)


def has_member(path: str | Path, name: str) -> bool:
    """Return whether a file that could be read before holds a member."""
    with zipfile.ZipFile(path) as archive:
        return name in archive.namelist()


def read_member(path: str | Path, name: str) -> bytes:
    """Return a member's content.

    Raises:
        CheckpointError: If the file is missing, damaged or lacks the member.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(name)
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {path}") from None
    except IsADirectoryError:
        raise CheckpointError(f"{path} is a folder, expected a checkpoint file") from None
    # What a damaged file raises depends on where it is cut or changed.
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError) as error:
        raise CheckpointError(
            f"{path} is not a checkpoint: it is no whole zip file ({error})"
        ) from None
    except KeyError:
        raise CheckpointError(
            f"{path} is not a checkpoint of perceiver-rl: it has no {name}"
            " (models of stable-baselines3 alone are opened by its own load)"
        ) from None


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """Return JSON as a member's content; numbers keep all their digits."""
    return json.dumps(content, indent=2).encode()


def read_json(path: str | Path, name: str) -> dict[str, Any]:
    """Return a JSON member's mapping.

    Raises:
        CheckpointError: As :func:`read_member`, or if it is no JSON mapping.
    """
    try:
        content = json.loads(read_member(path, name))
    except CheckpointError:
        raise
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: cannot read {name}: {error}") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: {name} holds a {type(content).__name__}, not a mapping")
    return content


def tensor_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Return tensors as a member's content."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return bytes_from_tensors(plain)


def read_tensors(path: str | Path, name: str) -> dict[str, Tensor]:
    """Return a member's tensors, on the CPU.

    Raises:
        CheckpointError: As :func:`read_member`, or if it is no safetensors content.
    """
    content = read_member(path, name)
    try:
        return tensors_from_bytes(content)
    except (safetensors.SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise CheckpointError(f"{path}: {name} is damaged or holds no tensors: {error}") from None


def first_difference(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """Return what first differs between two state dicts, or "" if they have the same shapes."""
    for name, tensor in expected.items():
        if name not in found:
            return f"expected tensor {name!r} {tuple(tensor.shape)}, found none"
        if tensor.shape != found[name].shape:
            shapes = f"{tuple(tensor.shape)}, found {tuple(found[name].shape)}"
            return f"expected tensor {name!r} of shape {shapes}"
        if tensor.dtype != found[name].dtype:
            return f"expected tensor {name!r} of {tensor.dtype}, found {found[name].dtype}"
    extra = [name for name in found if name not in expected]
    return f"found tensor {extra[0]!r}, expected none" if extra else ""
