"""The NumPy baseline of the speed comparison plays by the same rules."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perceiver_rl.envs import BatchedEnv, make_control
from perceiver_rl.envs.engine import fields as f

PATH = Path(__file__).parents[2] / "scripts" / "numpy_env.py"


@pytest.fixture(scope="module")
def numpy_env() -> Any:
    spec = importlib.util.spec_from_file_location("numpy_env", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["Battle-3m", "Battle-8m", "Battle-2s3z"])
@pytest.mark.parametrize("control", ["random", "attack-nearest", "focus-fire", "anything"])
def test_numpy_and_the_compiled_engine_play_the_same_games(
    numpy_env: Any, name: str, control: str
) -> None:
    compiled = BatchedEnv(name, 8, opponent="attack-nearest")
    plain = numpy_env.NumpyBatchedEnv(name, 8)
    space = compiled.action_space
    rng = np.random.default_rng(0)
    observation = compiled.reset(range(8))
    plain.reset(range(8))
    for _ in range(130):
        if control == "anything":
            action = rng.integers(0, space.nvec, size=(8, space.nvec.size))
        else:
            script = make_control(control, compiled.observation_space, space, 3)
            action = script.act(observation)
        one, two = compiled.step(action), plain.step(action)
        observation = one.observation
        for key, value in observation.items():
            np.testing.assert_allclose(two.observation[key], value, atol=1e-4, err_msg=key)
        np.testing.assert_allclose(two.reward, one.reward, atol=1e-5)
        np.testing.assert_array_equal(two.terminated, one.terminated)
        np.testing.assert_array_equal(two.truncated, one.truncated)
        assert two.infos == one.infos
        if (rows := np.flatnonzero(one.terminated | one.truncated)).size:
            compiled.restart(rows)
            plain.restart(rows)
    assert compiled.games[:, f.LOOP].any()


def test_mini_games_are_not_in_the_baseline(numpy_env: Any) -> None:
    with pytest.raises(ValueError, match="DefeatRoaches is not a battle"):
        numpy_env.NumpyBatchedEnv("DefeatRoaches", 1)
