"""Roles of docstrings on the documentation's pages."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from scripts.site_hooks import on_page_content


def test_roles_become_code_and_examples_begin_after_one_colon() -> None:
    page = "<p>as :class:<code>~perceiver_rl.nn.PerceiverIO</code> or :func:<code>play</code>::</p>"
    assert on_page_content(page) == "<p>as <code>PerceiverIO</code> or <code>play</code>:</p>"
