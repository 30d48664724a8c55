"""Whatever a client sends in a game, it gets an answer and the game stays whole."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_rl.envs.sc2api.protocol import api

from .conftest import Client


@cache
def content(descriptor: object, depth: int = 0) -> st.SearchStrategy[object]:
    """Random content for a message of a kind, as deep as it goes."""
    fields = {}
    for field in descriptor.fields:  # type: ignore[attr-defined]
        if field.message_type is not None:
            value = st.nothing() if depth > 5 else content(field.message_type, depth + 1)
        elif field.enum_type is not None:
            value = st.sampled_from([each.number for each in field.enum_type.values])
        elif field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
            value = st.floats(width=32) | st.floats(0, 64, width=32)
        elif field.cpp_type == field.CPPTYPE_BOOL:
            value = st.booleans()
        elif field.cpp_type == field.CPPTYPE_STRING:
            value = st.text(max_size=5) if field.type == field.TYPE_STRING else st.just("")
        elif field.cpp_type in (field.CPPTYPE_UINT32, field.CPPTYPE_UINT64):
            value = st.integers(0, 60) | st.integers(0, 2**32 - 1)
        else:
            value = st.integers(-5, 60) | st.integers(-(2**31), 2**31 - 1)
        fields[field.name] = st.lists(value, max_size=3) if field.is_repeated else value
    if not fields:
        return st.just({})
    chosen = st.lists(st.sampled_from(sorted(fields)), max_size=4, unique=True)
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries({name: fields[name] for name in names})
    )


def message(kind: type, values: object) -> object:
    made = kind()
    try:
        return json_format.ParseDict(values, made)
    except json_format.ParseError:  # two of a oneof, or infinity
        return kind()


REQUESTS = {
    "action": api.RequestAction,
    "query": api.Request.DESCRIPTOR.fields_by_name["query"].message_type._concrete_class,
    "debug": api.RequestDebug,
    "observation": api.RequestObservation,
    "data": api.RequestData,
}


ASKED = st.sampled_from(sorted(REQUESTS)).flatmap(
    lambda kind: st.tuples(st.just(kind), content(REQUESTS[kind].DESCRIPTOR))
)


@pytest.mark.parametrize("name", ["DefeatRoaches", "BuildMarines", "Flat64"])
@settings(max_examples=20, deadline=None)
@given(requests=st.lists(ASKED, max_size=4))
def test_a_game_survives_whatever_is_asked(name: str, requests: list[tuple[str, object]]) -> None:
    client = Client()
    client.play(name, seed=1)
    for kind, values in requests:
        client.respond(**{kind: message(REQUESTS[kind], values)})
        client.respond(step=api.RequestStep(count=1))
    client.session.handle(api.Request(observation=api.RequestObservation()).SerializeToString())
    game = client.session._game
    assert game is not None
    assert np.isfinite(game.world.units).all()


@settings(max_examples=30, deadline=None)
@given(values=content(api.RequestJoinGame.DESCRIPTOR))
def test_joining_with_any_interface_is_answered(values: object) -> None:
    client = Client()
    create = api.RequestCreateGame(local_map=api.LocalMap(map_path="MoveToBeacon"))
    create.player_setup.add(type=1)
    client.ask("create_game", create)
    join = message(api.RequestJoinGame, values)
    join.ClearField("server_ports")  # type: ignore[attr-defined]
    client.respond(join_game=join)
    client.respond(observation=api.RequestObservation())
