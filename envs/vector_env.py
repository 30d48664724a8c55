"""A batch of games as a :class:`gymnasium.vector.VectorEnv`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from perceiver_rl.spaces import ContractError, unknown

from .batched_env import BatchedEnv
from .batched_step import Observation
from .gym_env import RENDER_MODES, check_render_mode, window_for
from .scenarios import Scenario
from .snapshot import Snapshot


class ProxyVectorEnv(VectorEnv[Observation, NDArray[np.int64], NDArray[Any]]):
    """Games that share every call, see :class:`~perceiver_rl.envs.BatchedEnv`.

    Seeded with s, game i plays what a single environment seeded with s + i plays, the episodes that
    follow included.

    Args:
        scenario: A scenario, its name or its Gymnasium id.
        num_envs: Number of games.
        autoreset_mode: ``NextStep`` (as Gymnasium's own vector environments do by default),
            ``SameStep`` or ``Disabled``, or the enum.
        render_mode: ``rgb_array``, None, or ``human``: a window that shows the first game.
        **options: Of :class:`~perceiver_rl.envs.BatchedEnv`: opponent, reward, max_entities,
            illegal.

    Raises:
        ContractError: If an option has no such value; names the nearest one.
    """

    def __init__(
        self,
        scenario: str | Scenario,
        num_envs: int = 1,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        check_render_mode(render_mode)
        self.autoreset_mode = _mode(autoreset_mode)
        self.batch = BatchedEnv(scenario, num_envs, **options)
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.metadata = {
            "render_modes": list(RENDER_MODES),
            "render_fps": 8,
            "autoreset_mode": self.autoreset_mode,
        }
        self.single_observation_space = self.batch.observation_space
        self.single_action_space = self.batch.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._started = False
        self._window = window_for(render_mode, self.batch)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode in every game, or in those of ``options["reset_mask"]``.

        Raises:
            ContractError: If the seeds or the mask do not have one entry per game.
        """
        super().reset(seed=seed if isinstance(seed, int) else None)
        seeds = self._seeds(seed)
        mask = np.ones(self.num_envs, bool)
        if options and "reset_mask" in options:
            mask = np.asarray(options["reset_mask"])
            if mask.shape != (self.num_envs,) or mask.dtype != np.bool_:
                raise ContractError(
                    f"reset_mask must be bool of shape {(self.num_envs,)}, got {mask.dtype} of"
                    f" shape {mask.shape}"
                )
        rows = np.flatnonzero(mask)
        self._started = True
        observation = self.batch.reset([seeds[row] for row in rows], rows.tolist())
        self._show()
        return observation, {"episode_seed": self.batch.seeds, "_episode_seed": mask}

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int]:
        if isinstance(seed, (int, np.integer)):
            return [int(seed) + row for row in range(self.num_envs)]
        given: Sequence[int | None] = [None] * self.num_envs if seed is None else seed
        if len(given) != self.num_envs:
            raise ContractError(f"{self.num_envs} games need as many seeds, got {len(given)}")
        return [self._next(row) if one is None else int(one) for row, one in enumerate(given)]

    def _next(self, row: int) -> int:
        if self._started:
            return self.batch.follow_up(row)
        return int(self.np_random.integers(2**31))

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[Observation, NDArray[Any], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Play 8 game loops in every game.

        With ``NextStep`` the step after a game's last one starts its next episode and ignores the
        action. With ``SameStep`` the last step returns the next episode's first observation, and
        ``info["final_obs"]`` and ``info["final_info"]`` tell of the end.

        Raises:
            ActionError: If an action is not in its space; names the game.
        """
        ended = np.flatnonzero(self.batch.finished)
        result = self.batch.step(actions)
        infos: dict[str, Any] = {}
        same_step = self.autoreset_mode is AutoresetMode.SAME_STEP
        for row, info in enumerate(result.infos):
            if not info:
                continue
            if same_step and (result.terminated[row] or result.truncated[row]):
                last = {key: value[row].copy() for key, value in result.observation.items()}
                info = {"final_obs": last, "final_info": info}
            infos = self._add_info(infos, info, row)
        if same_step:
            ended = np.flatnonzero(result.terminated | result.truncated)
        if ended.size and self.autoreset_mode is not AutoresetMode.DISABLED:
            self.batch.restart(ended)
        self._show()
        return (
            result.observation,
            result.reward.astype(np.float64),
            result.terminated,
            result.truncated,
            infos,
        )

    def _show(self) -> None:
        if self._window is not None:
            self._window.show()

    def close_extras(self, **kwargs: Any) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            self._window.close()

    def snapshot(self) -> Snapshot:
        """Return a copy of all games as they are."""
        return self.batch.snapshot().of_face("vector_env", started=np.array(self._started))

    def restore(self, snapshot: Snapshot) -> Observation:
        """Bring all games back to a snapshot, and return their observation.

        Games that wait for their automatic reset go on to wait.

        Raises:
            ContractError: If the snapshot is not of such a vector environment of this scenario.
        """
        (started,) = snapshot.counters("vector_env", ["started"])
        observation = self.batch.restore(snapshot)
        self._started = bool(started)
        return observation

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """Return a picture ``[height, width, 3]`` of each game; None without ``rgb_array``."""
        if self.render_mode != "rgb_array":
            return None
        from .render import draw_game  # Pillow is needed for pictures only

        return tuple(draw_game(self.batch, row) for row in range(self.num_envs))


def _mode(mode: str | AutoresetMode) -> AutoresetMode:
    if isinstance(mode, AutoresetMode):
        return mode
    known = {one.value: one for one in AutoresetMode}
    if mode not in known:
        raise ContractError(unknown("autoreset_mode", mode, tuple(known)))
    return known[mode]
