"""Feature layers against the raw units, pixel by pixel; clicks on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from perceiver_rl.envs.sc2api.protocol import api

from .conftest import Client

SCREEN, MINIMAP, WIDTH = 84, 64, 24
TYPES: dict[int, np.dtype[Any]] = {8: np.dtype(np.uint8), 32: np.dtype("<i4")}


def options(**more: Any) -> Any:
    setup = api.SpatialCameraSetup(width=WIDTH, **more)
    setup.resolution.x = setup.resolution.y = SCREEN
    setup.minimap_resolution.x = setup.minimap_resolution.y = MINIMAP
    return setup


def picture(image: Any) -> NDArray[Any]:
    """``[row, column]`` of a layer, however many bits it has per pixel."""
    shape = (image.size.y, image.size.x)
    if image.bits_per_pixel == 1:
        bits = np.unpackbits(np.frombuffer(image.data, np.uint8))
        return bits[: shape[0] * shape[1]].reshape(shape)
    return np.frombuffer(image.data, TYPES[image.bits_per_pixel]).reshape(shape)


def pixel(client: Client, unit: Any) -> tuple[int, int]:
    """Row and column of a unit's middle on the screen."""
    camera = client.observe().observation.raw_data.player.camera
    cell = WIDTH / SCREEN
    column = (unit.pos.x - camera.x + WIDTH / 2) // cell
    row = (camera.y + WIDTH / 2 - unit.pos.y) // cell
    return int(row), int(column)


def act(client: Client, **action: Any) -> int:
    request = api.RequestAction(actions=[api.Action(**action)])
    return int(client.ask("action", request).result[0])


def selected(client: Client) -> set[int]:
    return {unit.tag for unit in client.units(1) if unit.is_selected}


@pytest.fixture
def roaches(client: Client) -> Client:
    client.play("DefeatRoaches", feature_layer=options())
    return client


def test_the_middle_of_each_unit_shows_the_unit(roaches: Client) -> None:
    layers = roaches.observe().observation.feature_layer_data.renders
    kind, relative = picture(layers.unit_type), picture(layers.player_relative)
    life = picture(layers.unit_hit_points)
    units = roaches.units()
    assert len(units) == 13
    for unit in units:
        row, column = pixel(roaches, unit)
        around = (slice(row - 1, row + 2), slice(column - 1, column + 2))
        assert unit.unit_type in kind[around]
        assert unit.alliance in relative[around]
        assert int(unit.health) in life[around]
    assert set(np.unique(kind)) == {0, 48, 110}


def test_empty_ground_shows_nobody_and_layers_agree_on_where_that_is(roaches: Client) -> None:
    layers = roaches.observe().observation.feature_layer_data.renders
    empty = picture(layers.unit_type) == 0
    assert empty.mean() > 0.9
    for name in ("player_id", "player_relative", "unit_hit_points", "unit_density"):
        assert ((picture(getattr(layers, name)) == 0) == empty).all(), name


def test_selected_units_are_marked(roaches: Client) -> None:
    layers = roaches.observe().observation.feature_layer_data.renders
    marked = picture(layers.selected) > 0
    assert (marked == (picture(layers.player_relative) == 1)).all()  # the map selects the army


def test_the_minimap_shows_camera_ground_and_sides(roaches: Client) -> None:
    layers = roaches.observe().observation.feature_layer_data.minimap_renders
    camera = picture(layers.camera)
    assert camera.sum() == WIDTH * WIDTH
    assert picture(layers.pathable).sum() == 22 * 16
    assert set(np.unique(picture(layers.player_relative))) == {0, 1, 4}


def test_fog_covers_what_nobody_sees(client: Client) -> None:
    client.play("FindAndDefeatZerglings", feature_layer=options())
    layers = client.observe().observation.feature_layer_data.minimap_renders
    seen = picture(layers.visibility_map) == 2
    assert 0.05 < seen.mean() < 0.3
    assert {unit.alliance for unit in client.units()} <= {1, 4}
    hidden = 25 - len(client.units(4))
    assert hidden > 10


