"""One agent at every size: trained with 16 entities, playing with 16 to 512.

python scripts/size_generality.py [--steps 600000] [--seeds 0] [--output docs/images/sizes.png]

Trains one agent per encoder and seed with 8 marines against 8 of ``attack-nearest``, on the map of
the large battles; moves it with ``safe_load`` to battles of sizes that it has never seen, and
prints win rates with Wilson intervals beside scripted controls over the same games. Training runs
and games lie in the folder ``--runs`` and are not repeated; a run that was interrupted goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track

from perceiver_rl.agents.config import EnvConfig, PolicyConfig, TrainConfig
from perceiver_rl.agents.play import own_torch_seed, play_to_the_end
from perceiver_rl.agents.players import Player, PolicyPlayer
from perceiver_rl.agents.run_folder import RunFolder, read_json, write_json
from perceiver_rl.agents.seeds import EVAL_SEED, evaluation_seeds
from perceiver_rl.agents.statistics import Games, pool
from perceiver_rl.agents.tables import win_rate
from perceiver_rl.agents.train import train
from perceiver_rl.envs import BatchedEnv, Scenario, make_control, make_vec
from perceiver_rl.envs.scenarios import find_scenario
from perceiver_rl.envs.scenarios.scenario import Draw
from perceiver_rl.files import replacing
from perceiver_rl.sb3 import safe_load

HOME = Path(__file__).parents[1] / "configs" / "scenarios" / "8m_large_map.yaml"
CONTROLS = ("attack-nearest", "random")


@dataclass(frozen=True)
class Field:
    """Where agents are tried.

    Args:
        scenario: The battle.
        entities: Unit slots of both teams.
        games: Games per agent and opponent; fewer where a game costs more.
    """

    scenario: Scenario
    entities: int
    games: int

    @property
    def label(self) -> str:
        """Return the name without its prefix."""
        return self.scenario.name.removeprefix("Battle-")


def marines(count: int) -> Scenario:
    """Return marines against as many; sizes that are not registered stand as those of 64 do."""
    if count in (64, 128, 256):
        return find_scenario(f"Battle-{count}m")
    team = (("marine", count),)
    return replace(find_scenario("Battle-64m"), name=f"Battle-{count}m", own=team, enemy=team)


def drawn(count: int) -> Scenario:
    """Return drawn teams of marines and marauders, on the map of the large battles.

    Without medivacs: where one can be, energy is observed, which the agents were not trained with.
    """
    large = find_scenario("Battle-64m")
    middle = ((32.0, 32.0, 32.0, 32.0),) * 2
    team = (("marine", count // 2), ("marauder", count // 2))
    return replace(
        find_scenario(f"Battle-terran_{count}_vs_{count}"),
        name=f"Battle-marine_marauder_{count}",
        own=team,
        enemy=team,
        draw=Draw(chances=(("marine", 0.5), ("marauder", 0.5))),
        map_size=large.map_size,
        playable=large.playable,
        places=(middle,),
    )


def fields(games: int) -> list[Field]:
    """Return all battles: marines only, as in training, then teams that are drawn.

    Games are fewer where they cost more.
    """
    same = {8: 1, 16: 1, 32: 1, 64: 2, 128: 4, 256: 8}
    other = {10: 1, 20: 1, 32: 1, 64: 2}
    return [
        *(Field(marines(n), 2 * n, max(games // less, 1)) for n, less in same.items()),
        *(Field(drawn(n), 2 * n, max(games // less, 1)) for n, less in other.items()),
    ]


def trained(encoder: Any, seed: int, args: argparse.Namespace) -> Path:
    """Return the checkpoint of an agent, after whatever is left of its training."""
    config = TrainConfig(
        name=f"{encoder}-seed{seed}-steps{args.steps}",
        runs=args.runs,
        steps=args.steps,
        seed=seed,
        device="cpu",
        env=EnvConfig(id=str(HOME), opponent="attack-nearest"),
        policy=PolicyConfig(encoder=encoder),
    )
    folder = RunFolder(args.runs / config.name)
    if not folder.summary.exists():
        result = train(config, folder.path if folder.checkpoint.exists() else None)
        if not result.finished:
            raise SystemExit("stopped; the same command goes on from here")
    return folder.checkpoint


def player(word: str | Path, field: Field, batch: BatchedEnv) -> Player:
    """Return a control by its name or an agent by its checkpoint, resized to the battle."""
    if isinstance(word, str):
        return make_control(word, batch.observation_space, batch.action_space, EVAL_SEED)
    model: Any = safe_load(word, make_vec(field.scenario))
    return PolicyPlayer(model.policy, deterministic=True)


def play(word: str | Path, field: Field, opponent: str, args: argparse.Namespace) -> Games:
    """Return the games of one agent or control in one battle; those played before are read."""
    name = word if isinstance(word, str) else word.parent.name
    path = args.runs / "games" / f"{name}-{field.label}-{opponent}-{field.games}.json"
    known = read_json(path)
    if known is not None:
        return Games.from_summary(known)
    seeds = evaluation_seeds(EVAL_SEED, field.games)
    parts = []
    with own_torch_seed(EVAL_SEED):
        for start in range(0, len(seeds), args.batch):
            part = seeds[start : start + args.batch]
            batch = BatchedEnv(field.scenario, len(part), opponent=opponent)
            parts.append(play_to_the_end(batch, player(word, field, batch), part))
    games = pool(parts)
    write_json(path, games.summary())
    return games


Results = dict[tuple[str, str, str], Games]
"""Games by agent, battle and opponent."""


def play_all(arms: dict[str, list[Path]], args: argparse.Namespace) -> Results:
    """Let every arm (its seeds pooled) and every control play everywhere."""

    def jobs() -> Iterator[tuple[str, Sequence[str | Path], Field, str]]:
        for field in fields(args.games):
            for opponent in args.opponents:
                for arm, checkpoints in arms.items():
                    yield arm, checkpoints, field, opponent
                for control in CONTROLS:
                    yield f"{control} (control)", [control], field, opponent

    return {
        (name, field.label, opponent): pool([play(one, field, opponent, args) for one in players])
        for name, players, field, opponent in track(list(jobs()), "games")
    }


def print_table(results: Results, opponent: str, games: int) -> None:
    """Print a row per battle and a column per agent, in Markdown."""
    names = list(dict.fromkeys(name for name, _, _ in results))
    console = Console(width=240, highlight=False)
    console.print(f"\nWin rate against {opponent}, 95 % Wilson interval:\n")
    console.print(f"| battle | entities | games | {' | '.join(names)} |", markup=False)
    console.print("|---" * (3 + len(names)) + "|")
    for field in fields(games):
        cells = [win_rate(results[name, field.label, opponent]) for name in names]
        row = [field.label, str(field.entities), str(field.games), *cells]
        console.print(f"| {' | '.join(row)} |", markup=False)


def plot(path: Path, results: Results, args: argparse.Namespace) -> None:
    """Draw win rates over the number of entities, marines only, one panel per opponent."""
    figure = Figure(figsize=(4.2 * len(args.opponents), 3.6), layout="constrained", dpi=150)
    panels = figure.subplots(1, len(args.opponents), sharey=True, squeeze=False)[0]
    battles = [field for field in fields(args.games) if field.scenario.draw is None]
    sizes = [field.entities for field in battles]
    for axes, opponent in zip(panels, args.opponents, strict=True):
        for name in dict.fromkeys(name for name, _, _ in results):
            games = [results[name, field.label, opponent] for field in battles]
            rates = [one.win_rate or 0.0 for one in games]
            bounds = [one.interval for one in games]
            style = "--" if "control" in name else "-"
            (line,) = axes.plot(sizes, rates, style, marker="o", markersize=3, label=name)
            low, high = ([getattr(b, end) for b in bounds] for end in ("low", "high"))
            axes.fill_between(sizes, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.axvline(sizes[0], color="#999999", linewidth=0.8, linestyle=":")
        axes.set_title(f"against {opponent}")
        axes.set_xlabel("entities (trained with 16)")
    panels[0].set_ylabel("win rate")
    panels[-1].legend(loc="best", frameon=False, fontsize=8)
    with replacing(path) as file:
        figure.savefig(file, format="png")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--encoders", nargs="+", default=["perceiver", "transformer"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--steps", type=int, default=600_000, help="training steps per agent")
    parser.add_argument("--opponents", nargs="+", default=["attack-nearest", "focus-fire"])
    parser.add_argument("--games", type=int, default=100, help="per agent; fewer in large battles")
    parser.add_argument("--batch", type=int, default=50, help="games that run side by side")
    parser.add_argument("--runs", type=Path, default=Path("runs/size_generality"))
    parser.add_argument("--output", type=Path, help="PNG file; default: in the folder of the runs")
    return parser.parse_args()


def main() -> None:
    """Train what is missing, play what is missing, print and draw."""
    args = parse()
    torch.set_num_threads(1)
    arms = {
        encoder: [trained(encoder, seed, args) for seed in args.seeds] for encoder in args.encoders
    }
    results = play_all(arms, args)
    for opponent in args.opponents:
        print_table(results, opponent, args.games)
    plot(args.output or args.runs / "sizes.png", results, args)


if __name__ == "__main__":
    main()
