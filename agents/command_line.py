"""The command line: a command, an optional YAML file, and options made from the settings."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import tyro

from perceiver_rl.spaces import unknown

from .compare_config import CompareConfig
from .config import EvaluateConfig, TrainCommand, TrainConfig, named_after
from .demo_config import DemoConfig
from .doctor_config import DoctorConfig
from .duel_config import DuelConfig
from .errors import ConfigError
from .imitate_config import ImitateConfig
from .inspect_config import InspectConfig
from .report_config import ReportConfig
from .standin_config import StandinConfig
from .strict_yaml import read_settings
from .watch_config import WatchConfig

Command = (
    TrainCommand
    | ImitateConfig
    | EvaluateConfig
    | CompareConfig
    | ReportConfig
    | DuelConfig
    | WatchConfig
    | InspectConfig
    | StandinConfig
    | DemoConfig
    | DoctorConfig
)
Settings = TypeVar("Settings")

COMMANDS: Mapping[str, type[Command]] = {
    "train": TrainCommand,
    "imitate": ImitateConfig,
    "evaluate": EvaluateConfig,
    "compare": CompareConfig,
    "report": ReportConfig,
    "duel": DuelConfig,
    "watch": WatchConfig,
    "inspect": InspectConfig,
    "standin": StandinConfig,
    "demo": DemoConfig,
    "doctor": DoctorConfig,
}

USAGE = """\
usage: perceiver-rl COMMAND [CONFIG.yaml] [OPTIONS]

  train     train one agent with PPO against a scripted opponent
  imitate   record a teacher's games and train one agent to play as it does
  evaluate  play evaluation games with checkpoints and scripts, and report win rates
  compare   train several policies over several seeds, and compare their win rates
  report    write the report of a comparison again
  duel      let checkpoints and scripts play one another from both sides, and rate them
  watch     show an agent's games, or a replay, in a window, or write them as a film
  inspect   write a game as a page that shows attention, probabilities and values
  standin   install a stand-in for StarCraft II that its clients can play
  demo      train Perceiver IO on language, flow, multimodal, image or audio, beside baselines
  doctor    say what is installed to play StarCraft II, what is missing, how to get it

A YAML file holds differences from the defaults; options override both:
  perceiver-rl train configs/battle_3m.yaml --ppo.learning-rate 1e-3
  perceiver-rl train --resume runs/battle_3m-seed0
  perceiver-rl imitate --teacher elite --env.id perceiver_rl/Battle-8m-v0 --episodes 500
  perceiver-rl train --from runs/imitate/checkpoint.zip
  perceiver-rl evaluate runs/battle_3m-seed0 random no-op --games 500
  perceiver-rl compare configs/compare.yaml --workers 2
  perceiver-rl report runs/compare
  perceiver-rl duel runs/battle_3m-seed0 elite focus-fire
  perceiver-rl watch runs/battle_3m-seed0 --output game.gif
  perceiver-rl inspect runs/battle_3m-seed0 --output game.html
  perceiver-rl evaluate runs/defeat_roaches-seed0 --backend standin
  perceiver-rl standin install /tmp/StarCraftII
  perceiver-rl demo image
  perceiver-rl doctor

perceiver-rl COMMAND --help lists the command's options and what they mean."""


FILE_NOTE = "A CONFIG.yaml among the arguments gives the defaults that are shown here."


def parse(arguments: Sequence[str]) -> Command:
    """Return the settings of the command that a command line asks for.

    Raises:
        ConfigError: If the command, a key, an option or a value is wrong.
        SystemExit: With status 0, after printing help.
    """
    if not arguments:
        raise ConfigError(f"a command is missing, one of {list(COMMANDS)}")
    name, *rest = arguments
    if name not in COMMANDS:
        raise ConfigError(unknown("command", name, list(COMMANDS)))
    if name == "train":
        return _parse_train(rest)
    file, rest = _take_file(rest)
    kind = COMMANDS[name]
    return _options(kind, kind() if file is None else read_settings(file, kind), name, rest)


