"""The ``perceiver-rl`` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from perceiver_rl.spaces import ContractError

from .command_line import USAGE, Command, parse
from .compare_config import CompareConfig
from .config import EvaluateConfig
from .demo_config import DemoConfig
from .doctor_config import DoctorConfig
from .duel_config import DuelConfig
from .errors import UserError
from .imitate_config import ImitateConfig
from .inspect_config import InspectConfig
from .report_config import ReportConfig
from .standin_config import StandinConfig
from .watch_config import WatchConfig

FAILED = 2
INTERRUPTED = 130
BROKEN_PIPE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    0 is success, 2 an error that the message on stderr explains in one line, 130 a run that was
    interrupted and left a checkpoint, 141 an output that nobody reads on. Anything else that goes
    wrong keeps its traceback.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = _status(words)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads the output, `head` for instance, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        return BROKEN_PIPE
    return status


def _status(words: list[str]) -> int:
    try:
        if words and words[0] in ("-h", "--help", "help"):
            _write(USAGE)
            return 0
        return _run(parse(words), ["perceiver-rl", *words])
    except BrokenPipeError:
        raise
    except (UserError, ContractError, OSError) as error:
        message = " ".join(str(error).split())
        sys.stderr.write(f"perceiver-rl: error: {message}\n")
        return FAILED
    except SystemExit as exit_:  # tyro ends --help so
        return int(exit_.code or 0)
    except KeyboardInterrupt:
        sys.stderr.write("perceiver-rl: interrupted\n")
        return INTERRUPTED


def _run(command: Command, words: list[str]) -> int:
    # Imported here so that help and configuration errors do not wait for torch.
    if isinstance(command, CompareConfig):
        from .compare import compare

        return 0 if compare(command, words) else INTERRUPTED
    if isinstance(command, ImitateConfig):
        from .imitate import imitate

        return 0 if imitate(command, words).finished else INTERRUPTED
    if isinstance(command, EvaluateConfig):
        from .evaluate import evaluate

        evaluate(command, words)
        return 0
    if isinstance(command, ReportConfig):
        from .report import report

        report(command)
        return 0
    if isinstance(command, DuelConfig):
        from .duel import duel

        duel(command, words)
        return 0
    if isinstance(command, WatchConfig):
        from .watch import watch

        watch(command)
        return 0
    if isinstance(command, InspectConfig):
        from .inspection import inspect_agent

        inspect_agent(command)
        return 0
    if isinstance(command, StandinConfig | DemoConfig | DoctorConfig):
        return _run_aside(command, words)
    from .train import train

    return 0 if train(command.config(), resume=command.resume).finished else INTERRUPTED


def _run_aside(command: StandinConfig | DemoConfig | DoctorConfig, words: list[str]) -> int:
    """Run a command that has nothing to do with agents."""
    if isinstance(command, StandinConfig):
        from .standin import install_standin

        install_standin(command)
        return 0
    if isinstance(command, DemoConfig):
        from .demo import demo

        demo(command, words)
        return 0
    from .doctor import doctor

    return 0 if doctor() else FAILED


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")
