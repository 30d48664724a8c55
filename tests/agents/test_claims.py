"""Claims: which pairs are compared, what is corrected, which tables say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from perceiver_rl.agents.claims import claims_of, uninformative_tables
from perceiver_rl.agents.config import PolicyConfig
from perceiver_rl.agents.results import AgentResult, arms_of, as_json, scores_of
from perceiver_rl.agents.statistics import Games
from perceiver_rl.agents.tables import claims_table
from perceiver_rl.agents.verdicts import difference_p_value, equivalence, holm, mean_score

POLICIES = {
    "p-ind": PolicyConfig(encoder="perceiver", selection="independent"),
    "t-ind": PolicyConfig(encoder="transformer", selection="independent"),
    "t-ptr": PolicyConfig(encoder="transformer", selection="pointer"),
}
GAMES = 3000
FACTS: Mapping[str, Any] = {
    "parameters": 1, "encoder_parameters": 1, "encoder_flops": 1,
    "steps": 1, "seconds": 1.0, "steps_per_second": 1.0,
}  # fmt: skip


def outcomes(rate: float, seed: int) -> str:
    won = np.random.default_rng(seed).random(GAMES) < rate
    return "".join("W" if each else "L" for each in won)


def agent(
    arm: str | None, seed: int, rate: float, scenario: str = "small", name: str = ""
) -> AgentResult:
    letters = outcomes(rate, seed)
    games = Games(outcomes=letters, returns=(0.0,) * GAMES, lengths=(9,) * GAMES)
    return AgentResult(
        name=name or f"{arm}-seed{seed}",
        arm=arm,
        seed=None if arm is None else seed,
        games={"elite": games},
        facts=FACTS if arm else {},
        scenario=scenario,
        stage="imitation" if arm else None,
    )


def arm(name: str, rate: float, scenario: str = "small") -> list[AgentResult]:
    return [agent(name, seed, rate, scenario) for seed in range(5)]


AGENTS = [
    *arm("p-ind", 0.80),
    *arm("t-ind", 0.80),
    *arm("t-ptr", 0.60),
    agent(None, 9, 0.80, name="teacher"),
    agent(None, 8, 0.10, name="random"),
]


def verdicts(agents: list[AgentResult]) -> dict[tuple[str, str, str], str]:
    claims = claims_of(agents, POLICIES, {"small": "teacher"}, 0.05)
    return {(claim.scenario, claim.first, claim.second): claim.verdict for claim in claims}


def test_arms_are_compared_that_differ_in_one_thing_and_each_with_its_teacher() -> None:
    assert verdicts(AGENTS) == {
        ("small", "p-ind", "t-ind"): "same",
        ("small", "t-ind", "t-ptr"): "better",
        ("small", "p-ind", "teacher"): "same",
        ("small", "t-ind", "teacher"): "same",
        ("small", "t-ptr", "teacher"): "worse",
    }


def test_sizes_are_compared_with_the_presets_and_not_with_each_other() -> None:
    arms = {
        "base": PolicyConfig(),
        "few": PolicyConfig(encoder_kwargs={"num_latents": 1}),
        "many": PolicyConfig(encoder_kwargs={"num_latents": 16}),
        "pointer": PolicyConfig(selection="pointer"),
    }
    agents = [each for name in arms for each in arm(name, 0.5)]
    pairs = {(claim.first, claim.second) for claim in claims_of(agents, arms, {}, 0.05)}
    assert pairs == {("base", "few"), ("base", "many"), ("base", "pointer")}


def test_a_single_agent_of_an_arm_shows_nothing() -> None:
    alone = [agent("p-ind", 0, 0.80), *arm("t-ind", 0.80), *arm("t-ptr", 0.10)]
    alone += [agent(None, 9, 0.10, name="teacher")]
    found = verdicts(alone)
    assert found["small", "p-ind", "t-ind"] == found["small", "p-ind", "teacher"] == "not shown"
    assert found["small", "t-ind", "t-ptr"] == "better"


def test_a_claim_says_what_its_tests_and_intervals_say() -> None:
    claim = claims_of(AGENTS, POLICIES, {}, 0.05)[1]
    ours, theirs = (mean_score(scores_of(arm("x", rate), "elite")) for rate in (0.8, 0.6))
    assert (claim.first, claim.second, claim.score) == ("t-ind", "t-ptr", "win_rate")
    assert claim.difference == pytest.approx(ours.value - theirs.value)
    assert claim.low < claim.difference < claim.high
    assert claim.same_p == equivalence(ours, theirs, 0.05).p_value
    assert claim.different_p == claim.different_p_holm == difference_p_value(ours, theirs)
    assert (claim.seeds, claim.games) == ((5, 5), GAMES)
    assert "seeds per arm" in claim.power


def test_the_same_pair_is_corrected_over_scenarios() -> None:
    others = [*arm("p-ind", 0.52, "large"), *arm("t-ind", 0.50, "large")]
    claims = [
        claim
        for claim in claims_of([*AGENTS, *others], POLICIES, {}, 0.05)
        if (claim.first, claim.second) == ("p-ind", "t-ind")
    ]
    assert [claim.scenario for claim in claims] == ["small", "large"]
    assert [claim.same_p_holm for claim in claims] == holm([claim.same_p for claim in claims])
    assert any(claim.same_p_holm > claim.same_p for claim in claims)


def test_scores_have_a_margin_of_their_size() -> None:
    def scored(name: str | None, level: float) -> list[AgentResult]:
        result = []
        for seed in range(5):
            returns = tuple(level + np.random.default_rng(seed).normal(0, 1, 50))
            result.append(
                AgentResult(
                    name=f"{name}-seed{seed}", arm=name, seed=seed, facts=FACTS,
                    games={"no-op": Games(outcomes="", returns=returns, lengths=(9,) * 50)},
                )
            )  # fmt: skip
        return result

    first, second = scored("p-ind", 100.0), scored("t-ind", 101.0)
    claim = claims_of([*first, *second], POLICIES, {}, 0.05)[0]
    assert claim.score == "return"
    assert claim.margin == pytest.approx(0.05 * 100.5, rel=0.01)
    assert claim.verdict == "same"
    assert claim.power == ""


def test_a_table_in_which_a_control_comes_near_the_best_arm_is_uninformative() -> None:
    assert uninformative_tables(AGENTS, 0.05) == []
    near = agent(None, 7, 0.82, name="attack-nearest")
    (found,) = uninformative_tables([*AGENTS, near], 0.05)
    assert (found.control, found.scenario, found.opponent) == ("attack-nearest", "small", "elite")
    assert found.control_score > found.arm_score - 0.05
    strong = agent(None, 7, 0.82, name="kite")  # no weak control: agents may lose to it
    assert uninformative_tables([*AGENTS, strong], 0.05) == []


def test_arms_of_other_scenarios_and_stages_are_other_arms() -> None:
    both = [*arm("p-ind", 0.8), *arm("p-ind", 0.5, "large")]
    assert [(each.name, each.scenario) for each in arms_of(both)] == [
        ("p-ind", "small"), ("p-ind", "large"),
    ]  # fmt: skip
    arms = as_json(both)["arms"]
    assert [each["scenario"] for each in arms] == ["small", "large"]
    pooled = arms[0]["opponents"]["elite"]
    assert pooled["bootstrap_low"] < pooled["win_rate"] < pooled["bootstrap_high"]


def test_the_table_has_a_row_per_claim() -> None:
    claims = claims_of(AGENTS, POLICIES, {}, 0.05)
    assert claims_table(claims, 0.05).row_count == len(claims) == 2
