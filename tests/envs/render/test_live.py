"""Pictures between the steps, and windows."""

from __future__ import annotations

import sys
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray

from perceiver_rl.envs import BatchedEnv, make_control
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.render import LiveView, draw_game, live
from perceiver_rl.envs.scenarios import SCENARIOS
from perceiver_rl.spaces import ContractError

MINI_GAMES = [name for name in SCENARIOS if not name.startswith("Battle-")]
NAMES = [*MINI_GAMES, "Battle-8m", "Battle-MMM", "Battle-corridor", "Battle-zerg_10_vs_11"]


def play(batch: BatchedEnv, steps: int) -> list[Any]:
    control = make_control("random", batch.observation_space, batch.action_space, seed=1)
    observation = batch.reset([4])
    seen: list[Any] = [observation]
    for _ in range(steps):
        step = batch.step(control.act(observation))
        observation = step.observation
        seen += [observation, step.reward, step.terminated]
    return seen


@pytest.mark.parametrize("name", NAMES)
def test_watching_does_not_change_the_game(name: str) -> None:
    watched, plain = (BatchedEnv(name, 1, opponent="random") for _ in range(2))
    loops: list[int] = []
    watched.on_loop = lambda: loops.append(int(watched.games[0, f.LOOP]))
    for one, two in zip(play(watched, 30), play(plain, 30), strict=True):
        if isinstance(one, dict):
            assert all(np.array_equal(one[key], two[key]) for key in one)
        else:
            np.testing.assert_array_equal(one, two)
    assert loops[:14] == [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15]
    for key, array in watched.state.items():
        np.testing.assert_array_equal(array, plain.state[key])


def test_what_is_shown_between_steps_lies_on_the_way() -> None:
    batch = BatchedEnv("Battle-3m", 1, opponent="no-op")
    batch.reset([0])
    places: list[float] = [float(batch.units[0, f.X, 0])]
    batch.on_loop = lambda: places.append(float(batch.units[0, f.X, 0]))
    action = np.zeros((1, 9), np.int64)
    action[0, :2], action[0, -1] = [2, 1], 8 * 16 + 15  # the first one moves east
    batch.step(action)
    places.append(float(batch.units[0, f.X, 0]))
    assert np.diff(places) == pytest.approx(2.25 / 16, rel=0.05)


def test_a_view_hands_on_a_frame_every_few_loops() -> None:
    batch = BatchedEnv("Battle-3m", 1)
    frames: list[NDArray[np.uint8]] = []
    view = LiveView(batch, frames.append, every=4)
    batch.reset([0])
    view.show()
    batch.step(np.zeros((1, 9), np.int64))
    assert len(frames) == 2  # the start, and loop 4
    view.show()
    np.testing.assert_array_equal(frames[0], draw_game(batch_at_start(), 0))
    assert not np.array_equal(frames[1], frames[2])


def batch_at_start() -> BatchedEnv:
    batch = BatchedEnv("Battle-3m", 1)
    batch.reset([0])
    return batch


@pytest.fixture
def pygame(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    import pygame

    yield pygame
    pygame.display.quit()


def test_a_window_shows_the_frame_and_closes_when_asked_to(pygame: Any) -> None:
    from perceiver_rl.envs.render.window import Window

    window = Window("title", fps=1000)
    frame = np.zeros((20, 30, 3), np.uint8)
    frame[2, 5] = 200, 100, 50
    window.show(frame)
    screen = pygame.display.get_surface()
    assert screen.get_size() == (30, 20)
    assert tuple(screen.get_at((5, 2)))[:3] == (200, 100, 50)
    assert pygame.display.get_caption()[0] == "title"
    assert not window.closed
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_ESCAPE))
    window.show(frame)
    assert window.closed
    window.show(frame)  # ignored
    assert not pygame.display.get_init()


def test_the_human_mode_shows_every_reset_and_step(
    pygame: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_SHOWN_PER_SECOND", 10_000)
    env = gym.make("perceiver_rl/Battle-3m-v0", render_mode="human")
    env.reset(seed=0)
    first = pygame.surfarray.array3d(pygame.display.get_surface())
    env.step(np.array([4, 1, 1, 1, 0, 0, 0, 0, 255]))
    second = pygame.surfarray.array3d(pygame.display.get_surface())
    assert first.shape[0] == 640
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(
        second.swapaxes(0, 1)[56:400, :200],
        draw_game(env.unwrapped.batch, 0)[56:400, :200],  # type: ignore[attr-defined]
    )
    assert env.render() is None
    env.close()
    env.close()


def test_the_human_mode_of_many_games_shows_the_first(
    pygame: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_SHOWN_PER_SECOND", 10_000)
    env: Any = gym.make_vec("perceiver_rl/Battle-3m-v0", 3, render_mode="human")
    plain: Any = gym.make_vec("perceiver_rl/Battle-3m-v0", 3)
    for each in (env, plain):
        each.reset(seed=0)
        each.step(np.array([[4, 1, 1, 1, 0, 0, 0, 0, 255]] * 3))
    np.testing.assert_array_equal(env.batch.units, plain.batch.units)
    np.testing.assert_array_equal(
        pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)[56:400, :200],
        draw_game(env.batch, 0)[56:400, :200],
    )
    assert env.render() is None
    env.close()
    assert not pygame.display.get_init()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(ContractError, match=r"pygame-ce: pip install 'perceiver-rl\[render\]'"):
        gym.make("perceiver_rl/Battle-3m-v0", render_mode="human")


def test_without_a_screen_a_film_is_advised(pygame: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from perceiver_rl.envs.render.window import Window

    pygame.display.quit()
    monkeypatch.setenv("SDL_VIDEODRIVER", "nothing")
    with pytest.raises(ContractError, match="cannot open a window: .* write a film instead"):
        Window("title", fps=10).show(np.zeros((20, 30, 3), np.uint8))
