"""What a report says, as plain values: made from ``results.json`` and nothing else.

Everything that the settings ask for is in it; what is missing is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

Content = Mapping[str, Any]

VERDICTS: Final = ("same", "better", "worse", "not shown")
_TURNED: Final = {"better": "worse", "worse": "better"}
_PROVENANCE: Final = ("command", "created", "commit", "versions", "machine", "backend")


def report_content(results: Content) -> dict[str, Any]:
    """Return title, headline, tables, claims, curves, costs, pictures and provenance.

    Args:
        results: Content of a comparison's ``results.json``.
    """
    scenarios = results["scenarios"]
    total = sum(_runs(results, each) for each in scenarios)
    verdicts = _encoder_verdicts(results)
    return {
        "title": results["config"]["name"],
        "headline": headline(results, verdicts, total),
        "margin": results["config"]["margin"],
        "runs": total,
        "missing": results["missing"],
        "failed": results["failed"],
        "uninformative": results["uninformative"],
        "counts": _counts(verdicts),
        "scenarios": [
            {
                **{name: each[name] for name in ("scenario", "env", "entities", "opponent")},
                "teacher": each["teacher"] if {"imitation", "tuning"} & set(each["stages"]) else "",
                "match": each["match"],
                "games": each["games"],
                "tables": [_table(results, each, stage) for stage in each["stages"]],
                "sizes": each["sizes"],
            }
            for each in scenarios
        ],
        "claims": results["claims"],
        "curves": results.get("curves", []),
        "crossover": results.get("costs", {}).get("crossover", {}),
        "pictures": results.get("pictures", []),
        "seeds": results["config"]["seeds"],
        "eval_seed": results["config"]["eval_seed"],
        "provenance": {name: results.get(name) for name in _PROVENANCE},
        "config": results["config"],
    }


def _runs(results: Content, scenario: Content) -> int:
    config = results["config"]
    stages = {*scenario["stages"], *(["imitation"] if "tuning" in scenario["stages"] else [])}
    agents = len(config["arms"]) * len(config["seeds"]) * len(stages)
    return agents + len(scenario["controls"])


def _encoder(results: Content, arm: str) -> str | None:
    policy = results["config"]["arms"].get(arm)
    return None if policy is None else str(policy["encoder"])


def _encoder_verdicts(results: Content) -> list[dict[str, Any]]:
    """Return the claims on an arm and one with the Transformer in its place, that one second."""
    found = []
    flagged = {_place(each) for each in results["uninformative"]}
    for claim in results["claims"]:
        encoders = [_encoder(results, claim[side]) for side in ("first", "second")]
        if None in encoders or encoders[0] == encoders[1] or "transformer" not in encoders:
            continue
        turned = encoders[0] == "transformer"
        sign = -1 if turned else 1
        low, high = sorted((sign * claim["low"], sign * claim["high"]))
        found.append(
            {
                **{name: claim[name] for name in ("scenario", "stage", "opponent")},
                "arm": claim["second" if turned else "first"],
                "against": claim["first" if turned else "second"],
                "encoder": encoders[1 if turned else 0],
                "verdict": _TURNED.get(claim["verdict"], claim["verdict"])
                if turned
                else claim["verdict"],
                "difference": sign * claim["difference"],
                "low": low,
                "high": high,
                "informative": _place(claim) not in flagged,
            }
        )
    return found


def _place(row: Content) -> tuple[str, str, str]:
    return row["scenario"], row["stage"], row["opponent"]


def _counts(verdicts: Sequence[Content]) -> list[dict[str, Any]]:
    """Return how often each verdict was passed on the Perceiver, by stage and arm."""
    groups: dict[tuple[str, str, str], list[Content]] = {}
    for each in verdicts:
        if each["encoder"] == "perceiver":
            groups.setdefault((each["stage"], each["arm"], each["against"]), []).append(each)
    return [
        {"stage": stage, "arm": arm, "against": against, **_tally(group)}
        for (stage, arm, against), group in groups.items()
    ]


def _tally(verdicts: Sequence[Content]) -> dict[str, int]:
    said = [each["verdict"] for each in verdicts if each["informative"]]
    counts = {verdict: said.count(verdict) for verdict in VERDICTS}
    return {**counts, "uninformative": len(verdicts) - len(said)}


def headline(results: Content, verdicts: Sequence[Content], runs: int) -> str:
    """Return the verdict on Perceiver IO and the Transformer in one sentence.

    Args:
        results: Content of ``results.json``.
        verdicts: On arms beside one with the Transformer in place of their encoder.
        runs: How many runs the comparison has.
    """
    ours = [each for each in verdicts if each["encoder"] == "perceiver"]
    missing = len(results["missing"])
    start = f"Incomplete ({missing} of {runs} runs are missing): " if missing else ""
    if not ours:
        return f"{start}no pair of a Perceiver IO arm and a Transformer arm has been compared."
    tally = _tally(ours)
    counted = len(ours) - tally["uninformative"]
    clauses = []
    if counted:
        clauses.append(
            f"in {counted} comparison{_s(counted)} over {_scenarios(ours)}, Perceiver IO did as"
            f" well as the Transformer in {tally['same']}, better in {tally['better']} and worse in"
            f" {tally['worse']}, and nothing was shown in {tally['not shown']}"
        )
    if tally["uninformative"]:
        number = tally["uninformative"]
        clauses.append(
            f"{number}{' further' if counted else ''} comparison{_s(number)}"
            f" {'is' if number == 1 else 'are'} uninformative because a control comes near"
        )
    cost = _cost_clause(results)
    text = start + "; ".join([*clauses, *([cost] if cost else [])]) + "."
    return text[0].upper() + text[1:]


def _s(number: int) -> str:
    return "" if number == 1 else "s"


def _scenarios(verdicts: Sequence[Content]) -> str:
    names = {each["scenario"] for each in verdicts if each["informative"]}
    return f"{len(names)} scenario{_s(len(names))}"


def _cost_clause(results: Content) -> str:
    largest = max(results["scenarios"], key=lambda each: each["entities"])
    flops = {
        _encoder(results, size["arm"]): size["flops"]
        for size in reversed(largest["sizes"])  # the first arm of each encoder counts
    }
    if not {"perceiver", "transformer"} <= set(flops):
        return ""
    share = flops["transformer"] / flops["perceiver"]
    return (
        f"at {largest['entities']} entities the Transformer's encoder takes {share:.2f} times the"
        " FLOPs of the Perceiver's"
    )


def _table(results: Content, scenario: Content, stage: str) -> dict[str, Any]:
    where = (scenario["scenario"], stage)
    flagged = [
        each for each in results["uninformative"] if (each["scenario"], each["stage"]) == where
    ]
    verdicts = [
        each for each in _encoder_verdicts(results) if (each["scenario"], each["stage"]) == where
    ]
    arms = [_arm_row(results, scenario, stage, arm, verdicts) for arm in results["config"]["arms"]]
    controls = [_control_row(results, scenario, name, flagged) for name in scenario["controls"]]
    return {
        "stage": stage,
        "opponents": scenario["opponents"],
        "uninformative": flagged,
        "unknown_controls": [row["name"] for row in controls if None in row["scores"].values()],
        "rows": [*arms, *controls],
    }


def _arm_row(
    results: Content, scenario: Content, stage: str, arm: str, verdicts: Iterable[Content]
) -> dict[str, Any]:
    where = (scenario["scenario"], stage, arm)
    found = [
        each for each in results["arms"] if (each["scenario"], each["stage"], each["arm"]) == where
    ]
    result: Content = found[0] if found else {}
    size = next(each for each in scenario["sizes"] if each["arm"] == arm)
    costs = results.get("costs", {}).get("scenarios", {}).get(scenario["scenario"], {})
    cost = costs.get("arms", {}).get(arm, {})
    said = {each["opponent"]: each for each in verdicts if each["arm"] == arm}
    opponents = result.get("opponents", {})
    return {
        "name": arm,
        "control": False,
        "encoder": _encoder(results, arm),
        "seeds": result.get("seeds", []),
        "seeds_wanted": len(results["config"]["seeds"]),
        "scores": {
            name: _score(opponents[name], "bootstrap") if name in opponents else None
            for name in scenario["opponents"]
        },
        "verdicts": {name: said.get(name) for name in scenario["opponents"]},
        "parameters": result.get("parameters"),
        "encoder_parameters": size["parameters"],
        "encoder_flops": size["flops"],
        "latency_1": cost.get("latency_1"),
        "latency_256": cost.get("latency_256"),
        "memory": cost.get("memory"),
        "steps_per_second": result.get("steps_per_second"),
        "near": [],
    }


def _control_row(
    results: Content, scenario: Content, name: str, flagged: Sequence[Content]
) -> dict[str, Any]:
    found = [
        each
        for each in results["agents"]
        if (each["scenario"], each["arm"], each["agent"]) == (scenario["scenario"], None, name)
    ]
    opponents = found[0]["opponents"] if found else {}
    return {
        "name": name,
        "control": True,
        "scores": {
            opponent: _score(opponents[opponent], "win_rate") if opponent in opponents else None
            for opponent in scenario["opponents"]
        },
        "near": [each["opponent"] for each in flagged if each["control"] == name],
    }


def _score(games: Content, interval: str) -> dict[str, Any]:
    """Return a win rate, or a mean return, with the interval that belongs to it, if any does."""
    won = games["win_rate"] is not None
    return {
        "kind": "win rate" if won else "return",
        "value": games["win_rate"] if won else games["mean_return"],
        "low": games[f"{interval}_low"],
        "high": games[f"{interval}_high"],
    }
