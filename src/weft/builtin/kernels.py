"""One kernel for one run: started, told cell after cell, and ended for certain."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete, CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from weft.builtin.cells import Cell
from weft.builtin.notebookutils import NotebookExit
from weft.kit.errors import JobFailed

GENTLE_SECONDS: Final = 0.5
"""How long a cell that is cancelled may take to end by itself."""

OUTPUT_SECONDS: Final = 60
"""How long the last output of a cell that has ended is waited for."""

LONGEST_SOCKET_PATH: Final = 90  # the kernel of the machine takes 107 bytes
MOST_CHARACTERS: Final = 20_000

_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")

Say = Callable[[str, str], None]


class Exited(Exception):
    """The notebook ended its run with *value*."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value


class CellFailed(Exception):
    """A cell raised *name*; *traceback* is without colours."""

    def __init__(self, name: str, value: str, traceback: str) -> None:
        super().__init__(name)
        self.name = name
        self.value = value
        self.traceback = traceback


class _Specs(KernelSpecManager):
    """Knows one kernel, ours, whatever is installed in the directories of the machine."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(
            argv=[
                sys.executable,
                "-m",
                "weft.builtin.kernel",
                "-f",
                "{connection_file}",
                "--HistoryManager.enabled=False",
                "--InteractiveShell.colors=nocolor",
            ],
            display_name="weft",
            language="python",
            interrupt_mode="signal",
        )


class _Client(NotebookClient):
    """Passes on what a cell puts out, in place of collecting it."""

    say: Say
    traceback: Sequence[str] = ()

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> None:
        """Raises CellExecutionComplete at the cell's end."""
        content = msg["content"]
        match msg["msg_type"]:
            case "status" if content["execution_state"] == "idle":
                raise CellExecutionComplete
            case "stream":
                self.say(content["name"], content["text"])
            case "execute_result" | "display_data" | "update_display_data":
                text = content["data"].get("text/plain")
                if isinstance(text, str):
                    self.say("stdout", f"{_clipped(text)}\n")
            case "error":
                self.traceback = content["traceback"]


class Kernel:
    """A kernel that is ready for cells."""

    def __init__(self, client: _Client, manager: AsyncKernelManager) -> None:
        self._client = client
        self._manager = manager

    async def execute(self, cell: Cell) -> None:
        """Raises Exited, CellFailed, and JobFailed where the kernel has died.

        Where it is cancelled it interrupts the cell, and gives it a moment to end.
        """
        running = asyncio.ensure_future(self._execute(cell))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            await self._interrupt(running)
            raise

    async def _execute(self, cell: Cell) -> None:
        try:
            await self._client.async_execute_cell(_code(cell.source), 0, store_history=True)
        except CellExecutionError as error:
            if error.ename == NotebookExit.__name__:
                raise Exited(error.evalue) from None
            raise CellFailed(error.ename, error.evalue, _plain(self._client.traceback)) from None
        except DeadKernelError:
            why = "The process of the notebook ended before the cell had; was it out of memory?"
            raise JobFailed("KernelDied", why, is_permanent=False) from None

    async def _interrupt(self, running: asyncio.Future[None]) -> None:
        await self._manager.interrupt_kernel()
        await asyncio.wait([running], timeout=GENTLE_SECONDS)
        running.cancel()
        with suppress(BaseException):  # however the cell ends now, the job is cancelled
            await running


@asynccontextmanager
async def kernel(place: Path, say: Say) -> AsyncIterator[Kernel]:
    """Give a kernel that works in *place*; at the end its process is gone.

    What it and Jupyter keep in files lies beside, in a directory that is the caller's to remove with *place*.
    """
    own = place.parent / f"{place.name}.kernel"
    own.mkdir(mode=0o700)
    manager = AsyncKernelManager(kernel_spec_manager=_Specs(), connection_file=str(own / "connection.json"))
    if len(str(own)) <= LONGEST_SOCKET_PATH:
        manager.transport, manager.ip = "ipc", str(own / "socket")
    client = _Client(_NOTHING, km=manager, timeout=None, iopub_timeout=OUTPUT_SECONDS)
    client.say = say
    try:
        await client.async_start_new_kernel(cwd=str(place), env=_environment(own))
        await client.async_start_new_kernel_client()
        (own / "connection.json").unlink(missing_ok=True)  # it holds the key, and the kernel has read it
        yield Kernel(client, manager)
    finally:
        await _end(client, manager)


async def _end(client: NotebookClient, manager: AsyncKernelManager) -> None:
    if client.kc is not None:
        client.kc.stop_channels()
    if manager.has_kernel:
        await manager.shutdown_kernel(now=True)


_node: Any = NotebookNode  # its constructor has no types


def _code(source: str) -> NotebookNode:
    code: NotebookNode = _node(cell_type="code", source=source, metadata=_node(), outputs=[])
    return code


_NOTHING: Final = _node(metadata=_node(), cells=[_code("")])


def _environment(own: Path) -> Mapping[str, str]:
    """Return what the kernel is given: this process's, with every directory of Jupyter a temporary one."""
    directories = {
        name: str(own / name.lower())
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    }
    return {**os.environ, **directories, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


def _plain(traceback: Sequence[str]) -> str:
    """Return it without colours."""
    return _ANSI.sub("", "\n".join(traceback))


def _clipped(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"
