"""The counter sees attention, and the encoders cost what was published."""

import torch
from torch import nn

from perceiver_rl.nn import (
    Attention,
    EntityTransformer,
    PerceiverConfig,
    PerceiverIO,
    TransformerConfig,
    count_flops,
)


def test_a_linear_layer_costs_two_per_weight_and_row() -> None:
    layer, x = nn.Linear(3, 5), torch.zeros(7, 3)
    assert count_flops(lambda: layer(x)) == 2 * 7 * 3 * 5


def test_attention_is_counted_with_its_scores_and_its_sums() -> None:
    layer = Attention(4, 4)
    query, key_value = torch.zeros(1, 5, 4), torch.zeros(1, 9, 4)
    projections = 2 * 4 * 4 * (5 + 9 + 9 + 5)
    assert count_flops(lambda: layer(query, key_value)) == projections + 2 * (2 * 5 * 9 * 4)


def test_alphastar_transformer_costs_3_22_gflops_before_its_last_layer() -> None:
    model = EntityTransformer(256, TransformerConfig())
    flops = count_flops(lambda: model(torch.zeros(1, 512, 256)))
    # Per layer: four 256x256 projections, scores and sums over 512 entities, MLP 256-1024-256.
    layer = 2 * 512 * (4 * 256 * 256 + 2 * 512 * 256 + 2 * 256 * 1024)
    assert flops == 3 * layer


def test_perceiver_of_32_latents_costs_0_86_gflops_before_its_last_layer() -> None:
    config = PerceiverConfig(num_latents=32, latent_width=512, num_self_attends=3)
    model = PerceiverIO(128, 256, config)
    flops = count_flops(lambda: model(torch.zeros(1, 512, 128), torch.zeros(1, 512, 256)))
    encoder = 32 * 128 * 512 * 2 + 2 * 512 * 128 * 128 + 2 * 32 * 512 * 128 + 2 * 32 * 512 * 512
    processor = 3 * (6 * 32 * 512 * 512 + 2 * 32 * 32 * 512)
    decoder = 2 * 512 * 256 * 512 + 2 * 32 * 512 * 512 + 2 * 512 * 32 * 512 + 2 * 512 * 256 * 256
    assert flops == 2 * (encoder + processor + decoder)
    assert round(flops / 1e9, 2) == 0.86
