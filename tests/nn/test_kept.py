"""What is made of parameters is kept for exactly as long as they hold the same numbers."""

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune

from perceiver_rl.nn import Kept, PerceiverConfig, PerceiverIO, is_little
from perceiver_rl.nn.layout import layout_of


class Counted:
    """Doubles a tensor and counts how often."""

    def __init__(self, source: Tensor) -> None:
        self.source = nn.Parameter(source)
        self.times = 0

    def __call__(self) -> Tensor:
        self.times += 1
        return 2 * self.source


def a_perceiver(heads: int) -> PerceiverIO:
    config = PerceiverConfig(
        num_latents=3, latent_width=8, num_self_attends=1, self_heads=2, cross_heads=heads
    )
    return PerceiverIO(8, 8, config)


def write_through_data(parameter: Tensor) -> None:
    parameter.data[0] = 7.0


def write_out(parameter: Tensor) -> None:
    torch.add(parameter.data, 1.0, out=parameter.data)


def replace_data(parameter: Tensor) -> None:
    parameter.data = parameter.data + 1.0


def convert(parameter: Tensor) -> None:
    parameter.data = parameter.data.double()


def transpose(parameter: Tensor) -> None:
    parameter.data = parameter.data.t()


@torch.no_grad()
def test_it_is_made_once_for_the_same_numbers() -> None:
    kept: Kept[Tensor] = Kept()
    make = Counted(torch.ones(3))
    results = [kept(make, make.source, None) for _ in range(3)]
    results.append(kept(make, nn.Parameter(torch.ones(3))))
    assert make.times == 1
    assert all(result is results[0] for result in results)


@pytest.mark.parametrize("write", [write_through_data, write_out, replace_data, convert, transpose])
@torch.no_grad()
def test_it_is_made_anew_however_a_parameter_was_written_to(
    write: Callable[[Tensor], None],
) -> None:
    kept: Kept[Tensor] = Kept()
    make = Counted(torch.arange(9.0).view(3, 3))
    kept(make, make.source)
    write(make.source)
    torch.testing.assert_close(kept(make, make.source), 2 * make.source.detach())


def parametrize_it(layer: nn.Linear) -> None:
    parametrize.register_parametrization(layer, "weight", nn.Softplus())


def prune_it(layer: nn.Linear) -> None:
    prune.random_unstructured(layer, "weight", 0.5)


def grow_it(layer: nn.Linear) -> None:
    layer.weight.data = torch.cat([layer.weight.data, torch.ones(1, 3)])


def move_it(layer: nn.Linear) -> None:
    layer.to("meta").to_empty(device="cpu")
    nn.init.ones_(layer.weight)


def replace_it(layer: nn.Linear) -> None:
    layer.weight = nn.Parameter(torch.randn(2, 3))


@pytest.mark.parametrize("change", [parametrize_it, prune_it, grow_it, move_it, replace_it])
@torch.no_grad()
def test_it_is_made_anew_however_a_layer_was_changed(change: Callable[[nn.Linear], None]) -> None:
    kept: Kept[Tensor] = Kept()
    layer, other = nn.Linear(3, 2), nn.Linear(3, 2, bias=False)

    def make() -> Tensor:
        return 2 * layer.weight

    assert kept(make, layer, other) is kept(make, layer, other)
    for _ in range(2):
        change(layer)
        for _ in range(2):
            torch.testing.assert_close(kept(make, layer, other), 2 * layer.weight)


@torch.no_grad()
def test_what_is_kept_of_memory_does_not_pass_for_what_has_none() -> None:
    kept: Kept[Tensor] = Kept()
    layer = nn.Linear(3, 2)
    kept(lambda: 2 * layer.weight, layer)
    layer.to("meta")
    assert kept(lambda: 2 * layer.weight, layer).is_meta