def test_a_click_selects_one_unit_and_a_rectangle_all_in_it(roaches: Client) -> None:
    unit = roaches.units(1)[4]
    row, column = pixel(roaches, unit)
    click = api.Action().action_feature_layer.unit_selection_point
    click.type = 1
    click.selection_screen_coord.x, click.selection_screen_coord.y = column, row
    assert act(roaches, action_feature_layer={"unit_selection_point": click}) == 1
    assert selected(roaches) == {unit.tag}
    corners = {"p0": {"x": 0, "y": 0}, "p1": {"x": SCREEN - 1, "y": SCREEN - 1}}
    box = {"selection_screen_coord": [corners]}
    assert act(roaches, action_feature_layer={"unit_selection_rect": box}) == 1
    assert selected(roaches) == {unit.tag for unit in roaches.units(1)}


def test_the_selected_attack_what_is_clicked(roaches: Client) -> None:
    roach = roaches.units(4)[0]
    row, column = pixel(roaches, roach)
    command = {"ability_id": 23, "target_screen_coord": {"x": column, "y": row}}
    assert act(roaches, action_feature_layer={"unit_command": command}) == 1
    targets = {u.orders[0].target_unit_tag for u in roaches.units(1)}
    assert len(targets) == 1
    assert targets <= {unit.tag for unit in roaches.units(4)}


def test_a_click_on_the_ground_sends_the_selected_there(client: Client) -> None:
    client.play("MoveToBeacon", feature_layer=options())
    assert act(client, action_ui={"select_army": {}}) == 1
    command = {"ability_id": 16, "target_minimap_coord": {"x": 40, "y": 30}}
    assert act(client, action_feature_layer={"unit_command": command}) == 1
    goal = client.units(1)[0].orders[0].target_world_space_pos
    assert (goal.x, goal.y) == (40.5, 33.5)


def test_groups_are_set_and_recalled(roaches: Client) -> None:
    everybody = selected(roaches)
    assert act(roaches, action_ui={"control_group": {"action": 2, "control_group_index": 3}}) == 1
    assert act(roaches, action_ui={"multi_panel": {"type": 1, "unit_index": 0}}) == 1
    assert len(selected(roaches)) == 1
    ui = roaches.observe().observation.ui_data
    assert (ui.groups[0].control_group_index, ui.groups[0].count) == (3, 9)
    assert ui.single.unit.unit_type == 48
    assert act(roaches, action_ui={"control_group": {"action": 1, "control_group_index": 3}}) == 1
    assert selected(roaches) == everybody
    assert len(roaches.observe().observation.ui_data.multi.units) == 9


def test_abilities_are_those_of_the_selected(client: Client) -> None:
    client.play("BuildMarines", feature_layer=options())
    assert not client.observe().observation.abilities
    hall = next(unit for unit in client.units(1) if unit.unit_type == 18)
    row, column = pixel(client, hall)
    click = {"type": 1, "selection_screen_coord": {"x": column, "y": row}}
    assert act(client, action_feature_layer={"unit_selection_point": click}) == 1
    abilities = {ability.ability_id for ability in client.observe().observation.abilities}
    assert 524 in abilities
    assert not abilities & {16, 23, 321}


def test_pictures_have_the_sizes_that_were_asked_for(client: Client) -> None:
    setup = options()
    setup.resolution.x, setup.resolution.y = 84, 87
    render = api.SpatialCameraSetup()
    render.resolution.x, render.resolution.y = 128, 96
    render.minimap_resolution.x = render.minimap_resolution.y = 32
    client.play("DefeatRoaches", feature_layer=setup, render=render)
    observation = client.observe().observation
    assert picture(observation.feature_layer_data.renders.unit_type).shape == (87, 84)
    image = observation.render_data.map
    assert len(image.data) == 128 * 96 * 3
    colors = np.frombuffer(image.data, np.uint8).reshape(-1, 3)
    assert len(np.unique(colors, axis=0)) == 3  # of ground, marines and roaches
