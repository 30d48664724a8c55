"""Files of a JSON header and arrays: npz without pickle, written whole or not at all."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.files import replacing
from perceiver_rl.spaces import ContractError

_HEADER: Final = "header"


class Archive(NamedTuple):
    """What such a file holds."""

    header: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def write_archive(
    path: str | Path, kind: str, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Write a file; after a crash there is the old one or the new one, never a part.

    Args:
        path: The file; missing folders are made.
        kind: What the file is; :func:`read_archive` asks for it.
        header: What JSON can hold.
        arrays: Arrays of numbers, by name.

    Raises:
        OSError: If the folder cannot be written to or the disk is full.
    """
    text = json.dumps({"kind": kind, **header})
    content = io.BytesIO()
    words = np.frombuffer(text.encode(), np.uint8)
    np.savez_compressed(content, allow_pickle=False, **{_HEADER: words}, **arrays)
    with replacing(Path(path)) as file:
        file.write(content.getbuffer())


def read_archive(path: str | Path, kind: str, newest: int) -> Archive:
    """Read a file; nothing in it is executed.

    Args:
        path: The file.
        kind: What it must be.
        newest: The highest ``format`` that is understood.

    Raises:
        ContractError: If the file is missing, damaged, of another kind or of a newer format.
    """
    try:
        # Opened here, because numpy leaves a damaged file open.
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as members:
            arrays = {name: members[name] for name in members.files}
        header = json.loads(arrays.pop(_HEADER).tobytes())
        if header["kind"] != kind:
            raise ContractError(f"{path} is no {kind}, it is a {header['kind']}")
        if int(header["format"]) > newest:
            raise ContractError(
                f"{path} has format {header['format']}, this version reads up to {newest}:"
                " it was written by a newer perceiver-rl"
            )
    except FileNotFoundError:
        raise ContractError(f"there is no {kind} {path}") from None
    except IsADirectoryError:
        raise ContractError(f"{path} is a folder, expected a {kind}") from None
    except ContractError:
        raise
    # A damaged file can fail in each of these ways, depending on where it is cut or changed.
    except (
        *(zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError),
        *(TypeError, AttributeError, NotImplementedError),
    ) as error:
        raise ContractError(f"{path} is no {kind}, or it is damaged: {error}") from None
    return Archive(header, arrays)
