"""What the documentation's site changes in its pages: docstrings have roles, Markdown has none."""

from __future__ import annotations

import re
from typing import Any

ROLE = re.compile(r":(?:class|func|meth|data|mod|attr|exc):<code>~?(?:[\w.]+\.)?(\w+)</code>")


def on_page_content(html: str, **_: Any) -> str:
    """Return a page without roles, and with one colon before an example."""
    return ROLE.sub(r"<code>\1</code>", html).replace("::</p>", ":</p>")
