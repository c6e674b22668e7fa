"""Python files as jobs, each in a process of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.builtin.support import Ran, running
from tests.runners.support import FakeRun, alive
from weft.engine.jobs import Stopped


@pytest.fixture
async def ran() -> AsyncIterator[Ran]:
    async with running({}) as ran:
        yield ran


def script_run(job_type: str = "Execute", **payload: Any) -> FakeRun:
    return FakeRun(job_type, payload, item_type="PythonScript")


async def test_a_script_has_its_files_parameters_and_arguments_and_leaves_a_result(ran: Ran) -> None:
    ran.parts = {
        "main.py": "import sys\nfrom pathlib import Path\nfrom lib.more import shout\n"
        "if __name__ == '__main__':\n"
        "    print(Path('data/in.txt').read_text())\n"
        "    result = {'said': shout(parameters['word']), 'arguments': sys.argv}\n",
        "lib/more.py": "def shout(word):\n    return word.upper()\n",
        "data/in.txt": "é",
    }
    run = script_run(parameters={"word": {"type": "string", "value": "hi"}}, commandLineArguments="-n 'a b'")

    result = await ran.result(run)

    assert result == {"said": "HI", "arguments": ["main.py", "-n", "a b"]}
    assert run.texts == ["é"]


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("import notebookutils\nnotebookutils.notebook.exit('well')\n1 / 0", {"exitValue": "well"}),
        ("import sys\nsys.exit(0)", None),
        ("x = 1", None),
        ("result = [1, 2]", [1, 2]),
    ],
)
async def test_a_script_ends_with_an_exit_value_or_a_result_or_nothing(
    ran: Ran, source: str, result: object
) -> None:
    ran.parts = {"main.py": source}

    assert await ran.result(script_run("DefaultJob")) == result


async def test_a_script_that_fails_tells_where(ran: Ran) -> None:
    ran.parts = {"main.py": "import more\nmore.go()", "more.py": "def go():\n    raise KeyError('k')\n"}
    error = await ran.error(script_run())
    ran.parts = {"main.py": "x = 1\nx ="}
    unreadable = await ran.error(script_run())
    ran.parts = {"main.py": "import sys\nsys.exit('no data')"}
    left = await ran.error(script_run())

    assert (error.code, error.message, error.source) == ("KeyError", "'k'", "User")
    assert [detail.message for detail in error.details] == [
        "main.py:2 in <module>: more.go()",
        "more.py:2 in go: raise KeyError('k')",
    ]
    assert unreadable.code == "SyntaxError"
    assert [detail.message for detail in unreadable.details] == ["main.py:2: x ="]
    assert (left.code, left.message) == ("SystemExit", "The script called sys.exit('no data').")


@pytest.mark.parametrize(
    ("ends", "code", "message"),
    [
        ("sys.exit(Odd())", "SystemExit", "The script called sys.exit(Odd)."),
        ("raise Odd()", "Odd", "Odd"),
    ],
)
async def test_what_a_script_ends_with_need_not_have_words(
    ran: Ran, ends: str, code: str, message: str
) -> None:
    ran.parts = {
        "main.py": "import sys\nclass Odd(Exception):\n    def __repr__(self): sys.exit(3)\n"
        f"    __str__ = __repr__\n{ends}"
    }

    error = await ran.error(script_run())

    assert (error.code, error.message) == (code, message)


async def test_a_script_changes_its_own_process_and_no_other_jobs(ran: Ran) -> None:
    ran.parts = {
        "main.py": "import builtins, os\nwas = hasattr(builtins, 'mark')\nbuiltins.mark = 1\n"
        "result = [was, os.getpid()]"
    }
    first, second = await ran.result(script_run()), await ran.result(script_run())

    assert [first[0], second[0]] == [False, False]
    assert first[1] != second[1]


@pytest.mark.parametrize(
    "busy",
    ["while True: pass", "import time; time.sleep(600)", "import re; re.match('(a+)+$', 'a' * 60 + 'b')"],
    ids=["a loop", "a sleep", "a call of C"],
)
async def test_a_cancel_ends_a_script_within_two_seconds(ran: Ran, busy: str) -> None:
    ran.parts = {"main.py": f"import os\nprint(os.getpid(), flush=True)\n{busy}"}
    run = script_run()
    job = asyncio.create_task(ran.runner.run(run))
    await run.until(lambda: bool(run.texts))

    began = time.monotonic()
    run.cancel_requested.set()

    assert await job == Stopped()
    assert time.monotonic() - began < 2
    assert not alive(int(run.texts[0]))
    ran.parts = {"main.py": "x = 1"}
    assert await ran.result(script_run()) is None, "and what a killed one left behind is taken away"


@pytest.mark.parametrize(
    ("parts", "payload", "code"),
    [
        ({}, {}, "ItemHasNoDefinition"),
        ({"run.py": "x"}, {}, "ScriptInvalid"),
        ({"main.py": "x", "../out.py": "x"}, {}, "DefinitionInvalid"),
        ({"main.py": "x", "/tmp/out.py": "x"}, {}, "DefinitionInvalid"),
        ({"main.py": "x", "main.py/x": "x"}, {}, "DefinitionInvalid"),
        ({"main.py": "x", "a" * 300: "x"}, {}, "DefinitionInvalid"),
        ({"main.py": "x", "a\x00b": "x"}, {}, "DefinitionInvalid"),
        ({"main.py": b"\xff\xfe"}, {}, "SyntaxError"),
        ({"main.py": "x = 1"}, {"commandLineArguments": "'"}, "InvalidParameter"),
        ({"main.py": "x = 1"}, {"commandLineArguments": ["a"]}, "InvalidParameter"),
        ({"main.py": "x = 1"}, {"parameters": {"1": 1}}, "InvalidParameter"),
    ],
)
async def test_what_cannot_be_run_fails_with_a_reason(
    ran: Ran, parts: dict[str, bytes | str], payload: dict[str, Any], code: str
) -> None:
    ran.parts = parts

    assert (await ran.error(script_run(**payload))).code == code
