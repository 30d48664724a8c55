"""What holds in every scenario, for every team and every action."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_rl.envs import BatchedEnv, Scenario
from perceiver_rl.envs.engine import fields as f
from perceiver_rl.envs.engine.units import UNIT_NAMES
from perceiver_rl.envs.opponents import OPPONENTS
from perceiver_rl.envs.scenarios import point

teams = st.lists(
    st.tuples(st.sampled_from(UNIT_NAMES), st.integers(1, 4)), min_size=1, max_size=3
).map(tuple)


@settings(max_examples=40)
@given(
    own=teams,
    enemy=teams,
    gap=st.floats(0, 14),
    spare=st.integers(0, 3),
    opponent=st.sampled_from(list(OPPONENTS)),
    seed=st.integers(0, 2**63 - 1),
)
def test_any_battle_keeps_its_contract_whatever_is_done(
    own: tuple[tuple[str, int], ...],
    enemy: tuple[tuple[str, int], ...],
    gap: float,
    spare: int,
    opponent: str,
    seed: int,
) -> None:
    scenario = Scenario(
        name="any",
        own=own,
        enemy=enemy,
        places=((point(9, 16), point(9 + gap, 16)),),
        step_limit=15,
        jitter=0.3,
        opponent=opponent,
    )
    env = BatchedEnv(scenario, 2, max_entities=scenario.slots + spare)
    nvec = env.action_space.nvec
    rng = np.random.default_rng(seed)
    observation = env.reset([seed, 0])
    total = np.zeros(2)
    while not env.finished.all():
        check_observation(env, observation)
        lost = env.games[:, [f.OWN_LOST, f.ENEMY_LOST]].copy()
        step = env.step(rng.integers(0, nvec, size=(2, nvec.size)))
        observation = step.observation
        total += step.reward
        assert (env.games[:, [f.OWN_LOST, f.ENEMY_LOST]] >= lost).all()
        assert (step.reward >= 0).all()
    check_observation(env, observation)
    won = env.games[:, f.OUTCOME] == f.WIN
    gone = env.games[:, f.ENEMY_ALIVE] == 0  # a battle is also won when only medivacs are left
    np.testing.assert_allclose(total[won & gone], 20, atol=1e-4)
    assert (total[~won | ~gone] < 20).all()


def check_observation(env: BatchedEnv, observation: dict[str, Any]) -> None:
    own = env.scenario.own_slots
    for row in range(env.num_envs):
        one: Any = {key: value[row] for key, value in observation.items()}
        assert env.observation_space.contains(one)
        present = one["entity_mask"].astype(bool)
        assert not one["entities"][~present].any()
        assert present[:own].sum() == env.games[row, f.OWN_ALIVE]
        assert present[own:].sum() == env.games[row, f.ENEMY_ALIVE]
        assert not (one["target_mask"].astype(bool) & ~present).any()
        assert not (one["selectable_mask"].astype(bool) & ~present).any()
