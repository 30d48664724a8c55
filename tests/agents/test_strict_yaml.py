"""Settings in YAML: every key must exist, every value must fit, and messages say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_rl.agents.compare_config import CompareConfig
from perceiver_rl.agents.config import EvaluateConfig, PPOConfig, TrainConfig
from perceiver_rl.agents.errors import ConfigError
from perceiver_rl.agents.strict_yaml import from_mapping, key_paths, read_settings, to_yaml

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


def read(tmp_path: Path, text: str) -> TrainConfig:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    return read_settings(file, TrainConfig)


def test_a_file_holds_differences_and_the_rest_stays_at_its_default(tmp_path: Path) -> None:
    config = read(tmp_path, "ppo: {learning_rate: 0.01}\nseed: 3")
    assert config.ppo == PPOConfig(learning_rate=0.01)
    assert config == TrainConfig(seed=3, ppo=PPOConfig(learning_rate=0.01))


def test_an_empty_file_is_no_difference(tmp_path: Path) -> None:
    assert read(tmp_path, "# nothing\n") == TrainConfig()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ppo: {learning_rat: 0.1}", ["'ppo.learning_rat'", "did you mean 'ppo.learning_rate'"]),
        ("learning_rate: 0.1", ["'learning_rate'", "did you mean 'ppo.learning_rate'"]),
        ("encoder: mlp", ["'encoder'", "did you mean 'policy.encoder'"]),
        ("zzz: 1", ["'zzz'", "may hold", "'steps'"]),
        ("ppo: {n_steps: many}", ["ppo.n_steps", "a whole number", "the text 'many'"]),
        ("ppo: {n_steps: 1.5}", ["ppo.n_steps", "a whole number", "1.5"]),
        ("ppo: {n_steps: true}", ["ppo.n_steps", "a whole number", "the truth value true"]),
        ("ppo: 3", ["ppo", "settings by name", "the whole number 3"]),
        ("policy: {encoder: percever}", ["policy.encoder", "did you mean 'perceiver'"]),
        ("env: {opponent: no}", ["env.opponent", "a text", "put the word in quotes"]),
        ("name:", ["name", "a text", "nothing"]),
        ("seed: 1\nseed: 2", ["'seed' appears twice", "line 2"]),
        ("ppo: {gamma: 1.5}", ["ppo.gamma", "between 0 and 1", "1.5"]),
        ("ppo: {batch_size: 500}", ["ppo.batch_size=500", "divide", "4096"]),
        ("seed: 1000000", ["seed", "evaluation"]),
        ("[1, 2]", ["the file", "settings by name", "list"]),
        ("ppo: {", ["not a YAML file"]),
    ],
)
def test_what_does_not_fit_is_named_with_its_full_path(
    tmp_path: Path, text: str, parts: list[str]
) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text)
    for part in ["settings.yaml", *parts]:
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("word", "advice"), [("3e-4", "3.0e-4"), ("1e6", "1.0e+6"), ("2.5e3", "2.5e+3")]
)
def test_an_exponent_that_yaml_takes_for_a_text_comes_with_the_right_spelling(
    tmp_path: Path, word: str, advice: str
) -> None:
    with pytest.raises(ConfigError, match=r"YAML reads .* as a text, write ") as error:
        read(tmp_path, f"ppo: {{learning_rate: {word}}}")
    assert str(error.value).endswith(advice)
    assert read(tmp_path, f"ppo: {{learning_rate: {advice}}}").ppo.learning_rate == float(word)


def test_a_whole_number_may_stand_for_a_real_one_but_not_the_reverse(tmp_path: Path) -> None:
    rate = read(tmp_path, "ppo: {learning_rate: 1}").ppo.learning_rate
    assert isinstance(rate, float)
    with pytest.raises(ConfigError, match="expected a whole number"):
        read(tmp_path, "steps: 1.0")


def test_a_missing_file_is_named_with_a_similar_one(tmp_path: Path) -> None:
    (tmp_path / "battle_3m.yaml").touch()
    with pytest.raises(ConfigError, match=r"battle_3n\.yaml.*did you mean .*battle_3m\.yaml"):
        read_settings(tmp_path / "battle_3n.yaml", TrainConfig)


def test_arms_replace_the_default_arms_and_are_read_strictly() -> None:
    config = from_mapping(CompareConfig, {"arms": {"mine": {"encoder": "mlp"}}})
    assert {name: arm.encoder for name, arm in config.arms.items()} == {"mine": "mlp"}
    with pytest.raises(ConfigError, match=r"arms\.mine\.encodr.*arms\.mine\.encoder"):
        from_mapping(CompareConfig, {"arms": {"mine": {"encodr": "mlp"}}})


def test_none_is_read_where_it_is_allowed_and_refused_elsewhere(tmp_path: Path) -> None:
    assert read(tmp_path, "ppo: {target_kl: null}").ppo.target_kl is None
    with pytest.raises(ConfigError, match=r"ppo\.gamma"):
        read(tmp_path, "ppo: {gamma: null}")


def test_options_take_plain_values_only() -> None:
    options = {"reward": "win", "max_entities": 8, "fast": True}
    config = from_mapping(TrainConfig, {"env": {"options": options}})
    assert config.env.options == options
    with pytest.raises(ConfigError, match=r"env\.options\.reward: expected .* or .*, got the list"):
        from_mapping(TrainConfig, {"env": {"options": {"reward": [1]}}})


def test_every_key_has_one_path() -> None:
    paths = list(key_paths(TrainConfig))
    assert len(set(paths)) == len(paths)
    assert {"steps", "env", "env.id", "policy.encoder", "ppo.learning_rate"} <= set(paths)


@given(
    seed=st.integers(0, 5000),
    rate=st.floats(1e-8, 1.0),
    name=st.text(max_size=12),
    limit=st.none() | st.floats(0, 1),
)
def test_written_settings_are_read_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    rate: float,
    name: str,
    limit: float | None,
) -> None:
    config = TrainConfig(seed=seed, name=name, ppo=PPOConfig(learning_rate=rate, target_kl=limit))
    file = tmp_path_factory.getbasetemp() / "written.yaml"
    file.write_text(to_yaml(config), encoding="utf-8")
    assert read_settings(file, TrainConfig) == config


@pytest.mark.parametrize("kind", [TrainConfig, EvaluateConfig, CompareConfig])
def test_all_default_settings_survive_writing(tmp_path: Path, kind: type) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(to_yaml(kind()))
    assert read_settings(file, kind) == kind()


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_the_shipped_files_can_be_read(file: Path) -> None:
    kind = CompareConfig if "\narms:" in file.read_text() else TrainConfig
    assert isinstance(read_settings(file, kind), kind)
