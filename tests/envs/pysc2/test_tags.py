"""A unit keeps its row as long as it lives, whoever else comes and goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_rl.envs.pysc2.tags import ENEMY, NEUTRAL, OWN, Regions, TagTable
from perceiver_rl.spaces import ContractError

REGIONS = Regions(own=3, enemy=2, neutral=1)


def test_new_units_get_the_first_free_rows_of_their_side_in_order() -> None:
    table = TagTable(REGIONS)
    assert table.update([(70, OWN), (50, ENEMY), (60, OWN), (90, NEUTRAL)], ()) == 0
    assert [table.row(tag) for tag in (70, 60, 50, 90)] == [0, 1, 3, 5]
    assert [table.tag(row) for row in range(6)] == [70, 60, None, 50, None, 90]


def test_a_row_is_free_again_when_its_unit_has_died() -> None:
    table = TagTable(REGIONS)
    table.update([(1, OWN), (2, OWN), (8, ENEMY), (9, ENEMY)], ())
    table.update([(2, OWN), (9, ENEMY)], {1, 8})
    assert table.update([(2, OWN), (3, OWN), (9, ENEMY), (10, ENEMY)], ()) == 0
    assert [table.row(tag) for tag in (3, 2, 10, 9)] == [0, 1, 3, 4]


def test_units_of_ours_that_vanish_are_gone_even_if_nobody_says_that_they_died() -> None:
    table = TagTable(REGIONS)
    table.update([(1, OWN), (2, OWN)], ())
    table.update([(3, OWN), (4, OWN)], ())
    assert [table.row(tag) for tag in (1, 2, 3, 4)] == [None, None, 0, 1]


def test_an_enemy_out_of_sight_keeps_its_row_but_has_no_tag_to_aim_at() -> None:
    table = TagTable(REGIONS)
    table.update([(8, ENEMY)], ())
    table.update([(9, ENEMY)], ())
    assert table.row(8) == 3
    assert table.tag(3) is None
    table.update([(8, ENEMY), (9, ENEMY)], ())
    assert [table.tag(3), table.tag(4)] == [8, 9]


def test_without_a_free_row_the_enemy_unseen_for_longest_gives_way() -> None:
    table = TagTable(REGIONS)
    table.update([(7, ENEMY), (8, ENEMY)], ())
    table.update([(8, ENEMY)], ())
    assert table.update([(9, ENEMY)], ()) == 0
    assert [table.row(tag) for tag in (7, 8, 9)] == [None, 4, 3]


def test_units_beyond_the_rows_are_counted_and_have_none() -> None:
    table = TagTable(REGIONS)
    assert table.update([(tag, OWN) for tag in range(5)], ()) == 2
    assert [table.row(tag) for tag in range(5)] == [0, 1, 2, None, None]


def test_a_cleared_table_knows_nobody() -> None:
    table = TagTable(REGIONS)
    table.update([(1, OWN)], ())
    table.clear()
    assert table.row(1) is None
    assert table.tag(0) is None


def test_a_table_without_rows_is_an_error() -> None:
    with pytest.raises(ContractError, match="at least one row"):
        TagTable(Regions(0, 0, 0))


@given(st.lists(st.sets(st.integers(0, 9), max_size=6), min_size=1, max_size=8))
def test_rows_and_tags_are_inverse_and_stable(history: list[set[int]]) -> None:
    table = TagTable(Regions(own=4, enemy=3, neutral=0))
    rows: dict[int, int] = {}
    for present in history:
        table.update([(tag, OWN if tag < 5 else ENEMY) for tag in sorted(present)], ())
        seen = {tag: row for tag in present if (row := table.row(tag)) is not None}
        assert len(set(seen.values())) == len(seen)
        for tag, row in seen.items():
            assert table.tag(row) == tag
            assert (row < 4) == (tag < 5)
            if tag in rows and tag < 5:
                assert row == rows[tag]
        rows = seen
