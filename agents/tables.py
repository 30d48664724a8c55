"""Tables of results for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from . import numbers
from .backends import backend_of_games
from .elo import Ratings
from .results import AgentResult, ArmResult, arms_of
from .statistics import Games

if TYPE_CHECKING:
    from .claims import Claim
    from .duel import Match
    from .matching import Sized


def plain_table(title: str, caption: str) -> Table:
    """Return a table without frame, that columns and rows are to be added to."""
    return Table(
        title=title,
        title_justify="left",
        caption=caption,
        caption_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
    )


def evaluation_table(env: str, results: Mapping[str, Mapping[str, Games]]) -> Table:
    """Return a row per agent and opponent; agents without games have no row."""
    backend = backend_of_games(results.values())
    table = plain_table(f"{env} ({backend})", "win rate with 95% Wilson interval; a draw is no win")
    table.add_column("agent")
    table.add_column("opponent")
    for column in ("games", "W/L/D", "win rate", "return", "steps"):
        table.add_column(column, justify="right", no_wrap=True)
    for agent, opponents in results.items():
        for opponent, games in opponents.items():
            counts = f"{games.wins}/{games.losses}/{games.draws}" if games.has_winner else "-"
            table.add_row(
                agent,
                opponent,
                str(games.count),
                counts,
                win_rate(games),
                numbers.score(games.mean_return),
                f"{games.mean_length:.1f}",
            )
        table.add_section()
    return table


def duel_table(env: str, matches: Sequence[Match]) -> Table:
    """Return a row per pair of agents; without a pair it has no row."""
    table = plain_table(
        f"{env} (proxy): every seed from both sides",
        "win rate of the first agent with 95% Wilson interval; a draw is no win",
    )
    table.add_column("agent", overflow="fold")
    table.add_column("against", overflow="fold")
    for column in ("W/L/D", "win rate", "own | enemy side"):
        table.add_column(column, justify="right", no_wrap=True)
    for match in matches:
        low, high = match.interval
        sides = (match.own_side, match.enemy_side)
        table.add_row(
            match.first,
            match.second,
            "/".join(str(match.outcomes.count(letter)) for letter in "WLD"),
            numbers.with_interval(match.win_rate, low, high),
            " | ".join(f"{side.count('W') / len(side):.2f}" for side in sides),
        )
    return table


def elo_table(names: Sequence[str], ratings: Ratings) -> Table:
    """Return a row per agent, the best first."""
    caption = "relative to the mean; a draw is half a win; 95% bootstrap interval over seeds"
    if ratings.prior:
        caption += "\nsomebody took no point from the others: a drawn game of every pair was added"
    table = plain_table("Elo", caption)
    table.add_column("agent")
    for column in ("Elo", "interval"):
        table.add_column(column, justify="right", no_wrap=True)
    ranked = sorted(zip(names, ratings.ratings, strict=True), key=lambda row: -row[1].elo)
    for name, rating in ranked:
        table.add_row(name, f"{rating.elo:+.0f}", f"[{rating.low:+.0f}, {rating.high:+.0f}]")
    return table


def win_rate(games: Games, between: str = " ") -> str:
    """Return a win rate with its interval, or the mean return where games have no winner."""
    rate, interval = games.win_rate, games.interval
    if rate is None or interval is None:
        return f"return {numbers.score(games.mean_return)}" if games.count else numbers.UNKNOWN
    return numbers.with_interval(rate, *interval, between)


def comparison_table(env: str, agents: Sequence[AgentResult]) -> Table:
    """Return a row per arm, agent and control; a column of win rates per opponent.

    An arm's row pools the games of its seeds. Its interval takes them for independent, so the line
    below it shows how far the seeds lie apart.
    """
    opponents = list(agents[0].games) if agents else []
    backend = backend_of_games(agent.games for agent in agents)
    table = plain_table(
        f"{env} ({backend}): win rate with 95% Wilson interval",
        "an arm pools the games of its seeds, below are its lowest and highest; * is a control",
    )
    table.add_column("agent", no_wrap=True)
    table.add_column("games", justify="right", no_wrap=True)
    for opponent in opponents:
        table.add_column(f"vs {opponent}", justify="right")
    for column in ("para-\nmeters", "encoder\nMFLOPs", "training\nsteps/s"):
        table.add_column(column, justify="right", no_wrap=True)
    for arm in arms_of(agents):
        cells = [f"{win_rate(arm.pooled(name))}{_seeds(arm, name)}" for name in opponents]
        count = arm.pooled(opponents[0]).count if opponents else 0
        table.add_row(arm.name, str(count), *cells, *_facts(arm.facts), style="bold")
    learned = [agent for agent in agents if agent.arm is not None]
    controls = [agent for agent in agents if agent.arm is None]
    for group, what in ((learned, ""), (controls, " *")):
        table.add_section()
        for agent in group:
            cells = [win_rate(agent.games[name]) for name in opponents]
            count = agent.games[opponents[0]].count if opponents else 0
            table.add_row(f"{agent.name}{what}", str(count), *cells, *_facts(agent.facts))
    return table


def _seeds(arm: ArmResult, opponent: str) -> str:
    seeds = arm.seed_range(opponent)
    if seeds is None or len(arm.agents) < 2:
        return ""
    return f"\n{seeds[0]:.2f} to {seeds[1]:.2f}"


def _facts(facts: Mapping[str, Any]) -> tuple[str, str, str]:
    return (
        numbers.count(facts.get("parameters")),
        numbers.megaflops(facts.get("encoder_flops")),
        numbers.rate(facts.get("steps_per_second")),
    )


def sizes_table(scenario: str, quantity: str, sizes: Sequence[Sized]) -> Table:
    """Return a row per arm with the encoder's sizes after matching."""
    table = plain_table(
        f"{scenario} encoders, matched by {quantity}",
        "ratio to the transformer's; - is not matched",
    )
    for column in ("arm", "sizes changed"):
        table.add_column(column)
    for column in ("parameters", "MFLOPs", "ratio"):
        table.add_column(column, justify="right", no_wrap=True)
    for each in sizes:
        changes = ", ".join(f"{name} {value}" for name, value in each.policy.encoder_kwargs.items())
        table.add_row(
            each.arm,
            changes,
            numbers.count(each.parameters),
            numbers.megaflops(each.flops),
            numbers.ratio(each.ratio),
        )
    return table


def claims_table(claims: Sequence[Claim], margin: float) -> Table:
    """Return a row per pair of arms, scenario and opponent, with the verdict."""
    table = plain_table(
        "verdicts on the first of each pair",
        f"same: two one-sided tests, margin {margin:g} (of scores: their share); better or worse:"
        " Welch's test over seeds;\np-values adjusted by Holm over the scenarios; interval: 95%"
        " bootstrap over seeds and games",
    )
    for column in ("scenario", "stage", "against", "first", "second"):
        table.add_column(column, overflow="fold")
    for column in ("difference", "p same", "p differ", "verdict"):
        table.add_column(column, justify="right", no_wrap=True)
    for claim in claims:
        table.add_row(
            claim.scenario,
            claim.stage,
            claim.opponent,
            claim.first,
            claim.second,
            numbers.signed_with_interval(claim.difference, claim.low, claim.high),
            numbers.probability(claim.same_p_holm),
            numbers.probability(claim.different_p_holm),
            claim.verdict,
        )
    return table
