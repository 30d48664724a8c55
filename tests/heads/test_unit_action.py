"""The joint distribution, checked by enumerating every canonical action of small spaces."""

import itertools
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from perceiver_rl.heads import (
    Candidates,
    EntityCell,
    HeadConfig,
    HeadInputs,
    InputSizes,
    PointerCell,
    PointerSelection,
    QueryCell,
    UnitActionHead,
    UpsampleCell,
)
from perceiver_rl.spaces import ActionType, UnitActionSpace

TYPES = [
    ActionType("no_op"),
    ActionType("stop", selects=True, delays=False),
    ActionType("move", selects=True, target="point", queueable=True),
    ActionType("attack", selects=True, target="unit", queueable=True, delays=False),
    ActionType("scan", target="point"),
]
SPACE = UnitActionSpace(TYPES, max_entities=3, grid=(1, 2))
TIMED = UnitActionSpace(TYPES, max_entities=3, grid=(1, 2), queued=True, max_delay=3)
SMALL = HeadConfig(embedding_width=8, hidden_width=8, key_width=4, cell_bands=2)
WIDTH, CORE, SCALARS = 6, 5, 4
SIZES = InputSizes(core=CORE, entity=WIDTH, scalars=SCALARS, maps=(3, 1, 2, 2), placed=True)
ENTITY_CELLS = replace(SMALL, cell_decoder="entities")
SELECTIONS = ["independent", "pointer"]


class Variant(NamedTuple):
    """A head of some kind for a space."""

    space: UnitActionSpace
    selection: str
    config: HeadConfig


VARIANTS = {
    "independent": Variant(SPACE, "independent", SMALL),
    "pointer": Variant(SPACE, "pointer", SMALL),
    "pointer of at most 2": Variant(SPACE, "pointer", replace(SMALL, max_selected=2)),
    "pointer of at most 1": Variant(SPACE, "pointer", replace(SMALL, max_selected=1)),
    "cells of entities": Variant(SPACE, "independent", ENTITY_CELLS),
    "cells of entities, wide keys": Variant(
        SPACE, "pointer", replace(ENTITY_CELLS, key_width=WIDTH)
    ),
    "timed independent": Variant(TIMED, "independent", SMALL),
    "timed pointer": Variant(TIMED, "pointer", SMALL),
    "timed, gated, queries": Variant(
        TIMED, "pointer", replace(SMALL, type_blocks=2, cell_decoder="queries")
    ),
    "gated, upsample": Variant(
        SPACE, "independent", replace(SMALL, type_blocks=2, cell_decoder="auto", cell_blocks=3)
    ),
}


def every_canonical_action(space: UnitActionSpace) -> Tensor:
    """All action vectors whose unused arguments are 0, the empty selection included."""
    rows = np.array(list(itertools.product(*(range(n) for n in space.nvec))))
    return torch.from_numpy(np.unique(space.canonical(rows), axis=0))


def a_head(variant: str | Variant, seed: int = 0) -> UnitActionHead:
    space, selection, config = VARIANTS[variant] if isinstance(variant, str) else variant
    torch.manual_seed(seed)
    head = UnitActionHead(space, SIZES, selection, config)
    # Far from uniform, so that a wrong term cannot hide.
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(torch.randn_like(parameter))
        # Every type is drawn in every test.
        last = "gated.out" if config.type_blocks else "mlp.2"
        head.action_type.get_parameter(f"{last}.weight").mul_(0.05)
        head.action_type.get_parameter(f"{last}.bias").zero_()
    return head.double()


def inputs_for(
    types: list[int], selectable: list[int], targets: list[list[int]], seed: int = 0
) -> HeadInputs:
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return torch.randn(1, *shape, generator=generator, dtype=torch.float64)

    return HeadInputs(
        core=noise(CORE),
        per_entity=noise(3, WIDTH),
        types=torch.tensor([types], dtype=torch.bool),
        selectable=torch.tensor([selectable], dtype=torch.bool),
        targets=torch.tensor([targets], dtype=torch.bool),
        cell_of=torch.tensor([[1, 0, 1]]),
        scalars=noise(SCALARS),
        maps=(noise(3, 1, 2), noise(3, 1, 2)),
    )


