"""Speed of the entity encoder beside public implementations, with the same weights where it can be.

pip install '.[bench]'
python scripts/bench_encoder.py [--batch 32] [--entities 512] [--rounds 5] [--threads 1]

Every implementation reads the same padded sets [B, N, 256] with the same mask and gives one row per
entity; packing and trimming are on the clock. "forward" is inference: in evaluation mode, without
gradients. Milliseconds are CPU time, medians of interleaved rounds; "peak" is the share of this
machine's measured float32 matrix-product speed that our executed FLOPs reach. "error" is the
largest difference from ours, where weights were copied.

The profile lists the operations of our forward by their share of its time. Memory is how much the
resident set of a fresh process grows at its peak over one forward and backward of a batch of 8.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from perceiver_rl.agents.cpu import prepare_cpu
from perceiver_rl.nn import (
    EntityTransformer,
    PerceiverConfig,
    PerceiverIO,
    TransformerConfig,
    count_flops,
    layout_of,
    plain_attention,
)

WIDTH = 256
Run = Callable[[Tensor, Tensor], Tensor]


@dataclass
class Candidate:
    """An implementation: how to run it, what to divide its time by, whether weights were copied."""

    name: str
    run: Run
    module: nn.Module
    same_weights: bool = False


def ours(model: PerceiverIO, plain: bool = False) -> Run:
    """Run our Perceiver with the layout that it chooses, or padded in the textbook form."""

    def run(x: Tensor, mask: Tensor) -> Tensor:
        if plain:
            with plain_attention():
                return model(x, x, mask)
        layout = layout_of(mask)
        rows = layout.gather(x)
        return layout.scatter(model.relate_rows(rows, rows, layout))

    return run


def our_transformer(model: EntityTransformer) -> Run:
    """Run our Transformer, packed and trimmed like the Perceiver."""

    def run(x: Tensor, mask: Tensor) -> Tensor:
        layout = layout_of(mask)
        return layout.scatter(model.relate_rows(layout.gather(x), layout))

    return run


def from_transformers(model: PerceiverIO) -> Candidate:
    """Build Hugging Face's Perceiver with an entity-query decoder and our weights."""
    # Typed or not, as it may be installed or not.
    theirs: Any = import_module("transformers.models.perceiver.modeling_perceiver")
    sizes = model.config
    config = theirs.PerceiverConfig(
        num_latents=sizes.num_latents,
        d_latents=sizes.latent_width,
        d_model=WIDTH,
        num_blocks=1,
        num_self_attends_per_block=sizes.num_self_attends,
        num_self_attention_heads=sizes.self_heads,
        num_cross_attention_heads=sizes.cross_heads,
        self_attention_widening_factor=sizes.widening,
        cross_attention_widening_factor=sizes.widening,
        attention_probs_dropout_prob=0.0,
    )

    class EntityDecoder(theirs.PerceiverAbstractDecoder):  # type: ignore[misc]  # of Any
        def __init__(self) -> None:
            super().__init__()
            self.layer = theirs.PerceiverLayer(
                config,
                is_cross_attention=True,
                num_heads=sizes.cross_heads,
                q_dim=WIDTH,
                kv_dim=sizes.latent_width,
                widening_factor=sizes.widening,
            )

        @property
        def num_query_channels(self) -> int:
            return WIDTH

        def decoder_query(self, inputs: Tensor, *_: Any, **__: Any) -> Tensor:
            return inputs

        def forward(self, query: Tensor, z: Tensor, **_: Any) -> Any:
            logits = self.layer(query, inputs=z)[0]
            return theirs.PerceiverDecoderOutput(logits=logits, cross_attentions=None)

    peer = theirs.PerceiverModel(config, decoder=EntityDecoder())
    with torch.no_grad():
        peer.embeddings.latents.copy_(model.encoder.latents)
        copy_block(model.encoder.cross_attend, peer.encoder.cross_attention, cross=True)
        blocks = zip(model.processor.self_attends, peer.encoder.self_attends, strict=True)
        for block, layer in blocks:
            copy_block(block, layer, cross=False)
        copy_block(model.decoder.cross_attend, peer.decoder.layer, cross=True)

    def run(x: Tensor, mask: Tensor) -> Tensor:
        logits: Tensor = peer(inputs=x, attention_mask=mask.float()).logits
        return logits

    return Candidate("transformers PerceiverModel", run, peer, same_weights=True)


