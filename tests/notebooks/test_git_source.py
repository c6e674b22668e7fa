"""Fabric's Git format for notebooks: a comment of stars heads each block."""

from __future__ import annotations

import pytest

from weft.notebooks.errors import NotFabricSource
from weft.notebooks.git_source import Block, blocks_of

HEAD = "# Fabric notebook source\n\n"
CELL = "# CELL ********************\n\n"
META = '# METADATA ********************\n\n# META {\n# META   "language": "python"\n# META }\n\n'
LANGUAGE = {"language": "python"}


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("", []),
        (META, []),
        (CELL + "x = 1\n", [Block("CELL", "x = 1")]),
        (CELL + "x = 1\n\n\ny = 2\n\n" + META, [Block("CELL", "x = 1\n\n\ny = 2", LANGUAGE)]),
        (META + CELL + "a\n" + CELL + "b\n", [Block("CELL", "a"), Block("CELL", "b")]),
        (CELL + "    indented()\n", [Block("CELL", "    indented()")]),
        ("# PARAMETERS CELL ********************\n\nday = 1\n", [Block("PARAMETERS CELL", "day = 1")]),
        (
            "# MARKDOWN ********************\n\n# # Title\n# \n#\n# text\n",
            [Block("MARKDOWN", "# Title\n\n\ntext")],
        ),
        (
            CELL + "# MAGIC %%sql\n# MAGIC\n# MAGIC   SELECT 1\n\n" + META,
            [Block("CELL", "%%sql\n\n  SELECT 1", LANGUAGE)],
        ),
        (CELL + "x = 1\n# MAGIC %time y = 2\n", [Block("CELL", "x = 1\n%time y = 2")]),
        (CELL + "# MAGICAL\n# a comment\n", [Block("CELL", "# MAGICAL\n# a comment")]),
        (CELL + "# CELL of a table\n# CELL *****\n", [Block("CELL", "# CELL of a table\n# CELL *****")]),
        (CELL + "print('# MAGIC x')\n", [Block("CELL", "print('# MAGIC x')")]),
        (CELL + "", [Block("CELL", "")]),
        ("# a licence\n\n" + CELL + "x\n", [Block("CELL", "x")]),
        (CELL.replace("\n", "\r\n") + "x\r\ny\r\n", [Block("CELL", "x\ny")]),
    ],
)
def test_a_text_is_divided_into_its_cells(text: str, blocks: list[Block]) -> None:
    assert blocks_of(HEAD + text)[1] == blocks


def test_what_stands_above_all_cells_is_the_notebooks_own() -> None:
    assert blocks_of("\ufeff" + HEAD + META + CELL)[0] == LANGUAGE


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1"),
        ("import os\n", "line 1"),
        ("# Fabric notebook sources\n", "line 1"),
        (HEAD + CELL + "x\n\n# METADATA ********************\n\n# META {\n", "of line 7 is no JSON object"),
        (HEAD + "# METADATA ********************\n\n# META []\n", "of line 3 is no JSON object"),
        (HEAD + "# METADATA ********************\n\n# META " + "[" * 100_000, "of line 3 is no JSON object"),
    ],
)
def test_what_is_not_of_the_format_is_told_with_its_line(text: str, why: str) -> None:
    with pytest.raises(NotFabricSource, match=why):
        blocks_of(text)
