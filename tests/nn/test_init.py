"""Layers as the reference initializes them, which are torch's in everything else."""

import torch
from torch import nn
from torch.nn.utils import parametrizations

from perceiver_rl.nn import linear


@torch.no_grad()
def test_a_linear_layer_multiplies_and_adds() -> None:
    layer = linear(3, 2)
    layer.bias.copy_(torch.tensor([1.0, -1.0]))
    x = torch.randn(4, 5, 3)
    torch.testing.assert_close(layer(x), x @ layer.weight.T + layer.bias)
    without = linear(3, 2)
    without.register_parameter("bias", None)
    torch.testing.assert_close(without(x), x @ without.weight.T)


def test_a_weight_may_be_computed_and_parameters_may_stand_in() -> None:
    layer, x = linear(3, 2), torch.randn(4, 3)
    parametrizations.weight_norm(layer)
    torch.testing.assert_close(layer(x), nn.functional.linear(x, layer.weight, layer.bias))
    plain = linear(3, 2)
    ones = {"weight": torch.ones(2, 3), "bias": torch.ones(2)}
    called = torch.func.functional_call(plain, ones, (x,))
    torch.testing.assert_close(called, (x.sum(1, keepdim=True) + 1).expand(4, 2))
