"""The text of the pages of scenarios: all of it follows from the tables and the scores given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from perceiver_rl.envs import Scenario
from perceiver_rl.envs.contract import ALLIANCES, make_contract
from perceiver_rl.envs.engine.objects import ENTITY_NAMES
from perceiver_rl.envs.engine.task_fields import ORDERS
from perceiver_rl.envs.engine.unit_statistics import LOOPS_PER_SECOND
from perceiver_rl.envs.rewards import BATTLE_REWARDS, SCORE_REWARDS, make_reward
from perceiver_rl.envs.scenarios import env_id
from perceiver_rl.envs.tasks import make_task
from perceiver_rl.spaces import ActionType, Column

COMMAND: Final = "python scripts/make_docs.py"

COLUMNS: Final[Mapping[str, str]] = {
    "alliance": "whose it is",
    "unit_type": "its type",
    "x": "position",
    "y": "position, north is up",
    "health": "health left",
    "health_ratio": "share of its full health",
    "shield": "shield left",
    "shield_ratio": "share of its full shield; 0 without one",
    "weapon_cooldown": "until it can attack again",
    "weapon_range": "reach of its weapon between the edges of the two units",
    "order": "what it does",
    "attackers": "how many units have it as their target, 16 at most",
    "energy": "energy left; a medivac spends 3 per second to heal 9",
    "queued_orders": "orders that wait until the present one is done",
    "on_screen": "whether the camera shows it",
    "cargo": "what a worker carries: 0 nothing, 1 minerals, 2 gas",
    "contents": "minerals or gas left in it",
    "unbuilt": "share of its building time that is left",
    "training": "units that it has been told to train and has not finished",
    "training_left": "share of the training time of the first of them that is left",
}
SCALARS: Final[Mapping[str, str]] = {
    "time_left": "share of the episode's loops that is left",
    "own_life": "health and shields of our units, as a share of those of all our slots",
    "enemy_life": "the same of the enemy",
    "own_units": "our living units, as a share of our slots",
    "enemy_units": "the same of the enemy",
    "minerals": "minerals that we have, as a share of 1000",
    "gas": "vespene gas that we have, as a share of 1000",
    "supply_used": "supply that our units use, as a share of 200",
    "supply_cap": "supply that there is, as a share of 200",
    "idle_workers": "workers without an order, as a share of our workers",
    "camera_x": "middle of the camera, as a share of the playable width",
    "camera_y": "the same of the height",
}
ACTIONS: Final[Mapping[str, str]] = {
    "no_op": "nothing: everybody goes on with what they do",
    "stop": "drops the order and stands idle",
    "move": "walks there and attacks nobody on the way",
    "attack": "attacks that unit until it is dead",
    "attack_move": "walks there and fights whom it meets",
    "hold": "attacks what is in range and does not move",
    "patrol": "walks there and back, and fights whom it meets",
    "move_queued": "the same as `move`, after what it does now",
    "attack_move_queued": "the same as `attack_move`, after what it does now",
    "camera": "moves the camera there; it limits no order",
    "gather": "gathers from that mineral field or refinery until told otherwise",
    "rally": "sends the units that it trains there",
}
REWARDS: Final[Mapping[str, str]] = {
    "harm": "per hit point that an enemy loses below its lowest so far",
    "kill": "per enemy that dies",
    "point": "per point of the score",
    "win": "for a win",
    "loss": "for a loss",
}
SCORING: Final[Mapping[str, str]] = {
    "MoveToBeacon": "1 whenever the marine reaches the beacon, which then moves elsewhere.",
    "CollectMineralShards": "1 per shard that a marine touches; when all are gone, 20 new ones"
    " appear.",
    "FindAndDefeatZerglings": "1 per zergling that dies, -1 per marine; when all are dead, 25 new"
    " ones appear out of sight.",
    "CollectMineralsAndGas": "1 per unit of minerals or vespene gas that is brought home.",
    "BuildMarines": "1 per marine that is trained.",
}
"""What scores, in the scenarios that are a task."""
MASKS: Final = (
    ("action_type_mask", "`[A]`", "action types that are legal now"),
    ("selectable_mask", "`[N]`", "entities that can be given orders: ours, alive"),
    ("target_mask", "`[A, N]`", "entities at which each action type can be aimed"),
)


BLIND: Final = ("no-op", "open-loop", "random")
"""Controls that look at nothing, or do nothing with what they see."""
NEAR: Final = 0.8
HARD: Final = 0.05


class Score(NamedTuple):
    """How a control did.

    Args:
        control: Its name.
        games: How many it played.
        value: Its win rate, or mean score.
        low: Lower end of the 95 % interval.
        high: Upper end.
        length: Mean agent steps.
    """

    control: str
    games: int
    value: float
    low: float
    high: float
    length: float


def scenario_page(scenario: Scenario, scores: Sequence[Score], commit: str) -> str:
    """Return the page of a scenario, in Markdown."""
    parts = [
        f"# {scenario.name}\n\n<!-- made by {COMMAND}; change the tables, not this page -->",
        f"![{scenario.name}](images/{scenario.name}.png)",
        _in_short(scenario),
        _start(scenario),
        _end(scenario),
        _rewards(scenario),
        _observation(scenario),
        _actions(scenario),
        _scores(scenario, scores, commit),
    ]
    return "\n\n".join(parts) + "\n"


def index_page(scenarios: Iterable[Scenario], scores: Mapping[str, Sequence[Score]]) -> str:
    """Return the list of all pages, from the scores by scenario."""
    rows = [
        (
            f"[{one.name}]({one.name}.md)",
            _teams(one),
            f"{one.slots}",
            f"{one.step_limit}",
            "score" if one.scored else "win",
            "" if verdict(scores[one.name], not one.scored) else "yes",
        )
        for one in scenarios
    ]
    table = _table(("scenario", "who", "entities", "steps", "counts", "informative"), rows)
    return (
        f"# Scenarios\n\n<!-- made by {COMMAND} -->\n\n![gallery](../gallery.png)\n\n{table}\n\n"
        "A scenario is informative if a script wins and none that acts blindly comes near; its page"
        " says more.\n\nHow to write one: [own scenarios](../own_scenario.md). How to look at one:"
        " [replays and watching](../replay_and_watch.md).\n"
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _count(team: Iterable[tuple[str, int]]) -> str:
    total: Counter[str] = Counter()
    for name, number in team:
        total[name] += number
    return ", ".join(f"{number} {name}" for name, number in total.items())


def _teams(scenario: Scenario) -> str:
    if scenario.draw is not None:
        return f"{scenario.own_slots} against {scenario.enemy_slots}, drawn"
    against = [_count(scenario.enemy)] if scenario.enemy else []
    text = " against ".join([_count(scenario.own), *against])
    return text + (f"; {_count(scenario.neutral)}" if scenario.neutral else "")


def _number(value: float) -> str:
    return f"{value:.5g}"


def _box(box: Sequence[float]) -> str:
    left, bottom, right, top = (_number(side) for side in box)
    if (left, bottom) == (right, top):
        return f"({left}, {bottom})"
    return f"({left}, {bottom}) to ({right}, {top})"


def _in_short(scenario: Scenario) -> str:
    rows = [
        ("id", f"`{env_id(scenario.name)}`"),
        ("who", _teams(scenario)),
        ("default opponent", f"`{scenario.opponent}`"),
        ("map", f"{scenario.map_size[0]} x {scenario.map_size[1]} cells"),
        ("playable", _box(scenario.playable)),
        ("counts", "the score" if scenario.scored else "the win"),
    ]
    if scenario.walls:
        rows.append(("walls", "; ".join(_box(wall) for wall in scenario.walls)))
    return _table(("", ""), rows)


def _start(scenario: Scenario) -> str:
    lines = ["## Start", ""]
    if scenario.draw is not None:
        chances = ", ".join(f"{name} {chance:g}" for name, chance in scenario.draw.chances)
        lines.append(
            f"Unit types are drawn per episode ({chances}); the enemy has the same ones. In"
            f" {scenario.draw.surrounded:.0%} of the episodes we are surrounded, else the enemy"
            " starts where our units are reflected."
        )
    elif scenario.task:
        lines.append("Positions are drawn per episode, by the rules of the map of the same name.")
    else:
        several = " One of these is drawn per episode." if len(scenario.places) > 1 else ""
        lines.append(f"Each team stands around its anchor.{several}\n")
        rows = [(_box(own), _box(enemy)) for own, enemy in scenario.places]
        lines.append(_table(("our anchor", "the enemy's"), rows))
    if scenario.jitter:
        lines.append(f"\nEach unit is displaced by up to {scenario.jitter:g} cells in x and in y.")
    return "\n".join(lines)


def _end(scenario: Scenario) -> str:
    seconds = scenario.loop_limit / LOOPS_PER_SECOND
    limit = (
        f"{scenario.step_limit} agent steps = {scenario.loop_limit} game loops = {seconds:g} s of"
        " the game at normal speed"
    )
    if not scenario.scored:
        text = f"A side without units has lost. After {limit} the game is truncated, a draw."
    elif scenario.enemy:
        text = f"Our last unit's death ends the game, a loss. After {limit} it is truncated, a win."
    else:
        text = f"After {limit} the game is truncated, a win."
    return f"## End\n\n{text}"


def _rewards(scenario: Scenario) -> str:
    rows: list[tuple[str, str]] = []
    for name in SCORE_REWARDS if scenario.scored else BATTLE_REWARDS:
        weights = make_reward(scenario, name)._asdict()
        parts = [f"{_number(worth)} {REWARDS[event]}" for event, worth in weights.items() if worth]
        rows.append((f"`{name}`" + (" (default)" if not rows else ""), "; ".join(parts)))
    text = _table(("reward", "is"), rows)
    if scenario.waves is not None:
        text += (
            f"\n\nScore: {scenario.waves.enemy_points} per enemy that dies,"
            f" {scenario.waves.own_points} per unit of ours. Whenever all enemies are dead,"
            f" {scenario.waves.reinforcements} units join us and the next wave starts."
        )
    elif scenario.task:
        text += f"\n\nScore: {SCORING[scenario.name]}"
    return f"## Reward\n\n{text}"


def _observation(scenario: Scenario) -> str:
    contract = make_contract(scenario)
    names = make_task(scenario).scalars()
    rows = [
        (
            "`entities`",
            f"`[{scenario.slots}, {len(contract.entities.columns)}]` float32",
            "a row per entity, zeros where there is none; columns below",
        ),
        ("`entity_mask`", f"`[{scenario.slots}]`", "1 where the row holds an entity"),
        ("`scalars`", f"`[{len(names)}]` float32", "below, each in [0, 1]"),
        *((f"`{name}`", shape, text) for name, shape, text in MASKS),
    ]
    return "\n\n".join(
        [
            "## Observation",
            _table(("key", "shape", "holds"), rows),
            _table(
                ("column", "kind", "bounds", "unit", "meaning"),
                [_column(column) for column in contract.entities.columns],
            ),
            _table(("scalar", "meaning"), [(f"`{name}`", SCALARS[name]) for name in names]),
        ]
    )


def _column(column: Column) -> tuple[str, ...]:
    low, high = column.bounds
    bounds = "" if column.kind == "binary" else f"{_number(low)} to {_number(high)}"
    kind = column.kind if column.size is None else f"category({column.size})"
    return f"`{column.name}`", kind, bounds, column.unit, COLUMNS[column.name] + _values(column)


def _values(column: Column) -> str:
    known = {"alliance": ALLIANCES, "unit_type": ENTITY_NAMES, "order": ORDERS}
    if column.name not in known:
        return ""
    names = known[column.name][: column.size]
    return ": " + ", ".join(f"{index} {name}" for index, name in enumerate(names))


def _actions(scenario: Scenario) -> str:
    space = make_contract(scenario).actions
    rows = [
        (
            str(index),
            f"`{kind.name}`",
            "yes" if kind.selects else "",
            kind.target if kind.target != "none" else "",
            action_meaning(kind),
        )
        for index, kind in enumerate(space.types)
    ]
    grid = space.grid or (1, 1)
    return (
        "## Actions\n\n"
        f"A vector `[type | selected_0 .. selected_{scenario.slots - 1} | target unit | target"
        f" cell]`; cells are those of a {grid[0]} x {grid[1]} grid over the playable area.\n\n"
        + _table(("", "type", "selects", "target", "each selected unit"), rows)
        + '\n\nWhat the masks forbid is refused and counted in `info["refused_orders"]`.'
    )


def action_meaning(kind: ActionType) -> str:
    """Return what an action type does."""
    verb, _, product = kind.name.partition("_")
    if kind.name not in ACTIONS and verb in ("build", "train"):
        return f"{verb}s a {product.replace('_', ' ')}"
    return ACTIONS[kind.name]


def _scores(scenario: Scenario, scores: Sequence[Score], commit: str) -> str:
    value = "mean score" if scenario.scored else "win rate"
    rows = [
        (
            f"`{one.control}`",
            str(one.games),
            f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]",
            f"{one.length:.0f}",
        )
        for one in scores
    ]
    against = "" if not scenario.enemy else f" against `{scenario.opponent}`"
    told = verdict(scores, not scenario.scored)
    warning = f"**Not informative:** {told}.\n\n" if told else ""
    return (
        f"## Scripted controls\n\n{warning}Scripts that play our side{against} through the same"
        " observations and actions, with 95 % intervals. A draw is no win. These are scores of the"
        " proxy: they say nothing about the real game.\n\n"
        + _table(("control", "games", value, "mean steps"), rows)
        + f"\n\nMeasured by `{COMMAND} --measure {scenario.name}` at commit {commit}."
    )


def verdict(scores: Sequence[Score], counts_wins: bool) -> str:
    """Return why a scenario's scores tell little about an agent, or nothing.

    Either a control that acts blindly comes near the best script: their intervals overlap, and it
    has :data:`NEAR` of the score; or no control wins.

    Args:
        scores: Of all controls.
        counts_wins: Whether values are win rates.
    """
    best = max((one for one in scores if one.control not in BLIND), key=lambda one: one.value)
    blind = max((one for one in scores if one.control in BLIND), key=lambda one: one.value)
    if counts_wins and max(best.value, blind.value) <= HARD:
        return (
            "no control wins, so that a win is possible at all is not shown, and an agent that"
            " wins nothing is no worse than the scripts"
        )
    if blind.high >= best.low and blind.value >= NEAR * best.value:
        return (
            f"`{blind.control}`, which acts blindly, comes near the best script, `{best.control}`:"
            " a good score does not show that an agent sees and acts well"
        )
    return ""


def read_scores(rows: Iterable[Mapping[str, Any]]) -> tuple[Score, ...]:
    """Return scores as they are stored."""
    return tuple(Score(**row) for row in rows)
