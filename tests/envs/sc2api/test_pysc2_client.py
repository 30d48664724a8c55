"""PySC2's own environment plays the stand-in in process, by every kind of interface."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pysc2")

from perceiver_rl.envs.pysc2.compat import Client, load_client
from perceiver_rl.envs.sc2api.maps import MINI_GAMES
from perceiver_rl.envs.sc2api.protocol import api


@pytest.fixture(scope="module")
def pysc2() -> Iterator[Client]:
    client = load_client()
    from perceiver_rl.envs.sc2api import run_config

    assert run_config.InProcess in client.run_configs.lib.RunConfig.all_subclasses()
    before = client.flags.FLAGS.sc2_run_config
    client.flags.FLAGS.sc2_run_config = "InProcess"
    yield client
    client.flags.FLAGS.sc2_run_config = before
    assert run_config.InProcess.priority() is None  # the game, if there is one, is found again


def interface(pysc2: Client, name: str) -> Any:
    env = pysc2.env
    if name == "passthrough":
        return api.InterfaceOptions(raw=True, score=True)
    fields: dict[str, Any] = {}
    if name != "raw":
        fields["feature_dimensions"] = env.Dimensions(screen=64, minimap=32)
        fields["use_feature_units"] = True
    if name != "features":
        fields["use_raw_units"] = True
    if name == "raw":
        fields["action_space"] = env.ActionSpace.RAW
    return env.AgentInterfaceFormat(**fields)


def make(pysc2: Client, name: str, kind: str) -> Any:
    return pysc2.env.SC2Env(
        map_name=name,
        players=[pysc2.env.Agent(pysc2.env.Race.terran)],
        agent_interface_format=interface(pysc2, kind),
        step_mul=8,
        random_seed=1,
    )


@pytest.mark.parametrize("name", MINI_GAMES)
@pytest.mark.parametrize("kind", ["raw", "features", "both", "passthrough"])
def test_every_mini_game_is_played_by_every_interface(pysc2: Client, name: str, kind: str) -> None:
    rng = np.random.default_rng(0)
    with make(pysc2, name, kind) as env:
        step = env.reset()[0]
        assert step.first()
        for _ in range(8):
            step = env.step([self_chosen(pysc2, env, step, kind, rng)])[0]
        observation = step.observation
        loop = observation.observation.game_loop if kind == "passthrough" else observation.game_loop
        assert int(np.ravel(loop)[0]) == 64


def self_chosen(pysc2: Client, env: Any, step: Any, kind: str, rng: np.random.Generator) -> Any:
    """A random action that is available."""
    if kind == "passthrough":
        return api.Action()
    spec = env.action_spec()[0]
    if kind == "raw":
        return pysc2.actions.FunctionCall(0, [])
    function = int(rng.choice(step.observation.available_actions))
    arguments = [
        [int(rng.integers(size)) for size in argument.sizes]
        for argument in spec.functions[function].args
    ]
    return pysc2.actions.FunctionCall(function, arguments)


def test_an_episode_ends_and_another_one_begins(pysc2: Client) -> None:
    with make(pysc2, "DefeatRoaches", "passthrough") as env:
        for _ in range(2):
            step, total, count = env.reset()[0], 0.0, 0
            while not step.last():
                step = env.step([api.Action()])[0]
                total += step.reward
                count += 1
            assert count <= 240
            assert total == step.observation.observation.score.score
