"""One game as a :class:`gymnasium.Env`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from perceiver_rl.spaces import ContractError, unknown

from .batched_env import BatchedEnv
from .batched_step import Observation
from .engine.fields import OVER
from .scenarios import Scenario
from .snapshot import Snapshot

if TYPE_CHECKING:
    from .render.live import GameWindow

PICTURES = ("rgb_array",)
RENDER_MODES = (*PICTURES, "human")


def check_render_mode(render_mode: str | None, known: tuple[str, ...] = RENDER_MODES) -> None:
    """Check that there is such a render mode.

    Raises:
        ContractError: If not; names the known ones.
    """
    if render_mode is not None and render_mode not in known:
        hint = ""
        if render_mode in RENDER_MODES:
            hint = "; gym.make and gym.make_vec open windows"
        raise ContractError(unknown("render_mode", render_mode, known) + hint)


def window_for(render_mode: str | None, batch: BatchedEnv) -> GameWindow | None:
    """Return a window on the first game of a batch if the mode asks for one."""
    if render_mode != "human":
        return None
    from .render.live import GameWindow  # needs Pillow and pygame

    return GameWindow(batch)


class ProxyEnv(gym.Env[Observation, NDArray[np.int64]]):
    """A batch of one game, see :class:`~perceiver_rl.envs.BatchedEnv`.

    A reset without a seed starts the episode that follows from the last one's seed (from a random
    seed the first time), so one seed fixes the whole sequence of episodes.

    Args:
        scenario: A scenario, its name or its Gymnasium id.
        render_mode: ``rgb_array``, None, or ``human``: a window that shows every other game loop,
            four times as fast as the game at normal speed.
        **options: Of :class:`~perceiver_rl.envs.BatchedEnv`: opponent, reward, max_entities,
            illegal.

    Raises:
        ContractError: If an option has no such value; names the nearest one.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012  # as Gymnasium declares it
        "render_modes": list(RENDER_MODES),
        "render_fps": 8,
    }

    def __init__(
        self, scenario: str | Scenario, render_mode: str | None = None, **options: Any
    ) -> None:
        check_render_mode(render_mode)
        self.render_mode = render_mode
        self.batch = BatchedEnv(scenario, 1, **options)
        self.observation_space = self.batch.observation_space  # type: ignore[assignment]
        self.action_space = self.batch.action_space
        self._started = False
        self._window = window_for(render_mode, self.batch)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; the info has its ``episode_seed``."""
        super().reset(seed=seed)
        if seed is None:
            seed = self.batch.follow_up(0) if self._started else self._any_seed()
        self._started = True
        observation = self.batch.reset([seed])
        self._show()
        return _only(observation), {"episode_seed": seed}

    def _show(self) -> None:
        if self._window is not None:
            self._window.show()

    def _any_seed(self) -> int:
        return int(self.np_random.integers(2**31))

    def step(
        self, action: NDArray[np.int64]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Play 8 game loops.

        Raises:
            ActionError: If the action is not in its space.
            ResetNeeded: If the episode has ended, or none was started.
        """
        if self.batch.games[0, OVER]:
            raise ResetNeeded("the episode has ended (or none has begun): call reset() first")
        result = self.batch.step(np.asarray(action)[None])
        self._show()
        return (
            _only(result.observation),
            float(result.reward[0]),
            bool(result.terminated[0]),
            bool(result.truncated[0]),
            result.infos[0],
        )

    def snapshot(self) -> Snapshot:
        """Return a copy of the game as it is."""
        return self.batch.snapshot().of_face("env", started=np.array(self._started))

    def restore(self, snapshot: Snapshot) -> Observation:
        """Bring the game back to a snapshot, and return its observation.

        Raises:
            ContractError: If the snapshot is not of a single environment of this scenario.
        """
        (started,) = snapshot.counters("env", ["started"])
        observation = self.batch.restore(snapshot)
        self._started = bool(started)
        return _only(observation)

    def render(self) -> NDArray[np.uint8] | None:
        """Return a picture ``[height, width, 3]``, or None without the mode ``rgb_array``."""
        if self.render_mode != "rgb_array":
            return None
        from .render import draw_game  # Pillow is needed for pictures only

        return draw_game(self.batch, 0)

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            self._window.close()


def _only(observation: Observation) -> Observation:
    return {key: value[0] for key, value in observation.items()}
