"""The other side of a battle, played through the same contract as ours.

The enemy sees what we would see in its place: its own rows first, the alliances swapped and, where
the map is the same from both sides, left and right exchanged. So a policy that has learned on our
side plays the other one as well as its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.spaces import ActionError, ContractError

from .engine import fields as f
from .memory import Memory, Remembers, within
from .scenarios import Scenario
from .scenarios.scenario import Box

if TYPE_CHECKING:
    from .batched_env import BatchedEnv
    from .batched_step import Observation

COMMANDED: Final = "commanded"
"""Opponent of a batch whose ``step`` is given the enemy's actions, too."""

SLOT_FIELDS: Final = (f.TARGET,)
ACROSS_FIELDS: Final = (f.X, f.GOAL_X)
_SWAPPED: Final = (
    (f.OWN_ALIVE, f.ENEMY_ALIVE),
    (f.OWN_LOST, f.ENEMY_LOST),
    (f.OWN_HEALERS, f.ENEMY_HEALERS),
)
_PLAYER: Final = "player."
_OUTCOMES: Final = np.array([f.RUNNING, f.LOSS, f.WIN, f.DRAW])


class Player(Protocol):
    """Plays one side of a batch of games from its observations alone."""

    def act(self, observation: Observation) -> NDArray[np.int64]:
        """Return actions ``[game, 3 + N]`` for an observation ``[game, ...]``."""
        ...


def swapped(scenario: Scenario) -> Scenario:
    """Return the scenario as the enemy sees it."""
    return replace(
        scenario,
        name=f"{scenario.name} from the other side",
        own=scenario.enemy,
        enemy=scenario.own,
        places=tuple((theirs, ours) for ours, theirs in scenario.places),
        own_offsets=scenario.enemy_offsets,
        enemy_offsets=scenario.own_offsets,
        opponent="no-op",
    )


def looks_alike(scenario: Scenario) -> bool:
    """Return whether the map with left and right exchanged has the sides exchanged."""

    def flipped(box: Box) -> Box:
        left, bottom, right, top = box
        ends = scenario.playable[0] + scenario.playable[2]
        return (ends - right, bottom, ends - left, top)

    walls = sorted(scenario.walls)
    return sorted(map(flipped, walls)) == walls and all(
        flipped(ours) == theirs for ours, theirs in scenario.places
    )


