"""Checks every jaxtyping annotation while all but the slow tests run; users pay nothing."""

import os
import signal
from collections.abc import Iterator

import hypothesis
import jaxtyping
import pytest

# Tests run side by side, one per core: a second thread each would only wait for the others.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A function that is defined within another gets its check compiled at every call of the other.
jaxtyping.install_import_hook(
    [f"perceiver_rl.{part}" for part in ("nn", "entities", "heads", "sb3", "models")],
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",
)

# A busy machine, and a kernel's compilation in the first example, are no failures.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Give SIGINT its default, also in child processes: a shell's background jobs ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _no_checks_in_slow_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    """Call functions unchecked in slow tests, which the checks make take two to three times longer.

    Shapes of the same functions are checked by the tests of each.
    """
    with pytest.MonkeyPatch.context() as patch:
        if request.node.get_closest_marker("slow") is not None:
            patch.setattr(jaxtyping.config, "jaxtyping_disable", True)
        yield
