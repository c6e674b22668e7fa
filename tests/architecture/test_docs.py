"""docs/architecture.md is what the source says."""

import re

from tools.docs import redrawn

from tests.conftest import ROOT


def test_the_architecture_page_is_current() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()

    assert page == redrawn(page), "run `make docs`"


def test_every_relative_link_of_the_documents_leads_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]
    links = [
        (page, target)
        for page in pages
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text())
    ]

    assert [f"{page.name}: {target}" for page, target in links if not (page.parent / target).exists()] == []