def repeated(inputs: HeadInputs, count: int) -> HeadInputs:
    def each(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(each(item) for item in value)
        return value.expand(count, *value.shape[1:]) if isinstance(value, Tensor) else value

    return HeadInputs(*(each(value) for value in inputs))


ALL = [[1, 1, 1]] * 5
CASES = {
    "everything legal": inputs_for([1, 1, 1, 1, 1], [1, 1, 1], ALL),
    "one selectable": inputs_for([1, 1, 1, 1, 1], [0, 1, 0], ALL),
    "some masked": inputs_for([1, 0, 1, 1, 0], [1, 0, 1], [[0] * 3] * 3 + [[0, 1, 1], [0] * 3]),
    "nobody selectable": inputs_for([1, 1, 1, 1, 1], [0, 0, 0], ALL),
    "no target": inputs_for([1, 1, 1, 1, 1], [1, 1, 0], [[0, 0, 0]] * 5),
    "one cell": inputs_for([1, 1, 1, 1, 1], [1, 1, 0], ALL)._replace(
        cells=torch.tensor([[False, True]])
    ),
    "now and not queued": inputs_for([1, 1, 1, 1, 1], [1, 1, 0], ALL)._replace(
        queued=torch.tensor([[True, False]]), delays=torch.tensor([[True, False, True]])
    ),
    "cool": inputs_for([1, 1, 1, 1, 1], [1, 1, 1], ALL)._replace(temperature=0.5),
    "frozen": inputs_for([1, 1, 1, 1, 1], [1, 1, 1], ALL)._replace(temperature=0.0),
    "nothing legal": inputs_for([0, 0, 0, 0, 0], [0, 0, 0], [[0, 0, 0]] * 5)._replace(
        delays=torch.zeros(1, 3, dtype=torch.bool)
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("case", CASES)
def test_probabilities_of_all_canonical_actions_sum_to_one(variant: str, case: str) -> None:
    actions = every_canonical_action(VARIANTS[variant].space)
    parts = a_head(variant).evaluate(repeated(CASES[case], len(actions)), actions)
    torch.testing.assert_close(parts.log_prob.exp().sum().item(), 1.0)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("case", CASES)
def test_sampled_frequencies_match_the_probabilities(variant: str, case: str) -> None:
    draws = 20_000
    actions, head = every_canonical_action(VARIANTS[variant].space), a_head(variant)
    exact = head.evaluate(repeated(CASES[case], len(actions)), actions).log_prob.exp()
    torch.manual_seed(1)
    sampled = head.sample(repeated(CASES[case], draws)).actions
    found, numbers = torch.unique(torch.cat([actions, sampled]), dim=0, return_counts=True)
    assert torch.equal(found, actions)
    counts = numbers.double() - 1
    error = (counts / draws - exact).abs()
    rare = 2 / draws * (exact > 0)  # one draw of what hardly ever happens
    assert bool((error <= 5 * (exact * (1 - exact) / draws).sqrt() + rare).all())


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("case", CASES)
def test_a_sample_reports_the_log_prob_that_evaluation_gives(variant: str, case: str) -> None:
    head, inputs = a_head(variant), repeated(CASES[case], 200)
    torch.manual_seed(2)
    sampled = head.sample(inputs)
    scored = head.evaluate(inputs, sampled.actions)
    torch.testing.assert_close(sampled.log_probs, scored.log_probs)
    torch.testing.assert_close(sampled.entropies, scored.entropies)
    assert bool(torch.isfinite(sampled.log_prob).all())


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("case", CASES)
def test_the_entropy_estimate_has_the_exact_joint_entropy_as_its_expectation(
    variant: str, case: str
) -> None:
    actions = every_canonical_action(VARIANTS[variant].space)
    parts = a_head(variant).evaluate(repeated(CASES[case], len(actions)), actions)
    probability = parts.log_prob.exp()
    exact = -torch.where(probability > 0, probability * parts.log_prob, 0.0).sum()
    torch.testing.assert_close((probability * parts.entropy).sum(), exact)


@pytest.mark.parametrize("variant", VARIANTS)
def test_forbidden_actions_have_probability_zero(variant: str) -> None:
    head, inputs = a_head(variant), CASES["some masked"]
    extra = [0] * (len(VARIANTS[variant].space.nvec) - 6)
    forbidden = {
        "masked type": [1, 1, 0, 0, 0, 0],
        "unselectable entity": [2, 0, 1, 0, 0, 0],
        "empty selection": [2, 0, 0, 0, 0, 0],
        "masked target": [3, 1, 0, 0, 0, 0],
    }
    for why, action in forbidden.items():
        log_prob = head.evaluate(inputs, torch.tensor([action + extra])).log_prob
        assert log_prob.item() == -torch.inf, why


@pytest.mark.parametrize("variant", VARIANTS)
def test_where_nothing_is_legal_type_zero_is_certain(variant: str) -> None:
    sampled = a_head(variant).sample(repeated(CASES["nothing legal"], 50))
    assert int(sampled.actions.abs().sum()) == 0
    assert not bool(sampled.log_prob.any())
    assert not bool(sampled.entropy.any())


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("case", CASES)
def test_gradients_are_finite_in_every_case(variant: str, case: str) -> None:
    head, inputs = a_head(variant), repeated(CASES[case], 64)
    parts = head.evaluate(inputs, head.sample(inputs).actions)
    (parts.log_prob.sum() + parts.entropy.sum()).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is None or bool(torch.isfinite(parameter.grad).all()), name


def test_the_greedy_set_of_independent_coins_is_the_likeliest_set() -> None:
    for seed in range(10):
        head = a_head("independent", seed)
        inputs = CASES["everything legal"]
        sets = torch.tensor(list(itertools.product([False, True], repeat=3)))
        context = torch.randn(1, 8, dtype=torch.float64)
        one = Candidates(context, inputs.per_entity, inputs.selectable)
        every = one._replace(
            context=context.expand(8, -1),
            per_entity=inputs.per_entity.expand(8, -1, -1),
            selectable=inputs.selectable.expand(8, -1),
        )
        scored = head.selection.evaluate(every, sets)
        greedy = head.selection.sample(one, True)
        torch.testing.assert_close(greedy.log_prob.item(), scored.log_prob.max().item())


def test_independent_coins_ignore_the_order_of_entities() -> None:
    head, inputs = a_head("independent"), CASES["everything legal"]
    order = torch.tensor([2, 0, 1])
    permuted = inputs._replace(
        per_entity=inputs.per_entity[:, order],
        selectable=inputs.selectable[:, order],
        targets=inputs.targets[:, :, order],
    )
    action = torch.tensor([[3, 1, 1, 0, 2, 0]])
    moved = torch.cat([action[:, :1], action[:, 1:4][:, order], torch.tensor([[0, 0]])], dim=-1)
    torch.testing.assert_close(
        head.evaluate(inputs, action).log_prob, head.evaluate(permuted, moved).log_prob
    )


def test_extreme_logits_keep_log_probs_finite() -> None:
    head = UnitActionHead(SPACE, SIZES, "independent", SMALL)
    inputs = CASES["no target"]
    inputs = inputs._replace(core=inputs.core.float(), per_entity=inputs.per_entity.float())
    for size in (1e-6, 1e6):
        scaled = inputs._replace(per_entity=inputs.per_entity * size, core=inputs.core * size)
        parts = head.sample(repeated(scaled, 100))
        assert bool(torch.isfinite(parts.log_prob).all())
        assert bool(torch.isfinite(parts.entropy).all())


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_greedy_action_agrees_with_itself_and_a_changed_part_does_not(
    variant: str, case: str
) -> None:
    head, inputs = a_head(variant), CASES[case]
    greedy = head.sample(inputs, deterministic=True).actions
    assert head.agreement(inputs, greedy).all()
    every = every_canonical_action(VARIANTS[variant].space)
    agrees = head.agreement(repeated(inputs, len(every)), every)
    of_the_type = every[:, 0] == greedy[:, 0]
    assert torch.equal(agrees[:, 0], of_the_type)
    # Delay and queued are chosen before the selection.
    alike = of_the_type & (every[:, 6:] == greedy[:, 6:]).all(-1)
    same_set = (every[:, 1:4] == greedy[:, 1:4]).all(-1)
    assert torch.equal(agrees[alike, head.parts.index("selection")], same_set[alike])


def test_smoothed_labels_mix_each_decision_with_a_uniform_legal_one() -> None:
    head, inputs = a_head("independent"), CASES["some masked"]
    attack = torch.tensor([[3, 1, 0, 0, 2, 0]])
    with torch.no_grad():
        exact = head.evaluate(inputs, attack).log_probs[0]
        smooth = head.evaluate(inputs, attack, smoothing=0.1).log_probs[0]
        decided = head.conditionals(inputs, attack)
        types, context = decided.log_probs["action_type"][0], decided.candidates.context
        odds = head.selection.logits(context, inputs.per_entity)[0]  # type: ignore[operator]
        selectable = inputs.selectable[0]
        no, some = torch.log1p(-odds.sigmoid()), 1 - (1 - odds.sigmoid())[selectable].prod()
        label = torch.tensor([0.95, 0.0, 0.05], dtype=torch.float64)
        selection = (label * odds + no)[selectable].sum() - some.log()
        other = attack.clone()
        other[0, -2] = 1
        mean = (exact[2] + head.evaluate(inputs, other).log_probs[0, 2]) / 2
    assert smooth[0] == pytest.approx(0.9 * exact[0] + 0.1 * types[[0, 2, 3]].mean())
    assert smooth[1] == pytest.approx(float(selection))
    assert smooth[2] == pytest.approx(float(0.9 * exact[2] + 0.1 * mean))
    assert smooth[3] == 0


def test_smoothed_labels_of_the_pointer_stay_finite_and_are_most_of_the_log_probability() -> None:
    head = a_head("pointer")
    for inputs in CASES.values():
        drawn = head.sample(inputs)
        smooth = head.evaluate(inputs, drawn.actions, smoothing=1e-6).log_probs
        torch.testing.assert_close(smooth, drawn.log_probs, rtol=1e-3, atol=1e-3)


def expected(probability: Tensor, value: Tensor) -> Tensor:
    return torch.where(probability > 0, probability * value, 0.0).sum()


PAIRS = [
    *((name, name) for name in VARIANTS),
    ("independent", "pointer"),
    ("pointer", "independent"),
    ("pointer of at most 2", "pointer"),
]


@pytest.mark.parametrize(("one", "two"), PAIRS)
@pytest.mark.parametrize("case", CASES)
def test_the_divergence_estimate_has_the_exact_joint_divergence_as_its_expectation(
    one: str, two: str, case: str
) -> None:
    actions = every_canonical_action(VARIANTS[one].space)
    inputs = repeated(CASES[case], len(actions))
    heads = a_head(one), a_head(two, seed=1)
    log_probs = [head.evaluate(inputs, actions).log_prob for head in heads]
    exact = expected(log_probs[0].exp(), log_probs[0] - log_probs[1])
    first, second = (head.conditionals(inputs, actions) for head in heads)
    estimate = first.kl(second).sum(-1)
    torch.testing.assert_close(expected(log_probs[0].exp(), estimate), exact)
    assert not bool(first.kl(first).any())


@pytest.mark.parametrize("selection", SELECTIONS)
def test_the_divergence_is_infinite_where_the_other_forbids_what_may_happen(selection: str) -> None:
    head, free = a_head(selection), CASES["everything legal"]
    actions = torch.tensor([[3, 1, 0, 0, 0, 0]])
    narrow = {
        "action_type": free._replace(types=torch.tensor([[True] * 2 + [False] + [True] * 2])),
        "selection": free._replace(selectable=torch.tensor([[True, True, False]])),
        "target_unit": free._replace(targets=free.targets & torch.tensor([True, False, True])),
    }
    for part, masked in narrow.items():
        wide, tight = (head.conditionals(inputs, actions) for inputs in (free, masked))
        at = head.parts.index(part)
        assert wide.kl(tight)[0, at] == torch.inf, part
        assert bool(torch.isfinite(tight.kl(wide)[0, at])), part


def test_a_pointer_can_be_certain_of_all_entities_that_it_cannot_tell_apart() -> None:
    head = PointerSelection(WIDTH, replace(SMALL, max_selected=40))
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.zero_()
        head.query.bias.fill_(10.0)
        for part in "ih":
            head.lstm.get_parameter(f"bias_{part}h_l0").fill_(10.0)
        head.end.fill_(-100.0)
    candidates = Candidates(torch.zeros(1, 8), torch.ones(1, 40, WIDTH), torch.ones(1, 40).bool())
    everybody = head.evaluate(candidates, candidates.selectable)
    assert everybody.log_prob.item() == pytest.approx(0.0, abs=1e-4)
    assert head.sample(candidates, deterministic=True).selected.all()


@pytest.mark.parametrize("worth", [0, 1 << 40])
def test_sets_of_all_sizes_are_scored_as_each_alone(
    worth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perceiver_rl.heads.pointer._WORTH_A_GROUP", worth)
    torch.manual_seed(0)
    sizes = [0, 1, 1, 2, 3, 4, 14, 15, 16, 40, 62, 63, 64, 90] * 2
    heads = [PointerSelection(WIDTH, replace(SMALL, max_selected=60)).double() for _ in range(2)]
    scores = torch.rand(len(sizes), 90)
    selected = scores.argsort(1).argsort(1) < torch.tensor(sizes).unsqueeze(1)
    mixed = Candidates(
        torch.randn(len(sizes), 8).double(),
        torch.randn(len(sizes), 90, WIDTH).double(),
        selected | (torch.rand(len(sizes), 90) < 0.5),
    )
    together, others = (head.evaluate(mixed, selected) for head in heads)
    rows = [torch.tensor([at]) for at in range(len(sizes))]
    alone, other = ([h.evaluate(mixed.rows(at), selected[at]) for at in rows] for h in heads)
    for what, expected in (
        (together.log_prob, [each.log_prob for each in alone]),
        (together.entropy, [each.entropy for each in alone]),
        (together.kl(others), [a.kl(b) for a, b in zip(alone, other, strict=True)]),
    ):
        torch.testing.assert_close(what, torch.cat(expected))
    beyond = torch.tensor(sizes) > 60
    nobody = torch.tensor(sizes) == 0
    torch.testing.assert_close(together.log_prob.isinf(), beyond | nobody)


def test_a_pointer_reaches_its_limit_and_no_further() -> None:
    head, inputs = a_head("pointer of at most 2"), CASES["everything legal"]
    sizes = head.sample(repeated(inputs, 500)).actions[:, 1:4].sum(-1)
    assert set(sizes.tolist()) == {0, 1, 2}
    assert head.evaluate(inputs, torch.tensor([[1, 1, 1, 1, 0, 0]])).log_prob.item() == -torch.inf


@pytest.mark.parametrize("variant", VARIANTS)
def test_temperature_divides_the_logits_of_every_part(variant: str) -> None:
    """A part's odds between two choices, to the power of 1 / T, are its odds at T."""
    head = a_head(variant)
    actions = every_canonical_action(head_space := VARIANTS[variant].space)
    inputs = repeated(CASES["everything legal"], len(actions))
    plain = head.conditionals(inputs, actions)
    cool = head.conditionals(inputs._replace(temperature=0.25), actions)
    assert head.parts[-1] == "target_cell"
    assert head_space.num_cells == 2
    for part, log_probs in plain.log_probs.items():
        expected = (log_probs * 4).log_softmax(-1)
        torch.testing.assert_close(cool.log_probs[part].exp(), expected.exp())


@pytest.mark.parametrize("variant", VARIANTS)
def test_at_temperature_zero_the_greedy_action_is_certain(variant: str) -> None:
    head, inputs = a_head(variant), CASES["frozen"]
    actions = every_canonical_action(VARIANTS[variant].space)
    greedy = head.sample(CASES["everything legal"], deterministic=True).actions
    drawn = head.sample(repeated(inputs, 20))
    assert bool((drawn.actions == greedy).all())
    torch.testing.assert_close(drawn.log_prob, torch.zeros(20, dtype=torch.float64))
    log_probs = head.evaluate(repeated(inputs, len(actions)), actions).log_prob
    others = (actions != greedy).any(-1)
    assert bool((log_probs[others] == -torch.inf).all())


def test_parts_come_in_the_order_of_alphastar() -> None:
    assert a_head("independent").parts == ("action_type", "selection", "target_unit", "target_cell")
    assert a_head("timed pointer").parts == (
        *("action_type", "delay", "queued", "selection", "target_unit", "target_cell"),
    )


def test_upsampling_needs_a_minimap_and_auto_does_without() -> None:
    without = InputSizes(core=CORE, entity=WIDTH)
    config = replace(SMALL, cell_decoder="upsample")
    with pytest.raises(ValueError, match="'upsample' needs an observation with a minimap"):
        UnitActionHead(SPACE, without, "pointer", config)
    auto = UnitActionHead(SPACE, without, "pointer", replace(SMALL, cell_decoder="auto"))
    assert isinstance(auto.target_cell, QueryCell)


def test_entities_point_at_the_cells_that_they_are_in() -> None:
    head = a_head("cells of entities").target_cell
    assert isinstance(head, EntityCell)
    inputs = CASES["everything legal"]._replace(present=torch.tensor([[True, True, False]]))
    context = torch.randn(1, SMALL.embedding_width, dtype=torch.float64)
    pointed = head.entity(context, inputs.per_entity)[0]
    added = head(context, inputs) - PointerCell.forward(head, context, inputs)
    torch.testing.assert_close(added, torch.stack([pointed[1], pointed[0]])[None])


@pytest.mark.parametrize("width", [WIDTH - 2, WIDTH])
@pytest.mark.parametrize("present", [None, torch.tensor([[True, False, True]])])
def test_units_and_cells_are_asked_for_at_once_or_one_after_the_other(
    present: Tensor | None, width: int
) -> None:
    head = a_head(Variant(SPACE, "independent", replace(ENTITY_CELLS, key_width=width)))
    inputs = repeated(CASES["everything legal"]._replace(present=present), 4)
    context = torch.randn(4, SMALL.embedding_width, dtype=torch.float64)
    apart = head.target_cell.beside(head.target_unit, context, inputs)
    for _ in range(2):
        with torch.no_grad():
            at_once = head.target_cell.beside(head.target_unit, context, inputs)
        # The logits of units are the same up to a number, as they are for a choice.
        torch.testing.assert_close(at_once[0].log_softmax(-1), apart[0].log_softmax(-1))
        torch.testing.assert_close(at_once[1], apart[1])
        with torch.no_grad():
            head.target_unit.query.weight.mul_(2.0)
        apart = head.target_cell.beside(head.target_unit, context, inputs)


def test_without_their_places_entities_point_at_no_cell() -> None:
    config = replace(SMALL, cell_decoder="entities")
    head = UnitActionHead(SPACE, replace(SIZES, placed=False), "pointer", config)
    assert type(head.target_cell) is PointerCell


@pytest.mark.parametrize("grid", [(1, 2), (2, 2), (5, 3), (16, 16), (40, 9)])
def test_upsampling_reaches_every_grid_and_depends_on_map_and_context(
    grid: tuple[int, int],
) -> None:
    torch.manual_seed(0)
    cells = UpsampleCell(grid, (6, 2, 3, 1), SMALL)
    inputs = CASES["everything legal"]._replace(maps=(torch.randn(2, 6, 2, 3),))
    context = torch.randn(1, 8).expand(2, -1)
    logits = cells(context, inputs)
    assert logits.shape == (2, grid[0] * grid[1])
    assert bool((logits[0] != logits[1]).any())
    assert bool((cells(context + 1, inputs) != logits).any())


def test_position_queries_read_only_entities_that_exist() -> None:
    torch.manual_seed(0)
    cells = QueryCell((2, 3), WIDTH, SMALL).double()
    inputs = CASES["everything legal"]._replace(present=torch.tensor([[True, False, True]]))
    context = torch.randn(1, 8, dtype=torch.float64)
    logits = cells(context, inputs)
    change = torch.zeros_like(inputs.per_entity)
    change[:, 1] = 1.0
    torch.testing.assert_close(
        cells(context, inputs._replace(per_entity=inputs.per_entity + change)), logits
    )
    change[:, 0, 0] = 1.0
    assert bool(
        (cells(context, inputs._replace(per_entity=inputs.per_entity + change)) != logits).all()
    )
    nobody = inputs._replace(present=torch.zeros(1, 3, dtype=torch.bool))
    assert bool(torch.isfinite(cells(context, nobody)).all())


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"max_selected": 0}, "max_selected must be at least 1, not 0"),
        ({"type_blocks": -1}, "type_blocks must be at least 0"),
        ({"cell_decoder": "querys"}, "unknown cell decoder 'querys'.*'queries'"),
    ],
)
def test_impossible_sizes_are_refused(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HeadConfig(**setting)
