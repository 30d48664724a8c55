"""What a comparison allows to say: a verdict on every pair of arms that differ in one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any, Final

import numpy as np

from .bootstrap import difference_interval
from .config import PolicyConfig
from .power import power_note
from .results import AgentResult, ArmResult, arms_of, scores_of
from .verdicts import Verdict, difference_p_value, equivalence, holm, mean_score, verdict

WEAK: Final = ("random", "no-op", "open-loop", "attack-nearest")
"""Controls that an agent has to leave behind before a comparison of agents says anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A pair of arms, or an arm and the script that taught it, against one opponent.

    Args:
        scenario: Where.
        stage: How the arms were trained.
        opponent: Against whom.
        first: An arm.
        second: Another arm, or a script.
        score: ``win_rate``, or ``return`` where games have no winner.
        seeds: Training seeds of the first and the second; 1 for a script.
        games: Of each agent.
        difference: Score of the first minus that of the second.
        low: Of the hierarchical bootstrap's 95% interval of the difference.
        high: Likewise.
        margin: Differences below it are none.
        same_p: Of two one-sided tests; 1 if an arm has one seed, which says nothing of others.
        different_p: Of Welch's test; likewise.
        same_p_holm: Adjusted for the number of scenarios.
        different_p_holm: Likewise.
        verdict: What the adjusted values allow to say of the first.
        power: How many games and seeds it would take; "" for scores.
    """

    scenario: str
    stage: str
    opponent: str
    first: str
    second: str
    score: str
    seeds: tuple[int, int]
    games: int
    difference: float
    low: float
    high: float
    margin: float
    same_p: float
    different_p: float
    same_p_holm: float
    different_p_holm: float
    verdict: Verdict
    power: str

    def summary(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "seeds": list(self.seeds)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Uninformative:
    """A table from which nothing follows, because a control comes near the agents.

    Args:
        scenario: Where.
        stage: How the arms were trained.
        opponent: Against whom.
        control: The best of the weak controls.
        control_score: Its score.
        best_arm: The best arm.
        arm_score: Its score.
    """

    scenario: str
    stage: str
    opponent: str
    control: str
    control_score: float
    best_arm: str
    arm_score: float


def claims_of(
    agents: Sequence[AgentResult],
    policies: Mapping[str, PolicyConfig],
    teachers: Mapping[str, str],
    margin: float,
) -> list[Claim]:
    """Return a claim per scenario, stage, opponent and pair.

    Args:
        agents: Results of all agents and controls.
        policies: The arms' settings, by name.
        teachers: The script that is imitated, by scenario; a pair where it is among the controls.
        margin: See :class:`Claim`; for scores, a share of the mean of both.
    """
    claims = []
    arms = arms_of(agents)
    for first, second in combinations(arms, 2):
        here = (first.scenario, first.stage) == (second.scenario, second.stage)
        if here and _differ_in_one_thing(policies[first.name], policies[second.name]):
            claims += _claims(first, second.name, second.agents, margin)
    for arm in arms:
        for agent in agents:
            script = agent.arm is None and agent.scenario == arm.scenario
            if script and agent.name == teachers.get(arm.scenario):
                claims += _claims(arm, agent.name, (agent,), margin)
    return adjusted(claims)


def _differ_in_one_thing(first: PolicyConfig, second: PolicyConfig) -> bool:
    """Whether only the selection, the encoder, or its sizes (from the preset's) differ."""
    sizes = first.encoder == second.encoder and first.encoder_kwargs != second.encoder_kwargs
    if sizes and first.encoder_kwargs and second.encoder_kwargs:
        return False
    return sizes + (first.encoder != second.encoder) + (first.selection != second.selection) == 1


def _claims(
    first: ArmResult, name: str, agents: Sequence[AgentResult], margin: float
) -> list[Claim]:
    return [
        _claim(first, name, agents, opponent, margin)
        for opponent in first.opponents
        if all(opponent in agent.games for agent in agents)
    ]


def _claim(
    first: ArmResult, name: str, agents: Sequence[AgentResult], opponent: str, margin: float
) -> Claim:
    ours, theirs = scores_of(first.agents, opponent), scores_of(agents, opponent)
    won = first.agents[0].games[opponent].has_winner
    means = mean_score(ours), mean_score(theirs)
    if not won:
        margin *= max((abs(means[0].value) + abs(means[1].value)) / 2, 1e-9)
    low, high = difference_interval(ours, theirs, np.random.default_rng(0))
    difference = means[0].value - means[1].value
    same_p, different_p = equivalence(*means, margin).p_value, difference_p_value(*means)
    if len(ours) == 1 or (len(theirs) == 1 and agents[0].arm is not None):
        same_p = different_p = 1.0
    return Claim(
        scenario=first.scenario,
        stage=first.stage,
        opponent=opponent,
        first=first.name,
        second=name,
        score="win_rate" if won else "return",
        seeds=(len(ours), len(theirs)),
        games=ours.shape[1],
        difference=difference,
        low=low,
        high=high,
        margin=margin,
        same_p=same_p,
        different_p=different_p,
        same_p_holm=same_p,
        different_p_holm=different_p,
        verdict=verdict(same_p, different_p, difference),
        power=power_note(ours, theirs, margin) if won else "",
    )


def adjusted(claims: Sequence[Claim]) -> list[Claim]:
    """Return the claims corrected for the scenarios in which the same pair is compared."""
    families: dict[tuple[str, ...], list[int]] = {}
    for at, claim in enumerate(claims):
        key = (claim.stage, claim.opponent, claim.first, claim.second)
        families.setdefault(key, []).append(at)
    result = list(claims)
    for members in families.values():
        same = holm([claims[at].same_p for at in members])
        different = holm([claims[at].different_p for at in members])
        for at, same_p, different_p in zip(members, same, different, strict=True):
            result[at] = replace(
                claims[at],
                same_p_holm=same_p,
                different_p_holm=different_p,
                verdict=verdict(same_p, different_p, claims[at].difference),
            )
    return result


def uninformative_tables(agents: Sequence[AgentResult], margin: float) -> list[Uninformative]:
    """Return the tables in which a weak control comes within the margin of the best arm.

    Args:
        agents: Results of all agents and controls.
        margin: Of win rates; for scores, a share of the best arm's.
    """
    arms = arms_of(agents)
    found = []
    for scenario, stage in dict.fromkeys((arm.scenario, arm.stage) for arm in arms):
        here = [arm for arm in arms if (arm.scenario, arm.stage) == (scenario, stage)]
        weak = [each for each in agents if each.arm is None and each.scenario == scenario]
        weak = [each for each in weak if each.name in WEAK]
        for opponent in here[0].opponents if weak else ():
            scores = {arm.name: float(scores_of(arm.agents, opponent).mean()) for arm in here}
            controls = {each.name: float(scores_of([each], opponent).mean()) for each in weak}
            best, control = (
                max(scores, key=scores.__getitem__),
                max(controls, key=controls.__getitem__),
            )
            won = weak[0].games[opponent].has_winner
            near = margin * (1.0 if won else abs(scores[best]))
            if controls[control] > scores[best] - near:
                found.append(
                    Uninformative(
                        scenario=scenario,
                        stage=stage,
                        opponent=opponent,
                        control=control,
                        control_score=controls[control],
                        best_arm=best,
                        arm_score=scores[best],
                    )
                )
    return found
