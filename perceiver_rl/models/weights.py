"""Reading weights of others: safetensors, torch, npz and numpy pickles; nothing is executed."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from perceiver_rl.models.names import translated

Model = TypeVar("Model", bound=nn.Module)
_LISTED = 5


class WeightsError(ValueError):
    """A file that holds no weights, or weights that do not fit the model."""


def load_weights(model: Model, source: str | Path | Mapping[str, Tensor]) -> Model:
    """Fill a model with weights, all of them.

    Weights have this project's names, transformers' or DeepMind's. Files: ``.safetensors``; torch's
    (``.bin``, ``.pt``, ``.pth``); ``.npz`` with names ``module/name``; and DeepMind's pickles of
    numpy arrays (``.pickle``, ``.pkl``), of which nothing but arrays is read.

    Args:
        model: The model; on an error it is unchanged.
        source: A file, or the weights by name.

    Returns:
        The model.

    Raises:
        WeightsError: If the file is none of those or is damaged, if weights are missing or left
            over, or if a shape differs; names them, with both shapes.
        OSError: If the file cannot be read.
    """
    state = translated(source if isinstance(source, Mapping) else read_weights(Path(source)))
    what = "the weights" if isinstance(source, Mapping) else str(source)
    expected = model.state_dict()
    # A count of training steps, which some formats do not hold and no result depends on.
    steps = {name for name in expected if name.endswith("num_batches_tracked")}
    missing = sorted(set(expected) - set(state) - steps)
    surplus = sorted(set(state) - set(expected))
    shapes = [
        f"{name!r} is {list(state[name].shape)} in {what} and {list(expected[name].shape)} in the"
        " model"
        for name in sorted(set(state) & set(expected))
        if state[name].shape != expected[name].shape
    ]
    problems = [*_listed("missing", missing), *_listed("unknown", surplus), *shapes[:_LISTED]]
    if problems:
        kind = type(model).__name__
        raise WeightsError(f"{what} do not fit {kind}: {'; '.join(problems)}")
    model.load_state_dict(state, strict=False)
    return model


def _listed(word: str, names: list[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return [f"{word} {names[:_LISTED]}{more}"]


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name.

    Raises:
        WeightsError: If the file is of no known kind, is damaged, or holds anything but numbers.
        OSError: If the file cannot be read.
    """
    readers: dict[str, Callable[[Path], dict[str, Tensor]]] = {
        ".safetensors": _read_safetensors,
        **dict.fromkeys((".bin", ".pt", ".pth"), _read_torch),
        ".npz": _read_npz,
        **dict.fromkeys((".pickle", ".pkl"), _read_numpy_pickle),
    }
    if path.suffix not in readers:
        raise WeightsError(
            f"{path} is of no known kind, expected one of {list(readers)}, got {path.suffix!r}"
        )
    return readers[path.suffix](path)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    content = path.read_bytes()
    try:
        return safetensors.torch.load(content)
    except safetensors.SafetensorError as error:
        raise WeightsError(f"{path} is no safetensors file, or damaged: {error}") from error


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a damaged pickle may raise anything
        first = str(error).strip().splitlines()[:1]
        raise WeightsError(f"{path} holds more than weights, or is damaged: {first}") from error
    if not isinstance(state, Mapping) or not all(isinstance(x, Tensor) for x in state.values()):
        raise WeightsError(f"{path} holds no mapping of names to tensors")
    return dict(state)


def _read_npz(path: Path) -> dict[str, Tensor]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: _tensor(name, arrays[name], path) for name in arrays.files}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path} is no npz file of numbers, or damaged: {error}") from error


def _read_numpy_pickle(path: Path) -> dict[str, Tensor]:
    content = path.read_bytes()
    try:
        tree = _NumpyUnpickler(io.BytesIO(content)).load()
    except WeightsError:
        raise
    except Exception as error:  # a damaged pickle may raise anything
        raise WeightsError(f"{path} is no pickle of numpy arrays, or damaged: {error}") from error
    # Models with batch norms keep their averages apart from their parameters.
    halves = [tree[key] for key in ("params", "state") if key in tree] if _is_tree(tree) else []
    flat: dict[str, Tensor] = {}
    for half in halves or [tree]:
        _flatten(half, "", flat, path)
    return flat


def _flatten(tree: Any, prefix: str, into: dict[str, Tensor], path: Path) -> None:
    if not _is_tree(tree):
        raise WeightsError(f"{path} holds {type(tree).__name__} at {prefix!r}, expected arrays")
    for name, value in tree.items():
        where = f"{prefix}/{name}" if prefix else str(name)
        if _is_tree(value):
            _flatten(value, where, into, path)
        else:
            into[where] = _tensor(where, value, path)


def _is_tree(value: Any) -> bool:
    return isinstance(value, dict)


def _tensor(name: str, value: Any, path: Path) -> Tensor:
    if not isinstance(value, np.ndarray | np.generic) or value.dtype.kind not in "fiub":
        raise WeightsError(f"{path} holds {type(value).__name__} at {name!r}, expected an array")
    return torch.from_numpy(np.array(value))


def _mapping(content: Any = ()) -> dict[Any, Any]:
    """Stand in for Haiku's mapping."""
    return dict(content)


def _encode(text: str, _encoding: str) -> bytes:
    """Stand in for what old pickles make bytes with, which is always Latin 1."""
    return text.encode("latin1")


def _array_parts() -> dict[str, Any]:
    """Return what numpy's arrays are made of in a pickle, and how Haiku wraps them."""
    array = np.zeros(1).__reduce__()[0]
    scalar = np.float32(0).__reduce__()[0]
    from_buffer = np.zeros(1).__reduce_ex__(5)[0]
    parts: dict[str, Any] = {"numpy.ndarray": np.ndarray, "numpy.dtype": np.dtype}
    for core in ("numpy.core", "numpy._core"):
        parts[f"{core}.multiarray._reconstruct"] = array
        parts[f"{core}.multiarray.scalar"] = scalar
        parts[f"{core}.numeric._frombuffer"] = from_buffer
    parts["haiku._src.data_structures.FlatMapping"] = _mapping
    parts["collections.OrderedDict"] = _mapping
    parts["_codecs.encode"] = _encode
    return parts


class _NumpyUnpickler(pickle.Unpickler):
    """Makes numpy arrays, numbers, strings and mappings of them, and refuses all else."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.parts = _array_parts()

    def find_class(self, module_name: str, global_name: str) -> Any:
        """Return one of the parts of an array.

        Raises:
            WeightsError: If the pickle asks for anything else, which is never imported.
        """
        name = f"{module_name}.{global_name}"
        if name not in self.parts:
            raise WeightsError(f"the pickle asks for {name}; only numpy arrays are admitted")
        return self.parts[name]
