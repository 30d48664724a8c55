"""Tokens of every kind of observation."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from perceiver_rl.modalities import ModalityConfig, SymbolTokenizer, build_tokenizer, is_image
from perceiver_rl.nn import fourier_features, grid_positions
from perceiver_rl.nn.norm import standardize
from perceiver_rl.spaces import Column, EntitySpace, ObservationError, TextSpace

CONFIG = ModalityConfig(width=6, group=4, bands=2)
BYTES: dict[str, Any] = {"low": 0, "high": 255, "dtype": np.uint8}


def tokenizer(space: spaces.Space[Any], **changes: Any) -> Any:
    torch.manual_seed(0)
    return build_tokenizer("part", space, ModalityConfig(width=6, group=4, bands=2, **changes))


def test_a_vector_is_cut_into_groups_with_a_projection_each() -> None:
    module = tokenizer(spaces.Box(-2, 2, (6,), np.float32))
    nn.init.normal_(module.bias)
    vector = torch.rand(3, 6) * 4 - 2
    rows, mask = module(vector)
    assert mask is None
    scaled = vector / 2
    first = scaled[:, :4] @ module.weight[0].T + module.bias[0]
    second = scaled[:, 4:] @ module.weight[1][:, :2].T + module.bias[1]
    torch.testing.assert_close(rows, torch.stack([first, second], dim=1))


@pytest.mark.parametrize(("size", "tokens"), [(1, 1), (4, 4), (16, 16), (17, 9), (376, 16)])
def test_by_default_every_number_is_a_token_until_there_are_sixteen(size: int, tokens: int) -> None:
    space = spaces.Box(-1, 1, (size,), np.float32)
    module = build_tokenizer("part", space, ModalityConfig())
    assert module(torch.rand(2, size)).rows.shape == (2, tokens, ModalityConfig().width)


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_a_token_tells_small_numbers_from_large_ones_even_standardized(
    shape: tuple[int, ...],
) -> None:
    module = tokenizer(spaces.Box(-1, 1, shape, np.float32))
    small = torch.full((1, *shape), 0.1)
    standard = [standardize(module(size * small).rows).detach() for size in (1, 9)]
    assert float((standard[0] - standard[1]).abs().max()) > 0.1


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (1, 0, 4)])
def test_a_part_without_numbers_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ObservationError, match="'part': .* holds no numbers"):
        tokenizer(spaces.Box(0, 1, shape, np.float32))


@pytest.mark.parametrize("high", [np.inf, np.finfo(np.float32).max])
def test_numbers_without_bounds_stay_as_they_are(high: float) -> None:
    module = tokenizer(spaces.Box(-high, high, (1,), np.float32))
    at = [module(torch.tensor([[value]])).rows for value in (0.0, 1.0, 3.0)]
    torch.testing.assert_close(at[2] - at[0], 3 * (at[1] - at[0]))
    assert bool((at[1] != at[0]).any())


@pytest.mark.parametrize("space", [spaces.MultiBinary(5), spaces.MultiBinary([2, 3])])
def test_binaries_are_a_vector(space: spaces.MultiBinary) -> None:
    drawn = torch.as_tensor(space.sample())[None].float()
    assert tokenizer(space)(drawn).rows.shape == (1, 2, 6)


def test_a_number_alone_is_a_vector_of_one() -> None:
    assert tokenizer(spaces.Box(0, 1, (), np.float32))(torch.rand(4)).rows.shape == (4, 1, 6)


def test_a_category_is_a_learned_vector_and_each_component_a_token() -> None:
    module = tokenizer(spaces.MultiDiscrete([3, 2]))
    one_hot = torch.tensor([[0.0, 1, 0, 0, 1]])
    rows = module(one_hot).rows
    torch.testing.assert_close(rows[0, 0], module.embed[0].weight[:, 1])
    torch.testing.assert_close(rows[0, 1], module.embed[1].weight[:, 1])
    assert tokenizer(spaces.Discrete(4))(torch.eye(4)).rows.shape == (4, 1, 6)


def test_an_image_is_cut_into_patches_with_their_positions() -> None:
    module = tokenizer(spaces.Box(shape=(2, 4, 6), **BYTES), patch=2)
    image = torch.rand(1, 2, 4, 6)  # as stable-baselines3 scales it
    rows = module(image).rows
    assert rows.shape == (1, 6, 6 + 10)
    patch = image[0, :, 2:4, 4:6].flatten() * 2 - 1  # the last one
    weight = module.patches.weight.flatten(1)
    torch.testing.assert_close(rows[0, -1, :6], weight @ patch)
    torch.testing.assert_close(rows[0, :, 6:], fourier_features(grid_positions((2, 3)), 2, (2, 3)))


def test_patches_that_stick_out_are_filled_up() -> None:
    module = tokenizer(spaces.Box(-1, 1, (1, 3, 5), np.float32), patch=2)
    planes = torch.rand(2, 1, 3, 5)
    filled = nn.functional.pad(planes, (0, 1, 0, 1))
    whole = tokenizer(spaces.Box(-1, 1, (1, 4, 6), np.float32), patch=2)
    torch.testing.assert_close(module(planes).rows, whole(filled).rows)


@pytest.mark.parametrize(("side", "tokens"), [(7, 49), (8, 64), (9, 25), (64, 64), (84, 64)])
def test_patches_are_as_small_as_64_of_them_allow(side: int, tokens: int) -> None:
    module = tokenizer(spaces.Box(shape=(3, side, side), **BYTES))
    assert module(torch.rand(1, 3, side, side)).rows.shape[1] == tokens


@pytest.mark.parametrize("divided", [True, False])
def test_a_grid_of_symbols_is_read_as_whole_numbers(divided: bool) -> None:
    bounds: dict[str, Any] = BYTES if divided else {"low": 0, "high": 10, "dtype": np.uint8}
    space = spaces.Box(shape=(2, 2, 2), **bounds)
    assert is_image(space) == divided
    torch.manual_seed(0)
    module = build_tokenizer("part", space, CONFIG, [11, 3])
    assert isinstance(module, SymbolTokenizer)
    values = torch.tensor([[[[10, 0], [3, 7]], [[2, 1], [0, 9]]]])
    rows = module(values / (255 if divided else 1)).rows
    table = module.embed.weight
    torch.testing.assert_close(rows[0, 0, :6], table[10] + table[11 + 2])
    torch.testing.assert_close(rows[0, 3, :6], table[7] + table[11 + 2])  # 9 counts as the last


def test_rows_of_a_set_are_tokens_and_absent_ones_are_masked() -> None:
    columns = [Column("x", low=0, high=4), Column("kind", "category", size=3)]
    module = tokenizer(EntitySpace(columns, 3))
    rows = torch.tensor([[[1.0, 2.0], [0.0, 0.0], [4.0, 0.0]]])
    tokens = module(rows)
    assert tokens.mask is not None
    assert tokens.mask.tolist() == [[True, False, True]]
    expected = torch.tensor([1.0, 1.0, 0.0, 0.0]) @ module.embed.weight.T + module.embed.bias
    torch.testing.assert_close(tokens.rows[0, 2], expected)
    told = module(rows, torch.tensor([[1.0, 1.0, 0.0]])).mask
    assert told.tolist() == [[True, True, False]]


def test_a_text_is_its_letters_with_their_positions() -> None:
    space = TextSpace(5)
    module = tokenizer(space)
    tokens = module(torch.tensor(space.encode("noon"))[None].float())
    assert tokens.mask.tolist() == [[True] * 4 + [False]]
    letters = tokens.rows[0, :, :6]
    assert torch.equal(letters[0], letters[3])
    assert torch.equal(letters[1], letters[2])
    assert not torch.equal(tokens.rows[0, 0], tokens.rows[0, 3])


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (spaces.Text(4), "'part': Text.*cannot be turned into tokens; wrap .*PadObservation"),
        (spaces.Sequence(spaces.Discrete(2)), "PadObservation"),
        (spaces.Box(0, 1, (2, 2, 2, 2), np.float32), r"up to three axes .*\(2, 2, 2, 2\)"),
    ],
)
def test_what_cannot_be_turned_into_tokens_is_named(space: spaces.Space[Any], message: str) -> None:
    with pytest.raises(ObservationError, match=message):
        build_tokenizer("part", space, CONFIG)


def test_symbols_need_a_grid_with_as_many_channels() -> None:
    with pytest.raises(ObservationError, match=r"'part': symbols=\[3\] need .*\(1, rows, columns"):
        build_tokenizer("part", spaces.Box(shape=(2, 4, 4), **BYTES), CONFIG, [3])


@pytest.mark.parametrize("name", ["width", "group", "bands", "modality_width", "patch"])
def test_sizes_too_small_are_refused(name: str) -> None:
    wrong: dict[str, Any] = {name: -1}
    with pytest.raises(ValueError, match=f"{name} must be at least"):
        replace(CONFIG, **wrong)


def test_a_focus_that_turns_attention_around_is_refused() -> None:
    with pytest.raises(ValueError, match="focus must be above 0, not -1"):
        replace(CONFIG, focus=-1)
