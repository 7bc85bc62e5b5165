"""The pages of `docs`: every picture that they show is there, and nothing is left to be filled in."""

import re
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parents[1] / "docs").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_whole(page):
    text = page.read_text()
    missing = [name for name in re.findall(r"\]\((images/[^)]+)\)", text) if not (page.parent / name).is_file()]
    assert missing == []
    assert re.findall(r"^[A-Z_]+$", text, re.MULTILINE) == []
