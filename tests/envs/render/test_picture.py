"""Pictures."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from perceiver_rl.envs import BatchedEnv, Scenario, make_control, make_vec
from perceiver_rl.envs.controls import suitable_controls
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.engine import task_fields as t
from perceiver_rl.envs.engine.objects import ENTITY_NAMES
from perceiver_rl.envs.render import OWN, Artist, draw_game
from perceiver_rl.envs.render.glyphs import GLYPHS, glyph, turned
from perceiver_rl.envs.render.scene import read_scene
from perceiver_rl.envs.scenarios import SCENARIOS, point

MINI_GAMES = [name for name in SCENARIOS if not name.startswith("Battle-")]
NAMES = [*MINI_GAMES, "Battle-8m", "Battle-MMM", "Battle-corridor", "Battle-zerg_10_vs_11"]


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_keeps_its_size_through_a_whole_game(name: str) -> None:
    env = BatchedEnv(name, 1)
    name = suitable_controls(env.action_space)[-1]
    control = make_control(name, env.observation_space, env.action_space, 0)
    observation = env.reset([0])
    shapes = set()
    for _ in range(60):
        observation = env.step(control.act(observation)).observation
        frame = draw_game(env, 0)
        assert frame.dtype == np.uint8
        shapes.add(frame.shape)
    width, height = env.scenario.playable[2:]
    width, height = width - env.scenario.playable[0], height - env.scenario.playable[1]
    ((rows, columns, channels),) = shapes
    assert (columns, channels) == (640, 3)
    assert rows == pytest.approx(56 + 16 + 624 * height / width, abs=2)
    assert rows % 2 == 0  # films want it so


def test_a_unit_is_drawn_where_it_stands_with_north_up() -> None:
    env = BatchedEnv("Battle-3m", 1)
    env.reset([0])
    env.units[0, f.X, 0], env.units[0, f.Y, 0] = 4, 28
    at = (round(56 + 8 + (32 - 28) * 19.5), round(8 + 4 * 19.5))
    near = draw_game(env, 0)[at[0] - 8 : at[0] + 9, at[1] - 8 : at[1] + 9].reshape(-1, 3)
    assert (np.abs(near.astype(int) - OWN).sum(1) < 30).any()
    env.units[0, f.X, 0] = 8
    gone = draw_game(env, 0)[at[0] - 8 : at[0] + 9, at[1] - 8 : at[1] + 9].reshape(-1, 3)
    assert not (np.abs(gone.astype(int) - OWN).sum(1) < 30).any()


@pytest.mark.parametrize(
    ("field", "value"),
    [(f.HEALTH, 10), (f.X, 12), (f.ORDER, f.MOVE), (f.TARGET, 4), (f.KIND, 1)],
)
def test_what_changes_is_seen(field: int, value: float) -> None:
    env = BatchedEnv("Battle-3m", 1)
    env.reset([0])
    before = draw_game(env, 0)
    env.units[0, field, 0] = value
    assert not np.array_equal(draw_game(env, 0), before)


def test_every_face_draws_the_same_picture() -> None:
    single = gym.make("perceiver_rl/Battle-3m-v0", render_mode="rgb_array")
    vector = gym.make_vec("perceiver_rl/Battle-3m-v0", 2, render_mode="rgb_array")
    sb3: Any = make_vec("perceiver_rl/Battle-3m-v0", 2, seed=4, render_mode="rgb_array")
    single.reset(seed=4)
    vector.reset(seed=4)
    sb3.reset()
    frame: Any = single.render()
    of_vector: Any = vector.render()
    np.testing.assert_array_equal(frame, of_vector[0])
    np.testing.assert_array_equal(frame, sb3.get_images()[0])
    assert sb3.render().shape[2] == 3


def test_without_a_render_mode_there_is_no_picture() -> None:
    env: Any = make_vec("perceiver_rl/Battle-3m-v0", 2, seed=0)
    assert env.get_images() == [None, None]


def test_every_type_of_unit_has_a_look_of_its_own() -> None:
    assert set(ENTITY_NAMES) <= set(GLYPHS)
    looks = {(each.outline, each.strokes, each.label) for each in GLYPHS.values()}
    assert len(looks) == len(GLYPHS)


def test_a_type_without_a_look_is_a_disc_with_letters() -> None:
    assert (glyph("archon").outline, glyph("archon").label) == ((), "Ar")


def test_shapes_turn_counterclockwise_from_east() -> None:
    ((x, y),) = turned(((2.0, 0.0),), 0.5, np.pi / 2)
    assert (x, y) == pytest.approx((0, 1))


def test_a_scene_tells_who_aims_where() -> None:
    env = BatchedEnv("Battle-3m", 1)
    env.reset([0])
    env.units[0, [f.X, f.Y], 0] = 4, 10
    env.units[0, [f.X, f.Y], 4] = 4, 14
    env.units[0, f.TARGET, 0] = 4
    env.units[0, f.ORDER, 1] = f.MOVE
    env.units[0, [f.GOAL_X, f.GOAL_Y], 1] = 20, 21
    env.units[0, f.HEALTH, 5] = 0
    sprites = read_scene(env, 0, 8).sprites
    assert list(sprites) == [0, 1, 2, 3, 4]
    assert (sprites[0].target, sprites[0].goal) == (4, (4.0, 14.0))
    assert sprites[0].facing == pytest.approx(np.pi / 2)
    assert (sprites[1].order, sprites[1].goal, sprites[1].target) == ("move", (20.0, 21.0), -1)
    assert [each.facing for each in (sprites[2], sprites[4])] == [0.0, np.pi]
    assert [each.alliance for each in sprites.values()] == [0, 0, 0, 1, 1]


@pytest.mark.parametrize(("cooldown", "seen"), [(13.0, True), (11.0, False)])
def test_an_attack_is_shown_if_it_is_new(cooldown: float, seen: bool) -> None:
    env = BatchedEnv("Battle-3m", 1)
    env.reset([0])
    env.units[0, f.TARGET, 0] = 4
    env.units[0, f.COOLDOWN, 0] = cooldown  # of 13.77 loops
    assert read_scene(env, 0, since=2).sprites[0].shoots is seen


def bright(frame: Any) -> int:
    """Count the pixels of a burst."""
    return int(((frame[56:, :, 0] > 90) & (frame[56:, :, 2] < 60)).sum())


def test_an_artist_shows_who_has_died_since_the_last_picture_and_only_then() -> None:
    env = BatchedEnv("Battle-3m", 1)
    env.reset([0])
    artist = Artist(env)
    before = bright(artist.draw())
    env.units[0, f.HEALTH, 0] = 0
    assert bright(artist.draw()) > before + 100
    assert bright(artist.draw()) <= before
    env.reset([1])
    assert bright(artist.draw()) <= before + 20  # nobody dies of a new game


def test_an_artist_says_where_in_the_picture_a_unit_is() -> None:
    env = BatchedEnv("Battle-3m", 1)
    env.reset([0])
    artist = Artist(env)
    assert artist.placed() == {}
    left, top, right, bottom = artist.map_box
    height, width, _ = artist.draw().shape
    assert 0 < left < right < width
    assert 56 < top < bottom < height
    env.units[0, f.HEALTH, 4] = 0
    # Where nothing but ground was, at a quarter of the width and at a third of the height.
    west, south, east, north = env.scenario.playable
    env.units[0, f.X, 0] = west + (east - west) / 4
    env.units[0, f.Y, 0] = south + (north - south) / 3
    env.units[0, f.X, 1:6] = east - 1
    picture = artist.draw()
    placed = artist.placed()
    assert sorted(placed) == [0, 1, 2, 3, 5]
    x, y = placed[0].pixel
    assert x == pytest.approx(left + (right - left) / 4, abs=0.6)
    assert y == pytest.approx(bottom - (bottom - top) / 3, abs=0.6)
    around = picture[:, : width // 2][80:].astype(int)
    rows, columns = np.nonzero(around[..., 2] > 150)  # blue, as ours is
    assert abs(columns.mean() - x) < 2
    assert np.abs(columns - x).max() <= 1.5 * placed[0].radius + 1  # its gun sticks out
    assert abs(np.median(rows) + 80 - y) < placed[0].radius


def test_a_lost_shield_is_seen() -> None:
    env = BatchedEnv("Battle-2s3z", 1)
    env.reset([0])
    full = draw_game(env, 0)
    env.units[0, f.SHIELD, 0] = 0
    assert not np.array_equal(draw_game(env, 0), full)


def test_what_nobody_of_ours_sees_is_dark_and_has_no_life_bar() -> None:
    env = BatchedEnv("FindAndDefeatZerglings", 1)
    observation = env.reset([0])
    scene = read_scene(env, 0, 8)
    assert scene.fog
    shown = {slot for slot, sprite in scene.sprites.items() if not sprite.hidden}
    assert shown == set(np.flatnonzero(observation["entity_mask"][0]))
    assert len(shown) < len(scene.sprites)
    frame = draw_game(env, 0)
    middle = frame[56 + frame[56:].shape[0] // 2, 320 + 60].astype(int)
    corner = frame[-20, 20].astype(int)
    assert corner.sum() < middle.sum() / 2


def test_energy_is_a_share_and_only_of_those_who_have_some() -> None:
    team = (("medivac", 1), ("marine", 1))
    scenario = Scenario(
        name="healing", own=team, enemy=team, places=((point(9, 16), point(23, 16)),), step_limit=9
    )
    env = BatchedEnv(scenario, 1)
    env.reset([0])
    sprites = read_scene(env, 0, 8).sprites
    assert (sprites[0].energy, sprites[1].energy) == (50 / 200, None)
    assert (sprites[0].flies, sprites[1].flies) == (True, False)


def test_a_healer_is_not_shown_to_shoot() -> None:
    team = (("medivac", 1), ("marine", 1))
    scenario = Scenario(
        name="healing", own=team, enemy=team, places=((point(9, 16), point(23, 16)),), step_limit=9
    )
    env = BatchedEnv(scenario, 1)
    env.reset([0])
    before = draw_game(env, 0)
    env.units[0, f.TARGET, 0] = 1
    assert not read_scene(env, 0, 8).sprites[0].shoots
    assert not np.array_equal(draw_game(env, 0), before)


def test_walls_are_drawn_where_they_stand() -> None:
    env = BatchedEnv("Battle-corridor", 1)
    env.reset([0])
    frame = draw_game(env, 0).astype(int)
    inside, beside = ((row, round(8 + 19.5 * x)) for row, x in ((70, 15.3), (70, 12.7)))
    assert frame[inside].sum() > frame[beside].sum() + 30


def test_an_economy_shows_cargo_and_work_in_progress() -> None:
    env = BatchedEnv("BuildMarines", 1)
    env.reset([0])
    sprites = read_scene(env, 0, 8).sprites
    worker = next(slot for slot, sprite in sprites.items() if sprite.name == "scv")
    town = next(slot for slot, sprite in sprites.items() if sprite.name == "command_center")
    assert (sprites[worker].cargo, sprites[town].progress) == ("", None)
    env.units[0, t.CARGO, worker] = 5
    env.units[0, t.TRAIN_LEFT, town] = 272 / 4  # of 272 loops for an SCV
    sprites = read_scene(env, 0, 8).sprites
    assert (sprites[worker].cargo, sprites[town].progress) == ("minerals", 0.75)
    env.units[0, t.CARGO_GAS, worker] = 1
    env.units[0, t.UNBUILT, town] = 1600 / 2
    sprites = read_scene(env, 0, 8).sprites
    assert (sprites[worker].cargo, sprites[town].progress) == ("gas", 0.5)
    before = draw_game(env, 0)
    env.units[0, t.CARGO, worker] = 0
    assert not np.array_equal(draw_game(env, 0), before)
