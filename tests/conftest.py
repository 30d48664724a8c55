"""Checks every jaxtyping annotation while the tests run; users pay nothing for them."""

import os

from jaxtyping import install_import_hook

# Tests run side by side, one per core: a second thread each would only wait for the others.
os.environ.setdefault("OMP_NUM_THREADS", "1")

install_import_hook(
    [f"perceiver_rl.{part}" for part in ("nn", "entities", "heads", "sb3")],
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",
)
