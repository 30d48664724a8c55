"""The batch of games under every face: Gymnasium Env and VectorEnv, stable-baselines3 VecEnv."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.spaces import (
    ACTION_TYPE_MASK,
    ENTITIES,
    ENTITY_MASK,
    SCALARS,
    SELECTABLE_MASK,
    TARGET_MASK,
    ActionError,
    ContractError,
    unknown,
)

from .action_check import ActionCheck
from .batched_step import BatchedStep, Observation, final_info
from .contract import GRID, make_contract
from .crew import Crew
from .engine import fields as f
from .engine import task_fields as t
from .engine.judge import Judged, begin_step
from .engine.kernel import advance, advance_many
from .engine.observe import Views
from .engine.streams import next_seed
from .engine.units import damage_table
from .features import find_features
from .memory import within
from .opponents import find_opponent, find_player, stand_by
from .rewards import make_reward
from .scenarios import Scenario, find_scenario
from .scenarios.scenario import LOOPS_PER_STEP
from .sides import COMMANDED, OtherSide, Player
from .snapshot import Snapshot, fingerprint
from .tasks import make_task

VIEW_KEYS: Final = (
    ENTITIES,
    ENTITY_MASK,
    SCALARS,
    ACTION_TYPE_MASK,
    SELECTABLE_MASK,
    TARGET_MASK,
)
"""The parts of an observation, in the order in which the kernels write them."""
_OPPONENT: Final = "opponent."
ILLEGAL: Final = ("refuse", "error")
SIDES: Final = ("own", "enemy")
MANY: Final = 128  # slots from which on sorting them is faster than looking at every pair
SLOT_MULTIPLE: Final = 8  # fills the vector registers


class BatchedEnv:
    """Many games of one scenario, played in step; without automatic reset.

    A game that has ended stays as it is, whatever the actions, until it is reset: its observation
    keeps the final position (with nothing but ``no_op`` legal), its reward is 0.

    The info of a game's final step has ``outcome`` (``win``, ``loss`` or ``draw``), ``is_success``,
    ``episode_seed``, ``game_loops`` and ``refused_orders``; in mini-games also ``score``, and
    ``waves`` and ``overflow`` where waves come. Where orders were refused, the step's info has
    ``refused_orders``: how many unit orders have been refused in the episode so far.

    Args:
        scenario: A scenario, its name or its Gymnasium id.
        num_envs: Number of games.
        opponent: Name of a script, see :data:`~perceiver_rl.envs.opponents.OPPONENTS`, or of a
            trained policy, ``policy:<checkpoint>``; or any object whose ``act(observation)`` plays
            the enemy through the same spaces; or ``commanded`` if :meth:`step` is given the
            enemy's actions. The scenario's own if None.
        reward: See :func:`~perceiver_rl.envs.rewards.make_reward`.
        max_entities: Rows of the observation; as many as the scenario has slots if None.
        illegal: What becomes of an action that the masks forbid: ``refuse`` drops and counts the
            forbidden unit orders, ``error`` raises. An action outside its space always raises.
        threads: How many share the games among them; what happens is the same. It pays with free
            cores and hundreds of games.

    Raises:
        ContractError: If an option has no such value; names the nearest one.
    """

    def __init__(  # noqa: PLR0913 - one keyword per option
        self,
        scenario: str | Scenario,
        num_envs: int,
        *,
        opponent: str | Player | None = None,
        reward: str | None = None,
        max_entities: int | None = None,
        illegal: str = "refuse",
        threads: int = 1,
    ) -> None:
        if num_envs < 1:
            raise ContractError(f"num_envs must be at least 1, not {num_envs}")
        if threads < 1:
            raise ContractError(f"threads must be at least 1, not {threads}")
        if illegal not in ILLEGAL:
            raise ContractError(unknown("value of illegal", illegal, ILLEGAL))
        self.scenario = find_scenario(scenario)
        self.num_envs = num_envs
        self.illegal = illegal
        self._crew = Crew(threads, num_envs)
        self.options = {"reward": reward, "max_entities": max_entities, "illegal": illegal}
        contract = make_contract(self.scenario, max_entities)
        self.entity_space = contract.entities
        self.action_space = contract.actions
        self.observation_space = contract.observations
        worth = make_reward(self.scenario, reward)
        self._worth = (worth.harm, worth.kill, worth.point, worth.win, worth.loss)
        self._task = make_task(self.scenario)
        self._prepare_tables()
        width = -(-self.scenario.slots // SLOT_MULTIPLE) * SLOT_MULTIPLE
        unit_fields = t.UNIT_FIELDS if self.scenario.task else f.UNIT_FIELDS
        game_fields = t.GAME_FIELDS if self.scenario.task else f.GAME_FIELDS
        self.units: NDArray[np.float32] = np.zeros((num_envs, unit_fields, width), np.float32)
        self.games: NDArray[np.int64] = np.zeros((num_envs, game_fields), np.int64)
        self.games[:, f.OVER] = True  # until the first reset
        self._all = np.arange(num_envs, dtype=np.int64)
        self._shapes = self._shapes_of_views()
        self._views = self._new_views()
        self._latest: Observation = {}
        self._meet(self.scenario.opponent if opponent is None else opponent)
        self.on_loop: Callable[[], None] | None = None
        """Called between the game loops of a step, to show the games as they are then."""

    def _meet(self, opponent: str | Player) -> None:
        self.opponent = opponent if isinstance(opponent, str) else type(opponent).__name__
        self._seat: OtherSide | None = None
        player = None if isinstance(opponent, str) else opponent
        if isinstance(opponent, str) and opponent != COMMANDED:
            player = find_player(opponent, self.observation_space, self.action_space)
            if player is None:
                self._command = find_opponent(opponent)
                return
        self._command = stand_by
        self._rules[f.ENEMY_ACQUIRES] = self._rules[f.OWN_ACQUIRES]
        self._seat = OtherSide(self, player)

    def _prepare_tables(self) -> None:
        scenario = self.scenario
        own, total = scenario.own_slots, scenario.own_slots + scenario.enemy_slots
        self._sides = (own, total)
        self._force = (own, total, 0, own)
        self._rules = self._task.rules
        self._tables = (damage_table(), self._rules)
        self._features = find_features(scenario)
        self._advance = advance_many if total >= MANY else advance
        self._check = ActionCheck(self.action_space, self.num_envs)
        boxes = np.array([own_box for own_box, _ in scenario.places], dtype=np.float32)
        self._homes = ((boxes[:, :2] + boxes[:, 2:]) / 2).astype(np.float32)

    def _shapes_of_views(self) -> tuple[tuple[tuple[int, ...], type], ...]:
        count, rows = self.num_envs, self.entity_space.max_entities
        kinds, scalars = len(self.action_space.types), len(self._task.scalars())
        return (
            ((count, rows, len(self.entity_space.columns)), np.float32),
            ((count, rows), np.int8),
            ((count, scalars), np.float32),
            ((count, kinds), np.int8),
            ((count, rows), np.int8),
            ((count, kinds, rows), np.int8),
        )

    def _new_views(self) -> Views:
        return tuple([np.empty(shape, kind) for shape, kind in self._shapes])  # type: ignore[return-value]

    def _observe(self) -> Observation:
        # New arrays every time: whoever keeps an observation keeps it unchanged.
        self._views = self._new_views()
        self._write_views(self._all)
        self._latest = dict(zip(VIEW_KEYS, self._views, strict=True))
        return dict(self._latest)

    def _write_views(self, rows: NDArray[np.int64]) -> None:
        self._task.observe((self.units, self.games), rows, self._views)

    def _deploy(self, rows: NDArray[np.int64]) -> None:
        self._task.start((self.units, self.games), rows)

    @property
    def finished(self) -> NDArray[np.bool_]:
        """``[game]``: which games have ended (all of them, before the first reset)."""
        return self.games[:, f.OVER] != 0

    @property
    def seeds(self) -> NDArray[np.int64]:
        """``[game]``: the seed of each game's current episode."""
        return self.games[:, f.SEED].copy()

    def reset(self, seeds: Sequence[int], rows: Sequence[int] | None = None) -> Observation:
        """Start games anew, each from its own seed.

        Args:
            seeds: One per game that starts, in ``[0, 2**63)``.
            rows: Which games; all of them if None.

        Returns:
            The observation of all games.

        Raises:
            ContractError: If the number of seeds differs from the number of games, a seed is out of
                range, or a row does not exist.
        """
        which = self._all if rows is None else np.asarray(rows, dtype=np.int64).reshape(-1)
        if len(seeds) != len(which):
            raise ContractError(f"{len(which)} games start, but there are {len(seeds)} seeds")
        for seed in seeds:
            if not 0 <= seed < 2**63:
                raise ContractError(f"a seed must be in [0, 2**63), not {seed}")
        if which.size and (which.min() < 0 or which.max() >= self.num_envs):
            raise ContractError(f"rows must be in [0, {self.num_envs}), not {which.tolist()}")
        self.games[which, f.SEED] = np.array([int(seed) for seed in seeds], dtype=np.int64)
        self._deploy(which)
        if self._seat is not None:
            self._seat.begin(which)
        return self._observe()

    def follow_up(self, row: int) -> int:
        """Return the seed of the episode that follows a game's current one."""
        return int(next_seed(self.games[row, f.SEED]))

    def restart(self, rows: NDArray[np.int64]) -> None:
        """Start the next episode of some games, with the seed that follows from their last one.

        The rows of the latest observation are overwritten in place.
        """
        for row in rows:
            self.games[row, f.SEED] = self.follow_up(row)
        self._deploy(rows)
        if self._seat is not None:
            self._seat.begin(rows)
        self._write_views(rows)

    @property
    def enemy_reward(self) -> NDArray[np.float32]:
        """``[game]``: what the latest step was worth to an enemy played through the contract.

        Raises:
            ContractError: If a script plays it.
        """
        return self._other_side().reward

    @property
    def enemy_actions(self) -> NDArray[np.int64] | None:
        """``[game, 3 + N]``: the enemy's actions of the latest step; None if a script plays it."""
        return None if self._seat is None else self._seat.chosen

    def _other_side(self) -> OtherSide:
        if self._seat is None:
            raise ContractError(
                f"opponent {self.opponent!r} is a script, it neither observes nor is rewarded"
            )
        return self._seat

    def observe(self, side: str = "own") -> Observation:
        """Return an observation of all games as they are.

        Args:
            side: ``own``, or ``enemy`` if the enemy is played through the contract; see
                :mod:`~perceiver_rl.envs.sides` for what it sees.

        Raises:
            ContractError: If there is no such side, or a script plays it.
        """
        if side not in SIDES:
            raise ContractError(unknown("side", side, SIDES))
        if side == "own":
            return self._observe()
        return self._other_side().view()

    def step(
        self,
        actions: NDArray[np.integer[Any]],
        enemy_actions: NDArray[np.integer[Any]] | None = None,
    ) -> BatchedStep:
        """Give our orders, let the opponent give its own, and run 8 game loops.

        Args:
            actions: ``[game, 3 + N]``, see :class:`~perceiver_rl.spaces.UnitActionSpace`.
            enemy_actions: The same for the enemy, if the opponent is ``commanded``.

        Raises:
            ActionError: If an action is not in its space, or is forbidden while ``illegal`` is
                ``error``; names the game. Nothing has changed then.
        """
        ours = self.check_actions(actions)
        # Both sides decide by the same state: neither sees what the other is about to order.
        theirs = self._enemy_actions(enemy_actions)
        self.give_all_orders(ours)
        if self._seat is not None and theirs is not None:
            self._seat.give(theirs)
        if self.on_loop is not None:
            self._show_loops(self.on_loop)
        harm = self._run_loops()
        if self._seat is not None:
            self._seat.score()
        reward, terminated, truncated, eventful = self.judge_games(harm)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if eventful:
            for row in self.games[:, f.STEP_REFUSED].nonzero()[0].tolist():
                infos[row]["refused_orders"] = int(self.games[row, f.REFUSED])
            for row in (terminated | truncated).nonzero()[0].tolist():
                infos[row] = final_info(self.scenario, self.games[row])
                if self._seat is not None:
                    infos[row]["enemy_refused_orders"] = int(self._seat.refused[row])
        return BatchedStep(self._observe(), reward, terminated, truncated, infos)

    def _enemy_actions(self, actions: NDArray[np.integer[Any]] | None) -> NDArray[np.int64] | None:
        if self._seat is not None:
            return self._seat.choose(actions)
        if actions is not None:
            raise ActionError(
                f"the enemy's actions were given, but the opponent is {self.opponent!r}, not"
                f" {COMMANDED!r}"
            )
        return None

    def give_all_orders(self, actions: NDArray[np.int64]) -> None:
        """Begin a step: refuse or carry out our actions, then let the opponent give its orders."""
        begin_step(self.games, LOOPS_PER_STEP)
        self._task.order((self.units, self.games), actions, GRID)
        self._command(self.units, self.games, self._force, self._homes, self._rules)

    def judge_games(self, harm: NDArray[np.float64]) -> Judged:
        """Reward the step whose loops have run, and end the games that are decided.

        Args:
            harm: ``[game]``, what the enemy has lost in this step.
        """
        return self._task.judge((self.units, self.games), harm, self._worth)

    def _run_loops(self) -> NDArray[np.float64]:
        harm = np.zeros(self.num_envs)
        self._task.run((self.units, self.games), lambda: self._fight(harm))
        return harm

    def _fight(self, harm: NDArray[np.float64]) -> None:
        self._crew.share(
            lambda part: self._advance(
                self.units[part],
                self.games[part],
                harm[part],
                self._sides,
                self._tables,
                *self._features,
            )
        )

    def _show_loops(self, show: Callable[[], None]) -> None:
        # Each picture is run up to from the start of the step: nothing stays behind of it.
        before = self.snapshot()
        for loops in range(1, LOOPS_PER_STEP):
            self.games[:, f.LEFT] = np.minimum(self.games[:, f.LEFT], loops)
            self._run_loops()
            try:
                show()
            finally:
                self._put_back(before)

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """Every array ``[game, ...]`` that changes in a game, by name; not copied."""
        return {"units": self.units, "games": self.games}

    def snapshot(self) -> Snapshot:
        """Return a copy of all games as they are, with what the opponent remembers."""
        arrays = {name: array.copy() for name, array in self.state.items()}
        if self._seat is not None:
            arrays.update({f"{_OPPONENT}{k}": v for k, v in self._seat.memory().items()})
        return Snapshot(self.scenario.name, fingerprint(self.scenario), "batch", arrays)

    def restore(self, snapshot: Snapshot) -> Observation:
        """Bring all games back to a snapshot, and return their observation.

        Raises:
            ContractError: If the snapshot is of another scenario or of another number of games.
                Nothing has changed then.
        """
        snapshot.check(self.scenario, self.state)
        self._put_back(snapshot)
        if self._seat is not None:
            self._seat.recall(within(snapshot.arrays, _OPPONENT))
        return self._observe()

    def _put_back(self, snapshot: Snapshot) -> None:
        for name, array in self.state.items():
            array[...] = snapshot.arrays[name]

    def check_actions(self, actions: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Return actions ``[game, 3 + N]`` as the kernels want them.

        Raises:
            ActionError: If one is not in its space, or is forbidden while ``illegal`` is ``error``.
        """
        vectors = self._check.vectors(actions)
        if self.illegal == "error":
            self._check.legal(vectors, self._latest, np.flatnonzero(~self.finished))
        return vectors
