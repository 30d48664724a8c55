"""What was compared once is trusted for one forward, and for nothing that changed before it."""

import copy
import pickle
import threading
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune

from perceiver_rl.nn import Kept, KeptTogether
from perceiver_rl.nn import kept as kept_module


class Network:
    """Two kept results, one made from the other, and what they should be."""

    def __init__(self) -> None:
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 2, bias=False)
        self.square: Kept[Tensor] = Kept()
        self.product: Kept[Tensor] = Kept()
        self.times = 0

    def _multiply(self, left: Tensor, right: Tensor) -> Tensor:
        self.times += 1
        return left @ right

    def __call__(self) -> Tensor:
        first, second = self.first, self.second
        square = self.square(lambda: self._multiply(first.weight, first.weight), first)
        return self.product(lambda: self._multiply(second.weight, square), second, square)

    def expected(self) -> Tensor:
        return self.second.weight @ (self.first.weight @ self.first.weight)


def comparisons(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by the number of tensors with every comparison."""
    counted: list[int] = []
    compare = kept_module._Numbers.are_those_of

    def count(self: kept_module._Numbers, sources: list[Tensor]) -> bool:
        counted.append(len(sources))
        return compare(self, sources)

    monkeypatch.setattr(kept_module._Numbers, "are_those_of", count)
    return counted


@torch.no_grad()
def test_all_sources_are_compared_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    network, together = Network(), KeptTogether()
    with together:
        network()
    counted = comparisons(monkeypatch)
    for _ in range(3):
        counted.clear()
        with together:
            result = network()
        # Weight and bias of the first layer, the second's weight, and the square.
        assert counted == [4]
    assert network.times == 2
    torch.testing.assert_close(result, network.expected())


@torch.no_grad()
def test_what_was_kept_before_is_found() -> None:
    network, together = Network(), KeptTogether()
    before = network()
    for _ in range(2):
        with together:
            assert network() is before
    assert network.times == 2


def write_through_data(layer: nn.Linear) -> None:
    layer.weight.data[0] = 7.0


def write_by_numpy(layer: nn.Linear) -> None:
    layer.weight.detach().numpy()[:] += 1.0


def replace_data(layer: nn.Linear) -> None:
    layer.weight.data = layer.weight.data + 1.0


def transpose(layer: nn.Linear) -> None:
    layer.weight.data = layer.weight.data.t()


def replace_it(layer: nn.Linear) -> None:
    layer.weight = nn.Parameter(torch.randn(3, 3))


def move_it(layer: nn.Linear) -> None:
    layer.to("meta").to_empty(device="cpu")
    nn.init.ones_(layer.weight)


def load_it(layer: nn.Linear) -> None:
    layer.load_state_dict(nn.Linear(3, 3).state_dict())


def parametrize_it(layer: nn.Linear) -> None:
    parametrize.register_parametrization(layer, "weight", nn.Softplus())


def prune_it(layer: nn.Linear) -> None:
    prune.random_unstructured(layer, "weight", 0.5)


CHANGES = [
    *(write_through_data, write_by_numpy, replace_data, transpose, replace_it, load_it, move_it),
    *(parametrize_it, prune_it),
]


@pytest.mark.parametrize("change", CHANGES)
@torch.no_grad()
def test_a_change_between_two_forwards_is_seen(change: Callable[[nn.Linear], None]) -> None:
    torch.manual_seed(0)
    network, together = Network(), KeptTogether()
    for _ in range(2):
        with together:
            network()
    change(network.first)
    for _ in range(3):
        with together:
            torch.testing.assert_close(network(), network.expected())


@torch.no_grad()
def test_a_conversion_is_seen() -> None:
    network, together = Network(), KeptTogether()
    with together:
        network()
    for layer in (network.first, network.second):
        layer.double()
    with together:
        assert network().dtype is torch.float64


@torch.no_grad()
def test_memory_that_cannot_be_read_is_seen() -> None:
    network, together = Network(), KeptTogether()
    with together:
        network()
    for layer in (network.first, network.second):
        layer.to("meta")
    with together:
        assert network().is_meta


@torch.no_grad()
def test_what_a_layer_computes_each_time_is_not_trusted() -> None:
    network, together = Network(), KeptTogether()
    with together:
        network()

    def grow(layer: nn.Module, _: object) -> None:
        assert isinstance(layer, nn.Linear)
        layer.weight.add_(1.0)

    network.first.register_forward_pre_hook(grow)
    for _ in range(2):
        with together:
            network.first(torch.ones(1, 3))
            torch.testing.assert_close(network(), network.expected())


@torch.no_grad()
def test_a_change_during_a_forward_is_seen_in_the_next_one_even_if_it_is_undone() -> None:
    network, together = Network(), KeptTogether()
    weight = network.first.weight
    original = weight.clone()
    other: Kept[Tensor] = Kept()
    with together:
        network()
        weight.add_(1.0)
        other(lambda: 2 * weight, network.first)
    weight.copy_(original)
    with together:
        torch.testing.assert_close(network(), network.expected())
        torch.testing.assert_close(other(lambda: 2 * weight, network.first), 2 * weight.detach())


@torch.no_grad()
def test_other_sources_and_variants_are_compared_by_themselves() -> None:
    kept, together = Kept[Tensor](), KeptTogether()
    one, two = nn.Linear(3, 3), nn.Linear(3, 3)

    def made(layer: nn.Linear, factor: int) -> Tensor:
        return kept(lambda: factor * layer.weight, layer, variant=factor)

    for _ in range(2):
        with together:
            for layer, factor in ((one, 1), (two, 1), (two, 3), (one, 3)):
                torch.testing.assert_close(made(layer, factor), factor * layer.weight.detach())


@torch.no_grad()
def test_what_comes_later_is_compared_as_well() -> None:
    network, together = Network(), KeptTogether()
    later, layer = Kept[Tensor](), nn.Linear(3, 3)
    with together:
        network()
    for _ in range(3):
        with together:
            network()
            result = later(lambda: 2 * layer.weight, layer)
        torch.testing.assert_close(result, 2 * layer.weight.detach())
        layer.weight.add_(1.0)


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@torch.no_grad()
def test_what_stands_in_for_parameters_is_not_compared() -> None:
    kept, together = Kept[Tensor](), KeptTogether()
    layer = nn.Linear(3, 3)

    def double(x: Tensor) -> Tensor:
        with together:
            return x @ kept(lambda: 2 * layer.weight, layer)

    layer.forward = double  # type: ignore[method-assign,assignment]
    row = torch.ones(1, 3)

    def stand_in(weight: Tensor) -> Tensor:
        return torch.func.functional_call(layer, {"weight": weight}, (row,))

    weights = torch.randn(4, 3, 3)
    expected = [2 * weight.sum(0, keepdim=True) for weight in weights]
    for _ in range(2):
        torch.testing.assert_close(layer(row), 2 * layer.weight.sum(0, keepdim=True))
        torch.testing.assert_close(stand_in(weights[0]), expected[0])
        torch.testing.assert_close(torch.func.vmap(stand_in)(weights), torch.stack(expected))


@torch.no_grad()
def test_a_view_is_another_source_each_time() -> None:
    kept, together = Kept[Tensor](), KeptTogether()
    layer, array = nn.Linear(3, 3), nn.Parameter(torch.ones(3))
    for number in range(4):
        array.fill_(float(number))
        with together:
            view = array.unsqueeze(0)
            result = kept(partial(torch.mul, layer.weight, view), layer, view)
            torch.testing.assert_close(result, layer.weight.detach() * number)


def test_nothing_is_trusted_where_a_gradient_is_wanted_or_precision_is_mixed() -> None:
    network, together = Network(), KeptTogether()
    with torch.no_grad(), together:
        network()
    with together:
        assert network().requires_grad
    with torch.no_grad(), torch.autocast("cpu"), together:
        assert network().dtype is torch.bfloat16
    assert network.times == 6


@torch.no_grad()
def test_nothing_is_trusted_after_the_forward_however_it_ends() -> None:
    network, together = Network(), KeptTogether()
    with together:
        network()
    with pytest.raises(ZeroDivisionError), together:
        _ = 1 / 0
    network.first.weight.add_(1.0)
    torch.testing.assert_close(network(), network.expected())


@torch.no_grad()
def test_another_thread_compares_by_itself() -> None:
    network, together = Network(), KeptTogether()
    results: list[Tensor] = []

    @torch.no_grad()
    def read() -> None:
        results.append(network())

    with together:
        network()
        network.first.weight.add_(1.0)
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
    torch.testing.assert_close(results[0], network.expected())


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@torch.no_grad()
def test_copies_start_empty(twin: Callable[[KeptTogether], KeptTogether]) -> None:
    network, together = Network(), KeptTogether()
    with together:
        network()
    network.first.weight.add_(1.0)
    with twin(together):
        torch.testing.assert_close(network(), network.expected())
