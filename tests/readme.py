"""The README, and the two pages that it sends readers to, as tests read them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "versioning" / "MANUAL.md", ROOT / "flows" / "README.md"]
TEXT = "\n".join(page.read_text("utf-8") for page in PAGES)


def example(mark: str) -> str:
    """The one Python example that holds `mark`."""
    blocks = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    (found,) = (block for block in blocks if mark in block)
    return found
