"""Melee games: economies of two sides, fights between them, and who wins."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.engine import task_fields as t
from perceiver_rl.envs.engine.objects import ENTITY_NAMES, TRADES, entity_kind
from perceiver_rl.envs.sc2api.computer import Computer
from perceiver_rl.envs.sc2api.ground import SIDES, open_ground
from perceiver_rl.envs.sc2api.melee import Melee
from perceiver_rl.envs.sc2api.world import NEUTRAL, SUCCESS, Order

MARINE, HALL, SCV = map(entity_kind, ("marine", "command_center", "scv"))


@pytest.fixture
def melee() -> Melee:
    game = Melee(open_ground("Flat64", 64))
    game.start(0)
    return game


def slots(game: Melee, player: int, kind: int) -> list[int]:
    mine = (game.owners == player) & game.alive & (game.units[f.KIND] == kind)
    return [int(slot) for slot in mine.nonzero()[0]]


def supply(game: Melee, player: int) -> tuple[int, int]:
    """Supply used and given, counted anew."""
    used = given = 0
    units = game.units
    for slot in (game.alive & (game.owners == player)).nonzero()[0]:
        trade = TRADES[ENTITY_NAMES[int(units[f.KIND, slot])]]
        used += trade.supply
        given += trade.gives * bool(units[t.UNBUILT, slot] == 0)
        if units[t.TRAIN_LEFT, slot] > 0:
            used += TRADES[trade.trains].supply
    return used, given


@pytest.mark.parametrize("name", SIDES)
def test_both_players_begin_alike_on_turned_ground(name: str) -> None:
    game = Melee(open_ground(name, SIDES[name]))
    game.start(1)
    side = SIDES[name]
    for player in (1, 2):
        assert len(slots(game, player, SCV)) == 12
        assert len(slots(game, player, HALL)) == 1
    (x0, y0), (x1, y1) = game.place.starts
    assert (x0 + x1, y0 + y1) == (side, side)
    left, bottom, right, top = game.place.playable
    units = game.units[:, game.alive]
    assert (units[f.X] - units[f.RADIUS] >= left - 1).all()
    assert (units[f.X] + units[f.RADIUS] <= right + 1).all()
    assert (units[f.Y] - units[f.RADIUS] >= bottom - 1).all()
    assert (units[f.Y] + units[f.RADIUS] <= top + 1).all()


def test_seeds_exchange_the_starts() -> None:
    game = Melee(open_ground("Flat64", 64))
    seen = set()
    for seed in range(10):
        game.start(seed)
        seen.add(game.place.starts)
    assert len(seen) == 2


def test_both_economies_bring_in_the_same(melee: Melee) -> None:
    melee.advance(1500)
    one, two = (melee.purse(player).minerals for player in (1, 2))
    assert one > 300
    assert abs(one - two) <= 30  # trips end a few loops apart


def test_each_player_trains_and_pays_from_its_own_purse(melee: Melee) -> None:
    hall = slots(melee, 2, HALL)
    assert melee.order(2, hall, Order(t.TRAIN, product=SCV)) == SUCCESS
    assert melee.purse(2).minerals == 0
    assert melee.purse(1).minerals == 50
    melee.advance(300)
    assert len(slots(melee, 2, SCV)) == 13
    assert len(slots(melee, 1, SCV)) == 12


@pytest.mark.parametrize("player", [1, 2])
def test_marines_kill_what_they_attack_and_supply_follows(melee: Melee, player: int) -> None:
    foe = 3 - player
    x, y = melee.place.starts[foe - 1]
    for _ in range(10):
        assert melee.create(MARINE, player, (x + (5 if x < 32 else -5), y))
    marines = slots(melee, player, MARINE)
    victim = slots(melee, foe, SCV)[0]
    assert melee.order(player, marines, Order(f.ATTACK, target=victim)) == SUCCESS
    for _ in range(200):
        melee.advance(1)
        if victim not in slots(melee, foe, SCV):
            break
    else:
        pytest.fail("nobody died")
    for each in (1, 2):
        purse = melee.purse(each)
        assert (purse.supply, purse.supply_cap) == supply(melee, each)


def test_nobody_attacks_friends_or_what_is_neutral(melee: Melee) -> None:
    scv, other = slots(melee, 1, SCV)[:2]
    field = int((melee.owners == NEUTRAL).nonzero()[0][0])
    for target in (other, field):
        assert melee.order(1, [scv], Order(f.ATTACK, target=target)) != SUCCESS


def test_workers_stay_on_their_errands_while_others_fight(melee: Melee) -> None:
    melee.advance(100)
    assert (melee.units[f.ORDER, slots(melee, 1, SCV)] == t.GATHER).all()


def test_who_loses_the_last_structure_loses(melee: Melee) -> None:
    assert melee.winner is None
    melee.kill(slots(melee, 1, HALL)[0])
    melee.advance(1)
    assert melee.winner == 2


def test_fog_hides_what_is_far_and_opens_for_those_who_come_near(melee: Melee) -> None:
    hall = slots(melee, 2, HALL)[0]
    assert not melee.seen(1)[hall]
    x, y = melee.place.starts[1]
    melee.create(MARINE, 1, (x, y - 8))
    assert melee.seen(1)[hall]
    assert melee.seen(1)[melee.owners == 1].all()


def test_a_state_comes_back_bit_for_bit(melee: Melee) -> None:
    melee.advance(200)
    kept = melee.dump()
    melee.advance(100)
    after = melee.units.copy()
    melee.recall(kept)
    assert melee.loop == 200
    melee.advance(100)
    np.testing.assert_array_equal(melee.units, after)


def test_a_harder_computer_beats_an_easier_one() -> None:
    game = Melee(open_ground("Simple64", 64), {1: Computer(1), 2: Computer(8)})
    game.start(3)
    game.advance(30_000)
    assert game.winner == 2
