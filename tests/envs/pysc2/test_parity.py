"""One truth: through PySC2 and the game's API, the stand-in is the proxy, entity by entity."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from perceiver_rl.envs import make_control
from perceiver_rl.envs.gym_env import ProxyEnv
from perceiver_rl.envs.pysc2.env import SC2Env
from perceiver_rl.spaces import EntitySpace, UnitActionSpace

pytest.importorskip("pysc2")
pytest.importorskip("websockets")

Observation = dict[str, NDArray[Any]]
SCRIPTS = {
    "MoveToBeacon": "walk-to-nearest",
    "CollectMineralShards": "walk-to-nearest",
    "DefeatRoaches": "focus-fire",
    "DefeatZerglingsAndBanelings": "kite",
    "FindAndDefeatZerglings": "search",
    "CollectMineralsAndGas": "economist",
    "BuildMarines": "economist",
}


class Twins:
    """The same game on the proxy and on the stand-in.

    Rows carry no meaning, and of enemies that it has not seen yet the game does not say which row
    they would have. So rows are matched by what they hold.
    """

    def __init__(self, name: str, seed: int) -> None:
        self.game, self.proxy = SC2Env(name, stand_in=True), ProxyEnv(name)
        self.theirs, _ = self.game.reset(seed=seed)
        self.ours, _ = self.proxy.reset(seed=seed)
        space = self.proxy.observation_space["entities"]  # type: ignore[index]
        assert isinstance(space, EntitySpace)
        self.columns = [column.name for column in space.columns]
        self.compare("at the start")

    def play(self, action: NDArray[np.int64], when: str) -> bool:
        """Play an action in both; return whether the game has ended."""
        self.theirs, *theirs, their_info = self.game.step(self._translated(action))
        self.ours, *ours, our_info = self.proxy.step(action)
        assert theirs == ours, f"reward, terminated, truncated {when}"
        same = set(our_info) - {"waves", "overflow"}
        assert {key: their_info[key] for key in same} == {key: our_info[key] for key in same}, when
        assert set(their_info) - same <= {"backend"}, when
        self.compare(when)
        return bool(ours[1] or ours[2])

    def compare(self, when: str) -> None:
        """Compare all that the two observations say."""
        rows, order = self._order(self.ours), self._order(self.theirs)
        assert len(rows) == len(order), f"number of entities {when}"
        for at, name in enumerate(self.columns):
            np.testing.assert_allclose(
                self.theirs["entities"][order, at],
                self.ours["entities"][rows, at],
                atol=1e-5,
                err_msg=f"{name} {when}",
            )
        for key in ("scalars", "action_type_mask"):
            np.testing.assert_allclose(
                self.theirs[key], self.ours[key], atol=1e-6, err_msg=f"{key} {when}"
            )
        for key in ("selectable_mask", "target_mask"):
            np.testing.assert_array_equal(
                self.theirs[key][..., order], self.ours[key][..., rows], f"{key} {when}"
            )

    def _order(self, observation: Observation) -> NDArray[np.int64]:
        """Rows that hold an entity, by side, type, place and life."""
        rows = np.flatnonzero(observation["entity_mask"])
        held = observation["entities"][rows]
        names = ("health", "y", "x", "unit_type", "alliance")
        keys = [np.round(held[:, self.columns.index(name)], 3) for name in names]
        order: NDArray[np.int64] = rows[np.lexsort(keys)]
        return order

    def _translated(self, action: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the action for the stand-in's rows."""
        space = self.proxy.action_space
        assert isinstance(space, UnitActionSpace)
        rows = dict(zip(self._order(self.ours), self._order(self.theirs), strict=True))
        there = action.copy()
        there[space.selection] = 0
        for row in np.flatnonzero(action[space.selection]):
            there[1 + rows.get(row, row)] = 1
        at = space.position("target_unit")
        there[at] = rows.get(action[at], action[at])
        return there


def play_on(name: str, script: str, seed: int, steps: int) -> int:
    """Let a script play both and return the number of steps."""
    twins = Twins(name, seed)
    try:
        batch = twins.proxy.batch
        control = make_control(script, batch.observation_space, batch.action_space, seed)
        for step in range(1, steps + 1):
            seen = {key: part[None] for key, part in twins.ours.items()}
            if twins.play(control.act(seen)[0], f"after step {step}"):
                return step
        return steps
    finally:
        twins.game.close()


def test_a_battle_is_the_same_on_both_to_its_end() -> None:
    assert play_on("DefeatRoaches", "random", seed=7, steps=240) > 10


def test_an_errand_is_the_same_on_both() -> None:
    assert play_on("MoveToBeacon", "random", seed=8, steps=100) == 100


@pytest.mark.slow
@pytest.mark.parametrize("script", ["random", "sensible"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_whole_episodes_of_every_mini_game_are_the_same_on_both(name: str, script: str) -> None:
    if script == "sensible":
        script = SCRIPTS[name]
    limit = 2000
    assert 0 < play_on(name, script, seed=11, steps=limit) < limit
