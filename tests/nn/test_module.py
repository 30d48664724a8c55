"""Submodules are ordinary attributes that stay what torch says they are."""

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import nn

from perceiver_rl.nn.module import Module


class Pair(Module):
    """Two layers and what else an attribute can be."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.second: nn.Module | None = nn.Linear(2, 2)
        self.factor = nn.Parameter(torch.ones(2))
        self.name = "pair"


def parts_agree(module: nn.Module) -> bool:
    """Whether every submodule is found where Python looks first."""
    return all(module.__dict__[name] is part for name, part in module._modules.items())


def test_submodules_are_found_where_python_looks_first_and_by_torch_once() -> None:
    pair = Pair()
    assert parts_agree(pair)
    assert [name for name, _ in pair.named_children()] == ["first", "second"]
    assert list(pair.state_dict()) == [
        "factor",
        *(f"{layer}.{name}" for layer in ("first", "second") for name in ("weight", "bias")),
    ]


def test_a_submodule_that_is_replaced_removed_or_added_is_forgotten_or_found() -> None:
    pair, other = Pair(), nn.Linear(3, 3)
    pair.first = other
    assert pair.first is other
    pair.second = None
    assert pair.second is None
    pair.second = other
    assert pair.second is other
    pair.add_module("first", nn.Identity())
    assert isinstance(pair.first, nn.Identity)
    assert parts_agree(pair)
    del pair.first
    assert not hasattr(pair, "first")
    pair.add_module("third", other)
    assert pair.third is other
    del pair.name
    assert not hasattr(pair, "name")


def test_a_submodule_gives_way_to_a_parameter_and_to_a_plain_attribute() -> None:
    pair = Pair()
    pair.first = nn.Parameter(torch.zeros(1))  # type: ignore[assignment]
    assert isinstance(getattr(pair, "first"), nn.Parameter)  # noqa: B009 - of another type now
    assert "first" not in pair.__dict__
    with pytest.raises(TypeError, match="child module 'second'"):
        pair.second = 3  # type: ignore[assignment]
    assert parts_agree(pair)


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_a_copy_has_its_own_parts(twin: Callable[[Pair], Pair]) -> None:
    pair = Pair()
    copied = twin(pair)
    assert parts_agree(copied)
    assert copied.first is not pair.first
    copied.double()
    assert copied.first.weight.dtype == torch.float64
    assert pair.first.weight.dtype == torch.float32


def test_a_submodule_needs_torchs_constructor_first() -> None:
    class Hasty(Module):
        def __init__(self) -> None:
            self.layer = nn.Identity()

    with pytest.raises(AttributeError, match=r"before Module\.__init__"):
        Hasty()
