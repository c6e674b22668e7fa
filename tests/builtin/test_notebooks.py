"""Notebooks, in real kernels. A kernel takes about a second to start: each test here starts few."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.builtin.support import UNHURRIED, Ran, cell, notebook, notebook_run, running
from tests.runners.support import FakeRun, alive, soon
from weft.builtin import workload
from weft.engine.jobs import Stopped
from weft.kit.testing import run_job

GIT_SOURCE = """\
# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {}
# META }

# PARAMETERS CELL ********************

day = "none"

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# MARKDOWN ********************

# # What is left

# CELL ********************

# MAGIC %%configure -f
# MAGIC {"conf": {}}

# CELL ********************

# MAGIC %%pyspark
# MAGIC shown = f"it is {day}"

# CELL ********************

import helper
mssparkutils.notebook.exit(helper.twice(shown))
"""


async def test_a_notebook_takes_parameters_tells_what_it_does_and_returns_its_exit_value() -> None:
    parts = notebook(
        "text, number, flag, ratio, other = 'default', 0, False, 0.0, None\nkept = 'default'",
        "import os\nfrom pathlib import Path\nprint(text, number, flag, ratio, other, kept)",
        "import sys\nprint('oh', file=sys.stderr)\nos.system('echo from below')\n{'a': 1}",
        cell("1 / 0", run_control={"frozen": True}),
        "own = Path(os.environ['IPYTHONDIR']).parent\n"
        "print(oct(own.stat().st_mode & 0o777), sorted(path.name for path in own.iterdir()))",
        "import notebookutils\n"
        "try:\n    notebookutils.notebook.exit({'rows': number * 2})\n"
        "except Exception:\n    print('swallowed')",
        "print('never')",
    )
    run = notebook_run(
        text={"type": "string", "value": "it's"},
        number={"type": "int", "value": 21},
        flag={"type": "Boolean", "value": "true"},
        ratio={"type": "Number", "value": 0.5},
        other={"value": None},
    )
    async with running(parts) as ran:
        result = await ran.result(run)

    assert result == {"exitValue": "{'rows': 42}"}
    lines = [(line.level, line.text) for line in run.lines]
    assert ("stdout", "it's 21 True 0.5 None default") in lines
    assert ("stderr", "oh") in lines
    assert ("stdout", "from below") in lines
    assert ("stdout", "{'a': 1}") in lines
    assert ("info", "cell 4 is frozen, and not run") in lines
    [private] = [text for text in run.texts if text.startswith("0o")]
    assert private.startswith("0o700 ['ipythondir'"), private
    assert "connection.json" not in private
    assert "socket" in private
    assert not {"swallowed", "never"} & set(run.texts)
    assert (run.told[-1].done, run.told[-1].total, run.told[-1].text) == (6, 7, "exited in cell 6")


async def test_a_notebook_of_fabrics_git_format_runs_with_its_other_files(tmp_path: Path) -> None:
    parts = {
        "notebook-content.py": GIT_SOURCE,
        "helper.py": "def twice(text):\n    return text * 2\n",
        ".platform": "{}",
    }
    run = notebook_run("Execute", day="Monday")
    (tmp_path / ("long" * 25)).mkdir()
    async with running(parts, temporary=tmp_path / ("long" * 25)) as ran:  # where no socket can be
        assert await ran.result(run) == {"exitValue": "it is Mondayit is Monday"}

    assert any("there is no Spark session" in text for text in run.texts)


async def test_a_cell_that_fails_fails_the_job_with_its_place_and_traceback() -> None:
    parts = notebook("rows = 3", "def share(whole):\n    return whole / 0", "# What goes wrong:\nshare(rows)")
    run = notebook_run()
    async with running(parts) as ran:
        error = await ran.error(run)
        ran.parts = notebook("import os\nos._exit(3)")
        died = await ran.error(notebook_run())
        ran.parts = notebook("x = 1")
        assert await ran.result(notebook_run()) is None

    assert (error.code, error.message, error.source) == ("ZeroDivisionError", "division by zero", "User")
    place, traceback = error.details
    assert (place.code, place.message) == ("Cell", "cell 3: # What goes wrong:")
    assert traceback.code == "Traceback"
    assert "in share(whole)" in traceback.message
    assert "\x1b" not in traceback.message
    assert (run.told[-1].done, run.told[-1].total) == (2, 3)
    assert (died.code, died.is_permanent) == ("KernelDied", False)


BUSY = {
    "a loop": "while True:\n    pass",
    "a sleep": "import time\ntime.sleep(600)",
    "a call of C": "import hashlib\nhashlib.pbkdf2_hmac('sha256', b'a', b'b', 10**9)",
    "a loop that ignores interrupts": (
        "while True:\n    try:\n        while True:\n            pass\n"
        "    except BaseException:\n        pass"
    ),
}


@pytest.mark.parametrize("busy", BUSY.values(), ids=BUSY)
async def test_a_cancel_ends_a_busy_kernel_and_what_it_started_within_two_seconds(busy: str) -> None:
    parts = notebook(
        "import json, os, subprocess, threading\nfrom pathlib import Path",
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "def tell():\n"
        "    Path('../../pids.new').write_text(json.dumps([os.getpid(), child.pid]))\n"
        "    Path('../../pids.new').rename('../../pids')\n"
        "threading.Timer(0.05, tell).start()  # while the cell is busy\n" + busy,
    )
    run = notebook_run()
    async with running(parts, settings=UNHURRIED) as ran:
        pids, seconds = await cancelled(ran, run)

    assert seconds < 2
    assert not any(map(alive, pids))


async def cancelled(ran: Ran, run: FakeRun) -> tuple[list[int], float]:
    """Cancel a run when its cell is busy; return its processes, and how long the stop took."""
    told = ran.temporary / "pids"
    running = asyncio.create_task(ran.runner.run(run))
    await soon(lambda: told.exists() or running.done())
    assert not running.done(), running.result()
    pids: list[int] = json.loads(told.read_text())
    assert all(map(alive, pids))
    told.unlink()

    began = time.monotonic()
    run.cancel_requested.set()

    assert await running == Stopped()
    return pids, time.monotonic() - began


async def test_a_notebook_that_cannot_be_run_is_refused_before_a_kernel_starts() -> None:
    async with running({}) as ran:
        nothing = await ran.error(notebook_run())
        ran.parts = notebook("x = 1")
        unfit = await ran.error(notebook_run(x={"type": "int", "value": "many"}))
        ran.parts = notebook()
        assert await ran.result(notebook_run()) is None
        ignored = FakeRun("Execute", {"compute": "Spark", "configuration": {}}, item_type="Notebook")
        assert await ran.result(ignored) is None

    assert nothing.code == "ItemHasNoDefinition"
    assert unfit.code == "InvalidParameter"
    assert "'x' of type int: must be a whole number, not 'many'" in unfit.message
    assert ignored.texts == ["executionData: ignored here: compute, configuration"]


@pytest.mark.parametrize("missing", ["nbclient", "nbformat", "ipykernel"])
def test_without_the_extra_a_notebook_fails_at_once_and_says_how_to_install_it(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)

    run = run_job(workload, "Notebook", "RunNotebook", definition=notebook("x = 1"))

    assert run.error is not None
    assert run.error.code == "NotebooksNotInstalled"
    assert "pip install 'weft[notebooks]'" in run.error.message


def test_neither_a_server_nor_a_waiting_process_loads_what_runs_notebooks() -> None:
    code = "import sys, weft.app, weft.kit.process, weft.builtin; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert not {"nbclient", "nbformat", "jupyter_client", "IPython", "zmq", "runpy"} & set(loaded.split())
