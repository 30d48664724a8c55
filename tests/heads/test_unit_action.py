"""The joint distribution, checked by enumerating every canonical action of small spaces."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from perceiver_rl.heads import HeadConfig, HeadInputs, UnitActionHead
from perceiver_rl.spaces import ActionType, UnitActionSpace

SPACE = UnitActionSpace(
    types=[
        ActionType("no_op"),
        ActionType("stop", selects=True),
        ActionType("move", selects=True, target="point"),
        ActionType("attack", selects=True, target="unit"),
        ActionType("scan", target="point"),
    ],
    max_entities=3,
    grid=(1, 2),
)
CONFIG = HeadConfig(embedding_width=8, hidden_width=8, key_width=4, cell_bands=2)
WIDTH, CORE = 6, 5
SELECTIONS = ["independent", "pointer"]


def every_canonical_action(space: UnitActionSpace) -> Tensor:
    """All action vectors whose unused arguments are 0, the empty selection included."""
    rows = np.array(list(itertools.product(*(range(n) for n in space.nvec))))
    return torch.from_numpy(np.unique(space.canonical(rows), axis=0))


def a_head(selection: str, seed: int = 0) -> UnitActionHead:
    torch.manual_seed(seed)
    head = UnitActionHead(SPACE, CORE, WIDTH, selection, CONFIG)
    # Far from uniform, so that a wrong term cannot hide.
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(torch.randn_like(parameter))
        # Every type is drawn in every test.
        head.type_logits.get_parameter("2.weight").mul_(0.1)
        head.type_logits.get_parameter("2.bias").zero_()
    return head.double()


def inputs_for(
    types: list[int], selectable: list[int], targets: list[list[int]], seed: int = 0
) -> HeadInputs:
    generator = torch.Generator().manual_seed(seed)
    return HeadInputs(
        core=torch.randn(1, CORE, generator=generator, dtype=torch.float64),
        per_entity=torch.randn(1, 3, WIDTH, generator=generator, dtype=torch.float64),
        types=torch.tensor([types], dtype=torch.bool),
        selectable=torch.tensor([selectable], dtype=torch.bool),
        targets=torch.tensor([targets], dtype=torch.bool),
    )


def repeated(inputs: HeadInputs, count: int) -> HeadInputs:
    given = {name: tensor for name, tensor in inputs._asdict().items() if tensor is not None}
    return HeadInputs(**{name: t.expand(count, *t.shape[1:]) for name, t in given.items()})


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
    "nothing legal": inputs_for([0, 0, 0, 0, 0], [0, 0, 0], [[0, 0, 0]] * 5),
}


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("case", CASES)
def test_probabilities_of_all_canonical_actions_sum_to_one(selection: str, case: str) -> None:
    actions = every_canonical_action(SPACE)
    parts = a_head(selection).evaluate(repeated(CASES[case], len(actions)), actions)
    torch.testing.assert_close(parts.log_prob.exp().sum().item(), 1.0)


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("case", CASES)
def test_sampled_frequencies_match_the_probabilities(selection: str, case: str) -> None:
    draws = 20_000
    actions, head = every_canonical_action(SPACE), a_head(selection)
    exact = head.evaluate(repeated(CASES[case], len(actions)), actions).log_prob.exp()
    torch.manual_seed(1)
    sampled = head.sample(repeated(CASES[case], draws)).actions
    index = {tuple(action.tolist()): i for i, action in enumerate(actions)}
    counts = torch.zeros(len(actions), dtype=torch.float64)
    for action in sampled:
        counts[index[tuple(action.tolist())]] += 1
    error = (counts / draws - exact).abs()
    assert bool((error <= 5 * (exact * (1 - exact) / draws).sqrt() + 1e-9).all())


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("case", CASES)
def test_a_sample_reports_the_log_prob_that_evaluation_gives(selection: str, case: str) -> None:
    head, inputs = a_head(selection), repeated(CASES[case], 200)
    torch.manual_seed(2)
    sampled = head.sample(inputs)
    scored = head.evaluate(inputs, sampled.actions)
    torch.testing.assert_close(sampled.log_probs, scored.log_probs)
    torch.testing.assert_close(sampled.entropies, scored.entropies)
    assert bool(torch.isfinite(sampled.log_prob).all())


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("case", CASES)
def test_the_entropy_estimate_has_the_exact_joint_entropy_as_its_expectation(
    selection: str, case: str
) -> None:
    actions = every_canonical_action(SPACE)
    parts = a_head(selection).evaluate(repeated(CASES[case], len(actions)), actions)
    probability = parts.log_prob.exp()
    exact = -torch.where(probability > 0, probability * parts.log_prob, 0.0).sum()
    torch.testing.assert_close((probability * parts.entropy).sum(), exact)


@pytest.mark.parametrize("selection", SELECTIONS)
def test_forbidden_actions_have_probability_zero(selection: str) -> None:
    head, inputs = a_head(selection), CASES["some masked"]
    forbidden = {
        "masked type": [1, 1, 0, 0, 0, 0],
        "unselectable entity": [2, 0, 1, 0, 0, 0],
        "empty selection": [2, 0, 0, 0, 0, 0],
        "masked target": [3, 1, 0, 0, 0, 0],
    }
    for why, action in forbidden.items():
        log_prob = head.evaluate(inputs, torch.tensor([action])).log_prob
        assert log_prob.item() == -torch.inf, why


@pytest.mark.parametrize("selection", SELECTIONS)
def test_where_nothing_is_legal_type_zero_is_certain(selection: str) -> None:
    sampled = a_head(selection).sample(repeated(CASES["nothing legal"], 50))
    assert int(sampled.actions.abs().sum()) == 0
    assert not bool(sampled.log_prob.any())
    assert not bool(sampled.entropy.any())


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("case", CASES)
def test_gradients_are_finite_in_every_case(selection: str, case: str) -> None:
    head, inputs = a_head(selection), repeated(CASES[case], 64)
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
        scored = head.selection.evaluate(
            context.expand(8, -1),
            inputs.per_entity.expand(8, -1, -1),
            inputs.selectable.expand(8, -1),
            sets,
        )
        greedy = head.selection.sample(context, inputs.per_entity, inputs.selectable, True)
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
    head = UnitActionHead(SPACE, CORE, WIDTH, "independent", CONFIG)
    inputs = CASES["no target"]
    inputs = inputs._replace(core=inputs.core.float(), per_entity=inputs.per_entity.float())
    for size in (1e-6, 1e6):
        scaled = inputs._replace(per_entity=inputs.per_entity * size, core=inputs.core * size)
        parts = head.sample(repeated(scaled, 100))
        assert bool(torch.isfinite(parts.log_prob).all())
        assert bool(torch.isfinite(parts.entropy).all())


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("selection", SELECTIONS)
def test_the_greedy_action_agrees_with_itself_and_a_changed_part_does_not(
    selection: str, case: str
) -> None:
    head, inputs = a_head(selection), CASES[case]
    greedy = head.sample(inputs, deterministic=True).actions
    assert head.agreement(inputs, greedy).all()
    every = every_canonical_action(SPACE)
    agrees = head.agreement(repeated(inputs, len(every)), every)
    of_the_type = every[:, 0] == greedy[:, 0]
    same = torch.stack([of_the_type, (every[:, 1:-2] == greedy[:, 1:-2]).all(-1)], dim=-1)
    assert torch.equal(agrees[:, 0], same[:, 0])
    assert torch.equal(agrees[of_the_type, 1], same[of_the_type, 1])


def test_smoothed_labels_mix_each_decision_with_a_uniform_legal_one() -> None:
    head, inputs = a_head("independent"), CASES["some masked"]
    attack = torch.tensor([[3, 1, 0, 0, 2, 0]])
    with torch.no_grad():
        exact = head.evaluate(inputs, attack).log_probs[0]
        smooth = head.evaluate(inputs, attack, smoothing=0.1).log_probs[0]
        types = head._types(inputs)[0]
        context = head._context(inputs, attack[:, 0])
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
