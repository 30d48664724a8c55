"""``python -m perceiver_rl`` is the ``perceiver-rl`` command."""

import sys

from perceiver_rl.agents.main import main

if __name__ == "__main__":  # spawned workers import this module under another name
    sys.exit(main())
