"""A notebook of one format in the other, and back."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import nbformat
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weft.notebooks.conversion import as_git_source, as_ipynb
from weft.notebooks.errors import NotANotebook, NotFabricSource, NotIpynb

NEW = """\
# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {}
# META }

# CELL ********************

# Welcome to your new notebook
# Type here in the cell editor to add code!


# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
"""
OF_ALL_KINDS = """\
# Fabric notebook source

# METADATA ********************

# META {
# META   "language_info": {
# META     "name": "python"
# META   }
# META }

# MARKDOWN ********************

# # Title
#\N{SPACE}
# text

# PARAMETERS CELL ********************

day = 1

# METADATA ********************

# META {
# META   "language": "python",
# META   "tags": [
# META     "daily"
# META   ]
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC SELECT 1

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark",
# META   "frozen": true,
# META   "editable": false
# META }
"""
IN_SQL = """\
-- Fabric notebook source

-- METADATA ********************

-- META {
-- META   "language_info": {
-- META     "name": "sparksql"
-- META   }
-- META }

-- MARKDOWN ********************

-- ## Title

-- CELL ********************

SELECT 1

-- METADATA ********************

-- META {
-- META   "language": "sparksql"
-- META }

-- CELL ********************

-- MAGIC %%pyspark
-- MAGIC x = 1

-- METADATA ********************

-- META {
-- META   "language": "python"
-- META }
"""


def code(source: Any, **metadata: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "source": source,
        "metadata": metadata,
        "execution_count": None,
        "outputs": [],
    }


def notebook(*cells: Any, **more: Any) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells, **more}).encode()


def told(content: bytes) -> list[Any]:
    """Return what a notebook of Jupyter's says: of each cell type, source, language, lock and tags."""
    read = json.loads(content)
    return [
        (
            cell["cell_type"],
            "".join(cell["source"]),
            cell["metadata"].get("microsoft", {}).get("language", "python"),
            cell["metadata"].get("run_control", {}).get("frozen", False),
            set(cell["metadata"].get("tags", ())),
        )
        for cell in read["cells"]
    ]


def test_a_new_notebook_of_the_service_is_one_cell_for_jupyter() -> None:
    made = as_ipynb("notebook-content.py", NEW.encode())

    nbformat.validate(json.loads(made))
    assert json.loads(made) == {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "language_info": {"name": "python"},
            "kernel_info": {"name": "synapse_pyspark"},
            "dependencies": {},
        },
        "cells": [
            {
                "cell_type": "code",
                "id": "cell-1",
                "metadata": {"microsoft": {"language": "python", "language_group": "synapse_pyspark"}},
                "source": [
                    "# Welcome to your new notebook\n",
                    "# Type here in the cell editor to add code!\n",
                ],
                "execution_count": None,
                "outputs": [],
            }
        ],
    }


def test_each_kind_of_cell_has_its_place_in_the_other_format() -> None:
    made = json.loads(as_ipynb("notebook-content.py", OF_ALL_KINDS.encode()))

    assert [(cell["cell_type"], "".join(cell["source"]), cell["metadata"]) for cell in made["cells"]] == [
        ("markdown", "# Title\n\ntext", {}),
        ("code", "day = 1", {"microsoft": {"language": "python"}, "tags": ["daily", "parameters"]}),
        (
            "code",
            "%%sql\nSELECT 1",
            {
                "microsoft": {"language": "sparksql", "language_group": "synapse_pyspark"},
                "run_control": {"frozen": True},
                "editable": False,
            },
        ),
    ]


@pytest.mark.parametrize(
    ("path", "text"), [("notebook-content.py", OF_ALL_KINDS), ("notebook-content.sql", IN_SQL)]
)
def test_a_file_of_the_git_format_comes_back_byte_for_byte(path: str, text: str) -> None:
    assert as_git_source(as_ipynb(path, text.encode())) == (path, text.encode())


@pytest.mark.parametrize(
    ("metadata", "path", "first_line"),
    [
        ({}, "notebook-content.py", b"# Fabric notebook source"),
        ({"language_info": {"name": "scala"}}, "notebook-content.scala", b"// Fabric notebook source"),
        ({"microsoft": {"language": "sparksql"}}, "notebook-content.sql", b"-- Fabric notebook source"),
        ({"kernelspec": {"language": "R"}}, "notebook-content.r", b"# Fabric notebook source"),
        ({"language_info": 1, "kernelspec": []}, "notebook-content.py", b"# Fabric notebook source"),
    ],
)
def test_the_file_of_the_git_format_is_that_of_the_notebooks_language(
    metadata: dict[str, Any], path: str, first_line: bytes
) -> None:
    made, content = as_git_source(notebook(code("x"), metadata=metadata))

    assert made == path
    assert content.split(b"\n")[0] == first_line
    assert told(as_ipynb(made, content))[0][:2] == ("code", "x")