class OtherSide:
    """The enemy's seat at a batch of games.

    Units of both sides behave alike without orders: they fight back only where the scenario lets
    our idle units fight.

    Args:
        batch: The games.
        player: Who plays; None if the actions are given to every step.

    Raises:
        ContractError: If the scenario is no battle, or the player cannot act.
    """

    def __init__(self, batch: BatchedEnv, player: Player | None) -> None:
        if player is not None and not callable(getattr(player, "act", None)):
            raise ContractError(
                f"an opponent is a name or has a method act(observation), unlike {player!r}"
            )
        scenario = batch.scenario
        if scenario.scored:
            raise ContractError(
                f"scenario {scenario.name!r} has one side only; another player can command the"
                " enemy of a battle, such as Battle-8m"
            )
        self.player = player
        self.refused: NDArray[np.int64] = np.zeros(batch.num_envs, np.int64)
        self.reward: NDArray[np.float32] = np.zeros(batch.num_envs, np.float32)
        self.chosen: NDArray[np.int64] = np.zeros((batch.num_envs, 0), np.int64)
        self._life: NDArray[np.int64] = np.zeros(batch.num_envs, np.int64)
        self._batch = batch
        options: dict[str, Any] = dict(batch.options)
        self._mirror = type(batch)(swapped(scenario), batch.num_envs, opponent="no-op", **options)
        own, total = scenario.own_slots, scenario.slots
        width = batch.units.shape[2]
        self._theirs = total - own
        self._slot = np.r_[own:total, :own, total:width]
        # One entry more than there are slots: index -1 is nobody.
        self._row = np.full(width + 1, f.NOBODY, np.float32)
        self._row[self._slot] = np.arange(width)
        ends = np.float32(scenario.playable[0]) + np.float32(scenario.playable[2])
        self._ends = ends if looks_alike(scenario) else None

    def view(self) -> Observation:
        """Return the enemy's observation of the games as they are."""
        self._reflect()
        return self._mirror.observe()

    def choose(self, actions: NDArray[np.integer[Any]] | None) -> NDArray[np.int64]:
        """Return the enemy's checked actions for the games as they are.

        Args:
            actions: Of a step; None if a player chooses them.

        Raises:
            ActionError: If there are none, or one is not in its space, or is forbidden while
                ``illegal`` is ``error``.
        """
        if (actions is None) == (self.player is None):
            raise ActionError(
                f"opponent {COMMANDED!r} needs the enemy's actions in every step"
                if self.player is None
                else "the enemy's actions were given, but it has a player of its own"
            )
        view = self.view()
        chosen = self.player.act(view) if self.player is not None else np.asarray(actions)
        try:
            self.chosen = self._mirror.check_actions(chosen)
            return self.chosen
        except ActionError as error:
            raise ActionError(f"enemy's actions: {error}") from None

    def give(self, actions: NDArray[np.int64]) -> None:
        """Carry out the enemy's actions; what is forbidden is refused and counted."""
        self._reflect()
        before = self._mirror.units.copy()
        self._mirror.give_all_orders(actions)
        after = self._mirror.units
        self.refused += self._mirror.games[:, f.REFUSED]
        self._kills = self._mirror.games[:, f.STEP_KILLS].copy()
        self._lowest = self._lowest_of_foes()
        changed = after[:, :, : self._theirs] != before[:, :, : self._theirs]
        games, fields, slots = np.nonzero(changed)
        values = after[games, fields, slots]
        aims = np.isin(fields, SLOT_FIELDS)
        values[aims] = np.r_[self._slot, f.NOBODY][values[aims].astype(np.int64)]
        if self._ends is not None:
            across = np.isin(fields, ACROSS_FIELDS)
            values[across] = self._ends - values[across]
        self._batch.units[games, fields, self._slot[slots]] = values

    def score(self) -> None:
        """Reward the enemy for the step whose loops have run, as we would be in its place.

        To be called before the games are judged, which the reward anticipates.
        """
        harm = np.maximum(self._lowest - self._lowest_of_foes(), 0).sum(1, dtype=np.float64)
        self._reflect()
        games = self._mirror.games
        games[:, f.STEP_KILLS] = self._kills
        self.reward = self._mirror.judge_games(harm)[0]

    def _lowest_of_foes(self) -> NDArray[np.float32]:
        lowest: NDArray[np.float32] = self._batch.units[:, f.LOWEST, self._slot[self._theirs :]]
        return lowest

    def memory(self) -> dict[str, NDArray[Any]]:
        """Return a copy of what is kept between steps, the player's memory included."""
        memory: dict[str, NDArray[Any]] = {
            "refused": self.refused.copy(),
            "life": self._life.copy(),
            "reward": self.reward.copy(),
        }
        if isinstance(self.player, Remembers):
            memory.update({f"{_PLAYER}{k}": v for k, v in self.player.memory().items()})
        return memory

    def recall(self, memory: Memory) -> None:
        """Take back what :meth:`memory` has returned; without it, begin anew."""
        self.begin(np.arange(len(self.refused)))
        self.refused = np.array(memory.get("refused", self.refused))
        self.reward = np.array(memory.get("reward", np.zeros_like(self.reward)))
        self._life = np.array(memory.get("life", self._life))
        if isinstance(self.player, Remembers):
            self.player.recall(within(memory, _PLAYER))

    def begin(self, rows: NDArray[np.int64]) -> None:
        """Begin the count of refused orders anew, for games that have just started."""
        self.refused[rows] = 0
        ours = self._slot[self._theirs :]
        full = self._batch.units[rows, f.MAX_HEALTH] + self._batch.units[rows, f.MAX_SHIELD]
        self._life[rows] = full[:, ours].sum(1)

    def _reflect(self) -> None:
        """Copy the state as the enemy sees it."""
        units, games = self._mirror.units, self._mirror.games
        # Without a mode that needs no check, take writes to a buffer first.
        np.take(self._batch.units, self._slot, axis=2, out=units, mode="clip")
        for field in SLOT_FIELDS:
            units[:, field] = self._row[units[:, field].astype(np.int64)]
        if self._ends is not None:
            for field in ACROSS_FIELDS:
                units[:, field] = self._ends - units[:, field]
        games[...] = self._batch.games
        for ours, theirs in _SWAPPED:
            games[:, [ours, theirs]] = games[:, [theirs, ours]]
        games[:, f.OUTCOME] = _OUTCOMES[games[:, f.OUTCOME]]
        games[:, f.REFUSED] = 0
        games[:, f.ENEMY_LIFE] = self._life
