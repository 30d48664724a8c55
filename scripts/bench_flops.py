"""Parameters and FLOPs of each entity encoder, beside the published figures.

python scripts/bench_flops.py [--preset alphastar] [--entities 512]

FLOPs are those of one forward pass of one observation whose entity slots are all filled, a multiply
and an add counted apart, by torch's FlopCounterMode over attention in its plain matrix-product form
(the counter does not see inside the fused one). The encoder ends with the linear layer that gives
the entity embeddings and the one that gives the pooled embedding; the linear embedding of the raw
columns before it is not included, as in the published figures.

The column "executed" counts what really runs: cross-attention absorbs the projections of its longer
side, with the same result.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import torch
from rich.console import Console
from rich.table import Table

from perceiver_rl.entities import ENCODERS, build_encoder
from perceiver_rl.nn import count_flops
from perceiver_rl.sb3 import PRESETS

# Perceiver IO (arXiv 2107.14795), table 9, in GFLOPs at 512 entities.
PUBLISHED = {"transformer": 3.3, "perceiver": 0.93}


class Cost(NamedTuple):
    """Parameters and FLOPs of an encoder: as published ones are counted, and as executed."""

    parameters: int
    flops: int
    executed: int


def measure(name: str, preset: str, num_entities: int) -> Cost:
    """Return the cost of one encoder."""
    encoder = build_encoder(name, PRESETS[preset].entities)
    tokens = torch.zeros(1, num_entities, encoder.token_width)
    mask = torch.ones(1, num_entities, dtype=torch.bool)
    plain, executed = (count_flops(lambda: encoder(tokens, mask), plain=p) for p in (True, False))
    return Cost(sum(p.numel() for p in encoder.parameters()), plain, executed)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=list(PRESETS), default="alphastar")
    parser.add_argument("--entities", type=int, default=512)
    args = parser.parse_args()
    comparable = args.preset == "alphastar" and args.entities == 512
    measured = {name: measure(name, args.preset, args.entities) for name in ENCODERS}
    table = Table(title=f"entity encoders, preset {args.preset}, {args.entities} entities")
    for column in (
        "encoder",
        "parameters",
        "GFLOPs",
        "Transformer / this",
        "published",
        "executed",
    ):
        table.add_column(column, justify="left" if column == "encoder" else "right")
    for name, cost in measured.items():
        published = f"{PUBLISHED[name]:.2f}" if comparable and name in PUBLISHED else "-"
        table.add_row(
            name,
            f"{cost.parameters / 1e6:.2f}M",
            f"{cost.flops / 1e9:.4g}",
            f"{measured['transformer'].flops / cost.flops:.2f}",
            published,
            f"{cost.executed / 1e9:.4g}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