def copy_block(ours: Any, theirs: Any, cross: bool) -> None:
    """Copy one attention block's weights into Hugging Face's layer."""
    attention = theirs.attention
    pairs = [
        (ours.attention.query, attention.self.query),
        (ours.attention.key, attention.self.key),
        (ours.attention.value, attention.self.value),
        (ours.attention.output, attention.output.dense),
        (ours.mlp_norm, theirs.layernorm),
        (ours.mlp.layers[0], theirs.mlp.dense1),
        (ours.mlp.layers[2], theirs.mlp.dense2),
        (ours.query_norm if cross else ours.norm, attention.self.layernorm1),
    ]
    if cross:
        pairs.append((ours.key_norm, attention.self.layernorm2))
    for source, target in pairs:
        target.load_state_dict(source.state_dict())


def from_lucidrains(sizes: PerceiverConfig) -> Candidate:
    """Build perceiver-pytorch's Perceiver IO of the same sizes (other details differ)."""
    from perceiver_pytorch import PerceiverIO as Theirs

    peer = Theirs(
        depth=sizes.num_self_attends,
        dim=WIDTH,
        queries_dim=WIDTH,
        num_latents=sizes.num_latents,
        latent_dim=sizes.latent_width,
        cross_heads=sizes.cross_heads,
        latent_heads=sizes.self_heads,
        cross_dim_head=WIDTH,
        latent_dim_head=sizes.latent_width // sizes.self_heads,
        decoder_ff=True,
    )
    return Candidate("perceiver-pytorch", lambda x, mask: peer(x, mask=mask, queries=x), peer)


def torch_transformers() -> list[Candidate]:
    """Build torch's own encoder of AlphaStar's sizes, as it comes and without its fast path.

    In evaluation mode it takes a path of its own, which is not always the faster one.
    """
    layer = nn.TransformerEncoderLayer(
        WIDTH, 2, dim_feedforward=1024, dropout=0.0, batch_first=True, norm_first=True
    )
    peer = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)

    def run(x: Tensor, mask: Tensor) -> Tensor:
        return peer(x, src_key_padding_mask=~mask)

    def run_without(x: Tensor, mask: Tensor) -> Tensor:
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            return run(x, mask)
        finally:
            torch.backends.mha.set_fastpath_enabled(True)

    name = "nn.TransformerEncoder"
    return [Candidate(name, run, peer), Candidate(f"{name}, no fast path", run_without, peer)]


def candidates(latent_width: int) -> list[Candidate]:
    """Build everything to be compared at one latent width."""
    # The exact GELU, because Hugging Face's model has it.
    sizes = PerceiverConfig(
        num_latents=32, latent_width=latent_width, num_self_attends=3, activation="gelu"
    )
    torch.manual_seed(0)
    model = PerceiverIO(WIDTH, WIDTH, sizes)
    transformer = EntityTransformer(WIDTH, TransformerConfig())
    found = [
        Candidate("ours", ours(model), model, same_weights=True),
        Candidate("ours, textbook form, padded", ours(model, plain=True), model, True),
        Candidate("our Transformer, packed", our_transformer(transformer), transformer),
    ]
    peers = (lambda: from_transformers(model), lambda: from_lucidrains(sizes))
    for build in peers:
        try:
            found.append(build())
        except ImportError as error:
            Console(stderr=True).print(f"not measured: {error} (pip install '.[bench]')")
    return found + torch_transformers()


def seconds(candidate: Candidate, x: Tensor, mask: Tensor, backward: bool) -> float:
    """Return the CPU time of one call: of inference, or of training but for the step."""
    candidate.module.train(backward)
    start = time.process_time()
    if backward:
        candidate.run(x, mask).sum().backward()
    else:
        with torch.no_grad():
            candidate.run(x, mask)
    return time.process_time() - start


def measure(
    found: list[Candidate], x: Tensor, mask: Tensor, rounds: int
) -> dict[str, tuple[float, float]]:
    """Return forward and forward+backward medians per candidate, rounds interleaved."""
    times: dict[tuple[str, bool], list[float]] = {}
    for turn in range(rounds + 1):
        for candidate in found:
            for backward in (False, True):
                spent = seconds(candidate, x, mask, backward)
                if turn:  # the first round warms up
                    times.setdefault((candidate.name, backward), []).append(spent)
    return {
        c.name: (
            statistics.median(times[c.name, False]),
            statistics.median(times[c.name, True]),
        )
        for c in found
    }


def peak(size: int = 2048) -> float:
    """Return the FLOPs per CPU second of a float32 matrix product."""
    a = torch.randn(size, size)
    times = []
    for _ in range(4):
        start = time.process_time()
        a @ a
        times.append(time.process_time() - start)
    return 2 * size**3 / min(times)


