"""One game, played through PySC2's ``SC2Env`` with the protocol's own messages."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from perceiver_rl.spaces import ContractError

from .compat import Client, load_client
from .installation import installation
from .options import MOST_SEED, GameOptions
from .process import LOGS, PATIENCE, supervise, the_watch

STAND_IN: Final = "stand-in"
CAMERA_WIDTH: Final = 24
"""Cells that PySC2's window shows from left to right."""
SCREEN: Final = 84
MINIMAP: Final = 64
"""Pixels of the window's feature layers."""


class GameError(ConnectionError):
    """The game crashed, hung, could not be started, or the connection to it was lost."""


class Game:
    """A map, and the process that plays it: started when it is needed, again after a failure.

    Args:
        map_name: As PySC2 calls the map.
        options: How the game is set up.

    Raises:
        ContractError: If PySC2 cannot be imported or knows no such map.
    """

    def __init__(self, map_name: str, options: GameOptions) -> None:
        self.client: Client = load_client()
        supervise(self.client)
        try:
            self.map: Any = self.client.maps.get(map_name)
        except self.client.maps.lib.NoMapError as error:
            raise ContractError(f"PySC2 knows no map {map_name!r}: {error}") from None
        self.options = options
        self.version = ""
        """Of the game, as it says itself; empty until it has been started."""
        self._env: Any = None
        self._episodes = 0

    @property
    def backend(self) -> str:
        """What plays: ``stand-in``, or ``sc2-`` and the game's version."""
        return STAND_IN if STAND_IN in self.version else f"sc2-{self.version or 'unknown'}"

    @property
    def log(self) -> Path | None:
        """Where the game's output goes; None before its first start."""
        return LOGS.of(self._pid())

    def start(self, seed: int | None) -> Any:
        """Begin an episode and return its first ``ResponseObservation``.

        Args:
            seed: Of the game. None goes on with the game's own random numbers, which on maps for
                one player is much faster: the game is restarted, not set up again.

        Raises:
            ContractError: If the seed is out of range, or the game's version is not installed.
            GameError: If the game fails.
        """
        if seed is not None and not 0 <= seed <= MOST_SEED:
            raise ContractError(f"the game takes seeds in [0, {MOST_SEED}], not {seed}")
        with self._failing("start an episode"):
            if self._env is None:
                self._launch(seed)
            elif seed is not None:
                self._env._random_seed = seed
                self._env._restart = self._env._create_join
            else:
                self._env.__dict__.pop("_restart", None)
            self._episodes += 1  # else the replays of short episodes would have the same name
            self._env._replay_prefix = f"{self.map.name}-{self._episodes:05d}"
            (first,) = self._env.reset()
            return first.observation

    def step(self, messages: Sequence[Any]) -> tuple[Any, bool]:
        """Send actions, let the game go on, and return its observation and whether it has ended.

        Raises:
            GameError: If the game fails.
        """
        from ..sc2api.protocol import api

        with self._failing("play a step"):
            (step,) = self._env.step([list(messages) or [api.Action()]])
            return step.observation, bool(step.last())

    def abilities(self, tags: Sequence[int]) -> set[int]:
        """Return the abilities that units can use now.

        Raises:
            GameError: If the game fails.
        """
        from ..sc2api.protocol import query

        request = query.RequestQuery(ignore_resource_requirements=False)
        for tag in tags:
            request.abilities.add(unit_tag=tag)
        with self._failing("answer a query"):
            answer = self._env._controllers[0].query(request)
        return {one.ability_id for each in answer.abilities for one in each.abilities}

    @property
    def playable_area(self) -> Any:
        """Corners ``p0`` and ``p1`` of the part of the map in which units can be."""
        return self._env.game_info[0].start_raw.playable_area

    def _launch(self, seed: int | None) -> None:
        options = self.options
        PATIENCE.seconds = options.timeout
        kind = self.client.env.SC2Env
        env = kind.__new__(kind)  # a game whose set-up fails half-way can be closed, too
        self._env = env
        try:
            with installation(self.client, options.stand_in):
                env.__init__(
                    map_name=self.map.name,
                    players=options.players(self.client.env, self.map.players == 1),
                    agent_interface_format=_interface(options.visualize),
                    step_mul=options.step_mul,
                    realtime=options.realtime,
                    visualize=options.visualize,
                    save_replay_episodes=1 if options.replays else 0,
                    replay_dir=str(options.replays) if options.replays else None,
                    random_seed=seed,
                    disable_fog=options.disable_fog,
                    version=options.version,
                )
        except ValueError as error:
            self.close()
            raise ContractError(f"{self.map.name}: {error}") from error
        self.version = str(env._controllers[0].ping().game_version)

    @contextlib.contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        try:
            yield
        except ContractError:
            raise
        except self.client.failures as error:
            log = self.log
            self.close(failed=True)
            reason = " ".join(str(error).split()) or type(error).__name__
            raise GameError(
                f"the game could not {what} on {self.map.name}: {reason} (its output: {log})"
            ) from error
        except BaseException:  # an interrupt leaves no game behind
            self.close()
            raise

    def _pid(self) -> int | None:
        processes = getattr(self._env, "_sc2_procs", None)
        return processes[0].pid if processes else None

    def close(self, failed: bool = False) -> None:
        """End the game's process.

        Args:
            failed: Whether its log is kept.
        """
        env, self._env = self._env, None
        if env is None:
            return
        processes = list(getattr(env, "_sc2_procs", None) or [])
        pids = [process._proc.pid for process in processes if process._proc is not None]
        try:
            env.close()
        except self.client.failures:  # it was gone before
            for process in processes:
                process._shutdown()
        for pid in pids:
            the_watch().off(pid)
            if not failed:
                LOGS.drop(pid)


def _interface(visualize: bool) -> Any:
    """Return what a client asks the game for; PySC2's window draws feature layers."""
    from ..sc2api.protocol import api

    interface = api.InterfaceOptions(raw=True, score=True)
    if visualize:
        layers = interface.feature_layer
        layers.width = CAMERA_WIDTH
        layers.resolution.x = layers.resolution.y = SCREEN
        layers.minimap_resolution.x = layers.minimap_resolution.y = MINIMAP
    return interface
