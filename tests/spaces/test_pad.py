"""Observations that stable-baselines3 refuses, padded into a flat Dict."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3.common.env_checker import check_env

from perceiver_rl.spaces import ContractError, ObservationError, PadObservation, TextSpace

POINT = spaces.Box(-1, 1, (2,), np.float32)


class Shows(gym.Env[Any, Any]):
    """Shows whatever its space draws."""

    action_space = spaces.Discrete(2)

    def __init__(self, space: spaces.Space[Any]) -> None:
        self.observation_space = space
        space.seed(0)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        return self.observation_space.sample(), 0.0, False, False, {}


def padded(space: spaces.Space[Any], **kwargs: Any) -> PadObservation:
    return PadObservation(Shows(space), **kwargs)


EVERYTHING = spaces.Dict(
    {
        "mission": spaces.Text(12),
        "seen": spaces.Sequence(spaces.Dict({"at": POINT, "kind": spaces.Discrete(3)})),
        "map": spaces.Graph(POINT, spaces.Discrete(4)),
        "pair": spaces.Tuple([spaces.Discrete(3), POINT]),
        "more": spaces.Dict({"health": spaces.Box(0, 1, (1,), np.float32)}),
        "image": spaces.Box(0, 255, (3, 8, 8), np.uint8),
    }
)


def test_every_part_has_a_key_of_a_fixed_size() -> None:
    env = padded(EVERYTHING, longest=24, sizes={"seen": 40, "map/edges": 300})
    space: Any = env.observation_space
    found = {key: part.shape for key, part in space.spaces.items()}
    assert found == {
        "mission": (12,),
        "seen": (40, 5),
        "seen_mask": (40,),
        "map/nodes": (24, 2),
        "map/nodes_mask": (24,),
        "map/edges": (300, 8),
        "map/edges_mask": (300,),
        "pair/0": (),
        "pair/1": (2,),
        "more/health": (1,),
        "image": (3, 8, 8),
    }


def test_stable_baselines3_accepts_it() -> None:
    check_env(padded(EVERYTHING, longest=64, sizes={"map/edges": 600}), warn=False)


def test_a_sequence_keeps_its_rows_in_order_and_says_how_many_there_are() -> None:
    env = padded(spaces.Sequence(POINT), longest=3)
    rows = env.observation((np.array([0.5, 1.0]), np.array([-1.0, 0.25])))
    np.testing.assert_array_equal(rows["observation"], [[0.5, 1.0], [-1.0, 0.25], [0.0, 0.0]])
    np.testing.assert_array_equal(rows["observation_mask"], [1, 1, 0])
    assert not env.observation(())["observation_mask"].any()


def test_an_edge_carries_its_nodes_and_itself() -> None:
    env = padded(spaces.Graph(POINT, spaces.Discrete(2)), longest=3)
    nodes = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], np.float32)
    graph = spaces.GraphInstance(nodes, np.array([1, 0]), np.array([[0, 2], [2, 1]]))
    rows = env.observation(graph)
    np.testing.assert_array_equal(rows["observation/nodes"], nodes)
    expected = [[0.1, 0.2, 0.5, 0.6, 0, 1], [0.5, 0.6, 0.3, 0.4, 1, 0]]
    np.testing.assert_allclose(rows["observation/edges"][:2], expected, rtol=1e-6)
    assert rows["observation/edges_mask"].tolist() == [1, 1, *[0] * 10]


def test_a_graph_may_have_no_edge() -> None:
    env = padded(spaces.Graph(POINT, None), longest=2)
    rows = env.observation(spaces.GraphInstance(np.zeros((1, 2), np.float32), None, None))
    assert not rows["observation/edges_mask"].any()
    assert rows["observation/nodes_mask"].tolist() == [1, 0]


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8))
def test_a_text_survives(text: str) -> None:
    space = TextSpace(32)
    row = space.encode(text)
    assert space.contains(row)
    assert space.decode(row) == text


@pytest.mark.parametrize(
    ("text", "message"), [("x" * 5, "5 bytes does not fit max_bytes=4"), ("a\0", "NUL")]
)
def test_texts_that_do_not_fit_are_refused(text: str, message: str) -> None:
    with pytest.raises(ObservationError, match=message):
        TextSpace(4).encode(text)


def test_other_spaces_of_strings_are_texts_as_well() -> None:
    class Missions(spaces.Space[str]):
        """As MiniGrid has them."""

        def __init__(self) -> None:
            super().__init__(dtype=str)

        def sample(self, mask: Any = None, probability: Any = None) -> str:
            return "get a key"

    env = padded(spaces.Dict({"mission": Missions()}), sizes={"mission": 16})
    text = env.observation_space["mission"]  # type: ignore[index]
    assert text.decode(env.reset()[0]["mission"]) == "get a key"


def test_what_is_too_long_is_named_with_the_size_it_needs() -> None:
    env = padded(spaces.Dict({"seen": spaces.Sequence(POINT)}), longest=1)
    with pytest.raises(ObservationError, match=r"'seen': 2 rows do not fit 1; pass sizes=\{'seen"):
        env.observation({"seen": (np.zeros(2), np.ones(2))})
    env = padded(spaces.Dict({"mission": spaces.Text(4)}), sizes={"mission": 2})
    with pytest.raises(ObservationError, match="'mission': a text of 3 bytes does not fit"):
        env.observation({"mission": "abc"})


@pytest.mark.parametrize(
    ("space", "kwargs", "message"),
    [
        (EVERYTHING, {"sizes": {"sean": 3}}, "unknown size 'sean'.*did you mean 'seen'"),
        (spaces.Sequence(POINT), {"longest": 0}, "size of 'observation' must be at least 1"),
        (spaces.Sequence(spaces.Sequence(POINT)), {}, "no fixed number of features"),
        (spaces.OneOf([POINT, POINT]), {}, "a OneOf cannot be padded"),
        (
            spaces.Dict({"a/b": POINT, "a": spaces.Dict({"b": POINT})}),
            {},
            "would both be named 'a/b'",
        ),
    ],
)
def test_what_cannot_be_padded_is_refused(
    space: spaces.Space[Any], kwargs: Any, message: str
) -> None:
    with pytest.raises(ContractError, match=message):
        padded(space, **kwargs)


def test_a_text_space_is_what_its_length_says() -> None:
    assert TextSpace(3) == TextSpace(3) != TextSpace(4)
    assert repr(TextSpace(3)) == "TextSpace(3)"
    with pytest.raises(ContractError, match="max_bytes must be at least 1"):
        TextSpace(0)
