"""The command line: what overrides what, and errors of one line instead of tracebacks."""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from perceiver_rl.agents.command_line import parse
from perceiver_rl.agents.compare_config import CompareConfig
from perceiver_rl.agents.config import EvaluateConfig, TrainCommand
from perceiver_rl.agents.errors import ConfigError
from perceiver_rl.agents.main import main


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "battle.yaml"
    path.write_text("steps: 1000\nseed: 5\nppo: {learning_rate: 0.02, gamma: 0.5}\n")
    return path


def train_command(*words: str) -> TrainCommand:
    command = parse(["train", *words])
    assert isinstance(command, TrainCommand)
    return command


def test_options_override_the_file_and_the_file_overrides_the_defaults(file: Path) -> None:
    command = train_command(str(file), "--ppo.learning-rate", "1e-3", "--seed", "7")
    assert (command.seed, command.ppo.learning_rate) == (7, 0.001)
    assert (command.steps, command.ppo.gamma) == (1000, 0.5)
    assert command.ppo.n_steps == TrainCommand().ppo.n_steps


def test_the_file_may_stand_anywhere(file: Path) -> None:
    first = train_command(str(file), "--seed", "7")
    assert train_command("--seed", "7", str(file)) == first


def test_a_run_is_named_after_its_file_and_seed_unless_it_has_a_name(file: Path) -> None:
    assert train_command(str(file)).name == "battle-seed5"
    assert train_command(str(file), "--name", "mine").name == "mine"
    assert train_command().name == "train-seed0"


def test_an_option_of_one_arm_leaves_the_others_alone() -> None:
    command = parse(["compare", "--arms.transformer.selection", "pointer"])
    assert isinstance(command, CompareConfig)
    assert command.arms["transformer"].selection == "pointer"
    assert command.arms["perceiver"].selection == "independent"


def test_agents_to_evaluate_come_without_an_option() -> None:
    command = parse(["evaluate", "random", "no-op", "--games", "3"])
    assert isinstance(command, EvaluateConfig)
    assert (command.agents, command.games) == (("random", "no-op"), 3)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ([], ["a command is missing", "train"]),
        (["trian"], ["'trian'", "did you mean 'train'"]),
        (["train", "--ppo.learning-rat", "1"], ["did you mean --ppo.learning-rate"]),
        (["train", "--learning_rate=1"], ["did you mean --ppo.learning-rate"]),
        (["train", "--zzzzzz", "1"], ["unknown option --zzzzzz", "--help"]),
        (["compare", "--arms.perceiver.encodr", "mlp"], ["did you mean --arms.perceiver.encoder"]),
        (["train", "--ppo.learning-rate", "fast"], ["--ppo.learning-rate", "'fast'"]),
        (["train", "--policy.encoder", "foo"], ["'foo'", "perceiver", "transformer"]),
        (["train", "--steps", "-3"], ["steps must be at least 1", "-3"]),
        (["train", "--resume"], ["--resume"]),
        (["train", "battle"], ["'battle'", ".yaml"]),
        (["train", "nowhere.yaml"], ["no configuration file nowhere.yaml"]),
        (["train", "a.yaml", "b.yaml"], ["one configuration file at most"]),
        (["train", "--resume", "nowhere"], ["nowhere/config.yaml"]),
        (["train", "a.yaml", "--resume", "x"], ["leave out a.yaml"]),
        (["compare", "--arms.perceiver.encoder"], ["--arms.perceiver.encoder"]),
        (["evaluate"], ["at least one agent"]),
        (["evaluate", "attack-nearst"], ["'attack-nearst'", "did you mean 'attack-nearest'"]),
        (["evaluate", "nowhere.zip"], ["'nowhere.zip'"]),
        (["evaluate", "random", "random"], ["two agents are called 'random'"]),
        (["evaluate", "random", "--opponents", "randm"], ["randm", "random"]),
        (["evaluate", "random", "--env", "perceiver_rl/Battle-4m-v0"], ["Battle-4m", "Battle-3m"]),
        (["evaluate", "random", "--options", "rewrd", "win"], ["'rewrd'", "did you mean 'reward'"]),
        (["train", "--env.opponent", "focus-fir"], ["focus-fir", "focus-fire"]),
        (["train", "--policy.encoder-kwargs", "num_latent", "3"], ["num_latent", "num_latents"]),
        (["compare", "--opponents", "nobody"], ["nobody"]),
        (["compare", "--controls", "focus-fir"], ["did you mean 'focus-fire'"]),
    ],
)
def test_what_the_user_got_wrong_is_one_line_without_a_traceback(
    words: list[str],
    parts: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    shown = capsys.readouterr().err
    last = shown.splitlines()[-1]
    assert last.startswith("perceiver-rl: error: ")
    assert "Traceback" not in shown
    for part in parts:
        assert part in last


def test_a_real_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(words: list[str]) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("perceiver_rl.agents.main.parse", broken)
    with pytest.raises(ZeroDivisionError):
        main(["train"])


@pytest.mark.parametrize("command", ["train", "evaluate", "compare"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"perceiver-rl {command}" in shown
    assert "CONFIG.yaml" in shown


@pytest.mark.parametrize("words", [["--help"], ["evaluate", "--help"]])
def test_a_reader_who_has_had_enough_is_no_error(words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "perceiver_rl", *words]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_help_shows_the_values_of_the_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", str(file), "--help"])
    assert "0.02" in capsys.readouterr().out


def test_the_overview_names_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for command in ("train", "evaluate", "compare"):
        assert f"\n  {command} " in shown


def test_help_and_configuration_errors_do_not_wait_for_torch() -> None:
    script = (
        "import sys; from perceiver_rl.agents.main import main\n"
        "main(['--help']); main(['train', '--help']); main(['train', '--stepz', '1'])\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True).returncode == 0


def test_the_module_is_the_command() -> None:
    words = [sys.executable, "-m", "perceiver_rl", "evaluate", "nobody"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("perceiver-rl: error: there is no agent 'nobody'")


def test_two_files_are_refused_before_either_is_read() -> None:
    with pytest.raises(ConfigError, match="at most"):
        parse(["compare", "a.yaml", "b.yml"])


@pytest.mark.parametrize("kind", [TrainCommand, EvaluateConfig, CompareConfig])
def test_help_explains_every_setting(kind: type) -> None:
    source = inspect.getsource(sys.modules[kind.__module__])
    for name in (each.name for each in dataclasses.fields(kind)):
        if name not in ("env", "policy", "ppo"):  # explained by the docstring of their class
            assert re.search(rf"\n    {name}: [^\n]*\n    \"\"\"", source), name
