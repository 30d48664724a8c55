"""Which seeds train and which evaluate; the two never meet.

An environment with seed s plays its game i with seed s + i. Training run ``seed`` takes the block
of ``MAX_ENVS`` seeds that starts at ``seed * MAX_ENVS``, so runs share no game, and the highest
block ends below ``EVAL_SEED``, where evaluation games begin. Episodes that follow by themselves
have seeds from 2**62 on, where they meet neither.
"""

from __future__ import annotations

import numpy as np

EVAL_SEED = 1_000_000_000
FOLLOW_UP_SEED = 2**62
MAX_ENVS = 65_536
MAX_SEED = EVAL_SEED // MAX_ENVS // 2 - 1
_RESUMED = (MAX_SEED + 1) * MAX_ENVS  # the upper half of the training seeds is for resumed runs


def training_seed(seed: int, steps_done: int = 0) -> int:
    """Return the first game's seed of a training run, new or resumed after ``steps_done`` steps.

    A resumed run draws new games: the old seed would replay those it has already learned from.
    """
    if steps_done == 0:
        return seed * MAX_ENVS
    drawn = np.random.SeedSequence([seed, steps_done]).generate_state(1, np.uint32)[0]
    return _RESUMED + int(drawn) % (MAX_SEED + 1) * MAX_ENVS


def sampling_seed(seed: int, steps_done: int = 0) -> int:
    """Return the seed of weights and sampled actions of a training run, new or resumed."""
    if steps_done == 0:
        return seed
    return int(np.random.SeedSequence([seed, steps_done]).generate_state(2, np.uint32)[1])


def evaluation_seeds(first: int, games: int) -> list[int]:
    """Return the seeds of games 0 to ``games - 1``, the same for every agent."""
    return list(range(first, first + games))
