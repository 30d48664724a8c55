"""The encoder under torch.compile and in mixed precision."""

import subprocess
import sys

import pytest
import torch

from perceiver_rl.entities import build_encoder
from perceiver_rl.sb3 import PRESETS

# In a process of its own, because the checks of annotations under pytest cannot be compiled.
COMPILED = """
import torch
from perceiver_rl.nn import PerceiverConfig, PerceiverIO

torch.manual_seed(0)
sizes = dict(num_latents=4, latent_width=16, num_self_attends=1, self_heads=2, activation="relu")
model = PerceiverIO(16, 16, PerceiverConfig(**sizes))
mask = torch.rand(8, 12) < 0.7
mask[:, 0] = True
x = torch.randn(8, 12, 16)
compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
results = []
for run in (model, compiled):
    model.zero_grad()
    out = run(x, x, mask)[mask]
    out.square().sum().backward()
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    results.append([out.detach(), *gradients])
assert len(results[0]) == len(results[1]) > 1
for eager, graph in zip(*results):
    torch.testing.assert_close(eager, graph, rtol=1e-4, atol=1e-5)
"""


@pytest.mark.slow
def test_a_perceiver_compiles_into_one_graph_and_says_the_same() -> None:
    found = subprocess.run(
        [sys.executable, "-c", COMPILED], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("encoder", ["perceiver", "transformer"])
def test_mixed_precision_stays_close_to_single(encoder: str) -> None:
    torch.manual_seed(0)
    model = build_encoder(encoder, PRESETS["tiny"].entities)
    tokens, mask = torch.randn(4, 12, model.token_width), torch.ones(4, 12, dtype=torch.bool)
    expected = model(tokens, mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model(tokens, mask)
    for mixed, full in zip(found, expected, strict=True):
        torch.testing.assert_close(mixed.float(), full, rtol=0.1, atol=0.1)
    (found.per_entity.float().sum() + found.pooled.float().sum()).backward()
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)
