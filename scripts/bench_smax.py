"""Speed of SMAX (JaxMARL) on one scenario: environment steps per CPU second of one process.

python scripts/bench_smax.py 2s3z 64 [--seconds 2]

Needs jax and jaxmarl (``pip install -e '.[bench]'``, or any other Python: bench_env.py starts this
file with the one that it is told). The enemy is SMAX's own heuristic, an action runs 8 world steps
and finished games start anew, as in ours. Every observation is added up, else the compiler removes
what nobody reads. Prints one line of JSON; compiling is timed apart.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)
os.environ.setdefault("OMP_NUM_THREADS", "1")

SCAN = 25


def main() -> None:
    """Measure, and print the result."""
    import jax
    import jax.numpy as jnp
    import jaxmarl
    from jaxmarl.environments.smax import map_name_to_scenario

    parser = argparse.ArgumentParser(description="speed of SMAX")
    parser.add_argument("scenario")
    parser.add_argument("batch", type=int)
    parser.add_argument("--seconds", type=float, default=2.0, help="CPU seconds")
    args = parser.parse_args()
    env = jaxmarl.make("HeuristicEnemySMAX", scenario=map_name_to_scenario(args.scenario))

    def step(carry: Any, key: Any) -> Any:
        state, total = carry
        act, go = jax.random.split(key)
        keys = jax.random.split(act, len(env.agents))
        actions = {
            agent: jax.random.randint(one, (args.batch,), 0, env.action_space(agent).n)
            for agent, one in zip(env.agents, keys, strict=True)
        }
        observation, state, reward, _, _ = jax.vmap(env.step)(
            jax.random.split(go, args.batch), state, actions
        )
        total += sum(jnp.sum(one) for one in observation.values())
        total += sum(jnp.sum(one) for one in reward.values())
        return (state, total), None

    def scan(carry: Any, key: Any) -> Any:
        return jax.lax.scan(step, carry, jax.random.split(key, SCAN))[0]

    play = jax.jit(scan)
    began = time.process_time()
    _, state = jax.vmap(env.reset)(jax.random.split(jax.random.key(0), args.batch))
    carry: Any = (state, jnp.zeros(()))
    for warm in range(2):  # what comes out differs in type from what went in, once
        carry = jax.block_until_ready(play(carry, jax.random.key(1 + warm)))
    compiling = time.process_time() - began
    steps, start = 0, time.process_time()
    while (spent := time.process_time() - start) < args.seconds:
        carry = jax.block_until_ready(play(carry, jax.random.key(3 + steps)))
        steps += SCAN
    print(
        json.dumps(
            {
                "steps_per_second": steps * args.batch / spent,
                "compile_seconds": compiling,
                "jaxmarl": jaxmarl.__version__ if hasattr(jaxmarl, "__version__") else "",
                "jax": jax.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
