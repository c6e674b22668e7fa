"""Definitions of notebooks in the format that was asked for, whichever they were given in."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.faces.core.serving import Place, Served
from tests.faces.core.test_isolation import refused
from tests.faces.core.test_operations import begun

SOURCE = """\
# Fabric notebook source

# CELL ********************

print('hello')

# METADATA ********************

# META {
# META   "language": "python"
# META }
"""
OUTPUT = {"output_type": "stream", "name": "stdout", "text": ["hello"]}
CELL = {
    "cell_type": "code",
    "id": "one",
    "metadata": {},
    "source": ["print('hello')"],
    "outputs": [OUTPUT],
    "execution_count": 1,
}
NOTEBOOK = {"cells": [CELL], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def part(path: str, content: str) -> dict[str, str]:
    payload = base64.b64encode(content.encode()).decode()
    return {"path": path, "payload": payload, "payloadType": "InlineBase64"}


PLATFORM = part(".platform", "{}")
RESOURCE = part("resources/notes.txt", "as they are")
GIT = {"parts": [PLATFORM, part("notebook-content.py", SOURCE), RESOURCE]}
IPYNB = {"format": "ipynb", "parts": [part("artifact.content.ipynb", json.dumps(NOTEBOOK)), PLATFORM]}


@pytest.fixture
async def notebook(served: Served) -> Place:
    return await served.place(item_type="Notebook")


async def keeps(served: Served, notebook: Place, definition: Any) -> None:
    begun(await served.call("POST", f"{notebook.path}/updateDefinition", {"definition": definition}))


async def definition(served: Served, path: str, query: str = "") -> Any:
    operation = begun(await served.call("POST", f"{path}/getDefinition{query}"))
    answer = await served.call("GET", f"{operation}/result")
    assert answer.status == 200, answer.body
    return answer.json()["definition"]


def content(part: Any) -> str:
    return base64.b64decode(part["payload"]).decode()


@pytest.mark.parametrize("collection", ["items", "notebooks"])
@pytest.mark.parametrize("name", ["ipynb", "IPYNB"])
async def test_a_notebook_kept_as_in_git_is_given_as_jupyters(
    served: Served, notebook: Place, collection: str, name: str
) -> None:
    await keeps(served, notebook, GIT)

    given = await definition(served, notebook.path.replace("/items/", f"/{collection}/"), f"?format={name}")

    assert given["format"] == "ipynb"
    assert [one["path"] for one in given["parts"]] == [
        ".platform",
        "notebook-content.ipynb",
        "resources/notes.txt",
    ]
    assert (given["parts"][0], given["parts"][2]) == (PLATFORM, RESOURCE)
    [cell] = json.loads(content(given["parts"][1]))["cells"]
    assert (cell["cell_type"], cell["source"], cell["outputs"]) == ("code", ["print('hello')"], [])


@pytest.mark.parametrize("query", ["", "?format=fabricGitSource", "?format=FabricGitSource"])
async def test_a_notebook_kept_as_jupyters_is_given_as_in_git_unless_asked_otherwise(
    served: Served, notebook: Place, query: str
) -> None:
    await keeps(served, notebook, IPYNB)

    given = await definition(served, notebook.path, query)

    assert given == {"parts": [part("notebook-content.py", SOURCE), PLATFORM]}


@pytest.mark.parametrize(
    ("kept", "query"),
    [
        (GIT, ""),
        (GIT, "?format=fabricGitSource"),
        (IPYNB, "?format=ipynb"),
        ({"parts": [part("notebook-content.py", "no notebook")]}, ""),
        ({"parts": [part("main.py", "x = 1")]}, ""),
        ({"format": "own", "parts": [part("main.py", "x = 1")]}, "?format=own"),
    ],
)
async def test_what_is_kept_as_it_is_asked_for_is_given_as_it_was(
    served: Served, notebook: Place, kept: Any, query: str
) -> None:
    await keeps(served, notebook, kept)

    assert await definition(served, notebook.path, query) == kept


@pytest.mark.parametrize("query", ["", "?format=ipynb", "?format=fabricGitSource"])
async def test_a_notebook_without_a_definition_has_no_parts_in_any_format(
    served: Served, notebook: Place, query: str
) -> None:
    assert await definition(served, notebook.path, query) == {"parts": []}


@pytest.mark.parametrize("format", ["html", "py", ""])
async def test_a_format_that_there_is_not_is_refused(served: Served, notebook: Place, format: str) -> None:
    await keeps(served, notebook, GIT)

    answer = await served.call("POST", f"{notebook.path}/getDefinition?format={format}")

    assert refused(answer, 400, "InvalidInput")
    assert f"'{format}'" in answer.json()["message"]


async def test_a_definition_that_is_no_notebook_is_in_no_other_format(
    served: Served, notebook: Place
) -> None:
    await keeps(served, notebook, {"parts": [part("main.py", "x = 1")]})

    answer = await served.call("POST", f"{notebook.path}/getDefinition?format=ipynb")

    assert refused(answer, 400, "InvalidInput")


@pytest.mark.parametrize(
    ("path", "text", "query", "why"),
    [
        ("notebook-content.py", "import os", "?format=ipynb", "line 1 is not '# Fabric notebook source'"),
        ("artifact.content.ipynb", "{}", "", "its nbformat is not 4"),
    ],
)
async def test_what_can_not_be_read_names_the_part_and_begins_no_operation(
    served: Served, notebook: Place, path: str, text: str, query: str, why: str
) -> None:
    await keeps(served, notebook, {"parts": [part(path, text)]})
    before = served.dump()

    answer = await served.call("POST", f"{notebook.path}/getDefinition{query}")

    assert refused(answer, 400, "CorruptedPayload")
    assert path in answer.json()["message"]
    assert answer.json()["message"].endswith(why)
    assert served.dump() == before


async def test_a_result_that_has_become_unreadable_is_told_so(served: Served, notebook: Place) -> None:
    await keeps(served, notebook, GIT)
    operation = begun(await served.call("POST", f"{notebook.path}/getDefinition?format=ipynb"))
    await keeps(served, notebook, {"parts": [part("notebook-content.py", "no notebook")]})

    assert refused(await served.call("GET", f"{operation}/result"), 400, "CorruptedPayload")


async def test_items_of_other_types_are_not_converted(served: Served) -> None:
    pipeline = await served.place(item_type="DataPipeline")
    await served.call("POST", f"{pipeline.path}/updateDefinition", {"definition": GIT})

    plain = await served.call("POST", f"{pipeline.path}/getDefinition")
    other = await served.call("POST", f"{pipeline.path}/getDefinition?format=ipynb")

    assert plain.json() == {"definition": GIT}
    assert refused(other, 400, "InvalidInput")
