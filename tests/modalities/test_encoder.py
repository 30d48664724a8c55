"""One Perceiver over all parts of an observation."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common.preprocessing import preprocess_obs

from perceiver_rl.modalities import ModalityConfig, ObservationEncoder
from perceiver_rl.nn import PerceiverConfig
from perceiver_rl.spaces import ObservationError, TextSpace

SMALL = ModalityConfig(
    width=8,
    bands=2,
    perceiver=PerceiverConfig(num_latents=3, latent_width=8, num_self_attends=1, self_heads=2),
)
SPACE = spaces.Dict(
    {
        "vector": spaces.Box(-1, 1, (5,), np.float32),
        "image": spaces.Box(0, 255, (3, 8, 8), np.uint8),
        "planes": spaces.Box(-1, 1, (2, 4, 4), np.float32),
        "kind": spaces.Discrete(3),
        "kinds": spaces.MultiDiscrete([2, 3]),
        "flags": spaces.MultiBinary(4),
        "bag": spaces.Box(-1, 1, (4, 2), np.float32),
        "bag_mask": spaces.MultiBinary(4),
        "entities": spaces.Box(-1, 1, (3, 2), np.float32),
        "entity_mask": spaces.MultiBinary(3),
        "mission": TextSpace(6),
    }
)
SETS = {"bag": "bag_mask", "entities": "entity_mask"}


def an_encoder(space: spaces.Space[Any] = SPACE, seed: int = 0) -> ObservationEncoder:
    torch.manual_seed(seed)
    return ObservationEncoder(space, 7, SMALL).double()


def batch_of(count: int, seed: int = 0) -> dict[str, Any]:
    """Observations as an algorithm hands them over."""
    SPACE.seed(seed)
    drawn = [SPACE.sample() for _ in range(count)]
    stacked = {key: torch.as_tensor(np.stack([one[key] for one in drawn])) for key in SPACE.spaces}
    ready: Any = preprocess_obs(stacked, SPACE)
    return {key: value.double() for key, value in ready.items()}


def test_masks_belong_to_their_sets_and_are_no_parts() -> None:
    encoder = an_encoder()
    assert encoder.masks == SETS
    assert not set(encoder.keys) & set(SETS.values())


def test_numbers_reach_the_answer_through_the_query() -> None:
    space = spaces.Dict({"a": spaces.Box(-1, 1, (2,)), "b": spaces.MultiBinary(3)})
    torch.manual_seed(0)
    encoder = ObservationEncoder(space, 7, SMALL)
    batch = {"a": torch.randn(4, 2), "b": torch.randint(2, (4, 3)).float()}
    assert encoder.from_numbers is not None
    scaled = torch.cat([batch["a"], 2 * batch["b"] - 1], 1)
    rows = torch.randn(4, 5, 9)
    expected = encoder.query(rows)[:, 0] + scaled @ encoder.from_numbers.weight.T
    torch.testing.assert_close(encoder._query(rows, batch)[:, 0], expected)


def test_with_more_focus_an_untrained_encoder_tells_observations_further_apart() -> None:
    spreads = []
    for focus in (1.0, 4.0):
        torch.manual_seed(0)
        encoder = ObservationEncoder(SPACE, 32, replace(ModalityConfig(), focus=focus)).double()
        # Without the numbers, which take the direct way.
        for parameter in encoder.from_numbers.parameters():  # type: ignore[union-attr]
            parameter.data.zero_()
        spreads.append(encoder(batch_of(64)).std(0).mean())
    assert spreads[1] > 1.2 * spreads[0]


def test_without_numbers_all_samples_ask_the_same() -> None:
    encoder = an_encoder(spaces.Dict({"kind": spaces.Discrete(3), "mission": TextSpace(4)}))
    assert encoder.from_numbers is None
    assert encoder._query(torch.randn(4, 5, 9).double(), {}).shape == (1, 1, 7)


def test_a_centered_encoder_answers_zero_on_average() -> None:
    encoder, batch = an_encoder(), batch_of(6)
    before = encoder(batch)
    encoder.center(batch)
    torch.testing.assert_close(encoder(batch), before - before.mean(0))


@pytest.mark.parametrize("key", [key for key in SPACE.spaces if key != "mission"])
def test_every_part_matters(key: str) -> None:
    encoder, batch = an_encoder(), batch_of(6)
    for mask in SETS.values():
        batch[mask][:] = 1
    before = encoder(batch)
    changed = {**batch, key: batch[key].flip(-1) if key != "kind" else batch[key].roll(1, -1)}
    if key in SETS.values():
        changed[key] = torch.zeros_like(batch[key])
    assert bool((encoder(changed) != before).any())


def test_letters_matter_and_their_filling_does_not() -> None:
    encoder, batch = an_encoder(), batch_of(1)
    answers = []
    for text in ("ab", "ba", "abc"):
        row = torch.tensor(SPACE["mission"].encode(text))[None].double()  # type: ignore[attr-defined]
        answers.append(encoder({**batch, "mission": row}))
    assert not torch.allclose(answers[0], answers[1])
    assert not torch.allclose(answers[0], answers[2])


@settings(max_examples=20)
@given(order=st.permutations(range(4)), seed=st.integers(0, 99))
def test_order_and_filling_of_a_set_mean_nothing(order: list[int], seed: int) -> None:
    encoder, batch = an_encoder(), batch_of(2, seed)
    answer = encoder(batch)
    moved = {**batch, **{key: batch[key][:, order] for key in ("bag", "bag_mask")}}
    torch.testing.assert_close(encoder(moved), answer)
    absent = batch["bag_mask"].unsqueeze(-1) == 0
    filled = {**batch, "bag": torch.where(absent, 9.0, batch["bag"])}
    torch.testing.assert_close(encoder(filled), answer)


def test_two_parts_of_one_shape_are_told_apart() -> None:
    pair = spaces.Dict({key: spaces.Discrete(2) for key in "ab"})
    encoder = an_encoder(pair)
    encoder.tokenizers[1].load_state_dict(encoder.tokenizers[0].state_dict())
    one, two = torch.eye(2).double()
    answers = [encoder({"a": a[None], "b": b[None]}) for a, b in ((one, two), (two, one))]
    assert not torch.allclose(*answers)


def test_an_observation_may_be_a_single_space() -> None:
    assert an_encoder(spaces.Discrete(3))(torch.eye(3).double()).shape == (3, 7)


def test_everything_is_finite_where_nothing_exists() -> None:
    space = spaces.Dict({"bag": spaces.Box(-1, 1, (4, 2), np.float32)})
    answer = an_encoder(space)({"bag": torch.zeros(2, 4, 2).double()})
    answer.sum().backward()
    assert bool(torch.isfinite(answer).all())


def test_symbols_of_a_part_that_is_not_there_are_refused() -> None:
    with pytest.raises(ObservationError, match="unknown observation key 'imag'.*'image'"):
        ObservationEncoder(SPACE, 7, SMALL, {"imag": [3, 3, 3]})
    with pytest.raises(ObservationError, match="at least one part"):
        ObservationEncoder(spaces.Dict({}), 7, SMALL)