def _parse_train(arguments: list[str]) -> TrainCommand:
    file, rest = _take_file(arguments)
    folder = _value_of("--resume", rest)
    start = _value_of("--from", rest) or _value_of("--from-checkpoint", rest)
    if file is not None and folder is not None:
        raise ConfigError(f"--resume {folder} brings its own settings; leave out {file}")
    base, stem = TrainConfig(), "train"
    if folder is not None:
        base = read_settings(run_folder(Path(folder)) / "config.yaml", TrainConfig)
    elif file is not None:
        base, stem = read_settings(file, TrainConfig), file.stem
    if start is not None:
        base, stem = _start(Path(start), None if file is None else base, stem)
    default = TrainCommand(**{name: getattr(base, name) for name in base.__dataclass_fields__})
    command = _options(TrainCommand, default, "train", rest)
    named = named_after(command.config(), stem)
    resume = command.resume and run_folder(command.resume)
    start_file = command.from_checkpoint and _checkpoint_file(command.from_checkpoint)
    return dataclasses.replace(command, name=named.name, resume=resume, from_checkpoint=start_file)


def _start(path: Path, base: TrainConfig | None, stem: str) -> tuple[TrainConfig, str]:
    """Return settings for a run that goes on with a checkpoint's network, and its name's stem.

    The network is the checkpoint's; so is all else where no configuration file says it.
    """
    from .checkpoint import describe  # torch is needed only here

    settings = describe(_checkpoint_file(path)).settings
    if base is None:
        return dataclasses.replace(settings, name=""), f"{settings.name}-tuned"
    return dataclasses.replace(base, policy=settings.policy), stem


def _checkpoint_file(path: Path) -> Path:
    return path / "checkpoint.zip" if path.is_dir() else path


def run_folder(path: Path) -> Path:
    """Return a run's folder, which may be named by one of its files."""
    return path.parent if path.is_file() else path


def _take_file(arguments: list[str]) -> tuple[Path | None, list[str]]:
    """Take the YAML file out of a command line, wherever it stands.

    Raises:
        ConfigError: If there are two.
    """
    files = [word for word in arguments if word.endswith((".yaml", ".yml"))]
    if len(files) > 1:
        raise ConfigError(f"one configuration file at most, got {files}")
    return (Path(files[0]) if files else None), [word for word in arguments if word not in files]


def _value_of(option: str, arguments: list[str]) -> str | None:
    for at, word in enumerate(arguments):
        if word == option and at + 1 < len(arguments):
            return arguments[at + 1]
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return None


def _options(kind: type[Settings], default: Settings, name: str, words: list[str]) -> Settings:
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            settings, strange = tyro.cli(
                kind,
                prog=f"perceiver-rl {name}",
                description=f"{kind.__doc__}\n\n{FILE_NOTE}",
                args=words,
                default=default,
                return_unknown_args=True,
                config=(tyro.conf.AvoidSubcommands,),
            )
    except SystemExit as exit_:
        if exit_.code:
            raise ConfigError(_one_line(printed.getvalue())) from None
        raise
    if strange:
        raise ConfigError(_strange(strange[0], default))
    return settings


def _strange(word: str, settings: object) -> str:
    if not word.startswith("-"):
        return f"unexpected argument {word!r}; a configuration file ends in .yaml"
    options = list(_option_names(settings))
    option = word.partition("=")[0]
    close = difflib.get_close_matches(option.replace("_", "-"), options, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]}?" if close else "; --help lists the options"
    return f"unknown option {option}{hint}"


def _option_names(settings: Any, prefix: str = "--") -> Iterator[str]:
    """Yield the options of settings, dictionaries of settings included."""
    pairs = (
        settings.items()
        if isinstance(settings, dict)
        else ((field.name, getattr(settings, field.name)) for field in dataclasses.fields(settings))
    )
    for name, value in pairs:
        option = f"{prefix}{name.replace('_', '-')}"
        nested = dataclasses.is_dataclass(value) or (
            isinstance(value, dict) and any(map(dataclasses.is_dataclass, value.values()))
        )
        if nested:
            yield from _option_names(value, f"{option}.")
        else:
            yield option


def _one_line(box: str) -> str:
    """Return the first paragraph of tyro's framed message as one line, without frame and title."""
    title, *rest = re.sub(r"\x1b\[[0-9;]*m", "", box).strip("\n").splitlines() or [""]
    lines: list[str] = []
    for line in rest:
        inner = line.strip("│╭╮╰╯─ ")
        if inner.strip("-"):  # a rule is of dashes where the terminal has no lines to draw
            lines.append(inner)
        elif lines:
            break
    return " ".join(lines) or title.strip()
