"""Strict reading of YAML settings into dataclasses: every key must exist, every value must fit."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union

import yaml

from perceiver_rl.spaces import nearest

from .errors import ConfigError

Settings = TypeVar("Settings")


class _UniqueKeyLoader(yaml.SafeLoader):
    """PyYAML lets the last of two equal keys win without a word; this one refuses."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise ConfigError(f"key {key.value!r} appears twice (line {line})")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_settings(path: Path, kind: type[Settings], default: Settings | None = None) -> Settings:
    """Return the settings that a YAML file describes as differences from ``default``.

    An empty file is no difference.

    Raises:
        ConfigError: If the file is missing or no YAML, a key is unknown or appears twice, or a
            value has the wrong type; names the file and the key's full path.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeyLoader)
        return from_mapping(kind, content or {}, default)
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration file {path}{_similar(path)}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a YAML file: {' '.join(str(error).split())}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def from_mapping(
    kind: type[Settings], content: object, default: Settings | None = None
) -> Settings:
    """Return a dataclass from nested mappings; what they leave out comes from ``default``.

    Raises:
        ConfigError: If a key is unknown or a value has the wrong type.
    """
    base = kind() if default is None else default
    return typing.cast(Settings, _dataclass(kind, content, base, "", list(key_paths(kind))))


def key_paths(kind: type, prefix: str = "") -> Iterator[str]:
    """Yield the full path of every setting: ``"steps"``, ``"ppo.learning_rate"``."""
    for name, hint in _hints(kind).items():
        yield f"{prefix}{name}"
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            yield from key_paths(hint, f"{prefix}{name}.")


def to_mapping(settings: object) -> dict[str, Any]:
    """Return settings as nested mappings of plain YAML and JSON values."""
    assert dataclasses.is_dataclass(settings)
    assert not isinstance(settings, type)
    return {
        field.name: _plain(getattr(settings, field.name)) for field in dataclasses.fields(settings)
    }


def to_yaml(settings: object) -> str:
    """Return settings as YAML that :func:`read_settings` reads back to the same settings."""
    return yaml.safe_dump(to_mapping(settings), sort_keys=False)


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value):
        return to_mapping(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _hints(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _dataclass(kind: Any, content: object, base: Any, at: str, known: list[str]) -> Any:
    if not isinstance(content, Mapping):
        raise ConfigError(f"{at or 'the file'}: expected settings by name, got {_show(content)}")
    hints = _hints(kind)
    changes: dict[str, Any] = {}
    for key, value in content.items():
        path = f"{at}.{key}" if at else str(key)
        if key not in hints:
            # A key that was forgotten to be nested is found by its last part.
            ends = {name.rpartition(".")[2]: name for name in reversed(known)}
            hint = nearest(path, known) or nearest(ends.get(str(key), ""), known)
            raise ConfigError(f"unknown key {path!r}{hint}{_siblings(at, hints, hint)}")
        old = getattr(base, key) if base is not None else None
        changes[key] = _value(hints[key], value, old, path, known)
    try:
        return kind(**changes) if base is None else dataclasses.replace(base, **changes)
    except ConfigError as error:
        raise ConfigError(f"{at}.{error}" if at else str(error)) from None


def _siblings(at: str, hints: Mapping[str, Any], hint: str) -> str:
    return "" if hint else f"; {at or 'the file'} may hold {list(hints)}"


def _value(hint: Any, value: object, old: Any, path: str, known: list[str]) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _value(arguments[0], value, old, path, known)
    if dataclasses.is_dataclass(hint):
        return _dataclass(hint, value, old, path, known)
    if origin is Literal:
        if value not in arguments or isinstance(value, bool):
            close = nearest(value, arguments) if isinstance(value, str) else ""
            raise ConfigError(f"{path}: expected one of {list(arguments)}, got {value!r}{close}")
        return value
    if origin in (Union, types.UnionType):
        return _union(arguments, value, path, known)
    if origin is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{path}: expected a list like [a, b], got {_show(value)}")
        return tuple(
            _value(arguments[0], item, None, f"{path}[{at}]", known)
            for at, item in enumerate(value)
        )
    if origin is dict:
        return _dictionary(arguments[1], value, path)
    return _scalar(hint, value, path)


def _dictionary(hint: Any, value: object, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path}: expected settings by name, got {_show(value)}")
    inner = (
        list(key_paths(hint)) if isinstance(hint, type) and dataclasses.is_dataclass(hint) else []
    )
    for key in value:
        if not isinstance(key, str):
            raise ConfigError(f"{path}: expected names as keys, got {_show(key)}")
    return {
        key: _value(hint, item or {} if inner else item, None, f"{path}.{key}", [
            f"{path}.{key}.{name}" for name in inner
        ])
        for key, item in value.items()
    }  # fmt: skip


def _union(arguments: tuple[Any, ...], value: object, path: str, known: list[str]) -> Any:
    if value is None and type(None) in arguments:
        return None
    rest = [argument for argument in arguments if argument is not type(None)]
    if len(rest) == 1:
        return _value(rest[0], value, None, path, known)
    if type(value) in rest:
        return value
    names = " or ".join(_NAMES[argument] for argument in rest)
    raise ConfigError(f"{path}: expected {names}, got {_show(value)}")


_NAMES: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
}


def _scalar(hint: type, value: object, path: str) -> Any:
    if hint is float and type(value) is int:
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if type(value) is hint:
        return value
    raise ConfigError(f"{path}: expected {_NAMES[hint]}, got {_show(value)}{_help(hint, value)}")


def _help(hint: type, value: object) -> str:
    """Explain the two traps of YAML 1.1: exponents without a point, and words that mean bool."""
    if hint in (int, float) and isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return ""
        if hint is int and number.is_integer():
            return f"; write {int(number)}"
        mantissa, _, exponent = f"{number:e}".partition("e")
        short = mantissa.rstrip("0")
        short += "0" if short.endswith(".") else ""
        return f"; YAML reads {value} as a text, write {short}e{exponent[0]}{int(exponent[1:])}"
    if hint is str and isinstance(value, bool):
        return "; put the word in quotes"
    return ""


def _show(value: object) -> str:
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if value is None:
        return "nothing"
    kinds = {str: "text", int: "whole number", float: "number", list: "list", dict: "mapping"}
    return f"the {kinds.get(type(value), type(value).__name__)} {value!r}"


def _similar(path: Path) -> str:
    """Return a hint at a file with a similar name in the same folder or in ``configs``."""
    for folder in (path.parent, Path("configs")):
        files = {file.stem: str(file) for file in sorted(folder.glob("*.y*ml"))}
        close = difflib.get_close_matches(path.stem, files, n=1)
        if close:
            return f"; did you mean {files[close[0]]!r}?"
    return ""