def test_outputs_and_the_state_of_widgets_are_left_out() -> None:
    output = {"output_type": "stream", "name": "stdout", "text": "secret"}
    cell = {**code("print('hello')"), "outputs": [output], "execution_count": 7}

    _, content = as_git_source(notebook(cell, metadata={"widgets": {"secret": 1}, "author": "ann"}))

    assert b"secret" not in content
    assert b"ann" in content


def test_only_the_heading_makes_a_cell_that_of_parameters() -> None:
    text = OF_ALL_KINDS.replace("PARAMETERS CELL", "CELL").replace('"daily"', '"parameters"')

    assert told(as_ipynb("notebook-content.py", text.encode()))[1][-1] == set()


# ---- whatever somebody has written

LINES = st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), max_size=20)
AWKWARD = st.sampled_from(
    [
        "",
        "  ",
        "# CELL ********************",
        "CELL ********************",
        "# METADATA ********************  ",
        "METADATA ********************",
        "# MARKDOWN ********************",
        "# MAGIC x",
        "# MAGIC",
        "# META {",
        "%%sql",
        "%run other",
        "# a comment",
        "#",
        "\ufeff",
    ]
)
SOURCES = st.lists(LINES | AWKWARD, max_size=6).map("\n".join)
LANGUAGES = st.sampled_from(["python", "sparksql", "scala", "sparkr", "tsql"])
CODE = st.builds(
    lambda source, language, frozen, tags: code(
        source, microsoft={"language": language}, run_control={"frozen": frozen}, tags=tags
    ),
    SOURCES,
    LANGUAGES,
    st.booleans(),
    st.lists(st.sampled_from(["parameters", "daily"]), unique=True),
)
TEXT = st.builds(
    lambda kind, source: {"cell_type": kind, "source": source, "metadata": {}},
    st.sampled_from(["markdown", "raw"]),
    SOURCES,
)


@given(st.lists(CODE | TEXT, max_size=5), LANGUAGES)
@example([{"cell_type": "markdown", "source": "", "metadata": {}}], "python")
@example([code("\n\n  x\n\n")], "python")
def test_cells_survive_the_way_to_git_and_back(cells: list[Any], language: str) -> None:
    given = notebook(*cells, metadata={"language_info": {"name": language}})

    path, content = as_git_source(given)
    again = as_ipynb(path, content)

    assert told(again) == told(given)
    assert json.loads(again)["metadata"] == {"language_info": {"name": language}}
    assert as_git_source(again) == (path, content)


@given(st.binary(max_size=200))
@example(b"{")
def test_what_is_no_notebook_is_told_so_and_nothing_else_happens(content: bytes) -> None:
    for text in (content, b"# Fabric notebook source\n" + content):
        with suppress(NotANotebook):
            as_ipynb("notebook-content.py", text)
        with suppress(NotANotebook):
            as_git_source(text)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is no JSON text"),
        (b"\xff\xfe", "it is no JSON text"),
        (b"[" * 100_000, "it is no JSON text"),
        (b"[]", "it is no JSON object"),
        (b"{}", "its nbformat is not 4"),
        (notebook(nbformat=3), "its nbformat is not 4"),
        (notebook(cells={}), "cells is no list"),
        (notebook(metadata=[]), "metadata is no JSON object"),
        (notebook(code("x"), 1), "cell 2 is no JSON object"),
        (notebook({**code("x"), "cell_type": "spell"}), "the cell_type of cell 1 is none of"),
        (notebook({**code("x"), "cell_type": ["code"]}), "the cell_type of cell 1 is none of"),
        (notebook(code(1)), "the source of cell 1 is neither"),
        (notebook(code(["x", 1])), "the source of cell 1 is neither"),
        (notebook({**code("x"), "metadata": None}), "the metadata of cell 1 is no JSON object"),
    ],
)
def test_what_is_not_jupyters_format_is_told_with_its_place(content: bytes, why: str) -> None:
    with pytest.raises(NotIpynb, match=why):
        as_git_source(content)


def test_a_file_that_is_not_utf8_is_told_so() -> None:
    with pytest.raises(NotFabricSource, match="not UTF-8"):
        as_ipynb("notebook-content.py", b"\x80")