def test_layers_that_compute_their_parameters_are_not_little() -> None:
    layer = nn.Linear(3, 2)
    assert is_little([layer])
    parametrize_it(layer)
    assert not is_little([layer])


@torch.no_grad()
def test_it_is_made_anew_for_another_variant_and_for_other_sources() -> None:
    kept: Kept[Tensor] = Kept()
    make = Counted(torch.ones(3))
    kept(make, make.source)
    kept(make, make.source, variant=1)
    kept(make, make.source, torch.ones(1), variant=1)
    kept(make, nn.Parameter(torch.ones(4)), torch.ones(1), variant=1)
    assert make.times == 4


def test_it_is_made_every_time_where_a_gradient_is_wanted_and_where_numbers_are_many() -> None:
    kept: Kept[Tensor] = Kept()
    for make, grad in ((Counted(torch.ones(3)), True), (Counted(torch.ones(1 << 20)), False)):
        with torch.set_grad_enabled(grad):
            for _ in range(3):
                kept(make, make.source)
        assert make.times == 3


@torch.no_grad()
def test_numbers_that_cannot_be_read_outside_of_torch_are_not_kept() -> None:
    kept: Kept[Tensor] = Kept()
    make = Counted(torch.ones(3, dtype=torch.bfloat16))
    for times in (1, 2):
        kept(make, make.source)
        assert make.times == times


@torch.no_grad()
def test_memory_that_a_parameter_had_is_not_mistaken_for_its_own() -> None:
    kept: Kept[Tensor] = Kept()
    make = Counted(torch.zeros(3))
    for number in range(20):  # freed memory is given to the next of the same size
        make.source.data = torch.full((3,), float(number))
        torch.testing.assert_close(kept(make, make.source), torch.full((3,), 2.0 * number))


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@torch.no_grad()
def test_what_stands_in_for_parameters_is_never_kept() -> None:
    torch.manual_seed(0)
    model = a_perceiver(heads=1)
    x = torch.randn(4, 20, 8)
    twins = [
        {name: torch.randn_like(parameter) for name, parameter in model.named_parameters()}
        for _ in range(3)
    ]
    one_by_one = [torch.func.functional_call(model, twin, (x, x)) for twin in twins]
    together = {name: torch.stack([twin[name] for twin in twins]) for name in twins[0]}
    at_once = torch.func.vmap(
        lambda twin: torch.func.functional_call(model, twin, (x, x)),
    )(together)
    torch.testing.assert_close(at_once, torch.stack(one_by_one), rtol=1e-4, atol=1e-4)
    for own, parameter in zip(twins[0].values(), model.parameters(), strict=True):
        parameter.copy_(own)
    torch.testing.assert_close(model(x, x), one_by_one[0])


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda kept: pickle.loads(pickle.dumps(kept))])
@torch.no_grad()
def test_copies_start_empty(twin: Callable[[Kept[Tensor]], Kept[Tensor]]) -> None:
    kept: Kept[Tensor] = Kept()
    make = Counted(torch.ones(3))
    kept(make, make.source)
    twin(kept)(make, make.source)
    assert make.times == 2


@pytest.mark.parametrize("heads", [1, 2])
@torch.no_grad()
def test_a_perceiver_follows_every_change_of_its_weights(heads: int) -> None:
    torch.manual_seed(0)
    model = a_perceiver(heads).double()
    x = torch.randn(4, 20, 8, dtype=torch.float64)
    layout = layout_of(torch.ones(4, 20, dtype=torch.bool))
    rows = layout.gather(x)
    for parameter in model.parameters():
        model.relate_rows(rows, rows, layout)
        parameter.data.add_(torch.randn_like(parameter))
        after = model.relate_rows(rows, rows, layout)
        fresh = copy.deepcopy(model).relate_rows(rows, rows, layout)
        assert torch.equal(after, fresh)
        with torch.enable_grad():
            torch.testing.assert_close(after, model(x, x).detach().flatten(0, 1))