def sets(batch: int, entities: int, valid: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return padded sets and their mask: ``valid`` rows on average, from a tenth to twice that."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.ones(batch, entities, dtype=torch.bool)
    if valid < entities:
        counts = torch.randint(valid // 10, 2 * valid, (batch, 1), generator=generator)
        mask = torch.rand(batch, entities, generator=generator).argsort(1) < counts
    return torch.randn(batch, entities, WIDTH, generator=generator), mask


def print_profile(run: Run, x: Tensor, mask: Tensor) -> None:
    """Print which operations take the time of a forward."""
    with torch.no_grad(), profile(activities=[ProfilerActivity.CPU]) as profiled:
        run(x, mask)
    spent = {event.key: event.self_cpu_time_total for event in profiled.key_averages()}
    longest = sorted(spent, key=lambda name: -spent[name])[:8]
    total = sum(spent.values())
    shares = ", ".join(
        f"{name.removeprefix('aten::')} {spent[name] / total:.0%}" for name in longest
    )
    Console().print(f"where the time goes: {shares}")


def peak_growth(entities: int, batch: int) -> float:
    """Return the MiB by which this process grows at most over a forward and backward."""
    torch.set_num_threads(1)
    sizes = PerceiverConfig(num_latents=32, latent_width=512, num_self_attends=3)
    run = ours(PerceiverIO(WIDTH, WIDTH, sizes))
    small, large = sets(1, 64, 64), sets(batch, entities, entities)
    run(*small).sum().backward()  # libraries and gradients are there before the count
    before = highest_mib()
    run(*large).sum().backward()
    return highest_mib() - before


def highest_mib() -> float:
    """Return the most memory that this process has had."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage counts what the parent had before it started this process
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report_memory(batch: int = 8) -> None:
    """Print the memory over the number of entities, and its straight line."""
    counts = (512, 1024, 2048, 4096)
    context = multiprocessing.get_context("spawn")
    grown = []
    for entities in counts:  # a process each, because a peak never falls
        with context.Pool(1) as pool:
            grown.append(pool.apply(peak_growth, (entities, batch)))
    slope, offset = np.polyfit(counts, grown, 1)
    worst = max(abs(offset + slope * n - mib) / mib for n, mib in zip(counts, grown, strict=True))
    pairs = ", ".join(f"{n}: {mib:.0f}" for n, mib in zip(counts, grown, strict=True))
    Console().print(
        f"peak memory, 32 x 512 latents, batch {batch}, MiB by entities: {pairs};"
        f" about {offset:.0f} + {slope:.3f} per entity (off by at most {worst:.0%})"
    )


def report(args: argparse.Namespace, latent_width: int, valid: int) -> None:
    """Measure one case and print its table."""
    x, mask = sets(args.batch, args.entities, valid)
    found = candidates(latent_width)
    with torch.no_grad():
        reference = found[0].run(x, mask)[mask]
        errors = {
            c.name: float((c.run(x, mask)[mask] - reference).abs().max())
            for c in found
            if c.same_weights
        }
    times = measure(found, x, mask, args.rounds)
    flops = count_flops(lambda: found[0].run(x, mask), plain=False)
    share = flops / times["ours"][0] / peak()
    table = Table(
        title=f"32 x {latent_width} latents, batch {args.batch}, {args.entities} slots,"
        f" {int(mask.sum()) / args.batch:.0f} filled on average; ours at {share:.0%} of peak"
    )
    for column in ("encoder", "forward ms", "x ours", "with backward ms", "x ours", "error"):
        table.add_column(column, justify="left" if column == "encoder" else "right")
    for name, (forward, both) in times.items():
        table.add_row(
            name,
            f"{1e3 * forward:.0f}",
            f"{forward / times['ours'][0]:.2f}",
            f"{1e3 * both:.0f}",
            f"{both / times['ours'][1]:.2f}",
            f"{errors[name]:.1e}" if name in errors else "-",
        )
    Console().print(table)
    print_profile(found[0].run, x, mask)


def main() -> None:
    """Print one table per latent width and fill."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--entities", type=int, default=512)
    parser.add_argument("--valid", type=int, default=100, help="filled slots on average")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    prepare_cpu(args.threads)
    for latent_width in (512, 256):
        for valid in (args.valid, args.entities):
            report(args, latent_width, valid)
    report_memory()
    Console().print("not measured: a GPU, torch.compile, bf16")


if __name__ == "__main__":
    main()
